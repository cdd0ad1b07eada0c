import { useEffect, useState } from 'preact/hooks'
import type { MatchDetail } from '../api.js'
import { type Details, useDetail } from '../details.js'
import { formatClock, formatConfidence, formatSigns } from '../format.js'
import { isOpen, type Suggestion } from '../matches.js'
import { Pair } from './pair.js'
import { Why } from './why.js'

export interface SuggestionCardProps {
  readonly entry: Suggestion
  readonly details: Details<MatchDetail>
  readonly isSelected: boolean
  readonly mayDecide: boolean
  /** Who looks at it: one's own decision is told differently. */
  readonly userId: string
  readonly onSelect: () => void
  readonly onDecide: (decision: 'confirm' | 'reject') => void
}

/** One suggestion: the pair, how sure, why, and the decision. */
export function SuggestionCard({ entry, details, isSelected, mayDecide, userId, onSelect, onDecide }: SuggestionCardProps) {
  const { match, refusal } = entry
  const { ref, value } = useDetail<MatchDetail, HTMLLIElement>(details, match.id)
  const [isExplained, setExplained] = useState(false)
  useEffect(() => {
    if (isSelected && document.activeElement?.closest('.suggestion') !== ref.current) ref.current?.focus({ preventScroll: true })
    if (isSelected) ref.current?.scrollIntoView({ block: 'nearest' })
  }, [isSelected, ref])
  const open = isOpen(entry)
  const stamp = stampOf(entry, userId)
  return (
    <li
      ref={ref}
      class={`suggestion${isSelected ? ' is-selected' : ''}${open ? '' : ` is-decided is-${entry.pending ?? match.status}`}`}
      tabIndex={-1}
      aria-current={isSelected}
      data-match={match.id}
      data-status={match.status}
      onPointerDown={onSelect}
    >
      <div class="suggestion__pair">
        {value === undefined && <div class="pair pair--loading" aria-busy="true" />}
        {value === null && <p class="muted">The rows could not be loaded.</p>}
        {value != null && <Pair left={value.leftRecords} right={value.rightRecords} />}
        <p class="suggestion__summary">
          {formatSigns(match.explanation.summary)}{' '}
          <button type="button" class="link-button" aria-expanded={isExplained} onClick={() => setExplained(!isExplained)}>
            {isExplained ? 'Hide' : 'Why?'}
          </button>
        </p>
        {isExplained && <Why explanation={match.explanation} />}
      </div>
      <div class="suggestion__side">
        <p class="confidence">
          <strong>{formatConfidence(match.confidence)}</strong>
          <span class="muted small">confidence</span>
          <meter class="for" min={0} max={1} value={Number(match.confidence)} aria-hidden="true" />
        </p>
        {open && mayDecide && (
          <div class="suggestion__actions">
            <button type="button" class="button button--primary button--small" onClick={() => onDecide('confirm')}>
              Confirm
            </button>
            <button type="button" class="button button--small" onClick={() => onDecide('reject')}>
              Reject
            </button>
          </div>
        )}
        {stamp !== null && <p class={`stamp stamp--${entry.pending ?? match.status}`}>{stamp}</p>}
        {refusal !== null && (
          <p class="refusal" role="alert">
            {refusal}
          </p>
        )}
      </div>
    </li>
  )
}

function stampOf({ match, pending }: Suggestion, userId: string): string | null {
  if (pending !== null) return pending === 'confirm' ? 'Confirming…' : 'Rejecting…'
  if (match.status === 'proposed') return null
  const verb = { confirmed: 'Confirmed', rejected: 'Rejected', removed: 'Removed' }[match.status]
  const who = match.decidedBy === null ? '' : ` by ${match.decidedBy.id === userId ? 'you' : match.decidedBy.name}`
  return `${verb}${who}${match.decidedAt === null ? '' : `, ${formatClock(match.decidedAt)}`}`
}
