export interface RetryLimits {
  /** Ceiling of the first wait. Default 100. */
  readonly minDelayMs: number
  /** Ceiling of every wait. Default 10 000. */
  readonly maxDelayMs: number
}

export const RETRY = { minDelayMs: 100, maxDelayMs: 10_000 } satisfies RetryLimits
const MULTIPLIER = 2
/** The longest that a timer waits: what is above is over at once. */
export const LONGEST_WAIT_MS = 2 ** 31 - 1

/**
 * Milliseconds to wait after failure `failures` (1 = the first): full jitter, uniform(0, min(max, min × 2^(failures - 1))), after what the
 * server asked for. `random` gives [0, 1).
 */
export function retryDelayMs(failures: number, retryAfterMs: number | null, limits: RetryLimits, random: () => number): number {
  const ceiling = Math.min(limits.maxDelayMs, limits.minDelayMs * MULTIPLIER ** Math.min(failures - 1, 30))
  return Math.min(LONGEST_WAIT_MS, (retryAfterMs ?? 0) + Math.floor(random() * ceiling))
}
