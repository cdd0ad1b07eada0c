import { formatClock } from '../format.js'
import type { Entry } from '../matches.js'

const PENDING = { confirm: 'Confirming…', reject: 'Rejecting…', undo: 'Taking back…' }
const DECIDED = { confirmed: 'Confirmed', rejected: 'Rejected', removed: 'Removed' }

/** What became of a match, and by whom; nothing while it is open. */
export function Stamp({ entry, userId, isShort }: { readonly entry: Entry; readonly userId: string; readonly isShort?: boolean }) {
  const { row, pending } = entry
  if (pending !== null) return <span class="stamp">{PENDING[pending]}</span>
  if (row.status === 'proposed') return null
  const { decidedBy, decidedAt, automatic } = row
  const who = automatic ? 'by the engine' : decidedBy === null ? '' : `by ${decidedBy.id === userId ? 'you' : decidedBy.name}`
  const when = isShort || decidedAt === null ? '' : `, ${formatClock(decidedAt)}`
  return (
    <span class={`stamp stamp--${row.status}`}>
      {DECIDED[row.status]} <span class="stamp__who">{`${who}${when}`}</span>
    </span>
  )
}
