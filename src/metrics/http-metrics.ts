import type { Registry } from 'prom-client'
import { HTTP_SECONDS } from './buckets.js'
import { histogram, type Tally } from './instruments.js'

/** Answers over HTTP. */
export class HttpMetrics {
  readonly #seconds
  readonly #rateLimited: Tally<'scope'>
  readonly #authFailures: Tally<'reason'>

  constructor(registry: Registry, tallies: { readonly rateLimited: Tally<'scope'>; readonly authFailures: Tally<'reason'> }) {
    this.#rateLimited = tallies.rateLimited
    this.#authFailures = tallies.authFailures
    this.#seconds = histogram(registry, 'http_request_seconds', 'From a request to the end of its answer.', HTTP_SECONDS, [
      'route',
      'method',
      'status',
    ])
  }

  /** `route`: its pattern, of which there are few; null for a path that is none. */
  answered(route: string | null, method: string, status: number, seconds: number): void {
    this.#seconds.observe({ route: route ?? 'none', method, status: String(status) }, seconds)
  }

  rateLimited(scope: string): void {
    this.#rateLimited.add({ scope })
  }

  authFailed(reason: string): void {
    this.#authFailures.add({ reason })
  }
}
