import type { Revocation, RevocationsReading } from '../db/revocations.js'
import type { Clock } from './clock.js'

export interface RevocationPollOptions {
  /** What was revoked since a moment of the database's clock; null: lately. Readings overlap. */
  readonly read: (since: Date | null) => Promise<RevocationsReading>
  /** Told once of each. Must not throw. */
  readonly onRevoked: (revocation: Revocation) => void
  readonly clock: Clock
}

/** Less than a second with what it takes to ask and to judge (C9), and no two processes in step. */
const POLL_MS = { least: 600, spread: 250 }

/**
 * Asks the database who may no more, for the news of it may be lost, and while the bus is away there are none (C9). One small question for
 * everything, also while nobody is connected: requests are judged by what is remembered. What could not be asked is asked again: the answer then reaches back to the last one.
 */
export class RevocationPoll {
  readonly #options: RevocationPollOptions
  #since: Date | null = null
  #known: ReadonlySet<string> = new Set()
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(options: RevocationPollOptions) {
    this.#options = options
  }

  start(): void {
    const { clock } = this.#options
    this.#cancel = clock.after(POLL_MS.least + clock.random() * POLL_MS.spread, () => {
      void this.#poll().finally(() => {
        if (!this.#isStopped) this.start()
      })
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  async #poll(): Promise<void> {
    const { read, onRevoked } = this.#options
    // A database that is away says so itself wherever it is needed.
    const reading = await read(this.#since).catch(() => null)
    if (reading === null || this.#isStopped) return
    const before = this.#known
    this.#since = reading.until
    this.#known = new Set(reading.revocations.map(({ id }) => id))
    for (const { id, ...revocation } of reading.revocations) if (!before.has(id)) onRevoked(revocation)
  }
}
