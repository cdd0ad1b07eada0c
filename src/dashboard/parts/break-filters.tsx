import { BREAK_REASONS, type BreakReason, type BreakStatus, type Side, type UserRef } from '../../protocol/views.js'
import type { BreakFilter } from '../break-list.js'
import { sentence } from '../format.js'
import { Choice } from './choice.js'

const STATUSES: readonly (readonly [BreakStatus | null, string])[] = [
  ['open', 'Open'],
  ['resolved', 'Resolved'],
  [null, 'All'],
]
const SIDE_NAMES: readonly (readonly [Side | null, string])[] = [
  [null, 'Both'],
  ['left', 'Left'],
  ['right', 'Right'],
]
const REASONS: readonly (readonly [BreakReason | null, string])[] = [
  [null, 'Any reason'],
  ...BREAK_REASONS.map((reason) => [reason, sentence(reason)] as const),
]

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
        <Choice
          id="status"
          label="Status"
          value={filter.status}
          options={STATUSES}
          onChange={(status) => onChange({ ...filter, status })}
        />
        <Choice label="Side" value={filter.side} options={SIDE_NAMES} onChange={(side) => onChange({ ...filter, side })} />
        <Choice
          class="filters__rule"
          label="Reason"
          value={filter.reason}
          options={REASONS}
          onChange={(reason) => onChange({ ...filter, reason })}
        />
        <Choice
          label="Owner"
          value={filter.assignee}
          options={[[null, 'Anyone'], ...members.map(({ id, name }) => [id, id === me ? 'Me' : name] as const)]}
          onChange={(assignee) => onChange({ ...filter, assignee })}
        />
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
