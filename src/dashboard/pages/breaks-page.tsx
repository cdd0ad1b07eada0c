import '../styles/breaks.css'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { BREAK_REASONS, type BreakReason, type BreakView, SIDES, type Side } from '../../protocol/views.js'
import { type ApiError, api, asApiError, type RecordDetail } from '../api.js'
import { Details, useDetail } from '../details.js'
import { currencyCode, formatAmount, formatDate, formatSigns, sentence } from '../format.js'
import { ExportLinks } from '../parts/export-links.js'
import { Empty, Failure, Skeleton } from '../parts/states.js'
import type { OpenProjectProps } from '../room.js'
import { routeHref } from '../route.js'

const PAGE_SIZE = 50

/** Rows that no match explains: why, and what came closest. */
export function BreaksPage({ room }: OpenProjectProps) {
  const [list, setList] = useState<readonly BreakView[] | null>(null)
  const [cursor, setCursor] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [side, setSide] = useState<Side | null>(null)
  const [reason, setReason] = useState<BreakReason | null>(null)
  const [news, setNews] = useState(0)
  const details = useMemo(() => new Details((id: string) => api.record(room.id, id)), [room])
  const request = useRef(0)

  const load = async (after: string | null) => {
    const ours = ++request.current
    setError(null)
    try {
      const page = await api.breaks(room.id, { status: 'open', side, reason, limit: PAGE_SIZE, cursor: after })
      // An answer to filters that were changed meanwhile.
      if (ours !== request.current) return
      setList((held) => [...(after === null ? [] : (held ?? [])), ...page.items])
      setCursor(page.nextCursor)
      if (after === null) setNews(0)
    } catch (failure) {
      if (ours === request.current) setError(asApiError(failure))
    }
  }

  useEffect(() => {
    setList(null)
    void load(null)
    return room.listen({
      onBreak: (view) =>
        setList((held) => {
          if (held === null) return held
          if (held.some(({ id }) => id === view.id)) {
            return held.map((other) => (other.id === view.id && view.version > other.version ? view : other))
          }
          const isWanted = view.status === 'open' && (side === null || view.side === side) && (reason === null || view.reason === reason)
          if (isWanted) setNews((count) => count + 1)
          return held
        }),
      onStale: () => setNews((count) => count + 1),
    })
  }, [room, side, reason])

  return (
    <>
      <div class="page__head">
        <div>
          <h1>Breaks</h1>
          <p class="muted">Rows without a match, and what came closest.</p>
        </div>
        <ExportLinks project={room.id} only="breaks" />
      </div>
      <div class="filters">
        <fieldset class="segments">
          <legend class="hidden">Side</legend>
          {([null, ...SIDES] as const).map((value) => (
            <button key={value ?? 'both'} type="button" aria-pressed={side === value} onClick={() => setSide(value)}>
              {value === null ? 'Both sides' : sentence(value)}
            </button>
          ))}
        </fieldset>
        <label class="field field--inline">
          <span>Reason</span>
          <select
            value={reason ?? ''}
            onChange={(event) => setReason(BREAK_REASONS.find((known) => known === event.currentTarget.value) ?? null)}
          >
            <option value="">Any reason</option>
            {BREAK_REASONS.map((value) => (
              <option key={value} value={value}>
                {sentence(value)}
              </option>
            ))}
          </select>
        </label>
        {news > 0 && list !== null && (
          <p class="filters__news" role="status">
            The list has changed.{' '}
            <button type="button" class="button button--small" onClick={() => void load(null)}>
              Show the new list
            </button>
          </p>
        )}
      </div>
      {error !== null && <Failure error={error} onRetry={() => void load(list === null ? null : cursor)} />}
      {list === null && error === null && <Skeleton kind="rows" />}
      {list !== null && list.length === 0 && (
        <Empty
          title={side === null && reason === null ? 'No breaks' : 'No break fits these filters'}
          action={
            side === null && reason === null ? (
              <a class="button" href={routeHref(room.id)}>
                To the overview
              </a>
            ) : (
              <button
                type="button"
                class="button"
                onClick={() => {
                  setSide(null)
                  setReason(null)
                }}
              >
                Show all breaks
              </button>
            )
          }
        >
          A row that no match explains becomes a break when matching ends, with the reason and the row that came closest.
        </Empty>
      )}
      {list !== null && list.length > 0 && (
        <div class="panel panel--flush">
          <table class="table breaks">
            <thead>
              <tr>
                <th scope="col">Side</th>
                <th scope="col">Date</th>
                <th scope="col">Row</th>
                <th scope="col">Reason and nearest miss</th>
                <th scope="col" class="num">
                  Amount
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((view) => (
                <BreakRow key={view.id} view={view} details={details} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {cursor !== null && (
        <button type="button" class="button more" onClick={() => void load(cursor)}>
          More breaks
        </button>
      )}
    </>
  )
}

function BreakRow({ view, details }: { readonly view: BreakView; readonly details: Details<RecordDetail> }) {
  const { ref, value } = useDetail<RecordDetail, HTMLTableRowElement>(details, view.record)
  const record = value?.record ?? null
  const texts = [record?.counterparty, record?.memo].filter((text) => text !== null && text !== undefined && text !== '')
  const miss = view.nearestMiss
  return (
    <tr ref={ref} class={view.status === 'resolved' ? 'is-resolved' : undefined} data-break={view.id}>
      <td class="breaks__side">
        <span class={`side side--${view.side}`}>{view.side}</span>
      </td>
      <td class="breaks__date">{record?.valueDate && formatDate(record.valueDate)}</td>
      <td class="breaks__row">
        {record === null ? (
          <span class={value === null ? 'muted' : 'ghost'}>{value === null && 'This row could not be loaded.'}</span>
        ) : (
          <>
            <span class="breaks__title">{record.reference ?? record.externalId ?? `Row ${record.rowNo}`}</span>
            <span class="breaks__details">{texts.join(' · ')}</span>
          </>
        )}
      </td>
      <td class="breaks__why">
        <span class="pill">{view.status === 'resolved' ? 'Resolved' : sentence(view.reason)}</span>
        {miss !== null && (
          <span class="breaks__details">
            {formatSigns(miss.text)}
            {miss.externalId !== null && ` · ${miss.externalId}`}
          </span>
        )}
      </td>
      <td class="breaks__amount num">
        {record !== null && record.amount !== null && (
          <>
            {formatAmount(record.amount, record.currency)}
            <span class="code"> {currencyCode(record.currency)}</span>
          </>
        )}
      </td>
    </tr>
  )
}
