import type { BusLatest } from '../bus/bus.js'
import type { News } from './news.js'

interface Value {
  readonly news: News<BusLatest>
  /** Number of the flush that brought it. */
  readonly flushNo: number
}

/** The newest value of each key of a project, as of its last flush. */
export class LatestValues {
  readonly #values = new Map<string, Value>()
  /** Keys whose value is gone. */
  readonly #gone = new Set<string>()

  /** Keys that are known to be gone. */
  get gone(): number {
    return this.#gone.size
  }

  /** Takes what a flush brought. `tombstones`: whether what is gone stays known, for who has yet to be told. */
  apply(changed: readonly News<BusLatest>[], flushNo: number, tombstones: 'kept' | 'forgotten'): void {
    for (const news of changed) {
      const { key } = news.source
      this.#values.set(key, { news, flushNo })
      if (news.isGone) this.#gone.add(key)
      else this.#gone.delete(key)
    }
    if (tombstones === 'kept') return
    for (const key of this.#gone) this.#values.delete(key)
    this.#gone.clear()
  }

  clear(): void {
    this.#values.clear()
    this.#gone.clear()
  }

  live(): News<BusLatest>[] {
    return [...this.#values.values()].map(({ news }) => news).filter((news) => !news.isGone)
  }

  /** What has changed after the flush of this number, also what is gone since. */
  changedSince(flushNo: number): News<BusLatest>[] {
    return [...this.#values.values()].filter((value) => value.flushNo > flushNo).map(({ news }) => news)
  }
}
