import { assert } from '../errors.js'
import { scaledInteger } from '../money.js'
import type { RecordTable } from './record-table.js'
import type { AmountGate, Tolerance } from './rules.js'

const BPS = 10_000
/** Products with {@link BPS} up to here are exact in a double. */
const SAFE_FACTOR = Math.floor(Number.MAX_SAFE_INTEGER / BPS)

/** By rank: the first and the last rank that pass, both inclusive. */
export interface Bands {
  readonly from: Int32Array
  readonly to: Int32Array
}

/**
 * Amounts of both sides as ranks: equal rank is equal currency and equal amount, and the amounts of a currency lie in order in one range.
 * So all exact arithmetic, of whatever size, is done once per distinct amount; per pair there are only small integers to compare.
 */
export class AmountRanks {
  /** Per position; −1: no amount. */
  readonly left: Int32Array
  readonly right: Int32Array
  /** Distinct amounts by rank as integers × 10^−scale: doubles when all are at most 2^53 − 1, else bigints. */
  readonly #values: Float64Array | bigint[]
  readonly #scale: number
  /** Per rank: end of its currency's range, exclusive, and its start. */
  readonly #ends: Int32Array
  readonly #starts: Int32Array

  constructor(left: RecordTable, right: RecordTable) {
    let scale = 0
    for (const table of [left, right])
      for (let position = 0; position < table.size; position++) scale = Math.max(scale, table.scale(position))
    this.#scale = scale
    const wide = new Wide(scale)
    const byCurrency = new Map<string, (number | bigint)[]>()
    for (const table of [left, right]) {
      for (let position = 0; position < table.size; position++) {
        const currency = table.currency(position)
        if (currency === null) continue
        const values = byCurrency.get(currency)
        if (values) values.push(wide.value(table, position))
        else byCurrency.set(currency, [wide.value(table, position)])
      }
    }
    const starts = new Map<string, number>()
    const distinct: (number | bigint)[] = []
    const bounds: [start: number, end: number][] = []
    for (const currency of [...byCurrency.keys()].sort()) {
      const start = distinct.length
      starts.set(currency, start)
      for (const value of sortedDistinct(byCurrency.get(currency)!)) distinct.push(value)
      bounds.push([start, distinct.length])
    }
    const isSafe = distinct.every((value) => typeof value === 'number')
    this.#values = isSafe ? Float64Array.from(distinct) : distinct.map(BigInt)
    this.#starts = new Int32Array(distinct.length)
    this.#ends = new Int32Array(distinct.length)
    for (const [start, end] of bounds) {
      this.#starts.fill(start, start, end)
      this.#ends.fill(end, start, end)
    }
    const ends = new Map([...starts].map(([currency, start]) => [currency, this.#ends[start]!]))
    const ranksOf = (table: RecordTable) =>
      Int32Array.from({ length: table.size }, (_, position) => {
        const currency = table.currency(position)
        if (currency === null) return -1
        return search(distinct, wide.value(table, position), starts.get(currency)!, ends.get(currency)!)
      })
    this.left = ranksOf(left)
    this.right = ranksOf(right)
  }

  /** How many distinct amounts there are. */
  get size(): number {
    return this.#values.length
  }

  /**
   * Per rank of an amount of side `of` the range of ranks in which amounts of the other side pass the gate. Passing is monotone away from
   * the amount, because a tolerance grows slower than the distance (bps < 10,000).
   */
  bands(gate: AmountGate, of: 'left' | 'right'): Bands {
    const from = new Int32Array(this.size)
    const to = new Int32Array(this.size)
    const less = this.#tester(gate.less)
    const more = this.#tester(gate.more)
    for (let rank = 0; rank < this.size; rank++) {
      const [start, last] = [this.#starts[rank]!, this.#ends[rank]! - 1]
      from[rank] = firstPassing(start, rank, (other) => (of === 'left' ? less(rank, other) : more(other, rank)))
      to[rank] = lastPassing(rank, last, (other) => (of === 'left' ? more(rank, other) : less(other, rank)))
    }
    return { from, to }
  }

  /** |one − other| / max(|one|, |other|) in bps, rounded down; both of one currency. */
  distanceBps(one: number, other: number): number {
    if (one === other) return 0
    const a = this.#values[one]!
    const b = this.#values[other]!
    if (typeof a === 'number' && typeof b === 'number') {
      const distance = Math.abs(a - b)
      const base = Math.max(Math.abs(a), Math.abs(b))
      if (distance <= SAFE_FACTOR) return Math.floor((distance * BPS) / base)
    }
    const [x, y] = [BigInt(a), BigInt(b)]
    return Number((abs(x - y) * BigInt(BPS)) / max(abs(x), abs(y)))
  }

  /** The two ranks, moved into the currency of the first argument where they lie outside. */
  withinCurrency(rank: number, low: number, high: number): readonly [number, number] {
    return [Math.max(low, this.#starts[rank]!), Math.min(high, this.#ends[rank]! - 1)]
  }

  /** How many units with so many decimals lie between two amounts; near enough for statistics. */
  span(low: number, high: number, decimals: number): number {
    return (Number(this.#values[high]!) - Number(this.#values[low]!)) / 10 ** (this.#scale - decimals)
  }

  /** Compares |one − other| with |third − fourth|, exactly: −1, 0 or 1. */
  compareDistances(one: number, other: number, third: number, fourth: number): number {
    const [a, b, c, d] = [this.#values[one]!, this.#values[other]!, this.#values[third]!, this.#values[fourth]!]
    if (typeof a === 'number' && typeof b === 'number' && typeof c === 'number' && typeof d === 'number') {
      const [x, y] = [Math.abs(a - b), Math.abs(c - d)]
      if (x <= Number.MAX_SAFE_INTEGER && y <= Number.MAX_SAFE_INTEGER) return Math.sign(x - y)
    }
    const [x, y] = [abs(BigInt(a) - BigInt(b)), abs(BigInt(c) - BigInt(d))]
    return x < y ? -1 : x > y ? 1 : 0
  }

  /** Whether left rank and right rank are within the tolerance. */
  #tester({ abs: fixed, bps, of }: Tolerance): (left: number, right: number) => boolean {
    const values = this.#values
    const absolute = floorScaled(fixed, this.#scale)
    if (values instanceof Float64Array) {
      const near = Number(absolute < BigInt(Number.MAX_SAFE_INTEGER) ? absolute : BigInt(Number.MAX_SAFE_INTEGER))
      const exact = (left: number, right: number) => isWithin(BigInt(values[left]!), BigInt(values[right]!), absolute, bps, of)
      return (left, right) => {
        const [l, r] = [values[left]!, values[right]!]
        const distance = Math.abs(l - r)
        const base =
          of === 'left'
            ? Math.abs(l)
            : of === 'right'
              ? Math.abs(r)
              : of === 'max'
                ? Math.max(Math.abs(l), Math.abs(r))
                : Math.min(Math.abs(l), Math.abs(r))
        if (distance > SAFE_FACTOR || base > SAFE_FACTOR) return exact(left, right)
        return distance <= near || distance * BPS <= bps * base
      }
    }
    return (left, right) => isWithin(values[left]!, values[right]!, absolute, bps, of)
  }
}

/** Brings amounts of a table to one scale. */
class Wide {
  readonly #scale: number
  /** By scale of the amount. */
  readonly #factors: readonly bigint[]

  constructor(scale: number) {
    this.#scale = scale
    this.#factors = Array.from({ length: scale + 1 }, (_, own) => 10n ** BigInt(scale - own))
  }

  /** The amount × 10^scale: a number where that is exact, else a bigint. */
  value(table: RecordTable, position: number): number | bigint {
    const own = table.scale(position)
    const mantissa = table.safeMantissa(position)
    const factor = this.#factors[own]!
    if (own === this.#scale && !Number.isNaN(mantissa)) return mantissa
    const product = mantissa * Number(factor)
    if (Math.abs(product) <= Number.MAX_SAFE_INTEGER) {
      // Both factors are whole and the product is within the doubles that are exact.
      assert(Number.isSafeInteger(product), 'a scaled amount is whole')
      return product
    }
    return table.mantissa(position) * factor
  }
}

/** A bigint and a number may stand beside each other: `<` between them is exact. */
function sortedDistinct(values: readonly (number | bigint)[]): (number | bigint)[] {
  const sorted = values.every((value) => typeof value === 'number')
    ? [...Float64Array.from(values).sort()]
    : values.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0))
  return sorted.filter((value, index) => index === 0 || value !== sorted[index - 1])
}

function search(values: readonly (number | bigint)[], wanted: number | bigint, start: number, end: number): number {
  let low = start
  let high = end - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}

/** Smallest index in [low, high] from which on all pass up to `high`, which passes. */
function firstPassing(low: number, high: number, passes: (index: number) => boolean): number {
  let failing = low - 1
  let passing = high
  while (passing - failing > 1) {
    const middle = (failing + passing) >> 1
    if (passes(middle)) passing = middle
    else failing = middle
  }
  return passing
}

/** Largest index in [low, high] up to which all pass from `low` on, which passes. */
function lastPassing(low: number, high: number, passes: (index: number) => boolean): number {
  let passing = low
  let failing = high + 1
  while (failing - passing > 1) {
    const middle = (failing + passing) >> 1
    if (passes(middle)) passing = middle
    else failing = middle
  }
  return passing
}

function isWithin(left: bigint, right: bigint, absolute: bigint, bps: number, of: Tolerance['of']): boolean {
  const distance = abs(left - right)
  const [l, r] = [abs(left), abs(right)]
  const base = of === 'left' ? l : of === 'right' ? r : (of === 'max') === l > r ? l : r
  return distance <= absolute || distance * BigInt(BPS) <= BigInt(bps) * base
}

/** What lies between amounts of this scale is whole, so a finer tolerance is rounded down without loss. */
function floorScaled(amount: string, scale: number): bigint {
  const [integer = '', fraction = ''] = amount.split('.')
  return scaledInteger(`${integer}.${fraction.slice(0, scale)}`, scale)!
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}
