import { type Assignment, assign, type Edges } from './assignment.js'
import { Certainties } from './certainty.js'
import { MICROBITS } from './model.js'
import { PairExplainer } from './pair-explainer.js'
import type { Pass } from './rules.js'
import { oddsBits } from './score-stage.js'
import { readPairs, type ScoredPairs } from './scored-pairs.js'
import type { Residual, Sides } from './sides.js'
import type { ChunkResult, MatchDraft } from './stage.js'

/** Suggestions for a record that several could be meant with. */
const MAX_ALTERNATIVES = 5

interface Decision {
  readonly edge: number
  readonly isAutomatic: boolean
  readonly confidence: number
  readonly margin: number | null
  readonly alternatives: number
}

/** Decides once, over all that was scored, who belongs to whom, and commits the decisions of a slice of the left side with each chunk. */
export class DecideStage {
  readonly #pass: Pass
  readonly #chunks: number
  readonly #leftSize: number
  readonly #pairs: PairList
  readonly #explainer: PairExplainer
  /** By left record. */
  readonly #decisions: ReadonlyMap<number, readonly Decision[]>
  readonly #approximate: number
  readonly #cut: number

  constructor(options: {
    readonly pass: Pass
    readonly sides: Sides
    readonly residual: Residual
    readonly chunks: number
    readonly outputs: readonly Uint8Array[]
  }) {
    const { pass, sides, residual, chunks, outputs } = options
    this.#pass = pass
    this.#chunks = chunks
    this.#leftSize = sides.left.size
    this.#explainer = new PairExplainer(pass, sides)
    this.#pairs = new PairList(outputs.map(readPairs), sides, residual)
    const choices = this.#pairs.choices(oddsBits(pass.minSuggestion))
    const assignment = assign(choices, sides.left.size, sides.right.size)
    this.#approximate = assignment.approximate
    const { decisions, cut } = this.#decide(assignment, choices.left.length)
    this.#decisions = decisions
    this.#cut = cut
  }

  runChunk(chunk: number): ChunkResult {
    const matches: MatchDraft[] = []
    const end = Math.floor((this.#leftSize * (chunk + 1)) / this.#chunks)
    for (let left = Math.floor((this.#leftSize * chunk) / this.#chunks); left < end; left++) {
      for (const { edge, isAutomatic, ...found } of this.#decisions.get(left) ?? []) {
        const pair = this.#pairs.at(edge)
        matches.push({
          left,
          right: pair.right,
          rule: this.#pass.name,
          automatic: isAutomatic,
          confidence: formatConfidence(found.confidence),
          ...this.#explainer.explain({ ...pair, margin: found.margin, alternatives: found.alternatives }),
        })
      }
    }
    const notices = [
      { code: 'approximate', pass: this.#pass.name, count: this.#approximate },
      { code: 'alternatives-cut', pass: this.#pass.name, count: this.#cut },
    ]
    return { matches, breaks: [], output: null, notices: chunk === 0 ? notices.filter(({ count }) => count > 0) : [] }
  }

  /** What the assignment is sure of is decided; else it is suggested together with everything that comes near. */
  #decide(assignment: Assignment, choices: number): { readonly decisions: Map<number, Decision[]>; readonly cut: number } {
    const certainties = new Certainties(this.#pairs.edges, this.#pairs.edges.gains, assignment)
    const minConfidence = Number(this.#pass.minConfidence)
    const minMargin = Math.round(Number(this.#pass.margin) * MICROBITS)
    const certain = new Map<number, Decision>()
    const suggested = new Map<number, Decision>()
    const rivals: { readonly edge: number; readonly confidence: number; readonly of: number }[] = []
    for (const edge of assignment.ofLeft) {
      if (edge < 0) continue
      const { confidence, margin, alternatives } = certainties.of(edge)
      const near = alternatives.filter(({ loss }) => loss < minMargin)
      const isAutomatic = this.#pass.policy === 'auto' && confidence >= minConfidence && near.length === 0
      const decision = { edge, isAutomatic, confidence, margin, alternatives: alternatives.length }
      if (isAutomatic) {
        certain.set(edge, decision)
        continue
      }
      suggested.set(edge, decision)
      for (const rival of near)
        rivals.push({ edge: rival.edge, confidence: confidence * 2 ** (-Math.max(0, rival.loss) / MICROBITS), of: edge })
    }
    for (const { edge, confidence, of } of rivals) {
      // Only what would be suggested alone; and never with somebody who is matched.
      const pair = this.#pairs.at(edge)
      const owners = [assignment.ofLeft[pair.left]!, assignment.ofRight[pair.right]!]
      if (edge >= choices || owners.some((owner) => certain.has(owner))) continue
      const known = suggested.get(edge)
      if (known !== undefined && known.confidence >= confidence) continue
      if (known?.margin !== undefined && owners.includes(edge)) continue
      suggested.set(edge, { edge, isAutomatic: false, confidence, margin: null, alternatives: suggested.get(of)!.alternatives })
    }
    return this.#byLeft(certain, suggested, assignment)
  }

  #byLeft(certain: ReadonlyMap<number, Decision>, suggested: ReadonlyMap<number, Decision>, assignment: Assignment) {
    const decisions = new Map<number, Decision[]>()
    for (const decision of certain.values()) decisions.set(this.#pairs.at(decision.edge).left, [decision])
    for (const edge of [...suggested.keys()].sort((one, other) => one - other)) {
      const { left } = this.#pairs.at(edge)
      const list = decisions.get(left)
      if (list) list.push(suggested.get(edge)!)
      else decisions.set(left, [suggested.get(edge)!])
    }
    let cut = 0
    for (const [left, list] of decisions) {
      const own = assignment.ofLeft[left]!
      list.sort(
        (one, other) => Number(other.edge === own) - Number(one.edge === own) || other.confidence - one.confidence || one.edge - other.edge,
      )
      cut += Math.max(0, list.length - MAX_ALTERNATIVES)
      list.length = Math.min(list.length, MAX_ALTERNATIVES)
    }
    return { decisions, cut }
  }
}

/** Never rounded up: 0.999999 is not yet 1. */
function formatConfidence(confidence: number): string {
  return (Math.floor(confidence * 100_000) / 100_000).toFixed(5)
}

/** What all chunks scored, in the order of preference: what weighs most first; of equals the nearer amounts, the nearer dates, the external ids. */
class PairList {
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
