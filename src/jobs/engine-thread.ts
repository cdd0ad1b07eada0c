import { parentPort } from 'node:worker_threads'
import { yieldToOthers } from '../priority.js'
import { Engine } from '../reconciliation/engine.js'
import { RecordTable } from '../reconciliation/record-table.js'
import type { EngineRecord } from '../reconciliation/records.js'
import type { RuleSetDefinition } from '../reconciliation/rules.js'
import type { Stage, StageInput } from '../reconciliation/stage.js'

/** What {@link EngineThread} asks of its thread; each is answered in turn. */
export type EngineCall =
  | { readonly kind: 'open'; readonly job: string }
  | { readonly kind: 'append'; readonly job: string; readonly side: 'left' | 'right'; readonly records: readonly EngineRecord[] }
  /** All records are there. */
  | { readonly kind: 'seal'; readonly job: string; readonly rules: RuleSetDefinition }
  | { readonly kind: 'begin'; readonly job: string; readonly stage: Stage; readonly input: StageInput }
  | { readonly kind: 'run'; readonly job: string; readonly chunk: number }
  | { readonly kind: 'close'; readonly job: string }

interface Tables {
  readonly left: RecordTable
  readonly right: RecordTable
  engine: Engine | null
}

const jobs = new Map<string, Tables>()

parentPort?.on('message', ({ id, call }: { readonly id: number; readonly call: EngineCall }) => {
  try {
    parentPort?.postMessage({ id, result: answer(call) })
  } catch (error) {
    parentPort?.postMessage({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})

yieldToOthers()

function answer(call: EngineCall): unknown {
  if (call.kind === 'open') {
    jobs.set(call.job, { left: new RecordTable(), right: new RecordTable(), engine: null })
    return null
  }
  const tables = jobs.get(call.job)
  if (!tables) throw new Error(`no such job in this thread: ${call.job}`)
  switch (call.kind) {
    case 'append':
      tables[call.side].append(call.records)
      return null
    case 'seal':
      tables.engine = new Engine({ rules: call.rules, left: tables.left, right: tables.right })
      return null
    case 'begin':
      tables.engine!.beginStage(call.stage, call.input)
      return null
    case 'run':
      return tables.engine!.runChunk(call.chunk)
    case 'close':
      jobs.delete(call.job)
      return null
  }
}
