/** What an answer shows: by its tags a browser knows which of its queries are stale (PROTOCOL §6, `cache.invalidated`). */
export const CACHE_TAGS = ['project', 'members', 'sources', 'records', 'jobs', 'matches', 'breaks'] as const
export type CacheTag = (typeof CACHE_TAGS)[number]

const TAGS_BY_KEY: ReadonlyMap<string, CacheTag> = new Map(CACHE_TAGS.map((tag) => [cacheKey(tag), tag]))

/** The tag whose latest value has that key; null for the key of something else. */
export function tagOfKey(key: string): CacheTag | null {
  return TAGS_BY_KEY.get(key) ?? null
}

/** Key of the tag's latest value. */
export function cacheKey(tag: CacheTag): string {
  return `cache/${tag}`
}
