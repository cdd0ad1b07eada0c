import { assert } from '../errors.js'
import type { Bands } from './amount-ranks.js'
import { CandidateKeys } from './candidate-keys.js'
import type { Profiles } from './profiles.js'
import type { RecordTable } from './record-table.js'
import type { AmountGate, DateGate, Pass } from './rules.js'
import type { Sides } from './sides.js'

/** A key that more records of a side have than this brings nobody together; such words still count when a pair is compared. */
const MAX_KEY_RECORDS = 2_000
/** Amounts next to each other, this many records of both sides between them, are candidates without a common word. */
const NEAR_RECORDS = 32
/** Two amounts, or one, with more pairs than this: without a common word only those of the same day are candidates. */
const MAX_AMOUNT_PAIRS = 250_000
/** More records than this with the same amount on the same day are only found by their words; counted as oversize. */
const MAX_SAME_DAY = 2_000

export interface FinderOptions {
  readonly pass: Pass
  readonly sides: Sides
  readonly profiles: { readonly left: Profiles; readonly right: Profiles }
  /** The side whose records ask. */
  readonly from: 'left' | 'right'
}

/**
 * Finds for a record of one side the candidates of the other: all within the gates that have the same amount, an amount next to it or a key
 * in common. Which pairs are found depends neither on who asks nor on the order of records, and a wider gate finds no fewer.
 */
export class CandidateFinder {
  readonly #ranks: Int32Array
  readonly #bands: Bands
  readonly #date: { readonly from: number; readonly to: number; readonly missing: boolean } | null
  readonly #keys: CandidateKeys
  /** Of the asking side, {@link NO_DAY} for none. */
  readonly #days: Float64Array
  /** First records of the other side's profiles by (amount, day). */
  readonly #order: Int32Array
  /** Days in that order, {@link NO_DAY} for none. */
  readonly #orderDays: Float64Array
  /** By rank, one more than there are: where it begins in the order. */
  readonly #starts: Int32Array
  /** By rank, one more than there are: records of both sides with less. */
  readonly #below: Int32Array
  readonly #postings: Postings
  /** In the order: the last search that found it. */
  readonly #seen: Int32Array
  #search = 0
  /** What {@link find} or {@link findRest} found. */
  found = new Int32Array(1_024)
  #count = 0
  /** Records that have more equals than can be compared, as far as they have asked. */
  oversize = 0

  constructor({ pass, sides, profiles, from }: FinderOptions) {
    const to = from === 'left' ? 'right' : 'left'
    const { ranks, tokens } = sides
    const amount = pass.gates.find((gate): gate is AmountGate => gate.field === 'amount')
    assert(amount !== undefined, 'a scored pass limits the amount')
    this.#bands = ranks.bands(amount, from)
    this.#date = dateWindow(
      pass.gates.find((gate): gate is DateGate => gate.field === 'date'),
      from,
    )
    this.#ranks = ranks[from]
    this.#keys = new CandidateKeys(tokens, from)
    this.#days = daysOf(sides[from])
    const asking = firsts(profiles[from], ranks[from])
    this.#order = firsts(profiles[to], ranks[to])
    const days = daysOf(sides[to])
    // Ties in an order of their own: what is found is a set.
    this.#order.sort((one, other) => ranks[to][one]! - ranks[to][other]! || days[one]! - days[other]! || one - other)
    this.#orderDays = Float64Array.from(this.#order, (position) => days[position]!)
    this.#starts = cumulated(this.#order, ranks[to], ranks.size)
    const askingBelow = cumulated(asking, ranks[from], ranks.size)
    this.#below = this.#starts.map((count, rank) => count + askingBelow[rank]!)
    this.#postings = new Postings(this.#order, new CandidateKeys(tokens, to), asking, this.#keys)
    this.#seen = new Int32Array(this.#order.length)
  }

  /** Fills {@link found} with the candidates of a first record; answers how many. */
  find(position: number): number {
    this.#search++
    this.#count = 0
    const rank = this.#ranks[position]!
    if (rank < 0) return 0
    const low = this.#bands.from[rank]!
    const high = this.#bands.to[rank]!
    this.#addAmount(position, rank, rank)
    for (let other = rank - 1; other >= low && this.#below[rank]! - this.#below[other + 1]! <= NEAR_RECORDS; other--)
      this.#addAmount(position, rank, other)
    for (let other = rank + 1; other <= high && this.#below[other]! - this.#below[rank + 1]! <= NEAR_RECORDS; other++)
      this.#addAmount(position, rank, other)
    const start = this.#starts[low]!
    const end = this.#starts[high + 1]!
    const { indexes } = this.#postings
    for (const key of this.#keys.of(position)) {
      const range = this.#postings.range(key)
      if (range === undefined) continue
      for (let at = lowerBound(indexes, range.start, range.end, start); at < range.end && indexes[at]! < end; at++)
        this.#add(position, indexes[at]!)
    }
    return this.#count
  }

  /** How many have an amount within the gate, whatever their date. */
  bandSize(position: number): number {
    const rank = this.#ranks[position]!
    return rank < 0 ? 0 : this.#starts[this.#bands.to[rank]! + 1]! - this.#starts[this.#bands.from[rank]!]!
  }

  /** After {@link find}: fills {@link found} with the others within the gates; answers how many. */
  findRest(position: number): number {
    this.#count = 0
    const rank = this.#ranks[position]!
    if (rank < 0) return 0
    const end = this.#starts[this.#bands.to[rank]! + 1]!
    for (let index = this.#starts[this.#bands.from[rank]!]!; index < end; index++) this.#add(position, index)
    return this.#count
  }

  /** The others with this amount. */
  #addAmount(position: number, rank: number, other: number): void {
    const start = this.#starts[other]!
    const end = this.#starts[other + 1]!
    const asking = this.#below[rank + 1]! - this.#below[rank]! - (this.#starts[rank + 1]! - this.#starts[rank]!)
    if (asking * (end - start) <= MAX_AMOUNT_PAIRS) {
      for (let index = start; index < end; index++) this.#add(position, index)
      return
    }
    const day = this.#days[position]!
    if (day === NO_DAY) return
    const first = lowerBound(this.#orderDays, start, end, day)
    const last = lowerBound(this.#orderDays, first, end, day + 1)
    if (last - first > MAX_SAME_DAY) this.oversize++
    else for (let index = first; index < last; index++) this.#add(position, index)
  }

  #add(position: number, index: number): void {
    if (this.#seen[index] === this.#search) return
    const date = this.#date
    if (date !== null) {
      const one = this.#days[position]!
      const other = this.#orderDays[index]!
      if (one === NO_DAY || other === NO_DAY) {
        if (!date.missing) return
      } else if (other - one < date.from || other - one > date.to) return
    }
    this.#seen[index] = this.#search
    if (this.#count === this.found.length) {
      const larger = new Int32Array(this.#count * 2)
      larger.set(this.found)
      this.found = larger
    }
    this.found[this.#count++] = this.#order[index]!
  }
}

/** Sorts before every day. */
const NO_DAY = Number.NEGATIVE_INFINITY

/** Who has a key, by amount. */
class Postings {
  readonly #ranges = new Map<number, { readonly start: number; readonly end: number }>()
  /** Places in the order, rising within a key. */
  readonly indexes: Int32Array

  constructor(order: Int32Array, keys: CandidateKeys, asking: Int32Array, askingKeys: CandidateKeys) {
    const asked = countKeys(asking, askingKeys)
    const next = new Map<number, number>()
    let start = 0
    for (const [key, count] of countKeys(order, keys)) {
      const others = asked.get(key)
      if (others === undefined || count > MAX_KEY_RECORDS || others > MAX_KEY_RECORDS) continue
      this.#ranges.set(key, { start, end: start + count })
      next.set(key, start)
      start += count
    }
    this.indexes = new Int32Array(start)
    for (const [index, position] of order.entries()) {
      for (const key of keys.of(position)) {
        const at = next.get(key)
        if (at === undefined) continue
        this.indexes[at] = index
        next.set(key, at + 1)
      }
    }
  }

  range(key: number): { readonly start: number; readonly end: number } | undefined {
    return this.#ranges.get(key)
  }
}

function countKeys(positions: Int32Array, keys: CandidateKeys): Map<number, number> {
  const counts = new Map<number, number>()
  for (const position of positions) for (const key of keys.of(position)) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

function daysOf(table: RecordTable): Float64Array {
  return Float64Array.from({ length: table.size }, (_, position) => table.day(position) ?? NO_DAY)
}

function dateWindow(gate: DateGate | undefined, from: 'left' | 'right') {
  if (gate === undefined) return null
  const missing = gate.missing === 'pass'
  return from === 'left' ? { from: gate.from, to: gate.to, missing } : { from: -gate.to, to: -gate.from, missing }
}

/** First records of the profiles that have an amount. */
function firsts(profiles: Profiles, ranks: Int32Array): Int32Array {
  return profiles.first.filter((first, position) => first === position && ranks[position]! >= 0)
}

function cumulated(positions: Int32Array, ranks: Int32Array, size: number): Int32Array {
  const below = new Int32Array(size + 1)
  for (const position of positions) below[ranks[position]! + 1]!++
  for (let rank = 0; rank < size; rank++) below[rank + 1]! += below[rank]!
  return below
}

/** First index in [start, end) whose value is at least `wanted`, else `end`. */
function lowerBound(values: Int32Array | Float64Array, start: number, end: number, wanted: number): number {
  let low = start
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}
