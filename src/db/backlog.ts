import type { JobId } from '../ids.js'
import { JOB_STATES, type JobState } from '../protocol/views.js'
import type { Db } from './client.js'

/** What is still to be done in the whole fleet. */
export interface Backlog {
  /** Of every state. */
  readonly jobs: readonly { readonly state: JobState; readonly count: number }[]
  /** `version` rises with each chunk that commits. */
  readonly running: readonly { readonly id: JobId; readonly version: number }[]
  readonly outboxPending: number
  /** Age of the oldest news that has not gone out; 0 for none. */
  readonly outboxLagMs: number
}

/** One statement, for it is asked at every scrape. */
export async function readBacklog(db: Db): Promise<Backlog> {
  const [row] = await db.$queryRaw<Backlog[]>`
    /* backlog.read */
    select
      (select coalesce(jsonb_agg(jsonb_build_object('state', state, 'count', count)), '[]')
        from (select state, count(*)::int as count from jobs group by state) states) as jobs,
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'version', version)), '[]') from jobs where state = 'running') as running,
      (select count(*)::int from outbox where published_at is null) as "outboxPending",
      (select coalesce(extract(epoch from greatest(now() - min(created_at), interval '0')) * 1000, 0)::float8
        from outbox where published_at is null) as "outboxLagMs"`
  const { jobs, ...rest } = row!
  return { ...rest, jobs: JOB_STATES.map((state) => ({ state, count: jobs.find((one) => one.state === state)?.count ?? 0 })) }
}
