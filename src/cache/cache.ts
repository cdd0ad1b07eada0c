/** What came of one question, for whoever wants to tell it on (`Cache-Status`, `Server-Timing`). */
export interface CacheEvent {
  readonly key: string
  /**
   * `l1-hit`, `l2-hit`: found there; `miss`: loaded; `grace`: it could not be loaded, the last value was still at hand; `bypass`: the cache was
   * not asked.
   */
  readonly outcome: 'l1-hit' | 'l2-hit' | 'miss' | 'grace' | 'bypass'
  /** Whether somebody else's question, under way already, answered this one. */
  readonly isCollapsed: boolean
  /** What the second level said: `stale`, something that is outdated; `away`, nothing; `none`, it was not asked or there is none. */
  readonly l2: 'hit' | 'miss' | 'stale' | 'away' | 'none'
  readonly isStoredInL1: boolean
  readonly isStoredInL2: boolean
  /** For how long the answer is fresh; below 0 it has been outdated for so long. */
  readonly ttlMs: number
}

export interface CacheQuestion<Value> {
  /** What makes the answer outdated: see {@link Cache.invalidate}. */
  readonly tags: readonly string[]
  /** ± 10 %, at most {@link MAX_TTL_MS}. An answer of null is kept for {@link NEGATIVE_TTL_MS} at most. */
  readonly ttlMs: number
  /** A number that never falls from one state to the next: nobody here is then answered an older one than was answered before. */
  readonly revisionOf?: (value: Value) => number
  /** An answer below this revision is outdated, whatever the cache believes. */
  readonly minRevision?: number
  /** How long an answer that has outlived its time, but was not invalidated, serves while loading fails. Default 0: not at all. */
  readonly graceMs?: number
  /** Lets one process load for all, the others wait for it this long. Default 0: each for itself. */
  readonly lockMs?: number
  /** Gets what came of this question. */
  readonly record?: CacheEvent[] | undefined
}

export interface LevelStatistics {
  readonly hits: number
  readonly misses: number
  readonly sets: number
  /** Entries (first level) or tags (second) that were invalidated. */
  readonly deletes: number
}

/** Counts since the start, and what is held now. */
export interface CacheStatistics {
  readonly l1: LevelStatistics
  readonly l2: LevelStatistics
  readonly loads: number
  readonly loadFailures: number
  /** Questions that somebody else's, under way already, answered. */
  readonly waitsSaved: number
  readonly graceServed: number
  /** Of the first level, because it was full. */
  readonly evictions: number
  /** Of the second level: what it did not do. */
  readonly errors: number
  /** Of the first level. */
  readonly entries: number
  readonly bytes: number
  /** Of the oldest entry; 0 when there is none. */
  readonly ageMs: number
}

/** What Redis keeps is gone after this long, whatever happens to us. */
export const MAX_TTL_MS = 300_000
export const NEGATIVE_TTL_MS = 5_000

/**
 * Answers that are costly to make, kept while they are true. Keys and tags are names of ours, their part before the first slash says what
 * belongs together (a project); a tag has no space. Values are plain data and belong to the cache: nobody changes them.
 */
export interface Cache {
  start(): Promise<void>
  /** Answers nothing from memory any more; resolves when nothing of it is under way. */
  stop(): Promise<void>

  /**
   * The kept answer, else the one that `load` makes: once for all who ask meanwhile. One whose loading began before an invalidation is given
   * to those who asked before it, and kept for nobody. @throws what `load` throws.
   */
  getOrLoad<Value>(key: string, question: CacheQuestion<Value>, load: () => Promise<Value>): Promise<Value>

  /**
   * Something with these tags has changed and was committed. From this call on this process answers nothing older; the promise resolves, and
   * never rejects, when the other processes have been told, or it is clear that they will be when they can be.
   */
  invalidate(tags: Iterable<string>): Promise<void>

  /** Somebody else has invalidated these. */
  drop(tags: Iterable<string>): void

  readonly statistics: CacheStatistics
}
