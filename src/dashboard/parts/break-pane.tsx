import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Claim } from '../../protocol/events.js'
import type { BreakView, RecordView, UserRef } from '../../protocol/views.js'
import type { BreakChange, RecordDetail } from '../api.js'
import type { Details } from '../details.js'
import { currencyCode, formatAmount, formatLine, sentence } from '../format.js'
import { routeHref } from '../route.js'
import { setPicked } from '../tray.js'
import { BreakFoot } from './break-foot.js'
import { Comparison } from './comparison.js'
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
        {/* Where it can be changed it stands in its field. */}
        {blocked !== null && view.note && (
          <section>
            <h2>Note</h2>
            <p class="pane__note small">{view.note}</p>
          </section>
        )}
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
        <BreakFoot
          key={view.id}
          view={view}
          members={members}
          me={me}
          onChange={onChange}
          onMatchByHand={record === null ? undefined : matchByHand}
        />
      ) : (
        <p class="pane__foot muted">{blocked}</p>
      )}
    </article>
  )
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
