import { randomUUID } from 'node:crypto'
import type { Bus } from '../bus/bus.js'
import { type Invalidations, JOB_RESULT_TAGS } from '../bus/invalidations.js'
import type { Config } from '../config.js'
import type { Db } from '../db/client.js'
import type { ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import type { Metrics } from '../metrics/metrics.js'
import type { CacheTag } from '../protocol/cache-tags.js'
import type { JobView } from '../protocol/views.js'
import { publishProgress } from './progress-news.js'
import { JobWorker } from './worker.js'

/**
 * Starts what works on jobs in this process: their progress goes to the bus, what they change is forgotten by caches.
 * Its ends are put on `stops`.
 */
export function startJobs(parts: {
  readonly config: Config
  readonly db: Db
  readonly slots: number
  readonly bus: Bus
  readonly invalidations: Invalidations
  readonly wakeOutbox: (project: ProjectId, tags: readonly CacheTag[]) => void
  readonly log: Log
  readonly metrics: Metrics
  readonly onJob: (job: JobView) => void
  readonly stops: (() => Promise<void> | void)[]
}): JobWorker {
  const { config, db, slots, bus, invalidations, wakeOutbox, log, metrics, onJob, stops } = parts
  const progress = publishProgress(bus, log)
  stops.push(() => progress.stop())
  const worker = new JobWorker({
    db,
    owner: `${config.ROLE}-${randomUUID()}`,
    slots,
    maxRunningJobs: config.MAX_RUNNING_JOBS,
    // Alone, nobody else queues jobs, and the database has better things to do.
    pollMs: config.REDIS_URL === undefined ? 1_000 : 250,
    onJob(job) {
      progress.update(job)
      // A chunk leaves no news but in the job. A dry run changes nothing else.
      invalidations.touch(job.project as ProjectId, job.dryRun ? ['jobs'] : JOB_RESULT_TAGS)
      onJob(job)
    },
    wakeOutbox: (project) => wakeOutbox(project, JOB_RESULT_TAGS),
    log,
    metrics: metrics.jobs,
  })
  worker.start()
  stops.push(() => worker.stop())
  return worker
}
