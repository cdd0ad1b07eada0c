import type { Edges } from './assignment.js'
import type { ScoredPairs } from './scored-pairs.js'
import type { Residual, Sides } from './sides.js'

/** What all chunks scored, in the order of preference: what weighs most first; of equals the nearer amounts, the nearer dates, the external ids. */
export class PairList {
  readonly #parts: readonly ScoredPairs[]
  /** Index of the part and of the pair in it. */
  readonly #part: Int32Array
  readonly #index: Int32Array
  /** All pairs; gains are weights, microbits. */
  readonly edges: Edges

  constructor(parts: readonly ScoredPairs[], sides: Sides, residual: Residual) {
    this.#parts = parts
    const places: {
      readonly part: number
      readonly index: number
      readonly left: number
      readonly right: number
      readonly weight: number
    }[] = []
    for (const [part, { left, right, weights }] of parts.entries()) {
      for (let index = 0; index < left.length; index++) {
        const pair = { left: left[index]!, right: right[index]! }
        // Somebody may have decided about it since it was scored.
        if (!residual.has('left', pair.left) || !residual.has('right', pair.right) || residual.isBarred(pair.left, pair.right)) continue
        places.push({ part, index, ...pair, weight: weights[index]! })
      }
    }
    const { ranks } = sides
    const apart = (left: number, right: number) => Math.abs((sides.left.day(left) ?? 0) - (sides.right.day(right) ?? 0))
    const id = (side: 'left' | 'right', position: number) => sides[side].text('externalId', position) ?? ''
    const byText = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
    places.sort(
      (one, other) =>
        other.weight - one.weight ||
        ranks.compareDistances(ranks.left[one.left]!, ranks.right[one.right]!, ranks.left[other.left]!, ranks.right[other.right]!) ||
        apart(one.left, one.right) - apart(other.left, other.right) ||
        byText(id('left', one.left), id('left', other.left)) ||
        byText(id('right', one.right), id('right', other.right)) ||
        one.left - other.left ||
        one.right - other.right,
    )
    this.#part = Int32Array.from(places, ({ part }) => part)
    this.#index = Int32Array.from(places, ({ index }) => index)
    this.edges = {
      left: Int32Array.from(places, ({ left }) => left),
      right: Int32Array.from(places, ({ right }) => right),
      gains: Int32Array.from(places, ({ weight }) => weight),
    }
  }

  /** The pairs that may be chosen, with what each gains over not being chosen. */
  choices(minWeight: number): Edges {
    let count = 0
    while (count < this.edges.gains.length && this.edges.gains[count]! > minWeight) count++
    const { left, right, gains } = this.edges
    return {
      left: left.subarray(0, count),
      right: right.subarray(0, count),
      gains: gains.subarray(0, count).map((gain) => gain - minWeight),
    }
  }

  at(edge: number) {
    const part = this.#parts[this.#part[edge]!]!
    return { left: this.edges.left[edge]!, right: this.edges.right[edge]!, pattern: part.patterns[this.#index[edge]!]!, model: part.model }
  }
}
