import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import type { Claim } from '../../protocol/events.js'
import type { BreakView, RecordView } from '../../protocol/views.js'
import { api } from '../api.js'
import { type BreakFilter, BreakList, isOverdue } from '../break-list.js'
import { currencyCode, formatAmount, formatCount, formatDate, formatReason, sentence } from '../format.js'
import { othersClaim, type Room } from '../room.js'
import { useStore } from '../store.js'
import { Avatar } from './avatar.js'
import { OnThis } from './on-this.js'
import { Failure, Skeleton } from './states.js'

const PAGE = 50

export interface BreakSectionProps {
  readonly room: Room
  readonly filter: BreakFilter
  /** null: the only section, which says so when it is empty. */
  readonly title: string | null
  readonly selected: string | null
  readonly userId: string
  readonly onSelect: (view: BreakView) => void
  /** How many there are; null: not known yet. */
  readonly onCount: (count: number | null) => void
  /** What is shown instead of rows. */
  readonly nothing: ComponentChildren
}

/** Breaks of one filter. */
export function BreakSection({ room, filter, title, selected, userId, onSelect, onCount, nothing }: BreakSectionProps) {
  const list = useMemo(
    // How many there are is told with the first page.
    () => new BreakList(filter, (query) => api.breaks(room.id, { ...query, limit: PAGE, count: query.cursor === null ? 'true' : null })),
    [room, filter],
  )
  const { breaks, cursor, count, error, unseen } = useStore(list.state)
  const claims = useStore(room.claims)
  useEffect(() => {
    void list.load('anew')
    const stop = room.listen({ onBreak: (view) => list.take(view), onStale: () => void list.refresh() })
    const hide = room.queries.show(['breaks'], () => list.refresh())
    return () => {
      stop()
      hide()
    }
  }, [room, list])

  useEffect(() => onCount(count), [count])

  if (error !== null && breaks === null) return <Failure error={error} onRetry={() => void list.load('anew')} />
  if (breaks === null) return title === null ? <Skeleton kind="rows" /> : null
  if (breaks.length === 0 && unseen === 0) return title === null ? nothing : null
  return (
    <Group title={title} count={formatCount(count ?? breaks.length)}>
      {unseen > 0 && (
        <p class="work__news">
          <button type="button" class="button button--small button--news" onClick={() => void list.load('anew')}>
            {formatCount(unseen)} new — show
          </button>
        </p>
      )}
      <ul>
        {breaks.map((view) => (
          <BreakLine
            key={view.id}
            view={view}
            record={list.recordOf(view)}
            isSelected={view.id === selected}
            claims={claims}
            userId={userId}
            onSelect={() => onSelect(view)}
          />
        ))}
      </ul>
      {error !== null && (
        <p class="notice notice--bad work__error" role="alert">
          The list could not be read on.{' '}
          <button type="button" class="link-button" onClick={() => void list.load('on')}>
            Try again
          </button>
        </p>
      )}
      {cursor !== null && (
        <button type="button" class="button button--small more" onClick={() => void list.load('on')}>
          More breaks
        </button>
      )}
    </Group>
  )
}

/** With a title it opens and closes, so that all reasons are seen at once. */
function Group({
  title,
  count,
  children,
}: {
  readonly title: string | null
  readonly count: string
  readonly children: ComponentChildren
}) {
  if (title === null) return <section>{children}</section>
  return (
    <details>
      <summary class="breaks__group">
        {title} <span class="tabs__count">{count}</span>
      </summary>
      {children}
    </details>
  )
}

function BreakLine(props: {
  readonly view: BreakView
  /** undefined: it was removed meanwhile. */
  readonly record: RecordView | undefined
  readonly isSelected: boolean
  readonly claims: ReadonlyMap<string, Claim>
  readonly userId: string
  readonly onSelect: () => void
}) {
  const { view, record, isSelected, claims, userId, onSelect } = props
  const texts = [record?.counterparty, record?.memo].filter((text) => text !== null && text !== undefined && text !== '')
  const miss = view.nearestMiss === null ? undefined : formatReason(view.nearestMiss.text, record?.currency ?? null)
  const claimedBy = othersClaim(claims, `record/${view.record}`, userId)
  return (
    <li
      class={`break${isSelected ? ' is-selected' : ''}${view.status === 'resolved' ? ' is-decided' : ''}`}
      data-break={view.id}
      aria-current={isSelected}
    >
      <span class={`side side--${view.side}`}>{view.side}</span>
      <span class="break__row">
        <button type="button" class="break__title clip" onClick={onSelect}>
          {record === undefined ? 'This row is gone' : (record.reference ?? record.externalId ?? `Row ${record.rowNo}`)}
        </button>
        <span class="clip muted">
          {record?.valueDate != null && `${formatDate(record.valueDate)} · `}
          {texts.join(' · ')}
        </span>
      </span>
      <span class="break__why">
        <span class="clip">{sentence(view.reason)}</span>
        {/* What a person found out says more than what the engine came across. */}
        <span class="clip muted" title={view.note || miss}>
          {view.note ? <q>{view.note}</q> : (miss ?? 'nothing comes near')}
        </span>
      </span>
      <strong class="num">
        {record?.amount != null && formatAmount(record.amount, record.currency)}
        <span class="code"> {record?.amount != null && currencyCode(record.currency)}</span>
      </strong>
      <span class="break__owner">
        {claimedBy !== null ? (
          <OnThis user={claimedBy} />
        ) : (
          <>
            {view.status === 'resolved' && <span class="stamp stamp--confirmed">Resolved</span>}
            {view.assignee !== null && (
              <span class="break__assignee">
                <Avatar user={view.assignee} isSmall />
                <span class="clip">{view.assignee.id === userId ? 'You' : view.assignee.name}</span>
              </span>
            )}
            {view.dueAt !== null && view.status === 'open' && (
              <span class={`break__due${isOverdue(view, today()) ? ' is-overdue' : ''}`}>
                {isOverdue(view, today()) ? 'overdue' : 'due'} {formatDate(view.dueAt.slice(0, 10))}
              </span>
            )}
          </>
        )}
      </span>
    </li>
  )
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
