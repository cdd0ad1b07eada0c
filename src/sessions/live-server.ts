import type { Bus } from '../bus/bus.js'
import { AppError } from '../errors.js'
import type { ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import { CLOSE_CODES, type CloseCode } from '../protocol/close-codes.js'
import { jsonCodec } from '../protocol/json-codec.js'
import { type HelloMessage, MAX_CLIENT_FRAME_BYTES, MAX_SESSION_PROJECTS } from '../protocol/messages.js'
import type { Role, Snapshot } from '../protocol/views.js'
import type { Frames, Message, Refusal, Transport, TransportHandler, TransportSocket, UpgradeRequest } from '../transport/transport.js'
import { bearerToken, type Principal, sessionCookie, type TokenAuthority } from './auth.js'
import { handleFrame, type SessionActions } from './handlers.js'
import { Hub } from './hub.js'
import { Joins } from './joins.js'
import { type FrameRate, Session, type SessionOwner, type SessionState } from './session.js'
import { UserSessions } from './user-sessions.js'

export interface LiveServerOptions {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly transport: Transport
  readonly log: Log
  /** Name of this process, as `welcome` shows it. */
  readonly node: string
  readonly tokens: Pick<TokenAuthority, 'verifyToken'>
  /** The principal of the dashboard's cookie, or null when it signs nobody in (any more). */
  readonly cookie: (value: string) => Promise<Principal | null>
  /** The person's role in the project now; null without one or without such a project. */
  readonly membership: (principal: Principal, project: ProjectId) => Promise<Role | null>
  /** State of the project as of now or later; null when there is no such project. */
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
  /** Pages that may connect (C3). */
  readonly isOriginAllowed: (origin: string) => boolean
  /** In this process; 0: no limit. */
  readonly maxSessionsPerUser: number
  /** Silence before a ping, and after it before the end (C7). Default 25 s and 10 s. */
  readonly heartbeat?: { readonly intervalMs: number; readonly timeoutMs: number }
  /** Default 5 000. */
  readonly helloTimeoutMs?: number
  /** Default 50 a second, 100 at once. */
  readonly frameRate?: FrameRate
  /** All sessions are looked after this often: hello timeout, heartbeats, expired tokens. Default 1 000. */
  readonly sweepMs?: number
  /** How long a project stays subscribed after its last session left. Default 5 000. */
  readonly graceMs?: number
}

const DEFAULTS = {
  heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
  helloTimeoutMs: 5_000,
  // A page that opens all its projects at once is nobody who floods.
  frameRate: { perSecond: 50, burst: MAX_SESSION_PROJECTS },
  sweepMs: 1_000,
  // Somebody who reloads a page finds the project still subscribed.
  graceMs: 5_000,
} satisfies Partial<LiveServerOptions>

/** The live side of a process: who is connected, and what becomes of them. */
export class LiveServer implements TransportHandler, SessionOwner, SessionActions {
  readonly transport: Transport
  readonly log: Log
  readonly #options: LiveServerOptions & Required<Pick<LiveServerOptions, keyof typeof DEFAULTS>>
  readonly #hub: Hub
  readonly #joins: Joins
  readonly #sessions = new Set<Session>()
  readonly #users = new UserSessions()
  /** Hellos whose credential is being judged, and the credentials that were revoked meanwhile. */
  #judging = 0
  readonly #revoked = new Set<string>()
  #sweep: NodeJS.Timeout | null = null
  #isStopping = false

  constructor(options: LiveServerOptions) {
    this.#options = { ...DEFAULTS, ...options }
    this.transport = options.transport
    this.log = options.log
    const { bus, transport, snapshot, membership, graceMs } = this.#options
    this.#hub = new Hub({ bus, transport, snapshot, onMemberChanged: (project, user) => this.#judgeAgain(project, user), graceMs })
    this.#joins = new Joins({ hub: this.#hub, membership })
  }

  start(): void {
    this.transport.start(this)
    this.#sweep = setInterval(() => this.#sweepSessions(), this.#options.sweepMs)
  }

  /** Tells every session to connect elsewhere, and ends. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#sweep) clearInterval(this.#sweep)
    for (const session of this.#sessions) session.close(CLOSE_CODES.GOING_AWAY, 'DRAINING')
    await this.#hub.stop()
    await this.transport.stop()
  }

  /** Somebody signed out: ends the sessions of that cookie. */
  closeCredential(credential: string): void {
    if (this.#judging > 0) this.#revoked.add(credential)
    for (const session of this.#sessions) {
      if (session.state.kind === 'open' && session.state.principal.credential === credential) session.end(new AppError('REVOKED'), null)
    }
  }

  /** The project is gone: nobody hears it any more. */
  closeProject(project: ProjectId): void {
    const frames = this.transport.prepare([jsonCodec.encode({ type: 'left', ref: null, project, reason: 'deleted' })])
    for (const member of this.#hub.dismiss(project)) member.socket.send(frames)
  }

  /** C3. Only the handshake is decided here: who it is, `hello` says. */
  admit({ origin, authorization, cookie }: UpgradeRequest): Refusal | null {
    if (this.#isStopping) return { status: 503, code: 'DRAINING', message: 'this process is going away' }
    if (origin !== undefined && !this.#options.isOriginAllowed(origin)) {
      // Mostly a proxy whose address nobody has told us.
      this.log.warn({ origin }, 'a page of another origin may not connect; PUBLIC_URL and ALLOWED_ORIGINS say which may')
      return { status: 403, code: 'ORIGIN_FORBIDDEN', message: `pages of ${origin} may not connect` }
    }
    // A browser always says where its page is from; whatever else sends the cookie has not got it from us.
    if (origin === undefined && authorization === undefined && sessionCookie(cookie) !== null) {
      return { status: 403, code: 'ORIGIN_FORBIDDEN', message: 'a cookie without an origin may not connect' }
    }
    return null
  }

  onOpen(socket: TransportSocket, { authorization, cookie }: UpgradeRequest): Session {
    const session = new Session(socket, this, { kind: 'opening', authorization, cookie }, this.#options.frameRate)
    this.#sessions.add(session)
    return session
  }

  onFrame(session: Session, data: Message): void {
    handleFrame(session, data, this)
  }

  onClose(session: Session, before: SessionState): void {
    this.#sessions.delete(session)
    if (before.kind === 'open') this.#users.remove(session, before.principal.user.id)
    for (const project of session.joinedProjects) this.#hub.leave(session, project)
  }

  authenticate(session: Session, hello: HelloMessage): void {
    const { state } = session
    if (state.kind !== 'opening') return
    const waiting: Message[] = []
    session.state = { kind: 'authenticating', waiting, waitingBytes: 0 }
    this.#judging++
    this.#principalOf(hello.token, state)
      .then((principal) => {
        if (session.state.kind === 'authenticating') this.#admitUser(session, principal, hello, waiting)
      })
      .catch((error) => {
        if (session.state.kind !== 'closed') session.end(error, null)
      })
      .finally(() => {
        if (--this.#judging === 0) this.#revoked.clear()
      })
  }

  join(session: Session, ref: number, project: string): void {
    this.#joins.join(session, ref, project)
  }

  leave(session: Session, ref: number, project: string): void {
    this.#joins.leave(session, ref, project)
  }

  spendFrame(session: Session): number {
    return session.spendFrame(this.#options.frameRate)
  }

  /** C2: the first credential present decides. @throws AppError `UNAUTHENTICATED`, `TOKEN_EXPIRED`. */
  async #principalOf(token: string | undefined, shown: Pick<UpgradeRequest, 'authorization' | 'cookie'>): Promise<Principal> {
    const { tokens, cookie } = this.#options
    if (token !== undefined) return tokens.verifyToken(token)
    if (shown.authorization !== undefined) {
      const bearer = bearerToken(shown.authorization)
      if (bearer === null) throw new AppError('UNAUTHENTICATED', { message: 'the Authorization header is not "Bearer <token>"' })
      return tokens.verifyToken(bearer)
    }
    const value = sessionCookie(shown.cookie)
    const principal = value === null ? null : await cookie(value)
    if (principal === null || (principal.credential !== null && this.#revoked.has(principal.credential))) {
      throw new AppError('UNAUTHENTICATED')
    }
    return principal
  }

  #admitUser(session: Session, principal: Principal, { joins = [] }: HelloMessage, waiting: readonly Message[]): void {
    const { maxSessionsPerUser, node, heartbeat, frameRate } = this.#options
    const { user, expiresAt } = principal
    if (maxSessionsPerUser > 0 && this.#users.of(user.id).size >= maxSessionsPerUser) {
      session.end(new AppError('SESSION_LIMIT'), null)
      return
    }
    session.state = { kind: 'open', principal: this.#users.add(session, principal) }
    session.send({
      type: 'welcome',
      session: session.id,
      user,
      node,
      heartbeat,
      limits: { maxFrameBytes: MAX_CLIENT_FRAME_BYTES, maxProjects: MAX_SESSION_PROJECTS, framesPerSecond: frameRate.perSecond },
      tokenExpiresAt: new Date(expiresAt).toISOString(),
      serverTime: new Date().toISOString(),
    })
    for (const { ref, project } of joins) this.join(session, ref, project)
    for (const data of waiting) this.onFrame(session, data)
  }

  #judgeAgain(project: ProjectId, user: string): void {
    for (const session of this.#users.of(user)) this.#joins.judgeAgain(session, project)
  }

  #sweepSessions(): void {
    const { helloTimeoutMs, heartbeat } = this.#options
    const now = performance.now()
    const today = Date.now()
    let ping: Frames | null = null
    for (const session of this.#sessions) {
      const { state, socket, receivedAt } = session
      if (state.kind === 'opening' && now - receivedAt >= helloTimeoutMs) this.#end(session, CLOSE_CODES.NO_HELLO, 'no hello')
      if (state.kind !== 'open') continue
      if (today >= state.principal.expiresAt) session.end(new AppError('TOKEN_EXPIRED'), null)
      else if (now - receivedAt >= heartbeat.intervalMs + heartbeat.timeoutMs) {
        this.#end(session, CLOSE_CODES.HEARTBEAT_TIMEOUT, 'nothing received')
      } else if (now - Math.max(Math.min(receivedAt, socket.lastSentAt), session.pingedAt) >= heartbeat.intervalMs) {
        ping ??= this.transport.prepare([jsonCodec.encode({ type: 'ping', at: new Date(today).toISOString() })])
        session.pingedAt = now
        socket.send(ping)
      }
    }
  }

  #end(session: Session, code: CloseCode, reason: string): void {
    this.log.info({ session: session.id, code }, reason)
    session.close(code, reason)
  }
}
