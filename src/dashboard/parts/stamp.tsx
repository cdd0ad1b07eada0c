import { formatClock } from '../format.js'
import { type Entry, statusWord } from '../matches.js'

const PENDING = { confirm: 'Confirming…', reject: 'Rejecting…', undo: 'Taking apart…' }

/** What became of a match, and by whom; nothing while it is open. */
export function Stamp({ entry, userId, isShort }: { readonly entry: Entry; readonly userId: string; readonly isShort?: boolean }) {
  const { row, pending } = entry
  if (pending !== null) return <span class="stamp">{PENDING[pending]}</span>
  if (row.status === 'proposed') return null
  const { decidedBy, decidedAt, automatic } = row
  // What the engine had matched may have been decided by a person since.
  const who = decidedBy !== null ? `by ${decidedBy.id === userId ? 'you' : decidedBy.name}` : automatic ? 'by the engine' : ''
  const when = isShort || decidedAt === null ? '' : `, ${formatClock(decidedAt)}`
  return (
    <span class={`stamp stamp--${row.status}`}>
      {statusWord(row)} <span class="stamp__who">{`${who}${when}`}</span>
    </span>
  )
}
