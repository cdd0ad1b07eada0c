import type { Summary } from '../protocol/views.js'
import { subtract } from './decimal.js'

export interface StateCounts {
  readonly all: number
  readonly matched: number
  readonly suggested: number
  readonly open: number
}

/** Rows of both sides by state; excluded ones are not counted. */
export function countStates(summary: Summary): StateCounts {
  const counts = { matched: 0, suggested: 0, open: 0 }
  for (const total of summary.totals) if (total.state !== 'excluded') counts[total.state] += total.count
  return { ...counts, all: counts.matched + counts.suggested + counts.open }
}

/** Nobody has to decide anything any more: no suggestion waits, no break is open, and every row was compared. */
export function isEverythingSettled({ suggestions, breaks, unmatched }: Pick<Summary, 'suggestions' | 'breaks' | 'unmatched'>): boolean {
  return suggestions === 0 && breaks === 0 && unmatched === 0
}

/** One currency's equation; all figures decimal text. `difference = explained + unexplained + excluded`. */
export interface Equation {
  readonly currency: string
  readonly left: string
  readonly right: string
  readonly difference: string
  /** What lies between the two sides of confirmed matches: fees, tolerances. */
  readonly explained: string
  /** What lies between the open rows of both sides. */
  readonly unexplained: string
  readonly openLeft: string
  readonly openRight: string
}

/** An equation per currency, the project's own first, then those of most rows; a side without the currency counts as 0. */
export function equations(summary: Pick<Summary, 'controlTotals' | 'totals'>, own: string | null): readonly Equation[] {
  const totals = summary.controlTotals ?? []
  const rows = new Map<string, number>()
  for (const { currency, count } of summary.totals) rows.set(currency, (rows.get(currency) ?? 0) + count)
  const rankOf = (currency: string) => (currency === own ? Number.POSITIVE_INFINITY : (rows.get(currency) ?? 0))
  const currencies = [...new Set(totals.map(({ currency }) => currency))].sort(
    (one, other) => rankOf(other) - rankOf(one) || (one < other ? -1 : 1),
  )
  return currencies.map((currency) => {
    const left = totals.find((total) => total.currency === currency && total.side === 'left') ?? NOTHING
    const right = totals.find((total) => total.currency === currency && total.side === 'right') ?? NOTHING
    return {
      currency,
      left: left.total,
      right: right.total,
      difference: subtract(left.total, right.total),
      explained: subtract(left.matched, right.matched),
      unexplained: subtract(left.open, right.open),
      openLeft: left.open,
      openRight: right.open,
    }
  })
}

const NOTHING = { total: '0', matched: '0', open: '0' }
