import type { Bus } from '../bus/bus.js'
import { AppError } from '../errors.js'
import type { ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import { jobKey, latestBody } from '../protocol/events.js'
import type { JobView } from '../protocol/views.js'
import { ProgressPublisher } from './progress.js'

/** Progress of running jobs as latest values on the bus, not more often than {@link ProgressPublisher} lets through. Never throws. */
export function publishProgress(bus: Pick<Bus, 'publish'>, log: Pick<Log, 'warn'>): ProgressPublisher {
  return new ProgressPublisher((job: JobView) => {
    const item = {
      kind: 'latest',
      type: 'job.progress',
      key: jobKey(job.id),
      version: job.version,
      body: latestBody('job.progress', { job }),
    } as const
    // Project ids of stored rows are ids.
    bus.publish(job.project as ProjectId, [item]).catch((error) => {
      // A bus that is away says so itself, once; the next progress, or the job's last word, makes up for this one.
      if (!(error instanceof AppError && error.code === 'BUS_UNAVAILABLE'))
        log.warn({ err: error, job: job.id }, 'progress is not published')
    })
  })
}
