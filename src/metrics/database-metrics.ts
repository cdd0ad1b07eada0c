import type { Registry } from 'prom-client'
import { SECONDS } from './buckets.js'
import { Count, histogram, readGauge } from './instruments.js'
import { ScrapeReading } from './scrape-reading.js'

/** Connections of a pool, and who waits for one. */
export interface PoolReading {
  readonly pool: string
  readonly active: number
  readonly idle: number
  readonly waiting: number
}

/** Connections and queries. */
export class DatabaseMetrics {
  readonly pools = new ScrapeReading<readonly PoolReading[]>()
  readonly #acquire
  readonly #query
  readonly #slow: Count

  constructor(registry: Registry) {
    readGauge(registry, this.pools, 'db_pool', 'Connections by pool and state, and callers who wait for one.', ['pool', 'state'], (pools) =>
      pools.flatMap(({ pool, ...states }) => Object.entries(states).map(([state, count]) => [{ pool, state }, count] as const)),
    )
    this.#acquire = histogram(registry, 'db_acquire_seconds', 'Waiting for a connection.', SECONDS)
    this.#query = histogram(registry, 'db_query_seconds', 'Queries by name.', SECONDS, ['query'])
    this.#slow = new Count(registry, 'db_slow_queries_total', 'Queries slower than 100 ms.')
  }

  acquired(seconds: number): void {
    this.#acquire.observe(seconds)
  }

  /** `query`: its name in the code, never its text. */
  queried(query: string, seconds: number): void {
    this.#query.observe({ query }, seconds)
  }

  slowQuery(): void {
    this.#slow.value++
  }
}
