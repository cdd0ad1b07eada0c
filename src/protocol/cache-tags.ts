import type { EventType } from './events.js'

/** What an answer shows: by its tags a browser knows which of its queries are stale (PROTOCOL §6, `cache.invalidated`). */
export const CACHE_TAGS = ['project', 'members', 'sources', 'records', 'jobs', 'matches', 'breaks'] as const
export type CacheTag = (typeof CACHE_TAGS)[number]

/** What a job changes with each of its chunks. */
export const JOB_RESULT_TAGS: readonly CacheTag[] = ['jobs', 'records', 'matches', 'breaks']

/** Of the breaks that a decision changes events of their own tell. */
const TAGS_OF_EVENT: Readonly<Record<EventType, readonly CacheTag[]>> = {
  'project.changed': ['project'],
  'member.changed': ['members'],
  'source.imported': ['sources', 'records'],
  'source.removed': ['sources', 'records', 'matches', 'breaks'],
  'job.queued': ['jobs'],
  'job.started': ['jobs'],
  'job.completed': JOB_RESULT_TAGS,
  'job.failed': JOB_RESULT_TAGS,
  'job.cancelled': JOB_RESULT_TAGS,
  'match.created': ['records', 'matches'],
  'match.decided': ['records', 'matches'],
  'match.removed': ['records', 'matches'],
  'matches.decided': ['records', 'matches', 'breaks'],
  'break.changed': ['breaks'],
}

/** What is stale after events of these types; nothing after those that are not the server's own. */
export function tagsOf(types: readonly string[]): ReadonlySet<CacheTag> {
  return new Set(types.flatMap((type) => (isEventType(type) ? TAGS_OF_EVENT[type] : [])))
}

/** Key of the tag's latest value. */
export function cacheKey(tag: CacheTag): string {
  return `cache/${tag}`
}

function isEventType(type: string): type is EventType {
  return Object.hasOwn(TAGS_OF_EVENT, type)
}
