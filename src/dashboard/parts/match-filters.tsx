import { useEffect, useState } from 'preact/hooks'
import { MATCH_STATUSES } from '../../protocol/views.js'
import { formatConfidence } from '../format.js'
import type { MatchFilter } from '../match-list.js'
import { MANUAL_RULE, ruleName } from '../matches.js'

const STATUS_NAMES = { proposed: 'Suggested', confirmed: 'Confirmed', rejected: 'Rejected', removed: 'Taken apart' }
/** Somebody who types goes on typing. */
const TYPING_MS = 300
const CONFIDENCES = ['0.99', '0.98', '0.95', '0.9', '0.8', '0.7', '0.5']

/** Which matches are listed. */
export function MatchFilters({
  filter,
  rules,
  onChange,
}: {
  readonly filter: MatchFilter
  readonly rules: readonly string[]
  readonly onChange: (filter: MatchFilter) => void
}) {
  const [typed, setTyped] = useState(filter.q)
  // Also when the filters are cleared elsewhere.
  useEffect(() => setTyped((held) => (held.trim() === filter.q ? held : filter.q)), [filter.q])
  useEffect(() => {
    const q = typed.trim()
    if (q === filter.q) return
    const timer = setTimeout(() => onChange({ ...filter, q }), TYPING_MS)
    return () => clearTimeout(timer)
  }, [typed, filter])
  return (
    <div class="filters filters--match">
      <label class="field filters__search">
        <span>Search</span>
        <input
          id="search"
          type="search"
          maxLength={200}
          placeholder="Amount or text"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        />
      </label>
      <label class="field">
        <span>Status</span>
        <select
          id="status"
          value={filter.status ?? ''}
          onChange={(event) => {
            const { value } = event.currentTarget
            onChange({ ...filter, status: MATCH_STATUSES.find((known) => known === value) ?? null })
          }}
        >
          {MATCH_STATUSES.map((status) => (
            <option key={status} value={status}>
              {STATUS_NAMES[status]}
            </option>
          ))}
          <option value="">All</option>
        </select>
      </label>
      <label class="field">
        <span>Confidence</span>
        <select
          value={filter.minConfidence ?? ''}
          onChange={(event) => onChange({ ...filter, minConfidence: event.currentTarget.value || null })}
        >
          <option value="">Any</option>
          {CONFIDENCES.map((value) => (
            <option key={value} value={value}>
              at least {formatConfidence(value)}
            </option>
          ))}
        </select>
      </label>
      <label class="field filters__rule">
        <span>Rule</span>
        <select value={filter.rule ?? ''} onChange={(event) => onChange({ ...filter, rule: event.currentTarget.value || null })}>
          <option value="">Any rule</option>
          {[...new Set([...rules, MANUAL_RULE])].map((rule) => (
            <option key={rule} value={rule}>
              {ruleName(rule)}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}
