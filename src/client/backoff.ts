/** How long a client waits before it tries again: full jitter, so that thousands who lost one server do not return at once (PROTOCOL §7). */
export const RECONNECT = { minDelayMs: 1_000, maxDelayMs: 20_000, multiplier: 2 } as const

/** Milliseconds before attempt `attempt` (0 = the first): uniform(0, min(20 s, 1 s × 2^attempt)); `random` gives [0, 1). */
export function reconnectDelayMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(RECONNECT.maxDelayMs, RECONNECT.minDelayMs * RECONNECT.multiplier ** attempt)
  return Math.floor(random() * ceiling)
}
