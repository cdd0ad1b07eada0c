import { assert } from '../errors.js'
import { BreaksStage } from './breaks-stage.js'
import { MatchStage } from './match-stage.js'
import type { RecordTable } from './record-table.js'
import type { RuleSetDefinition } from './rules.js'
import { joinSides, Residual, type Sides } from './sides.js'
import type { ChunkResult, Stage, StageInput } from './stage.js'

/**
 * Matches two sides by rules, stage after stage as planned (plan.ts). Pure: who holds the same records and begins a stage with the same
 * input gets the same results, in whatever order the chunks are run.
 */
export class Engine {
  readonly #rules: RuleSetDefinition
  readonly #sides: Sides
  #stage: { runChunk(chunk: number): ChunkResult } | null = null

  /** The tables are complete: nothing is appended any more. */
  constructor(options: { readonly rules: RuleSetDefinition; readonly left: RecordTable; readonly right: RecordTable }) {
    this.#rules = options.rules
    this.#sides = joinSides(options.left, options.right)
  }

  beginStage(stage: Stage, input: StageInput): void {
    const { kind, chunks } = stage
    const residual = new Residual(this.#sides, input)
    const pass = stage.pass === null ? undefined : this.#rules.passes[stage.pass]
    if (kind === 'breaks') {
      this.#stage = new BreaksStage({ sides: this.#sides, residual, chunks })
      return
    }
    assert(pass !== undefined, `a ${kind} stage belongs to a pass`)
    this.#stage = new MatchStage({ pass, sides: this.#sides, residual, chunks })
  }

  /** Works one chunk of the stage begun last. Chunks are independent of each other. */
  runChunk(chunk: number): ChunkResult {
    assert(this.#stage !== null, 'a stage is begun before its chunks run')
    return this.#stage.runChunk(chunk)
  }
}
