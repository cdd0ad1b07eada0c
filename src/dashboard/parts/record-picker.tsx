import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { RecordView, Side, UserRef } from '../../protocol/views.js'
import { api } from '../api.js'
import { currencyCode, formatAmount, formatCount, formatDate, sentence } from '../format.js'
import { RecordList } from '../record-list.js'
import { othersClaim, type Room } from '../room.js'
import { useStore } from '../store.js'
import { OnThis } from './on-this.js'
import { Failure, Skeleton } from './states.js'

const PAGE = 100
/** Somebody who types goes on typing. */
const TYPING_MS = 200

export interface RecordPickerProps {
  readonly room: Room
  readonly side: Side
  readonly picked: readonly RecordView[]
  /** Rows that were matched since, and what became of them. */
  readonly taken: ReadonlyMap<string, string>
  readonly mayPick: boolean
  readonly userId: string
  readonly onPick: (record: RecordView, isPicked: boolean) => void
}

/** One side's open rows, with a search, to pick from. */
export function RecordPicker({ room, side, picked, taken, mayPick, userId, onPick }: RecordPickerProps) {
  const list = useMemo(() => new RecordList((query) => api.records(room.id, { ...query, side, state: 'open', limit: PAGE })), [room, side])
  const { records, cursor, error } = useStore(list.state)
  const [query, setQuery] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => void list.search(query), query === '' ? 0 : TYPING_MS)
    return () => clearTimeout(timer)
  }, [list, query])
  const [news, setNews] = useState({ gone: new Set<string>(), unseen: 0 })
  useEffect(
    () =>
      room.queries.show(['records'], () =>
        list.compare().then(
          ({ gone, unseen }) => setNews({ gone: new Set(gone), unseen }),
          () => undefined,
        ),
      ),
    [room, list],
  )
  const showNews = () => {
    setNews({ gone: new Set(), unseen: 0 })
    void list.search(query)
  }
  const claims = useStore(room.claims)
  const ids = new Set(picked.map(({ id }) => id))
  return (
    <section class="picker" aria-label={`${sentence(side)} rows`}>
      <div class="picker__head">
        <span class={`side side--${side}`}>{side}</span>
        <input
          id={`search-${side}`}
          type="search"
          aria-label={`Search the ${side} side`}
          placeholder="Search amount, id, reference, name, memo"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        />
      </div>
      <div class="picker__rows">
        {error !== null && records === null && <Failure error={error} onRetry={() => void list.search(query)} />}
        {records === null && error === null && <Skeleton kind="rows" />}
        {records !== null && records.length === 0 && (
          <p class="picker__none muted">{query === '' ? `No open row on the ${side} side.` : `No open row has “${query}” in it.`}</p>
        )}
        {news.unseen > 0 && (
          <p class="work__news">
            <button type="button" class="button button--small button--news" onClick={showNews}>
              {formatCount(news.unseen)} new — show
            </button>
          </p>
        )}
        <ul>
          {(records ?? []).map((record) => (
            <PickerRow
              key={record.id}
              record={record}
              isPicked={ids.has(record.id)}
              taken={taken.get(record.id) ?? (news.gone.has(record.id) ? 'not open any more' : null)}
              claimedBy={othersClaim(claims, `record/${record.id}`, userId)}
              mayPick={mayPick}
              onPick={onPick}
            />
          ))}
        </ul>
        {cursor !== null && <More key={cursor} count={records?.length ?? 0} onSeen={() => void list.more()} />}
        {error !== null && records !== null && (
          <p class="notice notice--bad" role="alert">
            The list could not be read on.{' '}
            <button type="button" class="link-button" onClick={() => void list.more()}>
              Try again
            </button>
          </p>
        )}
      </div>
    </section>
  )
}

function PickerRow({
  record,
  isPicked,
  taken,
  claimedBy,
  mayPick,
  onPick,
}: {
  readonly record: RecordView
  readonly isPicked: boolean
  readonly taken: string | null
  readonly claimedBy: UserRef | null
  readonly mayPick: boolean
  readonly onPick: (record: RecordView, isPicked: boolean) => void
}) {
  const details = [record.counterparty, record.memo].filter((text) => text !== null && text !== '').join(' · ')
  return (
    <li class={taken === null ? undefined : 'is-taken'}>
      <label class="pick">
        <input
          type="checkbox"
          checked={isPicked}
          disabled={!mayPick || (taken !== null && !isPicked)}
          onChange={(event) => onPick(record, event.currentTarget.checked)}
        />
        <span class="pick__date muted">{record.valueDate !== null && formatDate(record.valueDate)}</span>
        <span class="pick__text">
          <span class="clip">{record.reference ?? record.externalId ?? `Row ${record.rowNo}`}</span>
          {claimedBy !== null && taken === null ? (
            <OnThis user={claimedBy} />
          ) : (
            <span class="clip muted" title={details}>
              {taken ?? details}
            </span>
          )}
        </span>
        <strong class="num">
          {record.amount === null ? <span class="absent">no amount</span> : formatAmount(record.amount, record.currency)}
          <span class="code"> {record.amount !== null && currencyCode(record.currency)}</span>
        </strong>
      </label>
    </li>
  )
}

/** The end of what was read: reads on as soon as it comes near. */
function More({ count, onSeen }: { readonly count: number; readonly onSeen: () => void }) {
  const ref = useRef<HTMLParagraphElement>(null)
  const seen = useRef(onSeen)
  seen.current = onSeen
  useEffect(() => {
    if (ref.current === null) return
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && seen.current(), {
      root: ref.current.parentElement,
      rootMargin: '800px',
    })
    observer.observe(ref.current)
    return () => observer.disconnect()
  }, [])
  return (
    <p ref={ref} class="picker__none muted">
      Reading on after {formatCount(count)} …
    </p>
  )
}
