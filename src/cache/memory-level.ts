import { LRUCache } from 'lru-cache'

/** An answer in the memory of this process. */
export interface Kept {
  readonly value: unknown
  readonly tags: readonly string[]
  /** -Infinity for one that has none. */
  readonly revision: number
  readonly bytes: number
  /** All in milliseconds of the level's clock. */
  readonly storedAt: number
  readonly freshUntil: number
  readonly graceUntil: number
}

export interface MemoryLevelOptions {
  /** 0: nothing is kept. */
  readonly maxEntries: number
  readonly maxBytes: number
  /** Milliseconds, never going back. */
  readonly now: () => number
}

/** The first level: the answers last used, by number and bytes, found by their tags. */
export class MemoryLevel {
  readonly #options: MemoryLevelOptions
  readonly #entries: LRUCache<string, Kept>
  readonly #keysOfTag = new Map<string, Set<string>>()
  evictions = 0

  constructor(options: MemoryLevelOptions) {
    this.#options = options
    this.#entries = new LRUCache<string, Kept>({
      max: Math.max(1, options.maxEntries),
      maxSize: options.maxBytes,
      // Nothing has no size, says the library.
      sizeCalculation: ({ bytes }) => Math.max(1, bytes),
      perf: { now: options.now },
      // No timer: the clock is asked each time.
      ttlResolution: 0,
      dispose: (kept, key, reason) => {
        if (reason === 'evict') this.evictions++
        this.#untag(key, kept.tags)
      },
    })
  }

  get entries(): number {
    this.#entries.purgeStale()
    return this.#entries.size
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }

  /** Of the oldest entry; 0 when there is none. Looks at every entry. */
  get ageMs(): number {
    const now = this.#options.now()
    let oldest = now
    for (const { storedAt } of this.#entries.values()) oldest = Math.min(oldest, storedAt)
    return now - oldest
  }

  /** The answer, fresh or in its grace; undefined for none. */
  get(key: string): Kept | undefined {
    return this.#entries.get(key)
  }

  /** Whether it is kept now: one that is larger than the level is not. */
  set(key: string, kept: Kept): boolean {
    const { maxEntries, maxBytes, now } = this.#options
    const ttl = kept.graceUntil - now()
    if (maxEntries === 0 || kept.bytes > maxBytes || ttl <= 0) return false
    this.#entries.set(key, kept, { ttl })
    for (const tag of kept.tags) {
      const keys = this.#keysOfTag.get(tag)
      if (keys) keys.add(key)
      else this.#keysOfTag.set(tag, new Set([key]))
    }
    return true
  }

  /** Deletes what has the tag; answers how many that were. */
  dropTag(tag: string): number {
    const keys = [...(this.#keysOfTag.get(tag) ?? [])]
    for (const key of keys) this.#entries.delete(key)
    return keys.length
  }

  clear(): void {
    this.#entries.clear()
    this.#keysOfTag.clear()
  }

  #untag(key: string, tags: readonly string[]): void {
    for (const tag of tags) {
      const keys = this.#keysOfTag.get(tag)
      keys?.delete(key)
      if (keys?.size === 0) this.#keysOfTag.delete(tag)
    }
  }
}
