import type { BusLatest } from '../bus/bus.js'
import { PRESENCE_COUNT_KEY, presenceKey } from '../protocol/events.js'
import { presentCount } from '../protocol/schemas.js'
import type { Clock } from './clock.js'
import type { News } from './news.js'

export interface PresencePaceOptions {
  readonly clock: Clock
  /** Sessions that hear the project here. */
  readonly sessions: () => number
  /** It is time to send these. */
  readonly release: (values: readonly News<BusLatest>[]) => void
}

const PREFIX = presenceKey('')

/** Shortest time between two frames about who is present: what everybody tells everybody grows with the square of their number (R4). */
export function presenceIntervalMs(sessions: number): number {
  if (sessions <= 100) return 250
  return sessions <= 1_000 ? 1_000 : 5_000
}

/** Whether the key is about who is present. */
export function isPresenceKey(key: string): boolean {
  return key.startsWith(PREFIX)
}

/** Holds back what a project hears about who is present, newest per key, until it may be sent. */
export class PresencePace {
  readonly #options: PresencePaceOptions
  readonly #held = new Map<string, News<BusLatest>>()
  #present = 0
  #releasedAt = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | null = null

  constructor(options: PresencePaceOptions) {
    this.#options = options
  }

  hold(news: News<BusLatest>): void {
    const { clock, sessions } = this.#options
    const { key, body } = news.source
    this.#held.set(key, news)
    if (key === PRESENCE_COUNT_KEY) this.#present = presentCount(body)
    const dueAt = this.#releasedAt + presenceIntervalMs(Math.max(sessions(), this.#present))
    this.#cancelTimer ??= clock.after(dueAt - clock.now(), () => this.#release())
  }

  /** What is held is not sent. */
  drop(): void {
    this.#held.clear()
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #release(): void {
    const { clock, release } = this.#options
    this.#cancelTimer = null
    this.#releasedAt = clock.now()
    const values = [...this.#held.values()]
    this.#held.clear()
    release(values)
  }
}
