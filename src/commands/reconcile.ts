import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { type Config, loadConfig } from '../config.js'
import type { Db } from '../db/client.js'
import { requireMigrated } from '../db/migrate.js'
import { openServerDatabase } from '../db/open.js'
import { AppError, ERRORS, UsageError } from '../errors.js'
import { exportRows } from '../exports/export.js'
import type { ProjectId } from '../ids.js'
import { createLog } from '../log.js'
import { checkFiles } from './file-check.js'
import { JobFailed, reconcileFiles } from './file-reconciliation.js'
import { openPrivateDatabase, type PrivateDatabase } from './private-database.js'
import { ProgressBar } from './progress-bar.js'
import { formatReport, type ReconcileReport } from './reconcile-report.js'
import { type ReconcileRequest, readReconcileRequest } from './reconcile-request.js'

export { USAGE } from './reconcile-request.js'

/** As shells say it: 128 and the number of SIGINT. */
const INTERRUPTED = 130

/** Reconciles two files in a private database, or in one at DATABASE_URL; a killed or interrupted run goes on with `--resume`. */
export async function run(args: readonly string[]): Promise<number> {
  const request = await readReconcileRequest(args)
  const config = loadConfig(process.env, 'tool')
  const interrupted = new AbortController()
  // The second signal ends the process at once.
  const interrupt = () => interrupted.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    return await reconcile(request, config, interrupted.signal)
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

async function reconcile(request: ReconcileRequest, config: Config, signal: AbortSignal): Promise<number> {
  const bar = new ProgressBar(process.stderr)
  await checkFiles(request, (line) => bar.say(line))
  const database = await openDatabase(config, request)
  // What was done so far stays when it can still come to something.
  let keep: 'keep' | undefined = 'keep'
  try {
    const done = await reconcileFiles({
      database,
      request,
      maxRunningJobs: config.MAX_RUNNING_JOBS,
      bar,
      log: createLog(config.LOG_LEVEL),
      signal,
    })
    if (done === null) {
      console.error('interrupted: the same command with --resume goes on')
      return INTERRUPTED
    }
    if (request.out !== null) await writeResults(database.db, done.project, request.out)
    print(request, done.report)
    keep = undefined
    return 0
  } catch (error) {
    // These would only fail again.
    if (error instanceof JobFailed || error instanceof UsageError || (error instanceof AppError && !ERRORS[error.code].retryable))
      keep = undefined
    if (!(error instanceof JobFailed || error instanceof OutputFailed)) throw error
    console.error(error.message)
    return 1
  } finally {
    await database.close(keep)
  }
}

async function openDatabase(config: Config, request: ReconcileRequest): Promise<PrivateDatabase> {
  if (config.DATABASE_URL === undefined) return openPrivateDatabase(request.key, request.isResume ? 'resume' : 'fresh')
  const database = await openServerDatabase(config.DATABASE_URL, 'shared', {
    apiConnections: 4,
    jobConnections: 0,
    applicationName: 'tallyroom reconcile',
  })
  try {
    await requireMigrated(database.db)
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/** The result stands but could not be written. */
class OutputFailed extends Error {
  override readonly name = 'OutputFailed'
}

/** The whole file or none: it gets its name when it is complete. */
async function writeResults(db: Db, project: ProjectId, { path, format }: NonNullable<ReconcileRequest['out']>): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    await pipeline(exportRows({ db, project, what: 'results', format }), createWriteStream(unfinished, { flags: 'wx' }))
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw new OutputFailed(`--out (${path}) could not be written: ${(error as Error).message}; the same command with --resume tries again`)
  }
}

function print({ isJson }: ReconcileRequest, report: ReconcileReport): void {
  console.log(isJson ? JSON.stringify(report, null, 2) : formatReport(report))
}
