import type { QueryEvent } from './pool.js'

/** Slower than this is slow: a person notices, and so does who waits behind it. */
export const SLOW_MS = 100
/** Shapes of statements that are kept; the one not seen for longest makes room. */
const MAX_SHAPES = 100
/** Durations that a shape keeps for its p95: the newest. */
const MAX_DURATIONS = 200
/** More of a text than says what it is. */
const MAX_SQL_CHARS = 2_000

/** A statement that was slow, however often. */
export interface SlowQuery {
  readonly fingerprint: string
  readonly name: string
  /** Its text, with `$1` where values stood. */
  readonly sql: string
  /** Times that it was slow. */
  readonly count: number
  /** Milliseconds: of the newest {@link MAX_DURATIONS} times. */
  readonly p95Ms: number
  readonly worstMs: number
  /** RFC 3339. */
  readonly lastAt: string
}

interface Shape {
  readonly name: string
  readonly sql: string
  count: number
  worstMs: number
  lastAtMs: number
  readonly durations: number[]
}

/** Remembers what was slow, by its shape, within bounds. */
export class SlowQueries {
  /** In order of last sight. */
  readonly #shapes = new Map<string, Shape>()

  /** Answers whether the statement was slow. */
  record({ fingerprint, name, sql, ms }: QueryEvent, now: number = Date.now()): boolean {
    if (ms <= SLOW_MS) return false
    const shape = this.#shapes.get(fingerprint) ?? {
      name,
      sql: sql.slice(0, MAX_SQL_CHARS),
      count: 0,
      worstMs: 0,
      lastAtMs: now,
      durations: [],
    }
    shape.durations[shape.count % MAX_DURATIONS] = ms
    shape.count += 1
    shape.worstMs = Math.max(shape.worstMs, ms)
    shape.lastAtMs = now
    this.#shapes.delete(fingerprint)
    this.#shapes.set(fingerprint, shape)
    if (this.#shapes.size > MAX_SHAPES) this.#shapes.delete(this.#shapes.keys().next().value!)
    return true
  }

  /** The worst first. */
  list(): SlowQuery[] {
    return [...this.#shapes]
      .map(([fingerprint, { name, sql, count, worstMs, lastAtMs, durations }]) => ({
        fingerprint,
        name,
        sql,
        count,
        p95Ms: Math.round(percentile(durations, 0.95)),
        worstMs: Math.round(worstMs),
        lastAt: new Date(lastAtMs).toISOString(),
      }))
      .sort((one, other) => other.worstMs - one.worstMs)
  }
}

/** The nearest rank of it; `values` is not empty. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.ceil(share * sorted.length) - 1]!
}
