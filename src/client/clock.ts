/** Time and chance, so that tests and simulations can make their own. */
export interface Clock {
  /** Unix time in milliseconds. */
  now(): number
  /** In [0, 1). */
  random(): number
  /** Calls back once after so many milliseconds. The function that it answers cancels. */
  after(delayMs: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  // Not the monotonic time, which in browsers stands still while the machine sleeps.
  now: () => Date.now(),
  random: () => Math.random(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
