import { EVENT_TYPES, LATEST_TYPES } from '../protocol/events.js'

/** Events that a service publishes about jobs which it runs itself (P6). */
export const JOB_EVENT_TYPES: ReadonlySet<string> = new Set(['job.queued', 'job.started', 'job.completed', 'job.failed', 'job.cancelled'])
/** The latest value about such a job. */
export const JOB_PROGRESS_TYPE = 'job.progress'

/** Every name of PROTOCOL §6, also those that this version does not publish yet: they will be the server's. */
const RESERVED_TYPES: ReadonlySet<string> = new Set([...EVENT_TYPES, ...LATEST_TYPES, 'comment.added', 'comment.edited', 'comment.removed'])
const RESERVED_KEY = /^(presence|claim|cache)\//
const JOB_KEY = /^job\/(.*)$/s

/** Whether the type is the server's own. */
export function isReservedType(type: string): boolean {
  return RESERVED_TYPES.has(type)
}

/** Whether the key is the server's own, whatever stands under it. */
export function isReservedKey(key: string): boolean {
  return RESERVED_KEY.test(key)
}

/** The job that the key belongs to, or null for any other key. */
export function jobOfKey(key: string): string | null {
  return JOB_KEY.exec(key)?.[1] ?? null
}
