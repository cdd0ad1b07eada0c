import { assert, unreachable } from '../errors.js'
import { BreaksStage } from './breaks-stage.js'
import { DecideStage } from './decide-stage.js'
import { MatchStage } from './match-stage.js'
import type { RecordTable } from './record-table.js'
import type { RuleSetDefinition } from './rules.js'
import { ScoreStage } from './score-stage.js'
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
    const common = { sides: this.#sides, residual, chunks }
    if (kind === 'breaks') {
      this.#stage = new BreaksStage({ ...common, rules: this.#rules })
      return
    }
    assert(pass !== undefined, `a ${kind} stage belongs to a pass`)
    switch (kind) {
      case 'match':
        this.#stage = new MatchStage({ ...common, pass })
        break
      case 'score':
        this.#stage = new ScoreStage({ ...common, pass })
        break
      case 'decide':
        this.#stage = new DecideStage({ ...common, pass, outputs: input.outputs })
        break
      default:
        unreachable(kind)
    }
  }

  /** Works one chunk of the stage begun last. Chunks are independent of each other. */
  runChunk(chunk: number): ChunkResult {
    assert(this.#stage !== null, 'a stage is begun before its chunks run')
    return this.#stage.runChunk(chunk)
  }
}
