import type { QueryEvent } from './pool.js'

/** A statement that reads, as this process has seen it. */
export interface HotQuery {
  readonly fingerprint: string
  readonly name: string
  readonly sql: string
  readonly count: number
  readonly totalMs: number
  /** Of the newest time. Never told to anybody: people's data stands in them. */
  readonly values: readonly unknown[]
}

/** Shapes that are kept; the one not seen for longest makes room. */
const MAX_SHAPES = 300
/** Statements with more or longer values are bulk work, not what people wait for. */
const MAX_VALUES = 50
const MAX_VALUE_CHARS = 2_000

const READS = /^\s*(?:\/\*[^*]*\*\/\s*)?(?:select|with)\b/i
const WRITES = /\b(?:insert into|update|delete from|for (?:no key )?update|pg_sleep|advisory|nextval)\b/i

/** Counts reading statements by their shape, with an example of their values. */
export class HotQueries {
  /** In order of last sight. */
  readonly #shapes = new Map<string, { name: string; sql: string; count: number; totalMs: number; values: readonly unknown[] }>()

  record({ fingerprint, name, sql, ms, values }: QueryEvent): void {
    const known = this.#shapes.get(fingerprint)
    if (!known && !isReading(sql)) return
    if (values.length > MAX_VALUES || values.some(isLong)) return
    const shape = known ?? { name, sql, count: 0, totalMs: 0, values }
    shape.count += 1
    shape.totalMs += ms
    shape.sql = sql
    shape.values = values
    this.#shapes.delete(fingerprint)
    this.#shapes.set(fingerprint, shape)
    if (this.#shapes.size > MAX_SHAPES) this.#shapes.delete(this.#shapes.keys().next().value!)
  }

  /** Those seen at least `minCount` times, by the time that they took in all. */
  list(minCount: number): HotQuery[] {
    return [...this.#shapes]
      .map(([fingerprint, shape]) => ({ fingerprint, ...shape }))
      .filter(({ count }) => count >= minCount)
      .sort((one, other) => other.totalMs - one.totalMs)
  }
}

function isReading(sql: string): boolean {
  return READS.test(sql) && !WRITES.test(sql)
}

function isLong(value: unknown): boolean {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))?.length > MAX_VALUE_CHARS
}
