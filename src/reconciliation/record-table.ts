import { fractionDigits, fromScaledInteger, scaledInteger } from '../money.js'
import type { EngineRecord } from './records.js'

/** Stands for null in the column of days. */
const NO_DAY = -2_147_483_648
const TEXT_FIELDS = ['externalId', 'reference', 'counterparty', 'memo'] as const
export type TextField = (typeof TEXT_FIELDS)[number]

/** The records of a side in columns. A position is the order of appending, from 0. */
export class RecordTable {
  readonly #texts: Readonly<Record<TextField, (string | null)[]>> = { externalId: [], reference: [], counterparty: [], memo: [] }
  /** Amounts as integers × 10^−scale. Those beyond 2^53 − 1 are in `#large`, NaN here. */
  #mantissas = new Float64Array(1024)
  #scales = new Uint8Array(1024)
  readonly #large = new Map<number, bigint>()
  /** Index into `#codes`; −1: no amount. */
  #currencies = new Int16Array(1024)
  readonly #codes: string[] = []
  readonly #codeIndex = new Map<string, number>()
  #days = new Int32Array(1024)
  #size = 0

  get size(): number {
    return this.#size
  }

  append(records: readonly EngineRecord[]): void {
    this.#reserve(this.#size + records.length)
    for (const record of records) {
      const position = this.#size++
      for (const field of TEXT_FIELDS) this.#texts[field].push(record[field])
      this.#days[position] = record.day ?? NO_DAY
      this.#appendAmount(position, record.amount, record.currency)
    }
  }

  text(field: TextField, position: number): string | null {
    return this.#texts[field][position]!
  }

  /** Civil days since 1970-01-01. */
  day(position: number): number | null {
    const day = this.#days[position]!
    return day === NO_DAY ? null : day
  }

  /** ISO 4217; null exactly where there is no amount. */
  currency(position: number): string | null {
    return this.#codes[this.#currencies[position]!] ?? null
  }

  /** Canonical decimal text. */
  amount(position: number): string | null {
    if (this.#currencies[position]! < 0) return null
    return fromScaledInteger(this.mantissa(position), this.#scales[position]!)
  }

  /** How many decimals the amount has. */
  scale(position: number): number {
    return this.#scales[position]!
  }

  /** amount × 10^scale. */
  mantissa(position: number): bigint {
    return this.#large.get(position) ?? BigInt(this.#mantissas[position]!)
  }

  /** amount × 10^scale as a double, NaN beyond 2^53 − 1. */
  safeMantissa(position: number): number {
    return this.#mantissas[position]!
  }

  #appendAmount(position: number, amount: string | null, currency: string | null): void {
    if (amount === null) {
      this.#currencies[position] = -1
      return
    }
    const scale = fractionDigits(amount)
    const mantissa = scaledInteger(amount, scale)!
    const isSafe = mantissa >= -BigInt(Number.MAX_SAFE_INTEGER) && mantissa <= BigInt(Number.MAX_SAFE_INTEGER)
    this.#mantissas[position] = isSafe ? Number(mantissa) : Number.NaN
    if (!isSafe) this.#large.set(position, mantissa)
    this.#scales[position] = scale
    this.#currencies[position] = this.#codeOf(currency ?? 'XXX')
  }

  #codeOf(currency: string): number {
    let index = this.#codeIndex.get(currency)
    if (index === undefined) {
      index = this.#codes.push(currency) - 1
      this.#codeIndex.set(currency, index)
    }
    return index
  }

  #reserve(size: number): void {
    if (size <= this.#days.length) return
    const capacity = Math.max(size, this.#days.length * 2)
    this.#mantissas = grown(this.#mantissas, new Float64Array(capacity))
    this.#scales = grown(this.#scales, new Uint8Array(capacity))
    this.#currencies = grown(this.#currencies, new Int16Array(capacity))
    this.#days = grown(this.#days, new Int32Array(capacity))
  }
}

function grown<T extends Float64Array | Uint8Array | Int16Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
