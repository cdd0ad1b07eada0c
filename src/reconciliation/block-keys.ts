import type { AmountRanks } from './amount-ranks.js'
import { foldCode, foldText } from './fold.js'
import type { RecordTable } from './record-table.js'
import type { Key } from './rules.js'

/** Records of both sides by equal keys: those with the same block number are candidates of each other. */
export interface Blocks {
  /** Per position; −1: a key is missing, or nobody on the other side has it. */
  readonly left: Int32Array
  readonly right: Int32Array
  readonly count: number
}

/** Numbers the blocks. Null keys make no block. */
export function blockByKeys(keys: readonly Key[], left: RecordTable, right: RecordTable, ranks: AmountRanks): Blocks {
  const blocks = { left: new Int32Array(left.size), right: new Int32Array(right.size), count: 1 }
  for (const key of keys) {
    const numbers = new Map<string | number, number>()
    const leftValues = valuesOf(key, left, ranks.left)
    const rightValues = valuesOf(key, right, ranks.right)
    // The key so far and this one, as a number of its own; what only one side has falls away at each step.
    let next = 0
    const step = (value: string | number) => {
      const known = numbers.get(value)
      if (known !== undefined) return known
      numbers.set(value, next)
      return next++
    }
    const first = blocks.count
    const joined = new Map<number, number>()
    let count = 0
    for (let position = 0; position < left.size; position++) {
      const value = blocks.left[position]! < 0 ? null : leftValues(position)
      if (value === null) {
        blocks.left[position] = -1
        continue
      }
      // Both below 2^26 for what fits in memory, so the product is exact.
      const pair = step(value) * first + blocks.left[position]!
      const known = joined.get(pair)
      blocks.left[position] = known ?? count
      if (known === undefined) joined.set(pair, count++)
    }
    for (let position = 0; position < right.size; position++) {
      const value = blocks.right[position]! < 0 ? null : rightValues(position)
      const known = value === null ? undefined : numbers.get(value)
      blocks.right[position] = known === undefined ? -1 : (joined.get(known * first + blocks.right[position]!) ?? -1)
    }
    blocks.count = count
  }
  return blocks
}

function valuesOf(key: Key, table: RecordTable, ranks: Int32Array): (position: number) => string | number | null {
  switch (key.field) {
    case 'amount':
      return (position) => (ranks[position]! < 0 ? null : ranks[position]!)
    case 'date':
      return (position) => table.day(position)
    default: {
      const fold = key.normalise === 'code' ? foldCode : key.normalise === 'text' ? foldText : (text: string) => text
      return (position) => {
        const text = table.text(key.field, position)
        // What has nothing but punctuation identifies nothing.
        return text === null ? null : fold(text) || null
      }
    }
  }
}
