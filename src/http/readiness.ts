import { within } from './within.js'

export interface ReadinessOptions {
  /** Milliseconds since news last reached this process. */
  readonly proofAgeMs: () => number
  /** Tells the other processes of it. */
  readonly recordProof: (ageMs: number) => Promise<void>
  /** Milliseconds since news last reached any process; null for never. Fails when the database does not answer. */
  readonly newestProofMs: () => Promise<number | null>
  /** Whether it takes sessions and requests: it has started and does not drain. */
  readonly isServing: () => boolean
}

/** What a load balancer asks, and why it is so. */
export interface ReadinessReport {
  readonly ready: boolean
  readonly database: 'ok' | 'unreachable'
  readonly bus: {
    /** `unproven`: nothing has come back for 3 s, and not to the others either, as far as anybody knows; `deaf`: to the others it has. */
    readonly delivery: 'proven' | 'unproven' | 'deaf'
    /** Null before the first proof. */
    readonly proofAgeMs: number | null
  }
  readonly draining: boolean
}

/** Delivery that was not proven for this long is in doubt (D9). */
const DOUBT_MS = 3_000
/** Another process's proof must be newer by more than two processes' proofs differ when Redis goes away for both. */
const OTHERS_MS = 2_000
const RECORD_MS = 1_000
/** A database that does not answer within this is told as unreachable. */
const DATABASE_TIMEOUT_MS = 1_000

/**
 * Whether sessions are well here (D9). A process that alone hears nothing is not ready, for others are better; when nobody hears anything
 * all stay ready, for there is no better place. A database that cannot be reached is told, and no reason to go elsewhere.
 */
export class Readiness {
  readonly #options: ReadinessOptions
  #timer: NodeJS.Timeout | null = null
  #recording: Promise<void> | null = null

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.#record(), RECORD_MS)
    this.#record()
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    await this.#recording
  }

  async judge(): Promise<ReadinessReport> {
    const { proofAgeMs, newestProofMs, isServing } = this.#options
    const newest = await within(DATABASE_TIMEOUT_MS, newestProofMs()).catch(() => 'unreachable' as const)
    const ageMs = proofAgeMs()
    const isDeaf = typeof newest === 'number' && newest < OTHERS_MS
    const delivery = ageMs < DOUBT_MS ? 'proven' : isDeaf ? 'deaf' : 'unproven'
    return {
      ready: isServing() && delivery !== 'deaf',
      database: newest === 'unreachable' ? newest : 'ok',
      bus: { delivery, proofAgeMs: Number.isFinite(ageMs) ? Math.round(ageMs) : null },
      draining: !isServing(),
    }
  }

  /** Never rejects: what cannot be told now is told in the next round, or is not new any more. */
  #record(): void {
    const ageMs = this.#options.proofAgeMs()
    if (ageMs >= DOUBT_MS || this.#recording) return
    this.#recording = this.#options
      .recordProof(ageMs)
      .catch(() => undefined)
      .finally(() => {
        this.#recording = null
      })
  }
}
