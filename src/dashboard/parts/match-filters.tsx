import { useEffect, useState } from 'preact/hooks'
import type { MatchStatus } from '../../protocol/views.js'
import { formatConfidence } from '../format.js'
import type { MatchFilter } from '../match-list.js'
import { MANUAL_RULE, ruleName } from '../matches.js'
import { Choice } from './choice.js'

const STATUSES: readonly (readonly [MatchStatus | null, string])[] = [
  ['proposed', 'Suggested'],
  ['confirmed', 'Confirmed'],
  ['rejected', 'Rejected'],
  ['removed', 'Taken apart'],
  [null, 'All'],
]
/** Somebody who types goes on typing. */
const TYPING_MS = 300
const CONFIDENCES: readonly (readonly [string | null, string])[] = [
  [null, 'Any'],
  ...['0.99', '0.98', '0.95', '0.9', '0.8', '0.7', '0.5'].map((value) => [value, `at least ${formatConfidence(value)}`] as const),
]

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
      <Choice id="status" label="Status" value={filter.status} options={STATUSES} onChange={(status) => onChange({ ...filter, status })} />
      <Choice
        label="Confidence"
        value={filter.minConfidence}
        options={CONFIDENCES}
        onChange={(minConfidence) => onChange({ ...filter, minConfidence })}
      />
      <Choice
        class="filters__rule"
        label="Rule"
        value={filter.rule}
        options={[[null, 'Any rule'], ...[...new Set([...rules, MANUAL_RULE])].map((rule) => [rule, ruleName(rule)] as const)]}
        onChange={(rule) => onChange({ ...filter, rule })}
      />
    </div>
  )
}
