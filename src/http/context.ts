import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Db } from '../db/client.js'
import type { ProjectId } from '../ids.js'
import type { Metrics } from '../metrics/metrics.js'
import type { CacheTag } from '../protocol/cache-tags.js'
import type { EventPublisher } from '../publishing/event-publisher.js'
import type { ProjectReads } from '../reads/project-reads.js'
import type { TokenAuthority } from '../sessions/auth.js'
import type { Memberships } from '../sessions/memberships.js'
import type { Tickets } from '../sessions/tickets.js'
import type { RateLimits } from './rate-limits.js'
import type { ZodTypes } from './validation.js'

/** What the routes work with; made once, in the composition root. */
export interface HttpContext {
  readonly db: Db
  /** What everybody asks. */
  readonly reads: ProjectReads
  readonly memberships: Pick<Memberships, 'role'>
  /** Judges Bearer tokens and sign-in codes. */
  readonly tokens: TokenAuthority
  readonly tickets: Pick<Tickets, 'issue'>
  readonly publisher: Pick<EventPublisher, 'publish'>
  /** Pages that may write with the dashboard's cookie. */
  readonly isOriginAllowed: (origin: string) => boolean
  /** Address that people use, `http(s)://host[:port]`; asked at each request, because port 0 is known only after listening. */
  readonly publicUrl: () => string
  /** URL of the live sessions, asked like that; by default of {@link publicUrl}. */
  readonly liveUrl?: () => string
  /** How often everybody may ask; null: as often as they like. */
  readonly rateLimits: RateLimits | null
  /** Most bytes of an uploaded file. */
  readonly maxUploadBytes: number
  /** A job was queued or cancelled. */
  readonly wakeJobs: () => void
  /** News of the project was committed, and what has these tags is not true any more. */
  readonly wakeOutbox: (project: ProjectId, tags: readonly CacheTag[]) => void
  /** Somebody signed out: ends the live sessions of that cookie. */
  readonly closeSessions: (credential: string) => void
  /** The project is gone with its outbox: nobody else tells its live sessions. */
  readonly projectDeleted: (project: ProjectId) => void
  /** Default: nothing is counted. */
  readonly metrics?: Pick<Metrics, 'http' | 'jobs'>
}

/** The server as route files see it. */
export type HttpApp = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypes>
