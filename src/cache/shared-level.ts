/** What the second level knows of a key. */
export interface SharedReading {
  /** Null for nothing, or nothing that is true any more. */
  readonly entry: SharedEntry | null
  /** There was something, but its tags were invalidated since. */
  readonly isStale: boolean
}

export interface SharedEntry {
  readonly value: unknown
  /** -Infinity for one that has none. */
  readonly revision: number
  /** Encoded. */
  readonly bytes: number
  /** For how long it will still be kept. */
  readonly restMs: number
}

/** The revision of each tag as it was before loading; opaque. */
export type TagTokens = readonly string[]

export interface SharedWrite {
  readonly tags: readonly string[]
  readonly tokens: TagTokens
  readonly packed: Uint8Array
  readonly ttlMs: number
}

export interface SharedLevelListener {
  /** Another process has invalidated these. Must not throw. */
  onInvalidated(tags: readonly string[]): void
  /** Invalidations of others may have been missed up to now; from now on they are heard. Must not throw. */
  onMissed(): void
  /** It can be reached (again), so what it was not told can be told. Must not throw. */
  onReady(): void
}

/**
 * What all processes share. Each call fails when it cannot be reached, in a time that is short beside what it saves. An entry is true while each
 * of its tags has the revision that it had before the entry was loaded: a load that began before an invalidation may store what it likes, nobody
 * reads it.
 */
export interface SharedLevel {
  /** Whether asking makes sense now. */
  readonly isAvailable: boolean
  /** Resolves when it can be used or cannot be reached now: then it comes by itself. */
  start(listener: SharedLevelListener): Promise<void>
  stop(): Promise<void>
  read(key: string, tags: readonly string[]): Promise<SharedReading>
  /** Before loading: the tags' revisions, made where there are none; null when there is no room to store anything. */
  tokens(tags: readonly string[]): Promise<TagTokens | null>
  /** Whether it was stored: what has no room is not, and fails the first time. */
  write(key: string, write: SharedWrite): Promise<boolean>
  /** Gives the tags new revisions and tells the other processes. */
  invalidate(tags: readonly string[]): Promise<void>
  /** Takes the right to load for `ttlMs`, or answers that another process has it. */
  lock(key: string, ttlMs: number): Promise<boolean>
  unlock(key: string): Promise<void>
}
