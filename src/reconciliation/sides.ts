import { assert } from '../errors.js'
import { AmountRanks } from './amount-ranks.js'
import type { RecordTable } from './record-table.js'
import type { StageInput } from './stage.js'
import { Tokens } from './tokens.js'

/** The two tables of a job, complete, with what is derived from both once. */
export interface Sides {
  readonly left: RecordTable
  readonly right: RecordTable
  readonly ranks: AmountRanks
  /** Words are listed when a stage first asks for them. */
  readonly tokens: Tokens
}

export function joinSides(left: RecordTable, right: RecordTable): Sides {
  let tokens: Tokens | undefined
  return {
    left,
    right,
    ranks: new AmountRanks(left, right),
    get tokens() {
      tokens ??= new Tokens(left, right)
      return tokens
    },
  }
}

/** Who has a part in a stage: records that nobody matched before, pairs that nobody refused. */
export class Residual {
  readonly #taken: { readonly left: Uint8Array; readonly right: Uint8Array }
  readonly #barred = new Set<number>()
  readonly #barredRecords = { left: new Set<number>(), right: new Set<number>() }
  readonly #rightSize: number

  constructor(sides: Sides, input: StageInput) {
    this.#rightSize = sides.right.size
    this.#taken = { left: new Uint8Array(sides.left.size), right: new Uint8Array(sides.right.size) }
    for (const position of input.takenLeft) this.#taken.left[position] = 1
    for (const position of input.takenRight) this.#taken.right[position] = 1
    for (const [left, right] of input.barred) {
      assert(left < sides.left.size && right < sides.right.size, 'a barred pair is a pair of records')
      this.#barred.add(left * this.#rightSize + right)
      this.#barredRecords.left.add(left)
      this.#barredRecords.right.add(right)
    }
  }

  has(side: 'left' | 'right', position: number): boolean {
    return this.#taken[side][position] === 0
  }

  isBarred(left: number, right: number): boolean {
    return this.#barred.size > 0 && this.#barred.has(left * this.#rightSize + right)
  }

  /** Whether a person refused any pair with the record. */
  hasBarred(side: 'left' | 'right', position: number): boolean {
    return this.#barredRecords[side].has(position)
  }
}
