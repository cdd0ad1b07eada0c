import { type Db, Prisma, type Tx } from '../db/client.js'
import { bookChunk, type ChunkLease, holdsLease, insertChunks, nextStage } from '../db/job-chunks.js'
import { clearUndecided, dropOvertaken, type FoundBreak, type FoundMatch, insertBreaks, insertMatches } from '../db/job-results.js'
import { type JobPlan, type JobStage, lastWord, readJob } from '../db/jobs.js'
import { appendOutbox } from '../db/outbox.js'
import { readControlTotals, readRecordTotals } from '../db/summary.js'
import { AppError } from '../errors.js'
import type { JobId, ProjectId } from '../ids.js'
import type { JobNotice, JobView } from '../protocol/views.js'
import { planStages } from '../reconciliation/plan.js'
import { parseRules } from '../reconciliation/rules.js'
import { assertControlTotals } from './control-totals.js'

/** Records per side in a chunk, unless somebody says otherwise: small enough that one commits in well under 250 ms on the embedded database. */
export const CHUNK_ROWS = 2_000
/** Undecided results of earlier runs go in transactions of this many rows. */
const CLEAR_ROWS = 5_000
/** Serialises admissions, so that two processes cannot both take the last free place. */
const ADMISSION_LOCK = 7_411_001

/**
 * Starts queued jobs while fewer than `maxRunning` run: one per project at a time, the project that started one longest ago first.
 * @returns the jobs that it started.
 */
export async function admitJobs(db: Db, maxRunning: number, chunkRows = CHUNK_ROWS): Promise<JobView[]> {
  const admitted: JobView[] = []
  for (;;) {
    // Mostly nobody waits, or waits for a place: then the question costs no transaction, and not the lock that the whole fleet shares.
    const startable = await db.$queryRaw<unknown[]>`select 1 from jobs q where ${isStartable(maxRunning)} limit 1`
    if (startable.length === 0) return admitted
    const job = await db.$transaction((tx) => admitOne(tx, maxRunning, chunkRows))
    if (job === null) return admitted
    admitted.push(job)
  }
}

async function admitOne(tx: Tx, maxRunning: number, chunkRows: number): Promise<JobView | null> {
  await tx.$queryRaw`select 1 from pg_advisory_xact_lock(${ADMISSION_LOCK})`
  const [next] = await tx.$queryRaw<{ id: JobId; project: ProjectId; rules: unknown }[]>`
    select q.id::text, q.project_id::text as project, r.definition as rules
    from jobs q join rule_sets r on r.id = q.rule_set_id
    where ${isStartable(maxRunning)}
    order by (select max(started_at) from jobs p where p.project_id = q.project_id) nulls first, q.id
    limit 1
    for update of q`
  if (!next) return null
  // Nobody removes a file between its count and the start.
  await tx.$queryRaw`select 1 from projects where id = ${next.project}::uuid for no key update`

  const sources = await tx.source.findMany({
    where: { projectId: next.project, state: 'ready' },
    select: { id: true, side: true, acceptedRows: true, warningRows: true },
    orderBy: { id: 'asc' },
  })
  const of = (side: string) => sources.filter((source) => source.side === side)
  const size = (side: string) => of(side).reduce((sum, source) => sum + source.acceptedRows + source.warningRows, 0)
  const sizes = { left: size('left'), right: size('right') }
  const stages: JobStage[] = [
    { kind: 'clear', phase: 'preparing', pass: null, chunks: 1 },
    ...planStages(parseRules(next.rules), sizes.left, sizes.right, chunkRows),
    { kind: 'finish', phase: 'control totals', pass: null, chunks: 1 },
  ]
  const plan: JobPlan = {
    sources: { left: of('left').map((source) => source.id), right: of('right').map((source) => source.id) },
    sizes,
    stages,
  }
  await tx.job.update({
    where: { id: next.id },
    data: {
      state: 'running',
      startedAt: new Date(),
      phase: stages[0]!.phase,
      total: sizes.left + sizes.right,
      settings: plan satisfies Prisma.InputJsonObject,
      version: { increment: 1 },
    },
  })
  await insertChunks(tx, next.id, distribute(sizes.left + sizes.right, stages))
  const job = await readJob(tx, next.id)
  await appendOutbox(tx, next.project, [{ type: 'job.started', actor: job.createdBy?.id ?? null, data: { job } }])
  return job
}

/** The job `q` is queued, there is a place for it, and its project has no other one running. */
function isStartable(maxRunning: number): Prisma.Sql {
  return Prisma.sql`q.state = 'queued'
    and (select count(*) from jobs where state = 'running') < ${maxRunning}
    and not exists (select 1 from jobs b where b.project_id = q.project_id and b.state = 'running')`
}

/** Splits the job's records over the chunks that do the work, whole numbers that add up to `total`. */
export function distribute(total: number, stages: readonly JobStage[]): number[][] {
  const working = stages.filter(isWork).reduce((sum, stage) => sum + stage.chunks, 0)
  let given = 0
  let index = 0
  return stages.map((stage) =>
    Array.from({ length: stage.chunks }, () => {
      if (!isWork(stage)) return 0
      const upTo = Math.floor((total * ++index) / working)
      const weight = upTo - given
      given = upTo
      return weight
    }),
  )
}

function isWork(stage: JobStage): boolean {
  return stage.kind !== 'clear' && stage.kind !== 'finish'
}

/** Everything that one chunk of a job found. */
export interface ChunkOutcome {
  readonly matches: readonly FoundMatch[]
  readonly breaks: readonly FoundBreak[]
  readonly notices: readonly JobNotice[]
  readonly output: Uint8Array | null
}

/**
 * Commits a chunk in one transaction: the job's counters, the chunk's end, its matches and breaks, the phase that comes next.
 * @throws AppError `LEASE_LOST` when the job has ended or somebody else claimed the chunk: nothing is written.
 */
export async function completeChunk(db: Db, lease: ChunkLease, plan: JobPlan, outcome: ChunkOutcome): Promise<JobView> {
  return db.$transaction(async (tx) => {
    const matched = outcome.matches.filter((match) => match.automatic).length
    await book(tx, lease, {
      matched,
      suggested: outcome.matches.length - matched,
      breaks: outcome.breaks.length,
      notices: outcome.notices,
      output: outcome.output,
    })
    if (!lease.dryRun) {
      await insertMatches(tx, lease, outcome.matches)
      await insertBreaks(tx, lease, outcome.breaks)
    }
    const stage = await nextStage(tx, lease.job)
    if (stage !== null) await tx.$executeRaw`update jobs set phase = ${plan.stages[stage]!.phase} where id = ${lease.job}::uuid`
    return readJob(tx, lease.job)
  })
}

/**
 * Clears the way for a run: what the engine found before and nobody decided goes, in short transactions.
 * @throws AppError `LEASE_LOST` as {@link completeChunk}: what a later job has found by then is not touched.
 */
export async function runClear(db: Db, lease: ChunkLease): Promise<ChunkOutcome> {
  for (let isLeft = !lease.dryRun; isLeft; ) {
    isLeft = await db.$transaction(async (tx) => {
      if (!(await holdsLease(tx, lease))) throw new AppError('LEASE_LOST')
      return (await clearUndecided(tx, lease, CLEAR_ROWS)) > 0
    })
  }
  return { matches: [], breaks: [], notices: [], output: null }
}

/**
 * Ends the job in one transaction: control totals as of this moment, the result's hash, the last word.
 * @throws AppError `LEASE_LOST` as {@link completeChunk}; when the control totals do not add up.
 */
export async function finishJob(db: Db, lease: ChunkLease, resultHash: string | null): Promise<JobView> {
  return db.$transaction(async (tx) => {
    await book(tx, lease, { matched: 0, suggested: 0, breaks: 0, notices: [], output: null })
    if (!lease.dryRun) await dropOvertaken(tx, lease)
    const controlTotals = await readControlTotals(tx, lease.project)
    assertControlTotals(controlTotals, await readRecordTotals(tx, lease.project))
    const totals = JSON.stringify(controlTotals)
    await tx.$executeRaw`
      update jobs set state = 'completed', phase = 'done', ended_at = now(), control_totals = ${totals}::jsonb, result_hash = ${resultHash}
      where id = ${lease.job}::uuid`
    // Scored pairs are of no use any more; which chunk came how is still told by the rows.
    await tx.$executeRaw`update job_chunks set output = null where job_id = ${lease.job}::uuid and output is not null`
    const job = await readJob(tx, lease.job)
    await appendOutbox(tx, lease.project, [lastWord('job.completed', job, null)])
    return job
  })
}

async function book(tx: Tx, lease: ChunkLease, found: Parameters<typeof bookChunk>[2]): Promise<void> {
  if (!(await bookChunk(tx, lease, found))) throw new AppError('LEASE_LOST')
}
