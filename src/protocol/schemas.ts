import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../errors.js'

import type { Claim, Event, Latest } from './events.js'
import { decodeJson } from './json-codec.js'
import {
  BUS_STATES,
  CLIENT_MESSAGE_TYPES,
  type ClientMessage,
  type Join,
  LEFT_REASONS,
  MAX_HELLO_JOINS,
  type Publication,
  type PublishResult,
  REJOIN_REASONS,
  type ServerMessage,
} from './messages.js'
import type { Position } from './position.js'
import type { Equal, Plain } from './view-schemas.js'
import { memberView, snapshotView } from './view-schemas.js'
import { ROLES } from './views.js'

// The wire as zod schemas, for the server only. The types that browsers import stand in messages.ts; the lines with
// `satisfies` below fail to compile when a schema and its type differ.

const ref = z.int().positive()
const data = z.record(z.string(), z.unknown())

export const positionSchema = z.object({ epoch: z.string(), seq: z.int().nonnegative(), id: z.string() })
export const joinSchema = z.object({
  ref,
  project: z.string(),
  since: positionSchema.exactOptional(),
  presence: data.exactOptional(),
})

export const publicationSchema = z.union([
  z.object({ type: z.string(), data, id: z.string().exactOptional(), key: z.never().exactOptional() }),
  z.object({ type: z.string(), data: data.nullable(), key: z.string(), version: z.int().exactOptional() }),
])

const CLIENT_SCHEMAS = {
  hello: z.object({
    type: z.literal('hello'),
    token: z.string().exactOptional(),
    client: z.object({ name: z.string(), version: z.string() }).exactOptional(),
    joins: z.array(joinSchema).exactOptional(),
  }),
  join: z.object({ type: z.literal('join'), ...joinSchema.shape }),
  leave: z.object({ type: z.literal('leave'), ref, project: z.string() }),
  presence: z.object({ type: z.literal('presence'), project: z.string(), state: data }),
  claim: z.object({ type: z.literal('claim'), ref, project: z.string(), target: z.string(), ttlMs: z.int().exactOptional() }),
  release: z.object({ type: z.literal('release'), ref, project: z.string(), target: z.string() }),
  publish: z.object({ type: z.literal('publish'), ref: ref.exactOptional(), project: z.string(), events: z.array(publicationSchema) }),
  refresh: z.object({ type: z.literal('refresh'), ref, token: z.string() }),
  pong: z.object({ type: z.literal('pong'), at: z.string() }),
} as const satisfies Record<ClientMessage['type'], z.ZodType>

export const clientMessageSchema = z.discriminatedUnion('type', [
  CLIENT_SCHEMAS.hello,
  CLIENT_SCHEMAS.join,
  CLIENT_SCHEMAS.leave,
  CLIENT_SCHEMAS.presence,
  CLIENT_SCHEMAS.claim,
  CLIENT_SCHEMAS.release,
  CLIENT_SCHEMAS.publish,
  CLIENT_SCHEMAS.refresh,
  CLIENT_SCHEMAS.pong,
])

/** A `publish` whose publications are still to be judged, one by one, so that every bad one can be named (P5). */
const unjudgedPublish = CLIENT_SCHEMAS.publish.extend({ events: z.array(z.unknown()) })
const frameSchema = z.discriminatedUnion('type', [
  CLIENT_SCHEMAS.hello,
  CLIENT_SCHEMAS.join,
  CLIENT_SCHEMAS.leave,
  CLIENT_SCHEMAS.presence,
  CLIENT_SCHEMAS.claim,
  CLIENT_SCHEMAS.release,
  unjudgedPublish,
  CLIENT_SCHEMAS.refresh,
  CLIENT_SCHEMAS.pong,
])

/** What a client says, as far as a frame is judged by itself. */
export type ParsedMessage = Exclude<ClientMessage, { readonly type: 'publish' }> | z.infer<typeof unjudgedPublish>

export const eventSchema = z.object({
  seq: z.int().positive(),
  id: z.string(),
  at: z.string(),
  type: z.string(),
  actor: z.string().nullable(),
  data,
  trace: z.string().exactOptional(),
})
export const latestSchema = z.object({
  key: z.string(),
  version: z.int().positive(),
  at: z.string(),
  type: z.string(),
  data: data.nullable(),
})

const seq = z.int().positive()
const version = z.int().nonnegative()
// The ones with more fields first: unknown fields are ignored.
export const publishResultSchema = z.union([
  z.object({ id: z.string(), seq, epoch: z.string().exactOptional(), duplicate: z.literal(true) }),
  z.object({ id: z.string(), seq }),
  z.object({ id: z.string(), queued: z.literal(true) }),
  z.object({ key: z.string(), version, refused: z.literal(true) }),
  z.object({ key: z.string(), version }),
])

// `Object.keys` forgets which keys; these are those of the table.
const errorCodes = Object.keys(ERRORS) as ErrorCode[]

export const serverMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    session: z.string(),
    user: z.object({ id: z.string(), name: z.string() }),
    node: z.string(),
    heartbeat: z.object({ intervalMs: z.int(), timeoutMs: z.int() }),
    limits: z.object({ maxFrameBytes: z.int(), maxProjects: z.int(), framesPerSecond: z.int() }),
    tokenExpiresAt: z.string(),
    serverTime: z.string(),
  }),
  z.object({
    type: z.literal('joined'),
    ref,
    project: z.string(),
    role: z.enum(ROLES),
    position: positionSchema,
    mode: z.enum(['resumed', 'snapshot']),
    snapshot: snapshotView.nullable(),
    events: z.array(eventSchema),
    latest: z.array(latestSchema),
  }),
  z.object({ type: z.literal('left'), ref: ref.nullable(), project: z.string(), reason: z.enum(LEFT_REASONS) }),
  z.object({
    type: z.literal('deliver'),
    project: z.string(),
    epoch: z.string(),
    events: z.array(eventSchema),
    latest: z.array(latestSchema),
  }),
  z.object({ type: z.literal('rejoin'), project: z.string(), reason: z.enum(REJOIN_REASONS) }),
  z.object({ type: z.literal('claimed'), ref, project: z.string(), target: z.string(), until: z.string() }),
  z.object({
    type: z.literal('ack'),
    ref,
    epoch: z.string().exactOptional(),
    results: z.array(publishResultSchema).exactOptional(),
  }),
  z.object({ type: z.literal('status'), bus: z.enum(BUS_STATES) }),
  z.object({ type: z.literal('expiring'), at: z.string() }),
  z.object({ type: z.literal('goaway'), reconnectAfterMs: z.int().nonnegative(), deadlineAt: z.string() }),
  z.object({ type: z.literal('ping'), at: z.string() }),
  z.object({
    type: z.literal('error'),
    ref: ref.nullable(),
    code: z.enum(errorCodes),
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: z.int().exactOptional(),
    details: data.exactOptional(),
    requestId: z.string(),
  }),
])

true satisfies Equal<z.infer<typeof positionSchema>, Plain<Position>>
true satisfies Equal<z.infer<typeof joinSchema>, Plain<Join>>
true satisfies Equal<z.infer<typeof publicationSchema>, Plain<Publication>>
true satisfies Equal<z.infer<typeof publishResultSchema>, Plain<PublishResult>>
true satisfies Equal<z.infer<typeof eventSchema>, Plain<Event>>
true satisfies Equal<z.infer<typeof latestSchema>, Plain<Latest>>
true satisfies Equal<z.infer<typeof clientMessageSchema>, Plain<ClientMessage>>
true satisfies Equal<z.infer<typeof serverMessageSchema>, Plain<ServerMessage>>

export type ParsedFrame =
  | { readonly kind: 'message'; readonly message: ParsedMessage }
  | { readonly kind: 'unknown-type'; readonly ref: number | null }
  /** C6; `hello` with too many joins is `too-many-joins` (C5). */
  | { readonly kind: 'malformed' | 'too-many-joins'; readonly ref: number | null }

const knownTypes: ReadonlySet<string> = new Set(CLIENT_MESSAGE_TYPES)

/** Judges a decoded frame of a client; unknown fields are ignored. */
export function parseClientFrame(value: unknown): ParsedFrame {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { kind: 'malformed', ref: null }
  const own = 'ref' in value ? readRef(value.ref) : null
  if (!('type' in value) || typeof value.type !== 'string') return { kind: 'malformed', ref: own }
  if (!knownTypes.has(value.type)) return { kind: 'unknown-type', ref: own }
  // Counted before they are judged: an issue for each of twenty thousand joins that are none takes a tenth of a second, and anybody may say hello.
  const joins = value.type === 'hello' && 'joins' in value && Array.isArray(value.joins) ? value.joins.length : 0
  if (joins > MAX_HELLO_JOINS) return { kind: 'too-many-joins', ref: null }
  const parsed = frameSchema.safeParse(value)
  return parsed.success ? { kind: 'message', message: parsed.data } : { kind: 'malformed', ref: own }
}

/** As {@link ref} has it; a schema that refuses makes an error first, and most frames have none. */
function readRef(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}

const memberChangedBody = z.object({ data: z.object({ member: memberView }) })

/** Id of the user whose role changed, out of the body of a `member.changed` (JSON text); null for what is none. */
export function changedMember(body: string): string | null {
  const parsed = memberChangedBody.safeParse(decodeJson(body))
  return parsed.success ? parsed.data.data.member.user.id : null
}

const claimBody = z.object({ data: z.object({ user: z.object({ id: z.string(), name: z.string() }), until: z.iso.datetime() }) })

/** The claim out of the body of one (JSON text); null for what is none. */
export function storedClaim(body: string): Claim | null {
  return claimBody.safeParse(decodeJson(body)).data?.data ?? null
}

const presenceCountBody = z.object({ data: z.object({ count: z.int() }) })

/** How many are present, out of the body that says so (JSON text); 0 for what does not. */
export function presentCount(body: string): number {
  return presenceCountBody.safeParse(decodeJson(body)).data?.data.count ?? 0
}
