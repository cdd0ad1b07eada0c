import type { Registry } from 'prom-client'
import { SECONDS } from './buckets.js'
import { histogram, readCounter, readGauge } from './instruments.js'
import { ScrapeReading } from './scrape-reading.js'

/** What a cache has counted since its start, and what it holds now. */
export interface CacheReading {
  readonly l1: { readonly hits: number; readonly misses: number }
  readonly l2: { readonly hits: number; readonly misses: number }
  readonly evictions: number
  /** Of the second level: what it did not do. */
  readonly errors: number
  readonly entries: number
  readonly bytes: number
}

/** What was asked of the cache, and what it cost. It counts by itself; only how long loads take is told. */
export class CacheMetrics {
  readonly statistics = new ScrapeReading<CacheReading>()
  readonly #load
  #loaded = 0
  #failed = 0

  constructor(registry: Registry) {
    const { statistics } = this
    readGauge(registry, statistics, 'cache_entries', 'Entries of the first level.', [], ({ entries }) => entries)
    readGauge(registry, statistics, 'cache_bytes', 'Bytes of the first level.', [], ({ bytes }) => bytes)
    readCounter(
      registry,
      statistics,
      'cache_requests_total',
      'Questions to a level of the cache by answer.',
      ['level', 'result'],
      (now) => [
        [{ level: 'l1', result: 'hit' }, now.l1.hits],
        [{ level: 'l1', result: 'miss' }, now.l1.misses],
        [{ level: 'l2', result: 'hit' }, now.l2.hits],
        [{ level: 'l2', result: 'miss' }, now.l2.misses],
        [{ level: 'l2', result: 'error' }, now.errors],
        [{ level: 'loader', result: 'ok' }, this.#loaded],
        [{ level: 'loader', result: 'error' }, this.#failed],
      ],
    )
    readCounter(registry, statistics, 'cache_evictions_total', 'Entries that made room for others.', [], ({ evictions }) => evictions)
    this.#load = histogram(registry, 'cache_load_seconds', 'Loading what no level had.', SECONDS)
  }

  loaded(seconds: number, result: 'done' | 'failed'): void {
    this.#load.observe(seconds)
    if (result === 'done') this.#loaded++
    else this.#failed++
  }
}
