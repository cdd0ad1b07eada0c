const DAY_MS = 86_400_000

/** `YYYY-MM-DD` of civil days since 1970-01-01. */
export function formatDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}
