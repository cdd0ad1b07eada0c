import { foldText } from './fold.js'
import type { Residual, Sides } from './sides.js'

/**
 * Records of a side that are alike in everything a scored pass compares. They stand for each other: the first one is compared, and they are
 * paired in the order of (external id, row).
 */
export class Profiles {
  /** Per position the first record of its profile; −1: not in the stage. */
  readonly first: Int32Array
  /** Per position its place among its like, from 0. */
  readonly place: Int32Array
  /** By first record. */
  readonly #members: ReadonlyMap<number, readonly number[]>

  constructor(sides: Sides, residual: Residual, side: 'left' | 'right') {
    const table = sides[side]
    const ranks = sides.ranks[side]
    const groups = new Map<string, number[]>()
    for (let position = 0; position < table.size; position++) {
      if (!residual.has(side, position)) continue
      const texts = (['reference', 'counterparty', 'memo'] as const).map((field) => foldText(table.text(field, position) ?? ''))
      // Whom somebody refused a partner is like nobody else.
      const own = residual.hasBarred(side, position) ? position : ''
      const key = [ranks[position], table.day(position), own, ...texts].join('\n')
      const group = groups.get(key)
      if (group) group.push(position)
      else groups.set(key, [position])
    }
    this.first = new Int32Array(table.size).fill(-1)
    this.place = new Int32Array(table.size)
    const members = new Map<number, readonly number[]>()
    for (const group of groups.values()) {
      const id = (position: number) => table.text('externalId', position) ?? ''
      if (group.length > 1) group.sort((one, other) => (id(one) < id(other) ? -1 : id(one) > id(other) ? 1 : one - other))
      for (const [place, position] of group.entries()) {
        this.first[position] = group[0]!
        this.place[position] = place
      }
      if (group.length > 1) members.set(group[0]!, group)
    }
    this.#members = members
  }

  /** All that are like this first record, in order. */
  members(first: number): readonly number[] {
    return this.#members.get(first) ?? [first]
  }

  /** How many are like this record. */
  size(position: number): number {
    return this.#members.get(this.first[position]!)?.length ?? 1
  }
}
