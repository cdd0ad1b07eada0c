import { foldCode } from './fold.js'
import type { RecordTable } from './record-table.js'
import type { Sides } from './sides.js'

/** Records looked at for one reason. */
const MAX_LOOKED_AT = 16
/** A word that more records have leads nowhere. */
const MAX_WORD_RECORDS = 64
const CODES = ['reference', 'externalId'] as const

/** Finds records of one side that come near a record of the other in any one respect, gates or not. */
export class NearRecords {
  readonly #sides: Sides
  readonly #from: 'left' | 'right'
  readonly #days: Float64Array
  readonly #byCode = new Map<string, number[]>()
  readonly #byWord = new Map<number, number[]>()
  /** By amount without currency; where there is but one currency, nobody. */
  readonly #byFigure = new Map<string, number[]>()
  /** By (amount, day), with the amounts in that order. */
  readonly #order: Int32Array
  readonly #ranks: Int32Array

  /** `from`: the side whose records ask. */
  constructor(sides: Sides, from: 'left' | 'right') {
    this.#sides = sides
    this.#from = from
    const to = from === 'left' ? 'right' : 'left'
    const table = sides[to]
    const ranks = sides.ranks[to]
    this.#days = Float64Array.from({ length: table.size }, (_, position) => table.day(position) ?? Number.NEGATIVE_INFINITY)
    this.#order = ranks.map((_, position) => position).filter((position) => ranks[position]! >= 0)
    this.#order.sort((one, other) => ranks[one]! - ranks[other]! || compareDays(this.#days[one]!, this.#days[other]!) || one - other)
    this.#ranks = this.#order.map((position) => ranks[position]!)
    const isMixed = new Set([...currencies(sides.left), ...currencies(sides.right)]).size > 1
    for (let position = 0; position < table.size; position++) {
      for (const field of CODES) add(this.#byCode, codeOf(table, field, position), position)
      if (isMixed) add(this.#byFigure, table.amount(position), position)
      for (const lists of Object.values(sides.tokens[to]))
        for (let at = lists.starts[position]!; at < lists.starts[position + 1]!; at++) add(this.#byWord, lists.tokens[at]!, position)
    }
  }

  /** Each once; in no order that means anything. */
  of(position: number): Set<number> {
    const { tokens, ranks } = this.#sides
    const own = this.#sides[this.#from]
    const found = new Set<number>()
    for (const field of CODES) collect(found, this.#byCode.get(codeOf(own, field, position) ?? ''), MAX_LOOKED_AT)
    collect(found, this.#byFigure.get(own.amount(position) ?? ''), MAX_LOOKED_AT)
    for (const lists of Object.values(tokens[this.#from]))
      for (let at = lists.starts[position]!; at < lists.starts[position + 1]!; at++)
        collect(found, this.#byWord.get(lists.tokens[at]!), MAX_WORD_RECORDS)
    const rank = ranks[this.#from][position]!
    if (rank >= 0) this.#collectEqual(rank, own.day(position), found)
    return found
  }

  /** Of those with the same amount the nearest by date, as many before as after. */
  #collectEqual(rank: number, day: number | null, found: Set<number>): void {
    const from = firstAtLeast(this.#ranks.length, (index) => this.#ranks[index]! >= rank)
    const to = firstAtLeast(this.#ranks.length, (index) => this.#ranks[index]! > rank)
    const middle = day === null ? from : from + firstAtLeast(to - from, (index) => this.#days[this.#order[from + index]!]! >= day)
    // Whoever has the day of the last one that is looked at comes along: which of them comes first is chance.
    const edge = (index: number, step: 1 | -1) => {
      let last = index
      while (
        last + step >= from &&
        last + step < to &&
        this.#days[this.#order[last + step]!] === this.#days[this.#order[last]!] &&
        Math.abs(last - index) < MAX_WORD_RECORDS
      )
        last += step
      return last
    }
    if (from === to) return
    const low = edge(Math.max(from, middle - MAX_LOOKED_AT / 2), -1)
    const high = edge(Math.min(to - 1, middle + MAX_LOOKED_AT / 2), 1)
    for (let index = low; index <= high; index++) found.add(this.#order[index]!)
  }
}

export function codeOf(table: RecordTable, field: (typeof CODES)[number], position: number): string | null {
  const text = table.text(field, position)
  return text === null ? null : foldCode(text) || null
}

function currencies(table: RecordTable): Set<string | null> {
  const found = new Set<string | null>()
  for (let position = 0; position < table.size; position++) found.add(table.currency(position))
  found.delete(null)
  return found
}

function add<K>(map: Map<K, number[]>, key: K | null, position: number): void {
  if (key === null) return
  const list = map.get(key)
  if (list === undefined) map.set(key, [position])
  // One more than is looked at tells that there are too many.
  else if (list.length <= MAX_WORD_RECORDS && list.at(-1) !== position) list.push(position)
}

function collect(found: Set<number>, list: readonly number[] | undefined, limit: number): void {
  // Of too many none: which of them would be looked at is chance.
  if (list !== undefined && list.length <= limit) for (const position of list) found.add(position)
}

function compareDays(one: number, other: number): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** The first index from 0 on at which the condition holds; it holds from there on. */
function firstAtLeast(length: number, holds: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
