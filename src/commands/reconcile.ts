import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, lstatSync, rmSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { type Config, loadConfig } from '../config.js'
import type { Db } from '../db/client.js'
import { releaseAllLeases } from '../db/job-chunks.js'
import { countBreaksByReason } from '../db/job-results.js'
import { createJob, listJobs, readJob } from '../db/jobs.js'
import { type OpenedDatabase, openOwnDatabase, openServerDatabase } from '../db/open.js'
import { createProject, findProjectBySetting } from '../db/projects.js'
import { listSources, sweepAbandonedSources } from '../db/sources.js'
import { AppError, UsageError } from '../errors.js'
import { exportRows } from '../exports/export.js'
import type { JobId, ProjectId } from '../ids.js'
import { importStatement } from '../jobs/import.js'
import { JobWorker } from '../jobs/worker.js'
import { createLog } from '../log.js'
import type { JobView, Side, SourceView } from '../protocol/views.js'
import { ProgressBar } from './progress-bar.js'
import { differencesOf, formatReport, type ReconcileReport } from './reconcile-report.js'

const HELP = `usage: tallyroom reconcile LEFT RIGHT [--out results.csv|results.ndjson] [--json] [--resume]
  --currency EUR         for rows whose file names none
  --left-mapping JSON    columns of the left file, where the guess is wrong; --right-mapping likewise
  --rules rules.json     passes instead of the default ones
  --resume               goes on where a killed run of the same two files stopped`

/** Where a project says which run it belongs to. */
const KEY_SETTING = 'reconcile'
/** How often the job's row is looked at. */
const LOOK_EVERY_MS = 100

interface Request {
  readonly files: Readonly<Record<Side, string>>
  readonly mappings: Readonly<Record<Side, object | undefined>>
  readonly currency: string | null
  readonly rules: unknown
  readonly out: string | undefined
  readonly isJson: boolean
  readonly isResume: boolean
  /** Names the two files' contents and what was asked of them. */
  readonly key: string
}

/** Reconciles two files in a private database, or in one at DATABASE_URL; a killed run goes on with `--resume`. */
export async function run(args: readonly string[]): Promise<number> {
  const request = await readRequest(args)
  if (request === null) {
    console.log(HELP)
    return 0
  }
  const config = loadConfig(process.env, 'tool')
  const workspace = await openWorkspace(config, request)
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    const report = await reconcile(workspace.database, request, config, interrupted.signal)
    if (report === null) {
      console.error('stopped; the same command with --resume goes on')
      return 130
    }
    console.log(request.isJson ? JSON.stringify(report, null, 2) : formatReport(report))
    await workspace.discard()
    return 0
  } catch (error) {
    // Nothing that can be resumed is left behind by a run that cannot succeed.
    await workspace.discard()
    if (error instanceof JobFailed) {
      console.error(error.message)
      return 1
    }
    throw error
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await workspace.database.close()
  }
}

/** The job ended without a result: exit code 1. */
class JobFailed extends Error {}

async function readRequest(args: readonly string[]): Promise<Request | null> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
      currency: { type: 'string' },
      'left-mapping': { type: 'string' },
      'right-mapping': { type: 'string' },
      rules: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const [left, right] = positionals
  if (left === undefined || right === undefined || positionals.length > 2) throw new UsageError(`reconcile needs two files\n${HELP}`)
  for (const file of [left, right]) await refuseUnreadable(file)
  if (values.out !== undefined && !/\.(csv|ndjson)$/.test(values.out))
    throw new UsageError(`--out (${values.out}) must end in .csv or .ndjson`)
  if (values.currency !== undefined && !/^[A-Z]{3}$/.test(values.currency))
    throw new UsageError(`--currency (${values.currency}) must be three capital letters`)
  const hash = createHash('sha256')
  for (const file of [left, right]) for await (const chunk of createReadStream(file)) hash.update(chunk)
  hash.update(JSON.stringify([values['left-mapping'], values['right-mapping'], values.rules, values.currency]))
  return {
    files: { left, right },
    mappings: { left: json('left-mapping', values['left-mapping']), right: json('right-mapping', values['right-mapping']) },
    currency: values.currency ?? null,
    rules: values.rules === undefined ? undefined : json('rules', await readFile(values.rules, 'utf8')),
    out: values.out,
    isJson: values.json,
    isResume: values.resume,
    key: hash.digest('hex').slice(0, 16),
  }
}

async function refuseUnreadable(file: string): Promise<void> {
  try {
    const found = await stat(file)
    if (!found.isFile()) throw new UsageError(`${file} is not a file`)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

function json(option: string, text: string | undefined): object | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Said below.
  }
  throw new UsageError(`--${option} must be a JSON object`)
}

interface Workspace {
  readonly database: OpenedDatabase
  /** Deletes the private database; what is in a database at DATABASE_URL stays. */
  discard(): Promise<void>
}

async function openWorkspace(config: Config, request: Request): Promise<Workspace> {
  if (config.DATABASE_URL !== undefined) {
    const database = await openServerDatabase(config.DATABASE_URL, 'shared', { poolSize: 4, applicationName: 'tallyroom reconcile' })
    return { database, discard: async () => undefined }
  }
  const folder = join(tmpdir(), `tallyroom-reconcile-${userInfo().uid}-${request.key}`)
  // The name can be foreseen, so somebody else may have made it.
  if (existsSync(folder) && lstatSync(folder).uid !== process.getuid?.()) throw new UsageError(`${folder} belongs to another user`)
  if (existsSync(folder) && !request.isResume) await discardOldRun(folder)
  const database = await openOwnDatabase(folder)
  let isDiscarded = false
  return {
    database: {
      ...database,
      async close() {
        await database.close()
        if (isDiscarded) rmSync(folder, { recursive: true, force: true })
      },
    },
    discard: async () => {
      isDiscarded = true
    },
  }
}

/** Opening takes the lock, so the folder of a run that still lives is refused, not deleted. */
async function discardOldRun(folder: string): Promise<void> {
  const old = await openOwnDatabase(folder)
  await old.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Imports what is missing, starts a job or goes on with it, waits for its end. Null when interrupted. */
async function reconcile(database: OpenedDatabase, request: Request, config: Config, signal: AbortSignal): Promise<ReconcileReport | null> {
  const { db, isEmbedded } = database
  const startedAt = performance.now()
  if (isEmbedded) {
    await sweepAbandonedSources(db, 'all')
    await releaseAllLeases(db)
  }
  const project = await openProject(db, request)
  const sources = {} as Record<Side, SourceView>
  for (const side of ['left', 'right'] as const) {
    if (signal.aborted) return null
    sources[side] = await importOnce(db, project, side, request)
  }
  const [known] = await listJobs(db, project, { limit: 1 })
  const { id } = known ?? (await createJob(db, { project, ruleSet: request.rules, dryRun: false, actor: null, requestId: null }))
  const job = await workOff(db, id as JobId, config, signal)
  if (job === null) return null
  if (job.state !== 'completed') throw new JobFailed(`the job ${job.state}: ${job.error?.message ?? 'no reason given'}`)
  if (request.out !== undefined) await writeResults(db, project, request.out)
  const file = (side: Side) => ({ name: sources[side].name, rows: sources[side].rows })
  return {
    files: { left: file('left'), right: file('right') },
    matched: job.matched,
    suggested: job.suggested,
    breaks: job.breaks,
    breaksByReason: await countBreaksByReason(db, project),
    controlTotals: job.controlTotals ?? [],
    differences: differencesOf(job.controlTotals ?? []),
    notices: job.notices,
    resultHash: job.resultHash,
    elapsedMs: Math.round(performance.now() - startedAt),
  }
}

async function openProject(db: Db, request: Request): Promise<ProjectId> {
  const known = request.isResume ? await findProjectBySetting(db, KEY_SETTING, request.key) : null
  if (request.isResume && known === null) console.error('nothing to resume: starting from the beginning')
  const project =
    known ??
    (await createProject(
      db,
      {
        name: `${basename(request.files.left)} / ${basename(request.files.right)}`,
        currency: request.currency,
        settings: { [KEY_SETTING]: request.key },
      },
      { id: 'reconcile', name: 'tallyroom reconcile' },
    ))
  // The id of a stored row.
  return project.id as ProjectId
}

async function importOnce(db: Db, project: ProjectId, side: Side, request: Request): Promise<SourceView> {
  const known = (await listSources(db, project, { limit: 10 })).find((source) => source.side === side)
  if (known) return known
  const path = request.files[side]
  const mapping = request.mappings[side]
  try {
    const { source } = await importStatement({
      db,
      project,
      side,
      currency: request.currency,
      name: basename(path),
      format: 'csv',
      bytes: createReadStream(path),
      actor: null,
      ...(mapping === undefined ? {} : { mapping }),
    })
    return source
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError(error.code, { message: `${path}: ${error.message}`, problems: error.problems ?? [], cause: error })
  }
}

async function workOff(db: Db, id: JobId, config: Config, signal: AbortSignal): Promise<JobView | null> {
  const worker = new JobWorker({
    db,
    owner: `reconcile-${randomUUID()}`,
    slots: 1,
    maxRunningJobs: config.MAX_RUNNING_JOBS,
    pollMs: 250,
    onJob: () => undefined,
    // Nobody listens here; in a database at DATABASE_URL the servers' sweep takes the news along.
    wakeOutbox: () => undefined,
    log: createLog(config.LOG_LEVEL),
  })
  const bar = new ProgressBar(process.stderr)
  worker.start()
  try {
    // Another process may be working on it too, so the truth is the row.
    for (;;) {
      const job = await readJob(db, id)
      bar.show(job)
      if (signal.aborted) return null
      if (job.state !== 'queued' && job.state !== 'running') return job
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  } finally {
    await worker.stop()
    bar.end()
  }
}

async function writeResults(db: Db, project: ProjectId, path: string): Promise<void> {
  const format = path.endsWith('.csv') ? 'csv' : 'ndjson'
  await pipeline(exportRows({ db, project, what: 'results', format }), createWriteStream(path))
}
