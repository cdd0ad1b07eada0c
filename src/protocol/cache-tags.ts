/** What an answer shows: by its tags a browser knows which of its queries are stale (PROTOCOL §6, `cache.invalidated`). */
export const CACHE_TAGS = ['project', 'members', 'sources', 'records', 'jobs', 'matches', 'breaks'] as const
export type CacheTag = (typeof CACHE_TAGS)[number]

/** Key of the tag's latest value. */
export function cacheKey(tag: CacheTag): string {
  return `cache/${tag}`
}
