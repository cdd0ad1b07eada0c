import type { Clock } from '../../src/sessions/clock.js'

interface Timer {
  readonly dueAt: number
  readonly callback: () => void
}

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  readonly #epochMs: number
  readonly #random: () => number
  /** In the order in which they are due; of one moment in the order in which they were asked for. */
  readonly #timers: Timer[] = []
  #now = 1_000

  constructor({ epochMs = Date.UTC(2026, 0, 1), random = () => 0.5 }: { readonly epochMs?: number; readonly random?: () => number } = {}) {
    this.#epochMs = epochMs
    this.#random = random
  }

  /** Timers that are due some time. */
  get pending(): number {
    return this.#timers.length
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
    let at = this.#timers.length
    while (at > 0 && this.#timers[at - 1]!.dueAt > timer.dueAt) at--
    this.#timers.splice(at, 0, timer)
    return () => {
      const found = this.#timers.indexOf(timer)
      if (found >= 0) this.#timers.splice(found, 1)
    }
  }

  /** Calls what is due within so many milliseconds, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await settle()
    for (let next = this.#timers[0]; next && next.dueAt <= until; next = this.#timers[0]) {
      this.#timers.shift()
      this.#now = Math.max(this.#now, next.dueAt)
      next.callback()
      await settle()
    }
    this.#now = until
  }
}

/** Lets the promises settle that wait for nothing else: Node calls this when there is none left. */
export function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
