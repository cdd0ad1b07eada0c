import type { JobView } from '../protocol/views.js'

const ACTIVE: ReadonlySet<JobView['state']> = new Set(['queued', 'running'])

export function isActive(job: JobView): boolean {
  return ACTIVE.has(job.state)
}

/** Takes a job's news into the list, newest job first: older versions are dropped, and what a bar shows never goes back. */
export function mergeJob(jobs: readonly JobView[], news: JobView): readonly JobView[] {
  const held = jobs.find(({ id }) => id === news.id)
  if (held === undefined) return [news, ...jobs].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
  if (news.version <= held.version) return jobs
  const job = {
    ...news,
    percent: Math.max(held.percent, news.percent),
    processed: Math.max(held.processed, news.processed),
  }
  return jobs.map((other) => (other.id === job.id ? job : other))
}

/** The job to show first: one that runs, else one that waits, else the newest. */
export function currentJob(jobs: readonly JobView[]): JobView | null {
  return jobs.find(({ state }) => state === 'running') ?? jobs.findLast(({ state }) => state === 'queued') ?? jobs[0] ?? null
}

/** Whether the project's figures are those of a finished comparison: something was matched, nothing runs, nothing is being counted. */
export function isSettled({ jobs, isCounting }: { readonly jobs: readonly JobView[]; readonly isCounting: boolean }): boolean {
  return !isCounting && jobs.length > 0 && !jobs.some(isActive)
}
