import type { ProjectId } from '../ids.js'
import type { JobView, Snapshot, Summary } from '../protocol/views.js'
import type { Db } from './client.js'
import { listJobs } from './jobs.js'
import { getProject } from './projects.js'
import { readSummary } from './summary.js'

/** More jobs cannot wait in one project before people stop looking at them one by one. */
const MAX_ACTIVE_JOBS = 100
const MAX_ENDED_JOBS = 20

/**
 * What somebody sees who opens the project: itself, its figures, active jobs and the last 20, newest first. Null: no such project. `summary`
 * answers figures that are no older than this call.
 */
export async function readSnapshot(
  db: Db,
  id: ProjectId,
  summary: () => Promise<Summary> = () => readSummary(db, id),
): Promise<Snapshot | null> {
  const project = await getProject(db, id)
  if (project === null) return null
  const jobs: JobView[] = []
  for (const [state, limit] of [
    ['queued', MAX_ACTIVE_JOBS],
    ['running', MAX_ACTIVE_JOBS],
    ['ended', MAX_ENDED_JOBS],
  ] as const) {
    jobs.push(...(await listJobs(db, id, { state, limit })))
  }
  return { project, summary: await summary(), jobs: jobs.sort((one, other) => (one.id < other.id ? 1 : -1)) }
}
