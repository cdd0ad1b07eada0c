import { type Clock, systemClock } from '../../src/sessions/clock.js'

/** The real time, which a test can set ahead; timers are not hurried by that. */
export class ShiftedClock implements Clock {
  shiftMs = 0

  shift(ms: number): void {
    this.shiftMs += ms
  }

  now(): number {
    return systemClock.now() + this.shiftMs
  }

  today(): number {
    return systemClock.today() + this.shiftMs
  }

  random(): number {
    return systemClock.random()
  }

  after(delayMs: number, callback: () => void): () => void {
    return systemClock.after(delayMs, callback)
  }
}

/** Stands still but for what a test says; timers are the real ones. */
export class StoppedClock extends ShiftedClock {
  readonly #stoppedAt = systemClock.now()

  override now(): number {
    return this.#stoppedAt + this.shiftMs
  }
}
