import type { Clock } from '../../src/sessions/clock.js'

interface Timer {
  readonly dueAt: number
  readonly callback: () => void
}

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  readonly #epochMs: number
  readonly #random: () => number
  readonly #timers = new Set<Timer>()
  #now = 1_000

  constructor({ epochMs = Date.UTC(2026, 0, 1), random = () => 0.5 }: { readonly epochMs?: number; readonly random?: () => number } = {}) {
    this.#epochMs = epochMs
    this.#random = random
  }

  /** Timers that are due some time. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#now
  }

  today(): number {
    return this.#epochMs + this.#now
  }

  random(): number {
    return this.#random()
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueAt: this.#now + Math.max(0, delayMs), callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Calls what is due within so many milliseconds, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await settle()
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.dueAt)
      next.callback()
      await settle()
    }
    this.#now = until
  }

  #next(until: number): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers) if (timer.dueAt <= until && (first === null || timer.dueAt < first.dueAt)) first = timer
    return first
  }
}

/** Lets the promises settle that wait for nothing else. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve()
}
