/** Time and chance, so that a simulation can make its own. */
export interface Clock {
  /** Milliseconds that only grow, on the same scale as `lastSentAt` of the transport's sockets. */
  now(): number
  /** Unix time in milliseconds. */
  today(): number
  /** In [0, 1). */
  random(): number
  /**
   * Calls back once after `delayMs`; 0 or less: still in this turn of the loop, behind what the same read of the sockets brought. The
   * function that it answers cancels.
   */
  after(delayMs: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  today: () => Date.now(),
  random: () => Math.random(),
  after(delayMs, callback) {
    if (delayMs <= 0) {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
