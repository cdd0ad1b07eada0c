import { type Assignment, assign } from './assignment.js'
import { Certainties } from './certainty.js'
import { MICROBITS } from './model.js'
import { PairExplainer } from './pair-explainer.js'
import { PairList } from './pair-list.js'
import type { Pass } from './rules.js'
import { oddsBits } from './score-stage.js'
import { readPairs } from './scored-pairs.js'
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
      const pair = this.#pairs.at(edge)
      const owners = [assignment.ofLeft[pair.left]!, assignment.ofRight[pair.right]!]
      // Only what could be chosen at all, was not, and is with nobody who is matched.
      if (edge >= choices || owners.includes(edge) || owners.some((owner) => certain.has(owner))) continue
      if ((suggested.get(edge)?.confidence ?? 0) >= confidence) continue
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
