import type { RecordTotal } from '../db/summary.js'
import { assert } from '../errors.js'
import { add, compare } from '../money.js'
import type { ControlTotal } from '../protocol/views.js'

/**
 * Nothing may be lost or counted twice on the way from rows to results: per currency and side, what is matched, open and excluded
 * adds up to the rows' own sum, which was read without looking at a single match, to the last unit (MATCHING §7).
 * @throws when it does not.
 */
export function assertControlTotals(totals: readonly ControlTotal[], records: readonly RecordTotal[]): void {
  const sums = new Map(records.map(({ side, currency, amount }) => [`${side} ${currency}`, amount]))
  for (const { currency, side, total, matched, open, excluded } of totals) {
    const key = `${side} ${currency}`
    const sum = sums.get(key)
    sums.delete(key)
    const parts = add(add(matched, open), excluded)
    assert(
      sum !== undefined && compare(parts, sum) === 0 && compare(total, sum) === 0,
      `control totals of ${key}: matched ${matched}, open ${open} and excluded ${excluded} make ${total}, and so do the rows (${sum ?? 'none'})`,
    )
  }
  assert(sums.size === 0, `control totals name every side and currency; missing: ${[...sums.keys()].join(', ')}`)
}
