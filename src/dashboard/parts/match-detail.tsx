import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { MatchView, UserRef } from '../../protocol/views.js'
import type { HistoryEntry, MatchDetail } from '../api.js'
import type { Details } from '../details.js'
import { formatConfidence, formatTime, sentence } from '../format.js'
import { type Decision, type Entry, isOpen, MANUAL_RULE, rowOf, statusWord } from '../matches.js'
import { keepNote, noteOf } from '../notes.js'
import { Comparison } from './comparison.js'
import { KeyHint } from './key-hint.js'
import { NoteField } from './note-field.js'
import { OnThis } from './on-this.js'
import { Stamp } from './stamp.js'
import { Why } from './why.js'
import { WhyByHand } from './why-by-hand.js'

/** Somebody who holds `j` passes rows that nobody has to fetch. */
const SETTLED_MS = 60

/** What the history calls each decision: the same words as the list. */
const DECISIONS: Readonly<Record<string, string>> = {
  confirm: 'Confirmed',
  reject: 'Rejected',
  match: 'Matched by hand',
  remove: 'Taken apart',
  undo: 'Taken back',
}

export interface MatchPaneProps {
  readonly id: string
  /** The list's entry; undefined: it was opened from elsewhere and is in no list. */
  readonly entry: Entry | undefined
  readonly details: Details<MatchDetail>
  /** Why nothing can be decided now; null: it can. */
  readonly blocked: string | null
  /** Enter and `r` mean this match; otherwise several others are ticked, and mean those. */
  readonly hasKeys: boolean
  readonly userId: string
  /** Who else is at work on it. */
  readonly claimedBy: UserRef | null
  readonly onDecide: (decision: Decision) => void
  readonly onRemove: (entry: Entry) => void
  readonly onOpen: (id: string) => void
  /** What the server says of the match now. */
  readonly onFresh: (match: MatchView) => void
  /** Where the pane covers the list. */
  readonly onClose: () => void
}

/** One match in full: both sides, why, what else could be meant, what was said, and the decision. */
export function MatchPane(props: MatchPaneProps) {
  const { id, details, userId, claimedBy, onOpen, onFresh, onClose } = props
  const detail = useMatchDetail(details, id, props.entry?.row.version ?? 0)
  useEffect(() => {
    if (detail != null) onFresh(detail.match)
  }, [detail])
  const body = useRef<HTMLElement>(null)
  useLayoutEffect(() => body.current?.scrollTo(0, 0), [id])
  const entry: Entry | undefined = props.entry ?? (detail ? { row: rowOf(detail.match), pending: null, refusal: null } : undefined)
  return (
    <article class="pane" aria-label="Selected match" data-detail={detail === undefined ? undefined : id}>
      <header class="pane__head">
        <button type="button" class="button button--small pane__back" onClick={onClose}>
          ‹ List
        </button>
        {entry !== undefined && (
          <>
            <p class="pane__sure">
              {entry.row.rule === MANUAL_RULE ? (
                <strong>By hand</strong>
              ) : (
                <>
                  <strong>{formatConfidence(entry.row.confidence)}</strong> <span class="muted small">confidence</span>
                </>
              )}
            </p>
            <p class="pane__state">
              {isOpen(entry) && claimedBy !== null ? <OnThis user={claimedBy} /> : <Stamp entry={entry} userId={userId} />}
            </p>
          </>
        )}
      </header>
      <section
        ref={body}
        class="pane__body"
        aria-label="Details"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
        tabIndex={0}
      >
        {detail === undefined && <div class="pane__loading" aria-busy="true" />}
        {detail === null && <p class="notice notice--bad">The rows of this match could not be loaded.</p>}
        {detail != null && (
          <>
            <Comparison left={detail.leftRecords} right={detail.rightRecords} />
            {detail.match.rule === MANUAL_RULE ? (
              <WhyByHand detail={detail} userId={userId} />
            ) : (
              <Why explanation={detail.match.explanation} currency={currencyOf(detail)} />
            )}
            <Alternatives detail={detail} onOpen={onOpen} />
            <History entries={detail.history} userId={userId} />
          </>
        )}
      </section>
      {entry !== undefined && <Decide key={id} {...props} entry={entry} />}
    </article>
  )
}

function Decide({ id, entry, blocked, hasKeys, onDecide, onRemove }: MatchPaneProps & { readonly entry: Entry }) {
  const [note, setNote] = useState(noteOf(id))
  // What was sent with a decision is forgotten; what was refused is still there.
  useLayoutEffect(() => setNote(noteOf(id)), [entry.row.status])
  const area = useRef<HTMLTextAreaElement>(null)
  const open = isOpen(entry)
  const canRemove = entry.pending === null && entry.row.status === 'confirmed'
  if (blocked !== null) return <p class="pane__foot muted">{blocked}</p>
  const write = (text: string) => {
    keepNote(id, text)
    setNote(text)
  }
  return (
    <footer class="pane__foot">
      {entry.refusal !== null && (
        <p class="notice notice--bad" role="alert">
          {entry.refusal.text}
          {note !== '' && ' Your note is still here.'}
        </p>
      )}
      {(open || canRemove || note !== '') && (
        <NoteField
          area={area}
          hint="for the history"
          placeholder="Why you decide so, if it is not plain"
          value={note}
          onText={write}
          onSend={() => {
            area.current?.blur()
            onDecide('confirm')
          }}
        />
      )}
      {open && (
        <div class="pane__actions">
          <button
            type="button"
            class="button button--primary"
            aria-keyshortcuts={hasKeys ? 'Enter' : undefined}
            onClick={() => onDecide('confirm')}
          >
            {hasKeys ? 'Confirm' : 'Confirm this one'} {hasKeys && <KeyHint name="Enter" />}
          </button>
          <button type="button" class="button" aria-keyshortcuts={hasKeys ? 'r' : undefined} onClick={() => onDecide('reject')}>
            {hasKeys ? 'Reject' : 'Reject this one'} {hasKeys && <KeyHint name="r" />}
          </button>
        </div>
      )}
      {entry.pending === null && entry.row.status === 'rejected' && (
        <p class="muted small">Undo brings a rejected pair back for ten seconds; after that its rows can be matched by hand.</p>
      )}
      {canRemove && (
        <button type="button" class="button" onClick={() => onRemove(entry)}>
          Take this match apart
        </button>
      )}
    </footer>
  )
}

function Alternatives({ detail, onOpen }: { readonly detail: MatchDetail; readonly onOpen: (id: string) => void }) {
  const { alternatives, match } = detail
  if (alternatives.length === 0) return null
  return (
    <section class="pane__section">
      <h2>Other pairs with these rows</h2>
      <ul class="others">
        {alternatives.map((other) => (
          <li key={other.id}>
            <button type="button" onClick={() => onOpen(other.id)}>
              <strong>{other.rule === MANUAL_RULE ? 'by hand' : formatConfidence(other.confidence)}</strong>
              <span class="clip">{otherText(match, other)}</span>
              <span class="muted small">{statusWord(other).toLowerCase()}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Of all its rows; null where they differ. */
function currencyOf({ leftRecords, rightRecords }: MatchDetail): string | null {
  const [first = null, ...others] = new Set([...leftRecords, ...rightRecords].map(({ currency }) => currency))
  return others.length === 0 ? first : null
}

/** The side in which the alternative differs. */
function otherText(match: MatchView, other: MatchView): string {
  const row = rowOf(other)
  return other.left[0] === match.left[0] ? row.right.text : row.left.text
}

function History({ entries, userId }: { readonly entries: readonly HistoryEntry[]; readonly userId: string }) {
  if (entries.length === 0) return null
  return (
    <section class="pane__section">
      <h2>History</h2>
      <ol class="history">
        {entries.map((entry) => (
          <li key={entry.version}>
            <strong>{entry.user.id === userId ? 'You' : entry.user.name}</strong> · {DECISIONS[entry.decision] ?? sentence(entry.decision)}{' '}
            <span class="muted small nowrap">{formatTime(entry.at)}</span>
            {entry.note !== null && <q>{entry.note}</q>}
          </li>
        ))}
      </ol>
    </section>
  )
}

/** undefined: on its way; null: it could not be fetched. Fetched anew when the list has a newer version. */
function useMatchDetail(details: Details<MatchDetail>, id: string, version: number): MatchDetail | null | undefined {
  const [loaded, setLoaded] = useState<{ readonly id: string; readonly value: MatchDetail | null } | null>(null)
  useEffect(() => {
    let isCurrent = true
    const show = (value: MatchDetail | null) => isCurrent && setLoaded({ id, value })
    const kept = details.get(id)
    if (kept !== undefined) show(kept)
    if (kept !== undefined && kept.match.version >= version) return
    details.drop(id)
    const timer = setTimeout(() => void details.load(id).then(show), SETTLED_MS)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [details, id, version])
  if (loaded?.id === id) return loaded.value
  return details.get(id)
}
