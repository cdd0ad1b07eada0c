import { type Cache, type CacheEvent, type CacheQuestion, type CacheStatistics, MAX_TTL_MS, NEGATIVE_TTL_MS } from './cache.js'
import { packEntry } from './envelope.js'
import { Flights } from './flights.js'
import { type Kept, MemoryLevel } from './memory-level.js'
import { RevisionFloors } from './revision-floors.js'
import type { SharedLevel, SharedReading, TagTokens } from './shared-level.js'
import { Untold } from './untold.js'

export interface TieredCacheOptions {
  /** The second level; null: this process is alone. */
  readonly shared: SharedLevel | null
  /** Entries of the first level. 0: it keeps nothing. Default 10 000. */
  readonly maxEntries?: number
  /** Encoded, all entries of the first level. Default 64 MiB. */
  readonly maxBytes?: number
  /** Hears how long each load took, and how it ended. */
  readonly onLoad?: (elapsedMs: number, result: 'done' | 'failed') => void
  /** Milliseconds, never going back. Default of the process. */
  readonly now?: () => number
  /** [0, 1). */
  readonly random?: () => number
}

const DEFAULTS = {
  maxEntries: 10_000,
  maxBytes: 64 * 1024 * 1024,
  onLoad: () => undefined,
  now: () => performance.now(),
  random: Math.random,
} satisfies Partial<TieredCacheOptions>

const JITTER = 0.1
/** How often one who waits for another process's loading looks. */
const LOCK_POLL_MS = 20
/** Only a revision that went back, a database put back from a copy, makes anybody fetch this often. */
const MAX_FETCHES = 3

/** An answer on its way, and what is to be told of it. */
interface Answer {
  readonly value: unknown
  readonly revision: number
  readonly freshUntil: number
  readonly told: Pick<CacheEvent, 'outcome' | 'l2' | 'isStoredInL1' | 'isStoredInL2'>
}

/** What came of asking the second level. Null tokens: nothing may be stored there. */
interface SharedAnswer {
  readonly told: CacheEvent['l2']
  readonly entry: SharedReading['entry']
  readonly tokens: TagTokens | null
  readonly isLocked: boolean
}

const NOT_ASKED: SharedAnswer = { told: 'none', entry: null, tokens: null, isLocked: false }
const AWAY: SharedAnswer = { ...NOT_ASKED, told: 'away' }

/**
 * Memory, then what the processes share, then the loader. An invalidation takes effect here at once: what has the tag is dropped, what is being
 * loaded is not kept, and until the second level has been told of it, it is not asked about that tag.
 */
export class TieredCache implements Cache {
  readonly #options: Required<TieredCacheOptions>
  readonly #memory: MemoryLevel
  readonly #shared: SharedLevel | null
  readonly #flights = new Flights<Answer>()
  readonly #floors: RevisionFloors
  readonly #untold: Untold
  readonly #counts = {
    l1: { hits: 0, misses: 0, sets: 0, deletes: 0 },
    l2: { hits: 0, misses: 0, sets: 0, deletes: 0 },
    loads: 0,
    loadFailures: 0,
    waitsSaved: 0,
    graceServed: 0,
    errors: 0,
  }
  readonly #polls = new Set<() => void>()
  #isStopped = false

  constructor(options: TieredCacheOptions) {
    this.#options = { ...DEFAULTS, ...options }
    const { maxEntries, now, shared } = this.#options
    this.#memory = new MemoryLevel(this.#options)
    this.#floors = new RevisionFloors(4 * Math.max(maxEntries, 1))
    this.#untold = new Untold(now)
    this.#shared = shared
  }

  get statistics(): CacheStatistics {
    const { l1, l2, ...counts } = this.#counts
    const { evictions, entries, bytes, ageMs } = this.#memory
    return { l1: { ...l1 }, l2: { ...l2 }, ...counts, evictions, entries, bytes, ageMs }
  }

  async start(): Promise<void> {
    await this.#shared?.start({
      onInvalidated: (tags) => this.drop(tags),
      onMissed: () => this.#flush(),
      onReady: () => void this.#tell(),
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const end of this.#polls) end()
    this.#flush()
    await this.#flights.ended()
    await this.#shared?.stop()
  }

  async getOrLoad<Value>(key: string, question: CacheQuestion<Value>, load: () => Promise<Value>): Promise<Value> {
    const startedAt = this.#options.now()
    for (let fetches = 0; ; ) {
      const { answer, isCollapsed } = await this.#answer(key, question, load, startedAt)
      // What others fetch may be below what this one needs as often as there are others: that says nothing of its own.
      if (!isCollapsed) fetches++
      if (answer.revision < this.#leastRevision(key, question) && fetches < MAX_FETCHES) continue
      this.#floors.set(key, answer.revision)
      question.record?.push({ key, isCollapsed, ...answer.told, ttlMs: answer.freshUntil - this.#options.now() })
      // Under one key there is what one kind of loader made.
      return answer.value as Value
    }
  }

  async invalidate(tags: Iterable<string>): Promise<void> {
    const changed = [...tags]
    this.drop(changed)
    if (!this.#shared || changed.length === 0) return
    this.#untold.add(changed)
    await this.#tell()
  }

  drop(tags: Iterable<string>): void {
    for (const tag of tags) {
      this.#counts.l1.deletes += this.#memory.dropTag(tag)
      this.#flights.outdate(tag)
    }
  }

  async #answer<Value>(
    key: string,
    question: CacheQuestion<Value>,
    load: () => Promise<Value>,
    now: number,
  ): Promise<{ readonly answer: Answer; readonly isCollapsed: boolean }> {
    const kept = this.#memory.get(key)
    if (kept && kept.freshUntil > now && kept.revision >= this.#leastRevision(key, question)) {
      this.#counts.l1.hits++
      const told = { outcome: 'l1-hit', l2: 'none', isStoredInL1: false, isStoredInL2: false } as const
      return { answer: { ...kept, told }, isCollapsed: false }
    }
    this.#counts.l1.misses++
    const flying = this.#flights.get(key)
    if (flying) {
      this.#counts.waitsSaved++
      return { answer: await flying, isCollapsed: true }
    }
    const answer = await this.#flights.begin(key, question.tags, (isCurrent) => this.#fetch(key, question, load, isCurrent))
    return { answer, isCollapsed: false }
  }

  /** From the second level, else from the loader; kept where it may be. */
  async #fetch<Value>(key: string, question: CacheQuestion<Value>, load: () => Promise<Value>, isCurrent: () => boolean): Promise<Answer> {
    const shared = await this.#askShared(key, question)
    if (shared.entry) {
      const { value, revision, bytes, restMs } = shared.entry
      const { freshUntil, isKept } = this.#keep(key, question, { value, revision, bytes, ttlMs: restMs }, isCurrent)
      return { value, revision, freshUntil, told: { outcome: 'l2-hit', l2: 'hit', isStoredInL1: isKept, isStoredInL2: false } }
    }
    try {
      const value = await this.#load(load)
      const revision = question.revisionOf?.(value) ?? Number.NEGATIVE_INFINITY
      const ttlMs = this.#ttlOf(value, question.ttlMs)
      const packed = packEntry(value, revision)
      const { freshUntil, isKept } = this.#keep(key, question, { value, revision, bytes: packed.byteLength, ttlMs }, isCurrent)
      const isStoredInL2 = isCurrent() && (await this.#store(key, question.tags, shared.tokens, packed, ttlMs))
      return { value, revision, freshUntil, told: { outcome: 'miss', l2: shared.told, isStoredInL1: isKept, isStoredInL2 } }
    } catch (error) {
      return this.#outOfGrace(key, question, shared.told, error)
    } finally {
      if (shared.isLocked) await this.#try((level) => level.unlock(key))
    }
  }

  async #load<Value>(load: () => Promise<Value>): Promise<Value> {
    const { now, onLoad } = this.#options
    const startedAt = now()
    this.#counts.loads++
    try {
      const value = await load()
      onLoad(now() - startedAt, 'done')
      return value
    } catch (error) {
      this.#counts.loadFailures++
      onLoad(now() - startedAt, 'failed')
      throw error
    }
  }

  #keep(
    key: string,
    { tags, graceMs = 0 }: Pick<CacheQuestion<never>, 'tags' | 'graceMs'>,
    { value, revision, bytes, ttlMs }: Pick<Kept, 'value' | 'revision' | 'bytes'> & { readonly ttlMs: number },
    isCurrent: () => boolean,
  ): { readonly freshUntil: number; readonly isKept: boolean } {
    const storedAt = this.#options.now()
    const freshUntil = storedAt + ttlMs
    if (!isCurrent() || this.#isStopped) return { freshUntil, isKept: false }
    const isKept = this.#memory.set(key, { value, tags, revision, bytes, storedAt, freshUntil, graceUntil: freshUntil + graceMs })
    if (isKept) this.#counts.l1.sets++
    return { freshUntil, isKept }
  }

  /** The last value, when it only has outlived its time. @throws the error when there is none. */
  #outOfGrace(key: string, question: CacheQuestion<never>, l2: CacheEvent['l2'], error: unknown): Answer {
    const kept = this.#memory.get(key)
    if (!kept || kept.revision < this.#leastRevision(key, question)) throw error
    this.#counts.graceServed++
    return { ...kept, told: { outcome: 'grace', l2, isStoredInL1: false, isStoredInL2: false } }
  }

  async #askShared(key: string, question: CacheQuestion<never>): Promise<SharedAnswer> {
    const { tags, lockMs = 0 } = question
    if (!this.#shared) return NOT_ASKED
    if (!this.#shared.isAvailable) this.#counts.errors++
    if (!this.#isSharedTold(tags)) return AWAY
    const first = await this.#readShared(key, question)
    if (first === null) return AWAY
    if (first.entry) return first
    if (lockMs === 0) return this.#missed(first)
    const isLocked = await this.#try((level) => level.lock(key, lockMs))
    if (isLocked !== false) return this.#missed({ ...first, isLocked: isLocked ?? false })
    // Another process loads: it is there soon, or each loads for itself.
    const until = this.#options.now() + lockMs
    while (this.#options.now() < until && !this.#isStopped && this.#isSharedTold(tags)) {
      await this.#pause()
      const reading = await this.#readShared(key, question)
      if (reading === null) return AWAY
      if (reading.entry) return reading
    }
    return this.#missed(first)
  }

  /** What is true there, or under which revisions of the tags it may be stored; null when it cannot be asked. */
  async #readShared(key: string, question: CacheQuestion<never>): Promise<SharedAnswer | null> {
    const reading = await this.#try((level) => level.read(key, question.tags))
    if (reading === null) return null
    const { entry, isStale } = reading
    if (entry && entry.revision >= this.#leastRevision(key, question) && this.#isSharedTold(question.tags)) {
      this.#counts.l2.hits++
      return { told: 'hit', entry, tokens: null, isLocked: false }
    }
    const tokens = await this.#try((level) => level.tokens(question.tags))
    return { told: isStale || entry ? 'stale' : 'miss', entry: null, tokens, isLocked: false }
  }

  #missed(answer: SharedAnswer): SharedAnswer {
    this.#counts.l2.misses++
    return answer
  }

  async #store(key: string, tags: readonly string[], tokens: TagTokens | null, packed: Uint8Array, ttlMs: number): Promise<boolean> {
    if (tokens === null || !this.#isSharedTold(tags)) return false
    const isStored = (await this.#try((level) => level.write(key, { tags, tokens, packed, ttlMs }))) ?? false
    if (isStored) this.#counts.l2.sets++
    return isStored
  }

  /** Whether the second level can be asked and knows all that this process knows of these tags. */
  #isSharedTold(tags: readonly string[]): boolean {
    return this.#shared?.isAvailable === true && !this.#untold.hasAny(tags)
  }

  /** Tells the second level, and by it the other processes, what they have not been told. */
  async #tell(): Promise<void> {
    if (!this.#shared?.isAvailable) return
    const telling = this.#untold.begin()
    if (telling.tags.length === 0) return
    const done = await this.#try(async (level) => {
      await level.invalidate(telling.tags)
      return 'told' as const
    })
    if (done === null) return
    this.#counts.l2.deletes += telling.tags.length
    telling.done()
  }

  /** Null when the second level did not do it, which fails nobody. */
  async #try<Result>(act: (level: SharedLevel) => Promise<Result>): Promise<Result | null> {
    if (!this.#shared?.isAvailable) return null
    try {
      return await act(this.#shared)
    } catch {
      this.#counts.errors++
      return null
    }
  }

  #leastRevision(key: string, { minRevision = Number.NEGATIVE_INFINITY }: Pick<CacheQuestion<never>, 'minRevision'>): number {
    return Math.max(minRevision, this.#floors.of(key))
  }

  #ttlOf(value: unknown, ttlMs: number): number {
    const wanted = value === null ? Math.min(ttlMs, NEGATIVE_TTL_MS) : ttlMs
    return Math.min(MAX_TTL_MS, wanted * (1 - JITTER + 2 * JITTER * this.#options.random()))
  }

  #flush(): void {
    this.#memory.clear()
    this.#flights.outdateAll()
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#polls.delete(end)
        resolve()
      }
      const timer = setTimeout(end, LOCK_POLL_MS)
      this.#polls.add(end)
    })
  }
}
