import type { Db } from '../db/client.js'
import { type ChunkLease, readOutputs } from '../db/job-chunks.js'
import { type RecordPair, readBarredPairs, readJobRecords, readTakenPairs } from '../db/job-records.js'
import { readResultKeys } from '../db/job-results.js'
import { type JobPlan, readJobPlan } from '../db/jobs.js'
import { assert } from '../errors.js'
import type { JobId } from '../ids.js'
import { resultHash } from '../reconciliation/result-hash.js'
import type { RuleSetDefinition } from '../reconciliation/rules.js'
import type { ChunkResult, Stage } from '../reconciliation/stage.js'
import type { MatchEngine } from './match-engine.js'
import { type ChunkOutcome, runClear } from './queue.js'
import { RecordIndex } from './record-index.js'

/** Rows read and handed to the engine at once: a few milliseconds of the thread that answers people. */
const LOAD_ROWS = 1_000
/** Jobs whose tables stay in memory: as many as run at once by default. */
const MAX_LOADED_JOBS = 5

interface LoadedJob {
  readonly rules: RuleSetDefinition
  readonly plan: JobPlan
  readonly left: RecordIndex
  readonly right: RecordIndex
  /** The stage that the engine has begun. */
  stage: number | null
}

/** The work of one slot: turns leases of match jobs into outcomes. Holds the records of the jobs that it works on. */
export class MatchRunner {
  readonly #db: Db
  readonly #engine: MatchEngine
  readonly #jobs = new Map<JobId, LoadedJob>()

  constructor(db: Db, engine: MatchEngine) {
    this.#db = db
    this.#engine = engine
  }

  /** Plan of the lease's job; loads its records when a chunk needs them. */
  async plan(lease: ChunkLease): Promise<JobPlan> {
    return (this.#jobs.get(lease.job) ?? (await readJobPlan(this.#db, lease.job))).plan
  }

  /** Works one chunk of any stage but the last. Writes nothing but what the stage `clear` deletes. */
  async run(lease: ChunkLease, plan: JobPlan): Promise<ChunkOutcome> {
    const stage = plan.stages[lease.stage]!
    if (stage.kind === 'clear') return runClear(this.#db, lease)
    const { kind } = stage
    assert(kind !== 'finish', 'the last stage is not for the engine')
    const job = await this.#load(lease.job)
    if (job.stage !== lease.stage) await this.#begin(lease, job, { ...stage, kind })
    // The thread's answer to `run`, see engine-thread.ts.
    const result = (await this.#engine.call({ kind: 'run', job: lease.job, chunk: lease.chunk })) as ChunkResult
    return outcomeOf(result, job, lease.dryRun && stage.kind !== 'score')
  }

  /** Hash over everything the job matched; null for a dry run, which stores nothing. */
  async resultHash(lease: ChunkLease): Promise<string | null> {
    if (lease.dryRun) return null
    const keys = []
    for await (const key of readResultKeys(this.#db, lease.job)) keys.push(key)
    return resultHash(keys)
  }

  /** Forgets the job: it is over, or this process has no part in it any more. */
  async drop(job: JobId): Promise<void> {
    if (this.#jobs.delete(job)) await this.#engine.call({ kind: 'close', job })
  }

  /** Forgets everything and gives up what is under way: an attempt failed and nothing in memory is to be trusted, or nobody needs it. */
  async reset(): Promise<void> {
    this.#jobs.clear()
    await this.#engine.reset()
  }

  async #load(id: JobId): Promise<LoadedJob> {
    const known = this.#jobs.get(id)
    if (known) {
      this.#jobs.delete(id)
      this.#jobs.set(id, known)
      return known
    }
    const [oldest] = this.#jobs.keys()
    if (oldest !== undefined && this.#jobs.size >= MAX_LOADED_JOBS) await this.drop(oldest)

    const { rules, plan } = await readJobPlan(this.#db, id)
    const job: LoadedJob = { rules, plan, left: new RecordIndex(plan.sizes.left), right: new RecordIndex(plan.sizes.right), stage: null }
    await this.#engine.call({ kind: 'open', job: id })
    for (const side of ['left', 'right'] as const) {
      for (const source of plan.sources[side]) await this.#loadSource(id, source, side, job[side])
    }
    await this.#engine.call({ kind: 'seal', job: id, rules })
    assert(job.left.size === plan.sizes.left && job.right.size === plan.sizes.right, 'a job finds the records that it was planned for')
    this.#jobs.set(id, job)
    return job
  }

  async #loadSource(job: JobId, source: string, side: 'left' | 'right', index: RecordIndex): Promise<void> {
    for (let rowNo = 0; ; ) {
      const rows = await readJobRecords(this.#db, source, rowNo, LOAD_ROWS)
      for (const row of rows) index.append(row.id)
      await this.#engine.call({ kind: 'append', job, side, records: rows })
      if (rows.length < LOAD_ROWS) return
      rowNo = rows.at(-1)!.rowNo
    }
  }

  async #begin(lease: ChunkLease, job: LoadedJob, stage: Stage): Promise<void> {
    const rule = stage.pass === null ? null : job.rules.passes[stage.pass]!.name
    const taken = await readTakenPairs(this.#db, lease.project, lease.job, rule)
    const positions = (pairs: readonly RecordPair[], side: 'left' | 'right') =>
      pairs.map((pair) => job[side].positionOf(pair[side])).filter((position) => position >= 0)
    const takenBefore = lease.dryRun ? await this.#dryPairs(lease, job.plan) : { left: [], right: [] }
    const barred = (await readBarredPairs(this.#db, lease.project))
      .map((pair): [number, number] => [job.left.positionOf(pair.left), job.right.positionOf(pair.right)])
      .filter(([left, right]) => left >= 0 && right >= 0)
    const scored = job.plan.stages[lease.stage - 1]
    await this.#engine.call({
      kind: 'begin',
      job: lease.job,
      stage,
      input: {
        takenLeft: Uint32Array.from([...positions(taken, 'left'), ...takenBefore.left]),
        takenRight: Uint32Array.from([...positions(taken, 'right'), ...takenBefore.right]),
        barred,
        outputs: stage.kind === 'decide' && scored?.kind === 'score' ? await readOutputs(this.#db, lease.job, lease.stage - 1) : [],
      },
    })
    job.stage = lease.stage
  }

  /** What the earlier stages of a dry run found: pairs of positions that its chunks carry as their outputs. */
  async #dryPairs(lease: ChunkLease, plan: JobPlan): Promise<{ readonly left: number[]; readonly right: number[] }> {
    const found = { left: [] as number[], right: [] as number[] }
    for (let stage = 1; stage < lease.stage; stage++) {
      if (plan.stages[stage]!.kind === 'score' || plan.stages[stage]!.pass === plan.stages[lease.stage]!.pass) continue
      for (const output of await readOutputs(this.#db, lease.job, stage)) {
        const pairs: unknown = JSON.parse(Buffer.from(output).toString())
        assert(Array.isArray(pairs), 'a dry run leaves pairs of positions')
        for (const [left, right] of pairs) {
          found.left.push(left)
          found.right.push(right)
        }
      }
    }
    return found
  }
}

function outcomeOf(result: ChunkResult, job: LoadedJob, keepPairs: boolean): ChunkOutcome {
  return {
    matches: result.matches.map(({ left, right, ...match }) => ({ ...match, leftId: job.left.id(left), rightId: job.right.id(right) })),
    breaks: result.breaks.map(({ side, record, reason, nearestMiss }) => {
      const own = side === 'left' ? job.left : job.right
      const other = side === 'left' ? job.right : job.left
      return {
        side,
        reason,
        recordId: own.id(record),
        nearestMiss: nearestMiss && { ...nearestMiss, record: other.id(nearestMiss.record) },
      }
    }),
    notices: result.notices,
    output: keepPairs ? Buffer.from(JSON.stringify(result.matches.map(({ left, right }) => [left, right]))) : result.output,
  }
}
