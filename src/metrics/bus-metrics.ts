import type { Registry } from 'prom-client'
import { SECONDS } from './buckets.js'
import { Count, histogram, readGauge, Tally } from './instruments.js'
import { ScrapeReading } from './scrape-reading.js'

/** How the bus is now. */
export interface BusReading {
  /** Whether what is published is sent, and comes back. */
  readonly isConnected: boolean
  /** Infinity before the first proof; 0 where there is no way to lose anything. */
  readonly proofAgeMs: number
}

/** News between processes. */
export class BusMetrics {
  readonly state = new ScrapeReading<BusReading>()
  readonly #publish
  readonly #lag
  readonly #gaps: Count
  readonly #heal
  readonly #rotations: Tally<'cause'>

  constructor(registry: Registry) {
    const { state } = this
    readGauge(registry, state, 'bus_connected', '1 while what is published reaches this process.', [], ({ isConnected }) =>
      Number(isConnected),
    )
    readGauge(registry, state, 'bus_probe_age_seconds', 'Since a probe last came back.', [], ({ proofAgeMs }) => proofAgeMs / 1_000)
    this.#publish = histogram(registry, 'publish_seconds', 'From a publish to its answer, failures included.', SECONDS)
    this.#lag = histogram(registry, 'bus_lag_seconds', 'A probe’s way through Redis and back.', SECONDS)
    this.#gaps = new Count(registry, 'gaps_total', 'Times that a project had missed something.')
    this.#heal = histogram(registry, 'gap_heal_seconds', 'Reading what was missed.', SECONDS)
    this.#rotations = new Tally(registry, {
      name: 'epoch_rotations_total',
      help: 'Histories that ended, as the projects here saw it.',
      labels: ['cause'],
    })
    for (const cause of ['went-back', 'replaced']) this.#rotations.add({ cause }, 0)
  }

  published(seconds: number): void {
    this.#publish.observe(seconds)
  }

  probed(seconds: number): void {
    this.#lag.observe(seconds)
  }

  /** A project had missed something, and has it now, or begins anew. */
  healed(seconds: number): void {
    this.#gaps.value++
    this.#heal.observe(seconds)
  }

  /** `went-back`: it was found behind what it had said already; `replaced`: another one was there. */
  rotated(cause: 'went-back' | 'replaced'): void {
    this.#rotations.add({ cause })
  }
}
