import type { JobId, ProjectId } from '../ids.js'
import type { JobNotice } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'

/** A chunk that one worker may work on until its lease ends. */
export interface ChunkLease {
  readonly job: JobId
  readonly project: ProjectId
  readonly stage: number
  readonly chunk: number
  /** Records' worth of work. */
  readonly weight: number
  /** Fence: the commit is refused when somebody claimed the chunk again. */
  readonly attempt: number
  readonly dryRun: boolean
  /** Milliseconds since the job started. */
  readonly runningMs: number
  /** Why the attempt before failed; null at the first one or after a crash. */
  readonly lastError: string | null
}

/** How long a worker that says nothing keeps a chunk. */
export const LEASE_MS = 30_000

/** Puts the chunks of a plan in the queue; `weights[stage][chunk]` add up to the job's total. */
export async function insertChunks(tx: Tx, job: JobId, weights: readonly (readonly number[])[]): Promise<void> {
  const rows = weights.flatMap((stage, index) => stage.map((weight, chunk) => ({ stage: index, chunk, weight })))
  await tx.$executeRaw`
    insert into job_chunks (job_id, stage, chunk, weight)
    select ${job}::uuid, * from unnest(
      ${rows.map((row) => row.stage)}::int[], ${rows.map((row) => row.chunk)}::int[], ${rows.map((row) => row.weight)}::bigint[])`
}

/**
 * Takes one waiting chunk of the lowest unfinished stage of a running job, jobs in turn (the one after `lastJob` first); jobs that only
 * others have claimed chunks of, done or not, come last as long as those leases would run: who joins in has to read their records first.
 * A chunk whose lease ran out is taken again under the next attempt.
 */
export async function claimChunk(db: Db, owner: string, lastJob: JobId | null): Promise<ChunkLease | null> {
  // Embedded or not, one statement: what SKIP LOCKED skips, another worker is claiming right now.
  const [lease] = await db.$queryRaw<ChunkLease[]>`
    with next as (
      select c.job_id, c.stage, c.chunk
      from jobs j
      cross join lateral (
        select min(stage) filter (where state = 'waiting') as stage, bool_or(lease_owner = ${owner}) as is_own, bool_or(lease_until > now()) as is_held
        from job_chunks where job_id = j.id
      ) work
      join job_chunks c on c.job_id = j.id and c.stage = work.stage
      where j.state = 'running' and c.state = 'waiting' and (c.lease_until is null or c.lease_until < now())
      order by work.is_own is not true and work.is_held is true, (j.id > coalesce(${lastJob}::uuid, j.id)) desc, j.id, c.chunk
      limit 1
      for update of c skip locked
    )
    update job_chunks c
    set attempt = c.attempt + 1, lease_owner = ${owner}, lease_until = now() + make_interval(secs => ${LEASE_MS / 1000}::float8)
    from next, jobs j
    where c.job_id = next.job_id and c.stage = next.stage and c.chunk = next.chunk and j.id = c.job_id
    returning c.job_id::text as job, j.project_id::text as project, c.stage, c.chunk, c.weight::float8 as weight, c.attempt, j.dry_run as "dryRun",
      (extract(epoch from now() - j.started_at) * 1000)::float8 as "runningMs", c.error ->> 'message' as "lastError"`
  return lease ?? null
}

/** Prolongs the lease; false when it is lost or the job has ended. */
export async function extendLease(db: Db, lease: ChunkLease): Promise<boolean> {
  const count = await db.$executeRaw`
    update job_chunks c set lease_until = now() + make_interval(secs => ${LEASE_MS / 1000}::float8)
    where ${isChunk(lease)} and exists (select 1 from jobs where id = c.job_id and state = 'running')`
  return count > 0
}

/** Gives the chunk back, with the reason when the attempt failed. Does nothing when the lease is lost. */
export async function releaseChunk(db: Db, lease: ChunkLease, error: string | null): Promise<void> {
  const reason = error === null ? null : JSON.stringify({ message: error })
  // An attempt that was only interrupted does not count.
  await db.$executeRaw`
    update job_chunks c set lease_until = null, lease_owner = null, error = ${reason}::jsonb, attempt = attempt - ${error === null ? 1 : 0}
    where ${isChunk(lease)}`
}

/** Frees what this owner holds: for who works on nothing, and whose attempts to give it back may have failed. */
export async function releaseLeasesOf(db: Db, owner: string): Promise<void> {
  await db.$executeRaw`update job_chunks set lease_until = null, lease_owner = null where state = 'waiting' and lease_owner = ${owner}`
}

/** Frees every lease: for who knows that no other worker lives (the embedded database belongs to one process). */
export async function releaseAllLeases(db: Db): Promise<void> {
  await db.$executeRaw`update job_chunks set lease_until = null, lease_owner = null where state = 'waiting' and lease_until is not null`
}

/** Whether the lease still counts. The job's row is locked from then on, so that nobody ends the job before the transaction does. */
export async function holdsLease(tx: Tx, lease: ChunkLease): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    select 1 from jobs where id = ${lease.job}::uuid and state = 'running' and exists (select 1 from job_chunks c where ${isChunk(lease)})
    for update`
  return rows.length > 0
}

/**
 * Books a chunk on its job, the first statements of the commit: the job's row is the lock under which chunks of one job commit one
 * by one. False when the job has ended or the fence does not hold: then the transaction must be given up.
 */
export async function bookChunk(
  tx: Tx,
  lease: ChunkLease,
  found: {
    readonly matched: number
    readonly suggested: number
    readonly breaks: number
    readonly notices: readonly JobNotice[]
    readonly output: Uint8Array | null
  },
): Promise<boolean> {
  const running = await tx.$executeRaw`
    update jobs set processed = processed + (select weight from job_chunks c where ${isChunk(lease)}),
      matched = matched + ${found.matched}, suggested = suggested + ${found.suggested}, break_count = break_count + ${found.breaks},
      progress = case when ${found.notices.length} = 0 then progress else jsonb_set(progress, '{notices}', (
        select jsonb_agg(jsonb_build_object('code', code, 'pass', pass, 'count', total) order by pass, code)
        from (
          select code, pass, sum("count") as total
          from jsonb_to_recordset(coalesce(progress -> 'notices', '[]') || ${JSON.stringify(found.notices)}::jsonb)
            as notice (code text, pass text, "count" bigint)
          group by code, pass
        ) merged)) end,
      version = version + 1
    where id = ${lease.job}::uuid and state = 'running' and exists (select 1 from job_chunks c where ${isChunk(lease)})`
  if (running === 0) return false
  // The lease's owner and end stay: they tell claimChunk who has the job's records in memory.
  const held = await tx.$executeRaw`
    update job_chunks c set state = 'done', error = null, output = ${found.output}
    where ${isChunk(lease)}`
  return held > 0
}

/** The lowest stage with a chunk that is not done; null when all are. */
export async function nextStage(tx: Tx, job: JobId): Promise<number | null> {
  const [row] = await tx.$queryRaw<{ stage: number | null }[]>`
    select min(stage) as stage from job_chunks where job_id = ${job}::uuid and state = 'waiting'`
  return row?.stage ?? null
}

/** What the chunks of a stage left for later ones, in the order of the chunks. */
export async function readOutputs(db: Db, job: JobId, stage: number): Promise<Uint8Array[]> {
  const rows = await db.$queryRaw<{ output: Uint8Array | null }[]>`
    select output from job_chunks where job_id = ${job}::uuid and stage = ${stage} order by chunk`
  return rows.flatMap((row) => (row.output === null ? [] : [row.output]))
}

/** Still the lease's own chunk: same attempt, not done. */
function isChunk(lease: ChunkLease): Prisma.Sql {
  return Prisma.sql`c.job_id = ${lease.job}::uuid and c.stage = ${lease.stage} and c.chunk = ${lease.chunk} and c.attempt = ${lease.attempt} and c.state = 'waiting'`
}
