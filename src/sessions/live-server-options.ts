import type { Bus } from '../bus/bus.js'
import type { RevocationsReading } from '../db/revocations.js'
import type { ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import type { LiveMetrics } from '../metrics/live-metrics.js'
import type { CacheTag } from '../protocol/cache-tags.js'
import type { PublishReply } from '../protocol/publications.js'
import type { Snapshot } from '../protocol/views.js'
import type { Transport } from '../transport/transport.js'
import type { Principal } from './auth.js'
import type { AuthenticationOptions } from './authentication.js'
import { type Clock, systemClock } from './clock.js'
import type { MembershipsOptions } from './memberships.js'
import type { Lease } from './presence.js'
import { type FrameRate, frameRateTimes } from './session.js'
import type { Heartbeat } from './sweep.js'

/** What a session publishes; `events` are still to be judged. */
export interface PublishRequest {
  readonly publisher: Principal
  readonly project: string
  readonly events: readonly unknown[]
  readonly trace: string
}

/** What the live side of a process is made of, and how it behaves. */
export interface LiveServerOptions extends AuthenticationOptions, MembershipsOptions {
  readonly bus: Pick<Bus, 'subscribe' | 'readEvents' | 'publish' | 'storedLatest' | 'report' | 'renewLease'>
  readonly transport: Transport
  readonly log: Log
  /** Name of this process, as `welcome` shows it. */
  readonly node: string
  /** State of the project as of now or later; null when there is no such project. */
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
  /** The project is open here from now on: it will be asked for. */
  readonly onOpened?: (project: ProjectId) => void
  /** What is remembered of these is not true any more: somebody's role has changed, the project is gone, or it may be that news was missed. */
  readonly onOutdated?: (project: ProjectId, tags: readonly CacheTag[]) => void
  /** The news is here that these have changed, and who hears it next asks for them. */
  readonly onInvalidated?: (project: ProjectId, tag: CacheTag) => void
  /** What was revoked since a moment; none: nobody else revokes anything. */
  readonly revocations?: (since: Date | null) => Promise<RevocationsReading>
  /** Publishes all or nothing. @throws AppError why not. */
  readonly publish: (request: PublishRequest) => Promise<PublishReply>
  /** Pages that may connect (C3). */
  readonly isOriginAllowed: (origin: string) => boolean
  /** In this process; 0: no limit. */
  readonly maxSessionsPerUser: number
  /** Default 25 s and 10 s. */
  readonly heartbeat?: Heartbeat
  /** Default 5 000. */
  readonly helloTimeoutMs?: number
  /** Of frames that cost something (C8); null: no limit. Default 50 a second, 100 at once. */
  readonly frameRate?: FrameRate | null
  /** All sessions are looked after this often: hello timeout, heartbeats, slow readers, expired tokens. Default 1 000. */
  readonly sweepMs?: number
  /** How long a project stays subscribed after its last session left. Default 5 000. */
  readonly graceMs?: number
  /** Of the process among those that share the bus. Default 15 s, renewed every 5 s. */
  readonly lease?: Lease
  /** How long a drain takes at most. Default 20 000. */
  readonly drainMs?: number
  readonly clock?: Clock
  /** Default null: nothing is counted. */
  readonly metrics?: LiveMetrics | null
}

/** What is meant by an option that nobody gives. */
export const LIVE_DEFAULTS = {
  heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
  helloTimeoutMs: 5_000,
  frameRate: frameRateTimes(1),
  sweepMs: 1_000,
  // Somebody who reloads a page finds the project still subscribed.
  graceMs: 5_000,
  lease: { ttlMs: 15_000, renewalMs: 5_000 },
  drainMs: 20_000,
  clock: systemClock,
  metrics: null,
} satisfies Partial<LiveServerOptions>
