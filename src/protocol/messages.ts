// Everything on the wire (PROTOCOL §2): two unions, nothing else. `type` comes first in each message.
// Plain types and guards: the browser reads this file too. The server's schemas are in schemas.ts.

import type { ErrorCode } from '../errors.js'
import type { Event, Latest } from './events.js'
import type { Position } from './position.js'
import type { Role, Snapshot } from './views.js'

/** A wish to hear a project. `ref` is the client's own positive integer, echoed in the answer. */
export interface Join {
  readonly ref: number
  readonly project: string
  readonly since?: Position
  /** What the session shows of itself to the others from its `joined` on, as `presence` does. */
  readonly presence?: Readonly<Record<string, unknown>>
}

export interface HelloMessage {
  readonly type: 'hello'
  readonly token?: string
  readonly client?: { readonly name: string; readonly version: string }
  /** At most {@link MAX_HELLO_JOINS}. */
  readonly joins?: readonly Join[]
}

export interface JoinMessage extends Join {
  readonly type: 'join'
}

export interface LeaveMessage {
  readonly type: 'leave'
  readonly ref: number
  readonly project: string
}

/** What the session shows of itself to everybody in the project; the newest counts. */
export interface PresenceMessage {
  readonly type: 'presence'
  readonly project: string
  /** At most {@link MAX_PRESENCE_STATE_BYTES}. */
  readonly state: Readonly<Record<string, unknown>>
}

/** Says that its user is at work on something, for so long, or for longer. */
export interface ClaimMessage {
  readonly type: 'claim'
  readonly ref: number
  readonly project: string
  /** `match/<id>` or `record/<id>`. */
  readonly target: string
  /** Default {@link DEFAULT_CLAIM_TTL_MS}, at most {@link MAX_CLAIM_TTL_MS}. */
  readonly ttlMs?: number
}

/** Ends a claim of its user. */
export interface ReleaseMessage {
  readonly type: 'release'
  readonly ref: number
  readonly project: string
  readonly target: string
}

/** What somebody publishes: an event, or the newest state of a key. */
export type Publication =
  | {
      readonly type: string
      readonly data: Readonly<Record<string, unknown>>
      /** Once in ten minutes under it (P3); at most 128 characters. */
      readonly id?: string
      readonly key?: never
    }
  | {
      readonly type: string
      /** null: gone. */
      readonly data: Readonly<Record<string, unknown>> | null
      readonly key: string
      /** Without one: stored + 1. An older one is refused. */
      readonly version?: number
    }

/** What became of a publication, in the place that it had in its batch (P1). */
export type PublishResult =
  | { readonly id: string; readonly seq: number }
  /** The first result under that id; `epoch` when it is not that of the whole answer. */
  | { readonly id: string; readonly seq: number; readonly epoch?: string; readonly duplicate: true }
  /** It goes out with the outbox, in order, later. */
  | { readonly id: string; readonly queued: true }
  | { readonly key: string; readonly version: number }
  | { readonly key: string; readonly version: number; readonly refused: true }

/** Publishes in a project that need not be joined. Without `ref` nobody is told what became of it, unless it fails. */
export interface PublishMessage {
  readonly type: 'publish'
  readonly ref?: number
  readonly project: string
  /** At most `MAX_PUBLICATIONS`. */
  readonly events: readonly Publication[]
}

/** A newer token of the same user, before the old one expires (C9). */
export interface RefreshMessage {
  readonly type: 'refresh'
  readonly ref: number
  readonly token: string
}

export interface PongMessage {
  readonly type: 'pong'
  /** The ping's, unread. */
  readonly at: string
}

export type ClientMessage =
  | HelloMessage
  | JoinMessage
  | LeaveMessage
  | PresenceMessage
  | ClaimMessage
  | ReleaseMessage
  | PublishMessage
  | RefreshMessage
  | PongMessage

export const CLIENT_MESSAGE_TYPES = [
  'hello',
  'join',
  'leave',
  'presence',
  'claim',
  'release',
  'publish',
  'refresh',
  'pong',
] as const satisfies readonly ClientMessage['type'][]

export interface WelcomeMessage {
  readonly type: 'welcome'
  readonly session: string
  readonly user: { readonly id: string; readonly name: string }
  readonly node: string
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number }
  readonly limits: { readonly maxFrameBytes: number; readonly maxProjects: number; readonly framesPerSecond: number }
  readonly tokenExpiresAt: string
  readonly serverTime: string
}

export interface JoinedMessage {
  readonly type: 'joined'
  readonly ref: number
  readonly project: string
  readonly role: Role
  readonly position: Position
  readonly mode: 'resumed' | 'snapshot'
  readonly snapshot: Snapshot | null
  readonly events: readonly Event[]
  readonly latest: readonly Latest[]
}

export const LEFT_REASONS = ['left', 'revoked', 'deleted'] as const

export interface LeftMessage {
  readonly type: 'left'
  readonly ref: number | null
  readonly project: string
  readonly reason: (typeof LEFT_REASONS)[number]
}

/** News of a project: either list may be empty, not both; events apply before latest values. */
export interface DeliverMessage {
  readonly type: 'deliver'
  readonly project: string
  readonly epoch: string
  readonly events: readonly Event[]
  readonly latest: readonly Latest[]
}

export const REJOIN_REASONS = ['lagged', 'epoch', 'gap'] as const
export type RejoinReason = (typeof REJOIN_REASONS)[number]

/** Deliveries of the project have stopped; the client joins it again. */
export interface RejoinMessage {
  readonly type: 'rejoin'
  readonly project: string
  readonly reason: RejoinReason
}

/** The target is the user's until then. */
export interface ClaimedMessage {
  readonly type: 'claimed'
  readonly ref: number
  readonly project: string
  readonly target: string
  readonly until: string
}

/** A `release`, a `publish` or a `refresh` has been done; `epoch` and `results` belong to a `publish`. */
export interface AckMessage {
  readonly type: 'ack'
  readonly ref: number
  readonly epoch?: string
  readonly results?: readonly PublishResult[]
}

export const BUS_STATES = ['ok', 'degraded'] as const

/** While the bus is degraded, what happens elsewhere comes later (D9). */
export interface StatusMessage {
  readonly type: 'status'
  readonly bus: (typeof BUS_STATES)[number]
}

/** The credential ends at `at`: `refresh` it (C9). */
export interface ExpiringMessage {
  readonly type: 'expiring'
  readonly at: string
}

/** The process goes away: connect anew after so long, and before the deadline (D10). */
export interface GoawayMessage {
  readonly type: 'goaway'
  readonly reconnectAfterMs: number
  readonly deadlineAt: string
}

export interface PingMessage {
  readonly type: 'ping'
  readonly at: string
}

export interface ErrorMessage {
  readonly type: 'error'
  readonly ref: number | null
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  readonly retryAfterMs?: number
  readonly details?: Readonly<Record<string, unknown>>
  readonly requestId: string
}

export type ServerMessage =
  | WelcomeMessage
  | JoinedMessage
  | LeftMessage
  | DeliverMessage
  | RejoinMessage
  | ClaimedMessage
  | AckMessage
  | StatusMessage
  | ExpiringMessage
  | GoawayMessage
  | PingMessage
  | ErrorMessage

/** Largest frame to the server, in bytes (C6). */
export const MAX_CLIENT_FRAME_BYTES = 64 * 1024
/** Largest frame to a client, in bytes (C6). */
export const MAX_SERVER_FRAME_BYTES = 256 * 1024
/** Deepest nesting of a frame to the server; the frame itself is 1, arrays count (C6). */
export const MAX_FRAME_DEPTH = 16
/** Joins that a hello may carry (C5). */
export const MAX_HELLO_JOINS = 100
/** `state` of a presence, in bytes of JSON in UTF-8. */
export const MAX_PRESENCE_STATE_BYTES = 1024
/** How long a claim that says nothing else lasts, and the longest. */
export const DEFAULT_CLAIM_TTL_MS = 30_000
export const MAX_CLAIM_TTL_MS = 120_000
/** Projects that a session may have joined (J1). */
export const MAX_SESSION_PROJECTS = 100
