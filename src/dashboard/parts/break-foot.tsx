import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { BreakView, UserRef } from '../../protocol/views.js'
import type { BreakChange } from '../api.js'
import { keepNote, noteChange, noteOf } from '../notes.js'
import { Choice } from './choice.js'
import { KeyHint } from './key-hint.js'
import { NoteField } from './note-field.js'

export interface BreakFootProps {
  readonly view: BreakView
  readonly members: readonly UserRef[]
  readonly me: string
  readonly onChange: (news: Omit<BreakChange, 'version'>) => void
  /** Absent: its row is not there yet. */
  readonly onMatchByHand: (() => void) | undefined
}

/**
 * What can be said about a break. Owner and due date are stored at once, a note when its field is left, or with *Resolve* in one request.
 * One that was not stored, because somebody else was faster, stays in its field and says so.
 */
export function BreakFoot({ view, members, me, onChange, onMatchByHand }: BreakFootProps) {
  const { id } = view
  const isOpen = view.status === 'open'
  const stored = view.note ?? ''
  const [text, setText] = useState(noteOf(id) || stored)
  useLayoutEffect(() => setText(noteOf(id) || stored), [stored])
  const [isWriting, setWriting] = useState(false)
  /** The stored note that the writer saw. */
  const seen = useRef(stored)
  /** The focus went from the note to *Resolve*, which may take the note along. */
  const isHeld = useRef(false)
  const area = useRef<HTMLTextAreaElement>(null)
  const resolver = useRef<HTMLButtonElement>(null)
  const news = noteChange(text, view.note)
  const isChanged = news.note !== undefined
  const isOvertaken = isChanged && stored !== seen.current

  const write = (typed: string) => {
    if (!isChanged) seen.current = stored
    keepNote(id, typed)
    setText(typed)
  }
  const store = () => {
    isHeld.current = false
    setWriting(false)
    // What somebody else wrote meanwhile is not written over unseen.
    if (isChanged && !isOvertaken) onChange(news)
  }
  const discard = () => {
    keepNote(id, '')
    setText(stored)
  }
  const resolve = () => {
    isHeld.current = false
    setWriting(false)
    onChange({ status: isOpen ? 'resolved' : 'open', ...news })
  }
  const send = () => {
    resolver.current?.focus()
    resolve()
  }
  return (
    <footer class="pane__foot">
      <div class="pane__fields">
        <Choice
          label="Owner"
          value={view.assignee?.id ?? null}
          options={[
            [null, 'Nobody'],
            ...ownersOf(members, view.assignee).map(({ id, name }) => [id, id === me ? `${name} (me)` : name] as const),
          ]}
          onChange={(assignee) => onChange({ assignee })}
        />
        <label class="field">
          <span>Due</span>
          <input
            type="date"
            value={view.dueAt?.slice(0, 10) ?? ''}
            onChange={(event) => {
              const { value } = event.currentTarget
              onChange({ dueAt: value === '' ? null : `${value}T00:00:00.000Z` })
            }}
          />
        </label>
      </div>
      <NoteField
        area={area}
        hint="for whoever reads it later"
        placeholder="Why it is resolved, or what is known so far"
        value={text}
        onText={write}
        onSend={isOpen && !isOvertaken ? send : undefined}
        onFocus={() => {
          setWriting(true)
          seen.current = stored
        }}
        onBlur={(event) => {
          isHeld.current = event.relatedTarget === resolver.current
          if (!isHeld.current) store()
        }}
      />
      {isChanged && (isOvertaken || !isWriting) && (
        <p class="pane__draft small">
          <span>
            This is not stored yet.
            {stored !== '' && (
              <>
                {' '}
                Stored is: <q>{stored}</q>
              </>
            )}
          </span>
          <button type="button" class="link-button" onClick={() => onChange(news)}>
            Store it
          </button>
          <button type="button" class="link-button" onClick={discard}>
            Discard it
          </button>
        </p>
      )}
      <div class="pane__actions">
        {view.assignee?.id !== me && (
          <button type="button" class="button" aria-keyshortcuts="a" onClick={() => onChange({ assignee: me })}>
            Assign to me <KeyHint name="a" />
          </button>
        )}
        <button
          ref={resolver}
          type="button"
          class="button"
          disabled={isOvertaken}
          // Not every browser gives the focus to a button that is pressed; the note asks where it went.
          onMouseDown={(event) => {
            event.preventDefault()
            event.currentTarget.focus()
          }}
          onBlur={() => isHeld.current && store()}
          onClick={resolve}
        >
          {isOpen ? 'Resolve' : 'Open again'}
        </button>
        {isOpen && (
          <button type="button" class="button button--primary" disabled={onMatchByHand === undefined} onClick={onMatchByHand}>
            Match by hand
          </button>
        )}
      </div>
    </footer>
  )
}

/** Whoever has it is in the list, member or not. */
function ownersOf(members: readonly UserRef[], owner: UserRef | null): readonly UserRef[] {
  return owner === null || members.some(({ id }) => id === owner.id) ? members : [...members, owner]
}
