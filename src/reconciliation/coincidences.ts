import { minorDigits } from '../money.js'
import type { Profiles } from './profiles.js'
import type { RecordTable } from './record-table.js'
import type { Sides } from './sides.js'

/** Amounts on either side of one that tell how dense amounts are there. */
const NEIGHBOURS = 8
/** Of 1,000 amounts without a minor unit of their own so many have no more decimals than what counts as their unit. */
const USUAL_DECIMALS_PER_MILLE = 950

/**
 * How many records of a side are to be expected with exactly an amount by chance alone: as many as have it besides one, or as many as the
 * amounts around it let expect. Seven small payments a day make 9.50 coincide; 48,213.77 does not. By rank; the larger of the two sides.
 */
export function expectedCoincidences(sides: Sides, profiles: { readonly left: Profiles; readonly right: Profiles }): Float64Array {
  const expected = new Float64Array(sides.ranks.size)
  for (const side of ['left', 'right'] as const) {
    const ranks = sides.ranks[side]
    const counts = new Int32Array(sides.ranks.size)
    const decimals = usualDecimals(sides)
    const units = new Float64Array(sides.ranks.size)
    for (const [position, rank] of ranks.entries()) {
      if (rank < 0 || profiles[side].first[position]! < 0) continue
      counts[rank]!++
    }
    for (const table of ['left', 'right'] as const)
      for (const [position, rank] of sides.ranks[table].entries())
        if (rank >= 0) units[rank] = decimals.get(sides[table].currency(position)!)!
    // Ranks of this side's records in order, each as often as it occurs.
    const order: number[] = []
    for (const [rank, count] of counts.entries()) for (let no = 0; no < count; no++) order.push(rank)
    let below = 0
    for (let rank = 0; rank < counts.length; rank++) {
      const above = below + counts[rank]!
      const low = order[Math.max(0, below - NEIGHBOURS)] ?? rank
      const high = order[Math.min(order.length - 1, above + NEIGHBOURS - 1)] ?? rank
      const [from, to] = sides.ranks.withinCurrency(rank, low, high)
      const records = Math.min(NEIGHBOURS, below) + Math.min(NEIGHBOURS, order.length - above)
      const span = sides.ranks.span(from, to, units[rank]!)
      const density = span === 0 ? 0 : records / span
      expected[rank] = Math.max(expected[rank]!, counts[rank]! - 1, density)
      below = above
    }
  }
  return expected
}

/** By currency: decimals of its minor unit, or what nearly all of its amounts have. */
function usualDecimals({ left, right }: Sides): Map<string, number> {
  const byCurrency = new Map<string, number[]>()
  for (const table of [left, right]) countDecimals(table, byCurrency)
  const usual = new Map<string, number>()
  for (const [currency, counts] of byCurrency) {
    const total = counts.reduce((sum, count) => sum + (count ?? 0), 0)
    let decimals = 0
    for (let covered = counts[0] ?? 0; covered * 1_000 < total * USUAL_DECIMALS_PER_MILLE; covered += counts[decimals] ?? 0) decimals++
    usual.set(currency, minorDigits(currency) ?? decimals)
  }
  return usual
}

function countDecimals(table: RecordTable, byCurrency: Map<string, number[]>): void {
  for (let position = 0; position < table.size; position++) {
    const currency = table.currency(position)
    if (currency === null) continue
    const counts = byCurrency.get(currency) ?? []
    byCurrency.set(currency, counts)
    counts[table.scale(position)] = (counts[table.scale(position)] ?? 0) + 1
  }
}
