import { HotQueries } from './hot-queries.js'
import type { QueryEvent, QueryObserver } from './pool.js'
import { SlowQueries } from './slow-queries.js'

export interface QueryWatchOptions {
  /** Every statement: its name and how long it took. */
  readonly onQuery?: (name: string, seconds: number) => void
  readonly onSlow?: () => void
  /** Every wait for a connection. */
  readonly onAcquire?: (seconds: number) => void
}

/** Statements that look at the others are not themselves looked at. */
export const OWN = 'index-advisor'

/** What all pools of a process tell of their statements: counted, the slow ones remembered, the frequent ones kept for advice. */
export class QueryWatch implements QueryObserver {
  readonly slow = new SlowQueries()
  readonly hot = new HotQueries()
  readonly #options: QueryWatchOptions

  constructor(options: QueryWatchOptions = {}) {
    this.#options = options
  }

  onQuery(event: QueryEvent): void {
    this.#options.onQuery?.(event.name, event.ms / 1_000)
    if (event.name === OWN) return
    if (this.slow.record(event)) this.#options.onSlow?.()
    this.hot.record(event)
  }

  onAcquire(ms: number): void {
    this.#options.onAcquire?.(ms / 1_000)
  }
}
