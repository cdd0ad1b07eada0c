import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Claim } from '../../protocol/events.js'
import type { BreakView, RecordView, UserRef } from '../../protocol/views.js'
import type { BreakChange, RecordDetail } from '../api.js'
import type { Details } from '../details.js'
import { currencyCode, formatAmount, formatLine, sentence } from '../format.js'
import { routeHref } from '../route.js'
import { setPicked } from '../tray.js'
import { Choice } from './choice.js'
import { Comparison } from './comparison.js'
import { KeyHint } from './key-hint.js'
import { OnThis } from './on-this.js'

export interface BreakPaneProps {
  readonly project: string
  readonly view: BreakView
  readonly details: Details<RecordDetail>
  readonly members: readonly UserRef[]
  readonly me: string
  /** Why nothing can be changed now; null: it can. */
  readonly blocked: string | null
  readonly claim: Claim | null
  readonly onChange: (news: Omit<BreakChange, 'version'>) => void
  readonly onClose: () => void
}

/** A break in full: the row beside the one that came closest, whose it is, and what can be done. */
export function BreakPane(props: BreakPaneProps) {
  const { project, view, details, members, me, blocked, claim, onChange, onClose } = props
  const own = useLoaded(details, view.record)
  const miss = useLoaded(details, view.nearestMiss?.record ?? null)
  const record = own?.record ?? null
  const isOpen = view.status === 'open'
  const body = useRef<HTMLElement>(null)
  useLayoutEffect(() => body.current?.scrollTo(0, 0), [view.id])
  const sides = (side: 'left' | 'right') => [record, miss?.record ?? null].filter((one): one is RecordView => one?.side === side)
  const matchByHand = () => {
    if (record !== null) setPicked(record, true)
    if (miss?.record.state === 'open') setPicked(miss.record, true)
    location.hash = routeHref(project, 'tray')
  }
  return (
    <article class="pane pane--break" aria-label="Selected break">
      <header class="pane__head">
        <button type="button" class="button button--small pane__back" onClick={onClose}>
          ‹ List
        </button>
        <p class="pane__sure">
          <strong>{record?.amount == null ? sentence(view.reason) : formatAmount(record.amount, record.currency)}</strong>{' '}
          <span class="muted small">{record?.amount != null && currencyCode(record.currency)}</span>
        </p>
        <p class="pane__state">
          {claim !== null && claim.user.id !== me ? (
            <OnThis user={claim.user} />
          ) : (
            <span class={`stamp${isOpen ? '' : ' stamp--confirmed'}`}>{isOpen ? sentence(view.reason) : 'Resolved'}</span>
          )}
        </p>
      </header>
      <section
        ref={body}
        class="pane__body"
        aria-label="Details"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
        tabIndex={0}
      >
        {own === undefined && <div class="pane__loading" aria-busy="true" />}
        {own === null && <p class="notice notice--bad">The row could not be loaded.</p>}
        {own != null && (
          <>
            <section>
              {view.nearestMiss === null ? (
                <p class="small">No row of the other side comes near this one.</p>
              ) : (
                <>
                  <h2>Beside the row that came closest</h2>
                  <p class="small pane__miss">{formatLine(view.nearestMiss.text, record?.currency ?? null)}</p>
                </>
              )}
              {view.nearestMiss !== null && miss === undefined && <div class="pane__loading" aria-busy="true" />}
              {miss != null && <Comparison left={sides('left')} right={sides('right')} />}
            </section>
            <section>
              <h2>As it stands in the file, row {own.record.rowNo}</h2>
              <dl class="payload">
                {Object.entries(own.payload).map(([name, value]) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value === '' ? <span class="absent">empty</span> : value}</dd>
                  </div>
                ))}
              </dl>
            </section>
          </>
        )}
      </section>
      {blocked === null ? (
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
          <div class="pane__actions">
            {view.assignee?.id !== me && (
              <button type="button" class="button" aria-keyshortcuts="a" onClick={() => onChange({ assignee: me })}>
                Assign to me <KeyHint name="a" />
              </button>
            )}
            <button type="button" class="button" onClick={() => onChange({ status: isOpen ? 'resolved' : 'open' })}>
              {isOpen ? 'Resolve' : 'Open again'}
            </button>
            {isOpen && (
              <button type="button" class="button button--primary" disabled={record === null} onClick={matchByHand}>
                Match by hand
              </button>
            )}
          </div>
        </footer>
      ) : (
        <p class="pane__foot muted">{blocked}</p>
      )}
    </article>
  )
}

/** Whoever has it is in the list, member or not. */
function ownersOf(members: readonly UserRef[], owner: UserRef | null): readonly UserRef[] {
  return owner === null || members.some(({ id }) => id === owner.id) ? members : [...members, owner]
}

/** undefined: on its way; null: it could not be fetched, or there is none. */
function useLoaded(details: Details<RecordDetail>, id: string | null): RecordDetail | null | undefined {
  const [loaded, setLoaded] = useState<{ readonly id: string; readonly value: RecordDetail | null } | null>(null)
  useEffect(() => {
    if (id === null) return
    let isCurrent = true
    void details.load(id).then((value) => isCurrent && setLoaded({ id, value }))
    return () => {
      isCurrent = false
    }
  }, [details, id])
  if (id === null) return null
  return loaded?.id === id ? loaded.value : details.get(id)
}
