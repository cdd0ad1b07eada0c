// What happens in a project and how it travels (PROTOCOL §6): an *event* has a place in the stream and is never merged
// or dropped; a *latest value* has a key, and only its newest state matters.

import type { CacheTag } from './cache-tags.js'
import type { BreakView, JobView, MatchView, MemberView, ProjectView, SourceView, UserRef } from './views.js'

/** Data of each event type. */
export interface EventData {
  readonly 'project.changed': { readonly project: ProjectView }
  /** A role of null: removed. */
  readonly 'member.changed': { readonly member: MemberView }
  readonly 'source.imported': { readonly source: SourceView }
  readonly 'source.removed': { readonly source: SourceView }
  readonly 'job.queued': { readonly job: JobView }
  readonly 'job.started': { readonly job: JobView }
  readonly 'job.completed': { readonly job: JobView }
  readonly 'job.failed': { readonly job: JobView }
  readonly 'job.cancelled': { readonly job: JobView }
  /** What people do, one by one; a job's own matches show in its progress only. */
  readonly 'match.created': { readonly match: MatchView }
  readonly 'match.decided': { readonly match: MatchView }
  readonly 'match.removed': { readonly match: MatchView }
  /** What people do to many at once. `undone`: these decisions were taken back. */
  readonly 'matches.decided': { readonly filter: Readonly<Record<string, unknown>>; readonly count: number; readonly undone: boolean }
  /** `changed`: what a person said anew; absent where it follows from what became of matches. */
  readonly 'break.changed': { readonly break: BreakView; readonly changed?: readonly BreakField[] }
}

export type EventType = keyof EventData

/** What a person may say about a break. */
export const BREAK_FIELDS = ['assignee', 'status', 'dueAt', 'note'] as const
export type BreakField = (typeof BREAK_FIELDS)[number]

/** Data of each latest type; under which key it stands is said by the key's function below. */
export interface LatestData {
  /** Key {@link jobKey}, version = the job row's; gone (null) in the same message as the job's last word. */
  readonly 'job.progress': { readonly job: JobView }
  /** Key {@link presenceKey} of the session, gone at its end; under {@link PRESENCE_COUNT_KEY} how many there are. */
  readonly presence: Presence | PresenceCount
  /** Key {@link claimKey}; gone when it ends. */
  readonly claim: Claim
  /**
   * Key {@link cacheKey}, version = revision, at most one per tag and second, the last always. Every answer that carries the tag with a lower
   * revision is stale.
   */
  readonly 'cache.invalidated': { readonly tag: CacheTag; readonly revision: number }
}

/** What a session shows of itself. Only the longest present are shown. */
export interface Presence {
  readonly user: UserRef
  readonly state: Readonly<Record<string, unknown>>
}

/** Sessions that show something of themselves, also those that are too many to be shown. */
export interface PresenceCount {
  readonly count: number
}

/** Who is at work on something. */
export interface Claim {
  readonly user: UserRef
  readonly until: string
}

export type LatestType = keyof LatestData

export const EVENT_TYPES = [
  'project.changed',
  'member.changed',
  'source.imported',
  'source.removed',
  'job.queued',
  'job.started',
  'job.completed',
  'job.failed',
  'job.cancelled',
  'match.created',
  'match.decided',
  'match.removed',
  'matches.decided',
  'break.changed',
] as const satisfies readonly EventType[]

export const LATEST_TYPES = ['job.progress', 'presence', 'claim', 'cache.invalidated'] as const satisfies readonly LatestType[]

/** An event of the stream as it stands on the wire, `seq` first. */
export interface Event<Type extends string = string, Data = Readonly<Record<string, unknown>>> {
  readonly seq: number
  readonly id: string
  readonly at: string
  readonly type: Type
  /** Id of the user who did it; null: the system itself. */
  readonly actor: string | null
  readonly data: Data
  readonly trace?: string
}

/** A keyed value as it stands on the wire; `data` null: gone. */
export interface Latest<Type extends string = string, Data = Readonly<Record<string, unknown>>> {
  readonly key: string
  readonly version: number
  readonly at: string
  readonly type: Type
  readonly data: Data | null
}

/** The server's own events, told apart by `type`. */
export type KnownEvent = { [Type in EventType]: Event<Type, EventData[Type]> }[EventType]
/** The server's own latest values, told apart by `type`. */
export type KnownLatest = { [Type in LatestType]: Latest<Type, LatestData[Type]> }[LatestType]

const knownEvents: ReadonlySet<string> = new Set(EVENT_TYPES)
const knownLatest: ReadonlySet<string> = new Set(LATEST_TYPES)

/** Whether the event is one of the server's own, whose data has a known shape (the server made it). */
export function isKnownEvent(event: Event): event is Event & KnownEvent {
  return knownEvents.has(event.type)
}

/** Whether the latest value is one of the server's own, whose data has a known shape (the server made it). */
export function isKnownLatest(latest: Latest): latest is Latest & KnownLatest {
  return knownLatest.has(latest.type)
}

/** Key of a job's progress. */
export function jobKey(jobId: string): string {
  return `job/${jobId}`
}

/** Key of how many are present. */
export const PRESENCE_COUNT_KEY = 'presence/count'

/** Key of what a session shows of itself. */
export function presenceKey(session: string): string {
  return `presence/${session}`
}

/** Key of the claim on a target, which is `match/<id>` or `record/<id>`. */
export function claimKey(target: string): string {
  return `claim/${target}`
}

/** Body of a latest value for the bus: JSON text, encoded here once in its life and spliced into frames from then on. Null data is a tombstone. */
export function latestBody<Type extends LatestType>(_type: Type, data: LatestData[Type] | null): string {
  return JSON.stringify({ data })
}

/** Body that ends a latest value of any type. */
export const TOMBSTONE_BODY = '{"data":null}'
