import type { Registry } from 'prom-client'
import { SECONDS } from './buckets.js'
import { Count, histogram, readGauge, Tally } from './instruments.js'
import { ScrapeReading } from './scrape-reading.js'

/** What the first level holds now. */
export interface CacheReading {
  readonly entries: number
  readonly bytes: number
}

/** What was asked of the cache, and what it cost. */
export class CacheMetrics {
  readonly size = new ScrapeReading<CacheReading>()
  readonly #requests: Tally<'level' | 'result'>
  readonly #load
  readonly #evictions: Count

  constructor(registry: Registry) {
    readGauge(registry, this.size, 'cache_entries', 'Entries of the first level.', [], ({ entries }) => entries)
    readGauge(registry, this.size, 'cache_bytes', 'Bytes of the first level.', [], ({ bytes }) => bytes)
    this.#requests = new Tally(registry, {
      name: 'cache_requests_total',
      help: 'Questions to a level of the cache, by their answer.',
      labels: ['level', 'result'],
    })
    this.#load = histogram(registry, 'cache_load_seconds', 'Loading what no level had.', SECONDS)
    this.#evictions = new Count(registry, 'cache_evictions_total', 'Entries that made room for others.')
    for (const level of ['l1', 'l2']) for (const result of ['hit', 'miss', 'error']) this.#requests.add({ level, result }, 0)
  }

  asked(level: 'l1' | 'l2', result: 'hit' | 'miss' | 'error'): void {
    this.#requests.add({ level, result })
  }

  loaded(seconds: number): void {
    this.#load.observe(seconds)
  }

  evicted(count = 1): void {
    this.#evictions.value += count
  }
}
