import { CandidateFinder } from './candidates.js'
import { Comparison } from './comparison.js'
import { estimateFrom } from './estimate.js'
import { MICROBITS, type Model, weightOf } from './model.js'
import { Profiles } from './profiles.js'
import type { Pass } from './rules.js'
import { PairWriter } from './scored-pairs.js'
import type { Residual, Sides } from './sides.js'
import type { ChunkResult } from './stage.js'

/** Pairs this far below what would be suggested still count as alternatives; further down they change no probability that is shown. */
const KEPT_BELOW_BITS = 4

/** Finds candidate pairs for slices of the left side and weighs them. */
export class ScoreStage {
  readonly #pass: Pass
  readonly #residual: Residual
  readonly #leftSize: number
  readonly #chunks: number
  readonly #profiles: { readonly left: Profiles; readonly right: Profiles }
  readonly #finder: CandidateFinder
  readonly #comparison: Comparison
  readonly #model: Model
  readonly #minWeight: number

  constructor(options: { readonly pass: Pass; readonly sides: Sides; readonly residual: Residual; readonly chunks: number }) {
    const { pass, sides, residual, chunks } = options
    this.#pass = pass
    this.#residual = residual
    this.#leftSize = sides.left.size
    this.#chunks = chunks
    this.#profiles = { left: new Profiles(sides, residual, 'left'), right: new Profiles(sides, residual, 'right') }
    const common = { pass, sides, profiles: this.#profiles }
    this.#comparison = new Comparison(common)
    this.#finder = new CandidateFinder({ ...common, from: 'left' })
    const finderFrom = (from: 'left' | 'right') => (from === 'left' ? this.#finder : new CandidateFinder({ ...common, from }))
    this.#model = estimateFrom(common, this.#comparison, finderFrom)
    this.#minWeight = oddsBits(pass.minSuggestion) - KEPT_BELOW_BITS * MICROBITS
  }

  runChunk(chunk: number): ChunkResult {
    const pairs = new PairWriter(this.#model)
    const oversizeBefore = this.#finder.oversize
    const { left, right } = this.#profiles
    const end = Math.floor((this.#leftSize * (chunk + 1)) / this.#chunks)
    for (let position = Math.floor((this.#leftSize * chunk) / this.#chunks); position < end; position++) {
      // The first of a profile finds for all that are like it.
      if (left.first[position] !== position) continue
      const count = this.#finder.find(position)
      for (let index = 0; index < count; index++) {
        const other = this.#finder.found[index]!
        if (this.#residual.isBarred(position, other)) continue
        const pattern = this.#comparison.pattern(position, other)
        const weight = weightOf(this.#model, pattern)
        if (weight < this.#minWeight) continue
        for (const [one, two] of pairUp(left.members(position), right.members(other))) pairs.add(one, two, weight, pattern)
      }
    }
    const oversize = this.#finder.oversize - oversizeBefore
    return {
      matches: [],
      breaks: [],
      output: pairs.bytes(),
      notices: oversize === 0 ? [] : [{ code: 'oversize', pass: this.#pass.name, count: oversize }],
    }
  }
}

/** log2(p / (1 − p)) of a probability as decimal text, in microbits. */
export function oddsBits(probability: string): number {
  const p = Math.min(0.99999, Math.max(0.00001, Number(probability)))
  return Math.round(MICROBITS * Math.log2(p / (1 - p)))
}

/** Pairs records that are like each other in order; when one side has more, they take turns. */
function pairUp(lefts: readonly number[], rights: readonly number[]): [number, number][] {
  const count = Math.max(lefts.length, rights.length)
  return Array.from({ length: count }, (_, index) => [lefts[index % lefts.length]!, rights[index % rights.length]!])
}
