import type { Registry } from 'prom-client'
import { JOB_SECONDS, SECONDS } from './buckets.js'
import { Count, histogram, readGauge, Tally } from './instruments.js'
import { ScrapeReading } from './scrape-reading.js'

/** What is still to be done, for all processes alike: who looks at several takes the greatest. */
export interface BacklogReading {
  readonly jobs: Iterable<{ readonly state: string; readonly count: number }>
  /** Longest time that a running job has stood still, as far as this process has seen; 0 when none runs. */
  readonly stalledMs: number
  readonly outboxPending: number
  /** Age of the oldest news that has not gone out; 0 for none. */
  readonly outboxLagMs: number
}

/** Jobs, imports, and the outbox that tells of them. */
export class JobMetrics {
  readonly backlog = new ScrapeReading<BacklogReading>()
  readonly #seconds
  readonly #chunkSeconds
  readonly #rows: Tally<'kind'>
  readonly #leasesLost: Count
  readonly #importRows: Tally<'result'>

  constructor(registry: Registry) {
    const { backlog } = this
    readGauge(registry, backlog, 'jobs', 'Jobs by state, in the whole fleet.', ['state'], ({ jobs }) =>
      [...jobs].map(({ state, count }) => [{ state }, count]),
    )
    readGauge(registry, backlog, 'job_stalled_seconds', 'Longest standstill of a running job.', [], ({ stalledMs }) => stalledMs / 1_000)
    readGauge(registry, backlog, 'outbox_pending', 'News that has not gone out.', [], ({ outboxPending }) => outboxPending)
    readGauge(
      registry,
      backlog,
      'outbox_lag_seconds',
      'Age of the oldest news that has not gone out.',
      [],
      (now) => now.outboxLagMs / 1_000,
    )
    this.#seconds = histogram(registry, 'job_seconds', 'From the start of a job to its end.', JOB_SECONDS, ['kind', 'result'])
    this.#chunkSeconds = histogram(registry, 'job_chunk_seconds', 'From the claim of a chunk to its commit.', SECONDS)
    this.#rows = new Tally(registry, { name: 'job_rows_total', help: 'Rows of committed chunks.', labels: ['kind'] })
    this.#leasesLost = new Count(registry, 'job_lease_lost_total', 'Chunks that somebody else had taken, or whose job had ended.')
    this.#importRows = new Tally(registry, { name: 'import_rows_total', help: 'Rows of imported files.', labels: ['result'] })
    this.#rows.add({ kind: 'match' }, 0)
    for (const result of ['completed', 'failed', 'cancelled']) this.#seconds.zero({ kind: 'match', result })
    for (const result of ['accepted', 'warning', 'rejected']) this.#importRows.add({ result }, 0)
  }

  /** A job has ended, of which times are ISO 8601; one that never began took no time. */
  ended(job: { readonly kind: string; readonly state: string; readonly startedAt: string | null; readonly endedAt: string | null }): void {
    if (job.endedAt === null) return
    const ms = job.startedAt === null ? 0 : Date.parse(job.endedAt) - Date.parse(job.startedAt)
    this.#seconds.observe({ kind: job.kind, result: job.state }, ms / 1_000)
  }

  chunkDone(kind: string, rows: number, seconds: number): void {
    this.#rows.add({ kind }, rows)
    this.#chunkSeconds.observe(seconds)
  }

  leaseLost(): void {
    this.#leasesLost.value++
  }

  imported(rows: { readonly accepted: number; readonly warning: number; readonly rejected: number }): void {
    for (const [result, count] of Object.entries(rows)) this.#importRows.add({ result }, count)
  }
}
