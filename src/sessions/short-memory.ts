import type { Clock } from './clock.js'

/** How long what was made serves others. */
const KEPT_MS = 1_000
const MAX_VALUES = 64

/** What is made of one flush for many who come at once: made once, and gone with the next flush or a second later. */
export class ShortMemory<Value> {
  readonly #clock: Clock
  readonly #values = new Map<string, Value>()
  #flushNo = -1
  #cancelTimer: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The value of the key as of the flush; null is not remembered. */
  get<Made extends Value | null>(flushNo: number, key: string, make: () => Made): Made | Value {
    if (flushNo !== this.#flushNo || this.#values.size >= MAX_VALUES) this.clear()
    this.#flushNo = flushNo
    const known = this.#values.get(key)
    if (known !== undefined) return known
    const value = make()
    if (value !== null) this.#values.set(key, value)
    this.#cancelTimer ??= this.#clock.after(KEPT_MS, () => this.clear())
    return value
  }

  clear(): void {
    this.#values.clear()
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
}
