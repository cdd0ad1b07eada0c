import { BREAK_REASONS, BREAK_STATUSES, SIDES, type UserRef } from '../../protocol/views.js'
import type { BreakFilter } from '../break-list.js'
import { sentence } from '../format.js'

/** Which breaks are listed, and whether by their reasons. */
export function BreakFilters(props: {
  readonly project: string
  readonly filter: BreakFilter
  readonly members: readonly UserRef[]
  readonly me: string
  readonly isGrouped: boolean
  readonly onGroup: (isGrouped: boolean) => void
  readonly onChange: (filter: BreakFilter) => void
}) {
  const { filter, members, me, isGrouped, onGroup, onChange } = props
  return (
    <div class="work__bar">
      <div class="filters filters--match filters--breaks">
        <label class="field">
          <span>Status</span>
          <select
            id="status"
            value={filter.status ?? ''}
            onChange={(event) => {
              const { value } = event.currentTarget
              onChange({ ...filter, status: BREAK_STATUSES.find((known) => known === value) ?? null })
            }}
          >
            <option value="open">Open</option>
            <option value="resolved">Resolved</option>
            <option value="">All</option>
          </select>
        </label>
        <label class="field">
          <span>Side</span>
          <select
            value={filter.side ?? ''}
            onChange={(event) => {
              const { value } = event.currentTarget
              onChange({ ...filter, side: SIDES.find((known) => known === value) ?? null })
            }}
          >
            <option value="">Both</option>
            <option value="left">Left</option>
            <option value="right">Right</option>
          </select>
        </label>
        <label class="field filters__rule">
          <span>Reason</span>
          <select
            value={filter.reason ?? ''}
            onChange={(event) => {
              const { value } = event.currentTarget
              onChange({ ...filter, reason: BREAK_REASONS.find((known) => known === value) ?? null })
            }}
          >
            <option value="">Any reason</option>
            {BREAK_REASONS.map((value) => (
              <option key={value} value={value}>
                {sentence(value)}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>Owner</span>
          <select value={filter.assignee ?? ''} onChange={(event) => onChange({ ...filter, assignee: event.currentTarget.value || null })}>
            <option value="">Anyone</option>
            {members.map(({ id, name }) => (
              <option key={id} value={id}>
                {id === me ? 'Me' : name}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={isGrouped}
            disabled={filter.reason !== null}
            onChange={(event) => onGroup(event.currentTarget.checked)}
          />
          By reason
        </label>
      </div>
    </div>
  )
}
