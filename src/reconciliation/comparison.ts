import { expectedCoincidences } from './coincidences.js'
import { amountLevel, type Compared, dateLevel, equalAmountLevel, MISSING, type Pattern, textLevel } from './levels.js'
import type { Profiles } from './profiles.js'
import type { Pass } from './rules.js'
import type { Sides } from './sides.js'
import { TextEvidence } from './text-evidence.js'

/** Grades pairs of records. */
export class Comparison {
  readonly #sides: Sides
  readonly #evidence: TextEvidence
  /** By rank: level of two equal amounts, and the coincidences that it stands for. */
  readonly equalLevels: Uint8Array
  readonly coincidences: Float64Array
  readonly #has: Readonly<Record<Compared, boolean>>

  constructor(options: {
    readonly pass: Pass
    readonly sides: Sides
    readonly profiles: { readonly left: Profiles; readonly right: Profiles }
  }) {
    const { pass, sides, profiles } = options
    this.#sides = sides
    this.#evidence = new TextEvidence(sides.tokens)
    const compares = (field: Compared) => pass.score?.some((comparison) => comparison.field === field) ?? false
    this.#has = { amount: compares('amount'), date: compares('date'), words: compares('words'), numbers: compares('numbers') }
    this.coincidences = expectedCoincidences(sides, profiles)
    this.equalLevels = Uint8Array.from(this.coincidences, equalAmountLevel)
  }

  pattern(left: number, right: number): Pattern {
    const { words, numbers } = this.#evidence
    if (this.#has.words || this.#has.numbers) this.#evidence.compare(left, right)
    const texts = (this.#has.words ? textLevel(words) << 16 : 0) | (this.#has.numbers ? textLevel(numbers) << 24 : 0)
    return this.#amountLevel(left, right) | (this.#dateLevel(left, right) << 8) | texts
  }

  #amountLevel(left: number, right: number): number {
    if (!this.#has.amount) return 0
    const { ranks } = this.#sides
    const one = ranks.left[left]!
    const other = ranks.right[right]!
    if (one === other) return this.equalLevels[one]!
    return amountLevel(ranks.distanceBps(one, other), other > one)
  }

  #dateLevel(left: number, right: number): number {
    if (!this.#has.date) return 0
    const one = this.#sides.left.day(left)
    const other = this.#sides.right.day(right)
    if (one === null || other === null) return MISSING.date
    return dateLevel(other - one)
  }
}
