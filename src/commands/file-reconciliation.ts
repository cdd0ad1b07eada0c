import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { releaseAllLeases } from '../db/job-chunks.js'
import { countBreaksByReason } from '../db/job-results.js'
import { createJob, listJobs, readJob } from '../db/jobs.js'
import type { OpenedDatabase } from '../db/open.js'
import { createProject, findProjectBySetting } from '../db/projects.js'
import { listSources, sweepAbandonedSources } from '../db/sources.js'
import { readSummary } from '../db/summary.js'
import { AppError } from '../errors.js'
import type { JobId, ProjectId } from '../ids.js'
import { importStatement } from '../jobs/import.js'
import { JobWorker } from '../jobs/worker.js'
import type { Log } from '../log.js'
import type { JobView, Side, SourceView } from '../protocol/views.js'
import { ofFile } from './file-check.js'
import { count, type ProgressBar } from './progress-bar.js'
import { differencesOf, type ReconcileReport, recordsOf } from './reconcile-report.js'
import type { ReconcileRequest } from './reconcile-request.js'

/** Where a project says which run it belongs to. */
const KEY_SETTING = 'reconcile'
/** How often the job's row is looked at. */
const LOOK_EVERY_MS = 100
/** Enough to see what is wrong with a file. */
const PROBLEMS_SAID = 5

/** The job ended without a result. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed'
}

export interface FileReconciliation {
  readonly database: OpenedDatabase
  readonly request: Pick<ReconcileRequest, 'files' | 'mappings' | 'currency' | 'rules' | 'isResume' | 'key'>
  readonly maxRunningJobs: number
  readonly bar: ProgressBar
  readonly log: Log
  /** Stops within a chunk; what is committed stays. */
  readonly signal: AbortSignal
}

/**
 * Imports two files into a project of their own, starts a match job or goes on with it, and works until it ends.
 * @returns null when interrupted.
 * @throws AppError as an import and {@link createJob}, with the file's name; JobFailed.
 */
export async function reconcileFiles(
  reconciliation: FileReconciliation,
): Promise<{ readonly project: ProjectId; readonly report: ReconcileReport } | null> {
  const { database, signal } = reconciliation
  const { db } = database
  const startedAt = performance.now()
  if (database.isEmbedded) {
    await sweepAbandonedSources(db, 'all')
    await releaseAllLeases(db)
  }
  const project = await openProject(reconciliation)
  const left = await importOnce(reconciliation, project, 'left')
  const right = left && (await importOnce(reconciliation, project, 'right'))
  if (right === null || signal.aborted) return null
  const importMs = performance.now() - startedAt

  const job = await workOff(reconciliation, await openJob(reconciliation, project))
  if (job === null) return null
  if (job.state !== 'completed') throw new JobFailed(`the job ${job.state}: ${job.error?.message ?? 'no reason given'}`)
  const report: ReconcileReport = {
    files: { left: { name: left!.name, rows: left!.rows }, right: { name: right.name, rows: right.rows } },
    records: recordsOf(await readSummary(db, project)),
    matched: job.matched,
    suggested: job.suggested,
    breaks: job.breaks,
    breaksByReason: await countBreaksByReason(db, project),
    controlTotals: job.controlTotals ?? [],
    differences: differencesOf(job.controlTotals ?? []),
    notices: job.notices,
    resultHash: job.resultHash,
    importMs: Math.round(importMs),
    elapsedMs: Math.round(performance.now() - startedAt),
  }
  return { project, report }
}

async function openProject({ database: { db }, request, bar }: FileReconciliation): Promise<ProjectId> {
  const { files, currency, key, isResume } = request
  const known = isResume ? await findProjectBySetting(db, KEY_SETTING, key) : null
  if (isResume && known === null) bar.say('nothing to resume: starting from the beginning')
  const project =
    known ??
    (await createProject(
      db,
      { name: `${basename(files.left)} / ${basename(files.right)}`, currency, settings: { [KEY_SETTING]: key } },
      { id: 'reconcile', name: 'tallyroom reconcile' },
    ))
  // The id of a stored row.
  return project.id as ProjectId
}

/** The side's source, imported now or before. Null when interrupted. */
async function importOnce(
  { database: { db }, request, bar, signal }: FileReconciliation,
  project: ProjectId,
  side: Side,
): Promise<SourceView | null> {
  const imported = async () => (await listSources(db, project, { limit: 10 })).find((source) => source.side === side)
  const known = await imported()
  if (known) return known
  const path = request.files[side]
  const name = basename(path)
  const mapping = request.mappings[side]
  try {
    const { source, problems } = await importStatement({
      db,
      project,
      side,
      currency: request.currency,
      name,
      format: 'csv',
      bytes: watched(path, signal, (share) => bar.showShare(`importing ${name}`, share)),
      actor: null,
      ...(mapping === undefined ? {} : { mapping }),
    })
    const { accepted, warning, rejected } = source.rows
    const slips = [...(warning > 0 ? [`${count(warning)} with a warning`] : []), ...(rejected > 0 ? [`${count(rejected)} rejected`] : [])]
    bar.say(`imported ${name}: ${[`${count(accepted + warning)} rows`, ...slips].join(', ')}`)
    for (const { row, column, message } of problems.slice(0, PROBLEMS_SAID))
      bar.say(`  row ${count(row)}${column === null ? '' : `, ${column}`}: ${message}`)
    return source
  } catch (error) {
    if (signal.aborted) return null
    // Another process resumes the same run and was faster.
    if (error instanceof AppError && error.code === 'DUPLICATE_SOURCE') return (await imported()) ?? null
    throw ofFile(error, path, side)
  }
}

/** The file's bytes; `onShare` hears which part (0 to 1) has been read. */
async function* watched(path: string, signal: AbortSignal, onShare: (share: number) => void): AsyncGenerator<Uint8Array> {
  const { size } = await stat(path)
  let read = 0
  // A stream of bytes has no encoding, so its chunks are buffers.
  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    read += chunk.length
    onShare(read / size)
    yield chunk
  }
}

/** The job that a run before left unfinished or done, or a new one. */
async function openJob({ database: { db }, request }: FileReconciliation, project: ProjectId): Promise<JobId> {
  const [known] = await listJobs(db, project, { limit: 1 })
  const isUsable = known !== undefined && known.state !== 'failed' && known.state !== 'cancelled'
  const { id } = isUsable ? known : await createJob(db, { project, ruleSet: request.rules, dryRun: false, actor: null, requestId: null })
  // The id of a stored row.
  return id as JobId
}

async function workOff({ database: { db }, maxRunningJobs, bar, log, signal }: FileReconciliation, id: JobId): Promise<JobView | null> {
  const show = (job: JobView) => job.id === id && bar.show(job)
  const worker = new JobWorker({
    db,
    owner: `reconcile-${randomUUID()}`,
    slots: 1,
    maxRunningJobs,
    pollMs: 250,
    onJob: show,
    // Nobody listens here; in a database at DATABASE_URL the servers' sweep takes the news along.
    wakeOutbox: () => undefined,
    log,
  })
  worker.start()
  try {
    // Another process may be working on it too, so the truth is the row.
    for (;;) {
      const job = await readJob(db, id)
      show(job)
      if (job.state !== 'queued' && job.state !== 'running') return job
      if (signal.aborted) return null
      await delay(LOOK_EVERY_MS, null, { signal }).catch(() => undefined)
    }
  } finally {
    await worker.stop()
    bar.end()
  }
}
