import { z } from 'zod'
import { AppError } from '../errors.js'
import { type JobId, newId, type ProjectId, parseId } from '../ids.js'
import type { ControlTotal, JobNotice, JobState, JobView, UserRef } from '../protocol/views.js'
import { DEFAULT_RULES, parseRules, type RuleSetDefinition, ruleSetHash } from '../reconciliation/rules.js'
import { type Db, Prisma, type Tx } from './client.js'
import { type Actor, appendOutbox, type News } from './outbox.js'

/** What a job is made of, fixed when it starts. */
const PLAN = z.object({
  /** Ready sources in the order in which their rows are numbered. */
  sources: z.object({ left: z.array(z.string()), right: z.array(z.string()) }),
  /** Records per side. */
  sizes: z.object({ left: z.number().int(), right: z.number().int() }),
  stages: z.array(
    z.object({
      kind: z.enum(['clear', 'match', 'score', 'decide', 'breaks', 'finish']),
      phase: z.string(),
      pass: z.number().int().nullable(),
      chunks: z.number().int(),
    }),
  ),
})
export type JobPlan = z.infer<typeof PLAN>
export type JobStage = JobPlan['stages'][number]

const PROGRESS = z.object({ notices: z.array(z.object({ code: z.string(), pass: z.string(), count: z.number() })).default([]) })
const CONTROL_TOTALS = z
  .array(
    z.object({
      currency: z.string(),
      side: z.enum(['left', 'right']),
      total: z.string(),
      matched: z.string(),
      open: z.string(),
      excluded: z.string(),
    }),
  )
  .nullable()
const ERROR = z.object({ code: z.string(), message: z.string() }).nullable()

/** Speed and remaining time are told from here on: before, they would be guesses. */
const ETA_FROM_PERCENT = 5
const ETA_FROM_MS = 10_000

/**
 * Queues a match job over the ready sources of the project, with these rules, those of an earlier job (by their id) or the default ones.
 * @throws AppError `INVALID`: bad or unknown rules, or a side without a file.
 */
export async function createJob(
  db: Db,
  request: {
    readonly project: ProjectId
    readonly ruleSet?: unknown
    readonly dryRun: boolean
    /** Stored as a user before. */
    readonly actor: UserRef | null
    readonly requestId: string | null
  },
): Promise<JobView> {
  const { project, dryRun, actor, requestId } = request
  const stored = typeof request.ruleSet === 'string' ? parseId(request.ruleSet) : null
  const rules = stored !== null ? null : request.ruleSet === undefined ? DEFAULT_RULES : parseRules(request.ruleSet)
  return db.$transaction(async (tx) => {
    await tx.$queryRaw`select 1 from projects where id = ${project}::uuid for update`
    for (const side of ['left', 'right'] as const) {
      const ready = await tx.source.count({ where: { projectId: project, side, state: 'ready' } })
      if (ready === 0)
        throw new AppError('INVALID', {
          message: `the ${side} side has no imported file`,
          problems: [{ path: side, message: 'no imported file' }],
        })
    }
    if (stored !== null && (await tx.ruleSet.count({ where: { id: stored, projectId: project } })) === 0)
      throw new AppError('INVALID', { problems: [{ path: 'ruleSet', message: 'is no rule set of this project' }] })
    const id = newId<JobId>()
    await tx.job.create({
      data: {
        id,
        projectId: project,
        kind: 'match',
        state: 'queued',
        dryRun,
        ruleSetId: rules === null ? stored : await storeRules(tx, project, rules),
        requestId,
        createdById: actor?.id ?? null,
      },
    })
    const job = await readJob(tx, id)
    await appendOutbox(tx, project, [{ type: 'job.queued', actor: actor?.id ?? null, trace: requestId, data: { job } }])
    return job
  })
}

export async function getJob(db: Db | Tx, project: ProjectId, job: JobId): Promise<JobView | null> {
  const [view] = await queryJobs(db, Prisma.sql`j.id = ${job}::uuid and j.project_id = ${project}::uuid`)
  return view ?? null
}

/** The job's view. @throws when there is none: a bug. */
export async function readJob(db: Db | Tx, job: JobId): Promise<JobView> {
  const [view] = await queryJobs(db, Prisma.sql`j.id = ${job}::uuid`)
  if (!view) throw new AppError('NOT_FOUND', { message: 'no such job' })
  return view
}

/** Those of the ids that are jobs of the server, in whatever project. */
export async function findJobIds(db: Db | Tx, ids: readonly JobId[]): Promise<ReadonlySet<JobId>> {
  const rows = await db.$queryRaw<{ id: JobId }[]>`select id from jobs where id = any(${ids}::uuid[])`
  return new Set(rows.map(({ id }) => id))
}

/** Newest first. `before`: the last id of the page before; `ended` is completed, failed and cancelled. */
export function listJobs(
  db: Db | Tx,
  project: ProjectId,
  page: {
    readonly state?: 'queued' | 'running' | 'ended' | undefined
    readonly limit: number
    readonly before?: string | null | undefined
  },
): Promise<JobView[]> {
  const states: readonly JobState[] =
    page.state === undefined ? [] : page.state === 'ended' ? ['completed', 'failed', 'cancelled'] : [page.state]
  const inState = states.length > 0 ? Prisma.sql`and j.state = any(${states}::text[])` : Prisma.empty
  const before = page.before ? Prisma.sql`and j.id < ${page.before}::uuid` : Prisma.empty
  return queryJobs(db, Prisma.sql`j.project_id = ${project}::uuid ${inState} ${before} order by j.id desc limit ${page.limit}`)
}

/**
 * Ends a queued or running job and discards what it found; what people decided meanwhile stays.
 * @throws AppError `NOT_FOUND`; `CONFLICT` when it has ended already.
 */
export async function cancelJob(db: Db, project: ProjectId, job: JobId, actor: Actor): Promise<JobView> {
  return db.$transaction(async (tx) => {
    const view = await endJob(tx, job, { state: 'cancelled', project })
    if (view === null) {
      const current = await getJob(tx, project, job)
      if (current === null) throw new AppError('NOT_FOUND', { message: 'no such job' })
      throw new AppError('CONFLICT', { message: `the job is ${current.state} already`, details: { job: current } })
    }
    await appendOutbox(tx, project, [{ ...lastWord('job.cancelled', view, actor.id), trace: actor.requestId }])
    return view
  })
}

/** Ends the job as failed and discards what it found. Null, and nothing is done, when it has ended already. */
export function failJob(db: Db, job: JobId, error: { readonly code: string; readonly message: string }): Promise<JobView | null> {
  return db.$transaction(async (tx) => {
    const view = await endJob(tx, job, { state: 'failed', error })
    if (view !== null) await appendOutbox(tx, view.project as ProjectId, [lastWord('job.failed', view, null)])
    return view
  })
}

/** The event that ends a job; its progress ends with it. */
export function lastWord(type: 'job.completed' | 'job.failed' | 'job.cancelled', job: JobView, actor: string | null): News {
  return { type, actor, data: { job }, clears: { key: `job/${job.id}`, version: job.version } }
}

/** Rules and plan of a running job. */
export async function readJobPlan(db: Db, job: JobId): Promise<{ readonly rules: RuleSetDefinition; readonly plan: JobPlan }> {
  const row = await db.job.findUniqueOrThrow({ where: { id: job }, select: { settings: true, ruleSet: { select: { definition: true } } } })
  return { rules: parseRules(row.ruleSet?.definition), plan: PLAN.parse(row.settings) }
}

async function endJob(
  tx: Tx,
  job: JobId,
  end: { readonly state: 'failed' | 'cancelled'; readonly project?: ProjectId; readonly error?: object },
): Promise<JobView | null> {
  const inProject = end.project === undefined ? Prisma.empty : Prisma.sql`and project_id = ${end.project}::uuid`
  const count = await tx.$executeRaw`
    update jobs set state = ${end.state}, ended_at = now(), error = ${end.error ? JSON.stringify(end.error) : null}::jsonb, version = version + 1,
      matched = 0, suggested = 0, break_count = 0
    where id = ${job}::uuid and state in ('queued', 'running') ${inProject}`
  if (count === 0) return null
  // Before the matches, as a decision does: two that lock them the other way round would wait for each other.
  await tx.$queryRaw`select 1 from projects where id = (select project_id from jobs where id = ${job}::uuid) for no key update`
  await tx.$executeRaw`delete from matches where job_id = ${job}::uuid and decided_by is null and status in ('proposed', 'confirmed')`
  await tx.$executeRaw`delete from breaks where job_id = ${job}::uuid`
  await tx.$executeRaw`delete from job_chunks where job_id = ${job}::uuid`
  return readJob(tx, job)
}

async function storeRules(tx: Tx, project: ProjectId, rules: RuleSetDefinition): Promise<string> {
  const hash = ruleSetHash(rules)
  const known = await tx.ruleSet.findUnique({ where: { projectId_hash: { projectId: project, hash } }, select: { id: true } })
  if (known) return known.id
  const newest = await tx.ruleSet.aggregate({ where: { projectId: project }, _max: { version: true } })
  const id = newId()
  await tx.ruleSet.create({
    data: {
      id,
      projectId: project,
      version: (newest._max.version ?? 0) + 1,
      // JSON by its schema (reconciliation/rules.ts).
      definition: rules as unknown as Prisma.InputJsonObject,
      hash,
    },
  })
  return id
}

interface JobRow {
  readonly id: string
  readonly project: string
  readonly kind: string
  readonly state: JobState
  readonly dryRun: boolean
  readonly ruleSet: string | null
  readonly phase: string
  readonly processed: bigint
  readonly total: bigint
  readonly matched: bigint
  readonly suggested: bigint
  readonly breaks: bigint
  readonly progress: unknown
  readonly controlTotals: unknown
  readonly resultHash: string | null
  readonly error: unknown
  readonly createdBy: string | null
  readonly creator: string | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  /** Milliseconds between start and end, or now. */
  readonly elapsedMs: number | null
  readonly version: number
}

async function queryJobs(db: Db | Tx, where: Prisma.Sql): Promise<JobView[]> {
  const rows = await db.$queryRaw<JobRow[]>`
    select j.id::text, j.project_id::text as project, j.kind, j.state, j.dry_run as "dryRun", j.rule_set_id::text as "ruleSet", j.phase,
      j.processed, j.total, j.matched, j.suggested, j.break_count as breaks, j.progress, j.control_totals as "controlTotals",
      j.result_hash as "resultHash", j.error, j.created_by as "createdBy", u.name as creator, j.created_at as "createdAt",
      j.started_at as "startedAt", j.ended_at as "endedAt",
      (extract(epoch from coalesce(j.ended_at, clock_timestamp()) - j.started_at) * 1000)::float8 as "elapsedMs", j.version
    from jobs j left join users u on u.id = j.created_by where ${where}`
  return rows.map(jobView)
}

function jobView(row: JobRow): JobView {
  const { createdBy, creator, elapsedMs, progress, ...rest } = row
  const processed = Number(row.processed)
  const total = Number(row.total)
  const percent = row.state === 'completed' ? 100 : total === 0 ? 0 : Math.min(99, Math.floor((100 * processed) / total))
  const rate = elapsedMs !== null && elapsedMs > 0 && processed > 0 ? (processed * 1000) / elapsedMs : null
  const isForeseeable = row.state === 'running' && rate !== null && percent >= ETA_FROM_PERCENT && (elapsedMs ?? 0) >= ETA_FROM_MS
  return {
    ...rest,
    processed,
    total,
    matched: Number(row.matched),
    suggested: Number(row.suggested),
    breaks: Number(row.breaks),
    percent,
    rowsPerSecond: rate === null ? null : Math.round(rate),
    etaMs: isForeseeable ? Math.round(((total - processed) * 1000) / rate) : null,
    controlTotals: CONTROL_TOTALS.parse(row.controlTotals) satisfies readonly ControlTotal[] | null,
    notices: PROGRESS.parse(progress).notices satisfies readonly JobNotice[],
    error: ERROR.parse(row.error),
    createdBy: createdBy === null ? null : { id: createdBy, name: creator ?? createdBy },
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  }
}
