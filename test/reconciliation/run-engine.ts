import { Engine } from '../../src/reconciliation/engine.js'
import { planStages } from '../../src/reconciliation/plan.js'
import { RecordTable } from '../../src/reconciliation/record-table.js'
import type { EngineRecord } from '../../src/reconciliation/records.js'
import { resultHash } from '../../src/reconciliation/result-hash.js'
import { DEFAULT_RULES, type RuleSetDefinition } from '../../src/reconciliation/rules.js'
import type { BreakDraft, MatchDraft } from '../../src/reconciliation/stage.js'

export interface RunOptions {
  readonly rules?: RuleSetDefinition
  readonly chunkRows?: number
  readonly barred?: readonly (readonly [number, number])[]
  /** Pairs that people matched before. */
  readonly taken?: readonly (readonly [number, number])[]
}

export interface RunResult {
  readonly matches: readonly MatchDraft[]
  readonly confirmed: readonly MatchDraft[]
  readonly breaks: readonly BreakDraft[]
  readonly notices: readonly string[]
  /** As a job has it: over external ids. */
  readonly hash: string
}

/** A record with what the test cares about. */
export function record(values: Partial<EngineRecord>): EngineRecord {
  return {
    ...{ externalId: null, reference: null, counterparty: null, memo: null, amount: '10', currency: 'EUR', day: 19_000 },
    ...values,
  }
}

/** Runs all stages as a job does: chunks last to first, each stage in an engine of its own, as if many workers shared them. */
export function runEngine(left: readonly EngineRecord[], right: readonly EngineRecord[], options: RunOptions = {}): RunResult {
  const { rules = DEFAULT_RULES, chunkRows = 2_000, barred = [], taken = [] } = options
  const tables = { left: new RecordTable(), right: new RecordTable() }
  tables.left.append(left)
  tables.right.append(right)
  const matches: MatchDraft[] = []
  const breaks: BreakDraft[] = []
  const notices: string[] = []
  let outputs: Uint8Array[] = []
  for (const stage of planStages(rules, left.length, right.length, chunkRows)) {
    const engine = new Engine({ rules, ...tables })
    engine.beginStage(stage, {
      takenLeft: Uint32Array.from([...taken.map(([one]) => one), ...matches.map((match) => match.left)]),
      takenRight: Uint32Array.from([...taken.map(([, other]) => other), ...matches.map((match) => match.right)]),
      barred,
      outputs: stage.kind === 'decide' ? outputs : [],
    })
    const results = Array.from({ length: stage.chunks }, (_, index) => engine.runChunk(stage.chunks - 1 - index)).reverse()
    outputs = results.flatMap(({ output }) => output ?? [])
    matches.push(...results.flatMap((result) => result.matches))
    breaks.push(...results.flatMap((result) => result.breaks))
    notices.push(...results.flatMap((result) => result.notices.map(({ code, count }) => `${code} ${count}`)))
  }
  return { matches, confirmed: matches.filter(({ automatic }) => automatic), breaks, notices, hash: hashOf(matches, left, right) }
}

function hashOf(matches: readonly MatchDraft[], left: readonly EngineRecord[], right: readonly EngineRecord[]): string {
  return resultHash(
    matches.map((match) => ({
      left: left[match.left]!.externalId ?? '',
      right: right[match.right]!.externalId ?? '',
      rule: match.rule,
      confidence: `${match.confidence} ${match.automatic}`,
    })),
  )
}
