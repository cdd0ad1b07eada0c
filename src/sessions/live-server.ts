import type { Revocation } from '../db/revocations.js'
import { AppError, ERRORS, unreachable } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import type { LiveMetrics, LiveReading } from '../metrics/live-metrics.js'
import { CACHE_TAGS, tagOfKey } from '../protocol/cache-tags.js'
import { CLOSE_CODES } from '../protocol/close-codes.js'
import {
  type ClaimMessage,
  type HelloMessage,
  type Join,
  MAX_CLIENT_FRAME_BYTES,
  MAX_SESSION_PROJECTS,
  type PresenceMessage,
  type RefreshMessage,
  type ReleaseMessage,
  type StatusMessage,
} from '../protocol/messages.js'
import type { Message, Refusal, Transport, TransportHandler, TransportSocket, UpgradeRequest } from '../transport/transport.js'
import { Attendance } from './attendance.js'
import { type Principal, sessionCookie } from './auth.js'
import { Authentication } from './authentication.js'
import { type Census, readingOf, type SlowSession, slowestOf, takeCensus } from './census.js'
import type { Clock } from './clock.js'
import { Drain } from './drain.js'
import { bytesOf } from './frames.js'
import { handleFrame, type Publish, type SessionActions } from './handlers.js'
import { Hub } from './hub.js'
import { Joins } from './joins.js'
import { LIVE_DEFAULTS, type LiveServerOptions } from './live-server-options.js'
import { Memberships } from './memberships.js'
import type { FanoutCounters } from './news.js'
import { Notice } from './notice.js'
import { RevocationPoll } from './revocation-poll.js'
import { Session, type SessionOwner, type SessionState } from './session.js'
import { Sweep } from './sweep.js'
import { UserSessions } from './user-sessions.js'

/** The live side of a process: who is connected, and what becomes of them. */
export class LiveServer implements TransportHandler, SessionOwner, SessionActions {
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Log
  readonly metrics: LiveMetrics | null
  readonly #options: LiveServerOptions & Required<Pick<LiveServerOptions, keyof typeof LIVE_DEFAULTS>>
  readonly #authentication: Authentication
  readonly #memberships: Memberships
  readonly #attendance: Attendance
  readonly #hub: Hub
  readonly #joins: Joins
  readonly #sweep: Sweep
  readonly #revocationPoll: RevocationPoll | null
  readonly #sessions = new Set<Session>()
  readonly #users = new UserSessions()
  #drain: Drain | null = null
  #isStopping = false
  #busState: StatusMessage['bus'] = 'ok'
  #cancelSweep: (() => void) | null = null

  constructor(options: LiveServerOptions) {
    this.#options = { ...LIVE_DEFAULTS, ...options }
    const { transport, clock, log } = this.#options
    this.transport = transport
    this.clock = clock
    this.log = log
    this.metrics = this.#options.metrics
    this.#authentication = new Authentication(options)
    this.#memberships = new Memberships(this.#options)
    this.#attendance = new Attendance({ ...this.#options, memberships: this.#memberships, users: this.#users })
    this.#hub = new Hub({
      ...this.#options,
      onOpened: (project) => this.#options.onOpened?.(project),
      onMissed: (project) => this.#options.onOutdated?.(project, CACHE_TAGS),
      onMemberChanged: (project, user) => this.#judgeAgain(project, user),
      onLatest: (project, latest, scope) => {
        for (const { key } of latest) {
          const tag = tagOfKey(key)
          if (tag !== null) this.#options.onInvalidated?.(project, tag)
        }
        this.#attendance.hear(project, latest, scope)
      },
      onClosed: (project) => this.#attendance.unheard(project),
    })
    this.#joins = new Joins({ hub: this.#hub, memberships: this.#memberships, attendance: this.#attendance })
    this.#sweep = new Sweep(this.#options)
    const { revocations } = options
    this.#revocationPoll = revocations
      ? new RevocationPoll({
          clock,
          read: revocations,
          onRevoked: (revocation) => this.#obey(revocation),
        })
      : null
  }

  /** What the fan-out has done since the start. */
  get counters(): Readonly<FanoutCounters> {
    return this.#hub.counters
  }

  /** Who is here now. Looks at every session. */
  get census(): Census {
    return takeCensus(this.#sessions, this.#hub.subscriptions)
  }

  /** The same as gauges show it. */
  get reading(): LiveReading {
    return readingOf(this.#sessions, this.#attendance.shown)
  }

  /** Projects that are subscribed for them, those with the most sessions first, at most `limit`. */
  subscriptions(limit: number): readonly { readonly project: ProjectId; readonly sessions: number }[] {
    return this.#hub.rooms.slice(0, limit)
  }

  /** Sessions that do not read, the fullest first, at most `limit`. */
  slowSessions(limit: number): readonly SlowSession[] {
    return slowestOf(this.#sessions, limit)
  }

  /** Whether clients may connect here: neither drain nor stop has begun. */
  get isReady(): boolean {
    return this.#drain === null && !this.#isStopping
  }

  start(): void {
    this.transport.start(this)
    this.#sweepLater()
    this.#revocationPoll?.start()
  }

  /** Takes no new session and sends the others elsewhere (D10). Resolves when none is left, or at the deadline. */
  drain(): Promise<void> {
    this.#drain ??= new Drain(this.#options, this.#sessions)
    return this.#drain.ended
  }

  /** Ends every session, and everything. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#cancelSweep?.()
    this.#revocationPoll?.stop()
    for (const session of this.#sessions) session.close(CLOSE_CODES.GOING_AWAY, 'DRAINING')
    await this.#attendance.end()
    await this.#hub.stop()
    await this.transport.stop()
  }

  /** Somebody signed out: ends the sessions of that cookie. */
  closeCredential(credential: string): void {
    this.#authentication.revoke(credential)
    for (const session of this.#sessions) {
      if (session.state.kind === 'open' && session.state.principal.credential === credential) session.end(new AppError('REVOKED'), null)
    }
  }

  /** The project is gone: nobody hears it any more. */
  closeProject(project: ProjectId): void {
    this.#options.onOutdated?.(project, CACHE_TAGS)
    const notice = new Notice(this.transport, { type: 'left', ref: null, project, reason: 'deleted' })
    for (const member of this.#hub.dismiss(project)) member.notify(notice)
    this.#attendance.forget(project)
  }

  /** Something stored of the project has changed: who joins from now on must see it. Its news come by the bus. */
  projectChanged(project: ProjectId): void {
    this.#hub.forgetSnapshot(project)
  }

  /** What the bus can do now: everybody is told of a change (D9). */
  setBusState(bus: StatusMessage['bus']): void {
    if (bus === this.#busState) return
    this.#busState = bus
    const notice = new Notice(this.transport, { type: 'status', bus })
    for (const session of this.#sessions) if (session.state.kind === 'open') session.notify(notice)
  }

  /** C3. Only the handshake is decided here: who it is, `hello` says. */
  admit(request: UpgradeRequest): Refusal | null {
    const refusal = this.#judge(request)
    if (refusal) this.metrics?.refused(refusal.code)
    return refusal
  }

  #judge({ origin, authorization, cookie }: UpgradeRequest): Refusal | null {
    if (!this.isReady) return { status: 503, code: 'DRAINING', message: 'this process is going away' }
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
    const session = new Session(socket, this, { kind: 'opening', authorization, cookie }, this.#options.frameRate?.burst ?? 0)
    this.#sessions.add(session)
    return session
  }

  onFrame(session: Session, data: Message): void {
    handleFrame(session, data, this)
  }

  onRecovered(session: Session): void {
    for (const project of session.joinedProjects) {
      this.#hub.leave(session, project)
      session.send({ type: 'rejoin', project, reason: 'lagged' })
    }
  }

  onClose(session: Session, before: SessionState, code: number): void {
    this.#sessions.delete(session)
    this.metrics?.closed(code)
    if (before.kind !== 'open') this.metrics?.refused(CODE_NAMES.get(code) ?? 'abandoned')
    const projects = [...session.joinedProjects]
    for (const project of projects) this.#hub.leave(session, project)
    if (before.kind === 'open') {
      const { id } = before.principal.user
      this.#users.remove(session, id)
      this.#attendance.closed(session, id, projects)
    }
    this.#drain?.sessionEnded()
  }

  authenticate(session: Session, hello: HelloMessage): void {
    const { state } = session
    if (state.kind !== 'opening') return
    const waiting: Message[] = []
    session.state = { kind: 'authenticating', waiting, waitingBytes: 0 }
    this.#authentication
      .principalOf(hello.token, state)
      .then((principal) => {
        if (session.state.kind === 'authenticating') this.#welcome(session, principal, hello, waiting)
      })
      .catch((error) => {
        this.#countRefusal(error)
        if (session.state.kind !== 'closed') session.end(error, null)
      })
  }

  join(session: Session, join: Join): void {
    this.#joins.join(session, join)
  }

  leave(session: Session, ref: number, project: string): void {
    this.#joins.leave(session, ref, project)
  }

  present(session: Session, message: PresenceMessage): void {
    this.#attendance.present(session, message)
  }

  claim(session: Session, message: ClaimMessage): void {
    this.#attendance.claim(session, message)
  }

  release(session: Session, message: ReleaseMessage): void {
    this.#attendance.release(session, message)
  }

  publish(session: Session, { ref, project, events }: Publish): void {
    // One after another, so that what a session publishes in a project keeps its order.
    session.inTurn(`publish ${project.slice(0, MAX_NAME)}`, async () => {
      const { state } = session
      if (state.kind !== 'open') return
      const requestId = newId()
      try {
        const { epoch, results } = await this.#options.publish({ publisher: state.principal, project, events, trace: requestId })
        if (ref !== undefined) session.send({ type: 'ack', ref, ...(epoch !== null && { epoch }), results })
      } catch (error) {
        session.fail(error, ref ?? null, { requestId })
      }
    })
  }

  refresh(session: Session, { ref, token }: RefreshMessage): void {
    session.inTurn('refresh', async () => {
      try {
        const principal = await this.#authentication.principalOf(token, { authorization: undefined, cookie: undefined })
        if (session.state.kind === 'open') this.#renew(session, session.state.principal, principal)
        session.send({ type: 'ack', ref })
        this.#sweep.judgeExpiry(session)
        for (const project of session.projects) this.#joins.judgeAgain(session, project)
      } catch (error) {
        this.#countRefusal(error)
        session.fail(error, ref)
      }
    })
  }

  spendFrame(session: Session): number {
    const { frameRate } = this.#options
    const waitMs = frameRate === null ? 0 : session.spendFrame(frameRate)
    if (waitMs > 0) this.metrics?.rateLimited('frames')
    return waitMs
  }

  answerPing(session: Session): void {
    if (!session.awaitsPong) return
    session.awaitsPong = false
    this.metrics?.answeredPing((this.clock.now() - session.pingedAt) / 1_000)
  }

  count(type: string, data: Message): void {
    this.metrics?.received(type, bytesOf([data]))
  }

  #welcome(session: Session, principal: Principal, { joins = [] }: HelloMessage, waiting: readonly Message[]): void {
    const { maxSessionsPerUser, node, heartbeat, frameRate } = this.#options
    const { user, expiresAt } = principal
    if (maxSessionsPerUser > 0 && this.#users.of(user.id).size >= maxSessionsPerUser) {
      this.metrics?.rateLimited('sessions')
      session.end(new AppError('SESSION_LIMIT'), null)
      return
    }
    session.state = { kind: 'open', principal: this.#users.add(session, principal), isExpiryTold: false }
    this.metrics?.welcomed((this.clock.now() - session.pingedAt) / 1_000)
    session.send({
      type: 'welcome',
      session: session.id,
      user,
      node,
      heartbeat,
      limits: { maxFrameBytes: MAX_CLIENT_FRAME_BYTES, maxProjects: MAX_SESSION_PROJECTS, framesPerSecond: frameRate?.perSecond ?? 0 },
      tokenExpiresAt: new Date(expiresAt).toISOString(),
      serverTime: new Date(this.clock.today()).toISOString(),
    })
    if (this.#busState !== 'ok') session.send({ type: 'status', bus: this.#busState })
    if (!this.#sweep.judgeExpiry(session)) return
    this.#drain?.sendAway(session)
    for (const join of joins) this.join(session, join)
    for (const data of waiting) this.onFrame(session, data)
  }

  /** @throws AppError `FORBIDDEN` for somebody else's credential. */
  #renew(session: Session, before: Principal, principal: Principal): void {
    if (principal.user.id !== before.user.id) throw new AppError('FORBIDDEN', { message: 'the token is of another user' })
    session.state = { kind: 'open', principal: this.#users.add(session, principal), isExpiryTold: false }
  }

  /** Of a credential; what else went wrong says nothing of it. */
  #countRefusal(error: unknown): void {
    if (error instanceof AppError && ERRORS[error.code].status === 401) this.metrics?.authFailed(error.code)
  }

  #obey(revocation: Revocation): void {
    switch (revocation.kind) {
      case 'member':
        this.#judgeAgain(revocation.project, revocation.user)
        break
      case 'credential':
        this.closeCredential(revocation.credential)
        break
      case 'project':
        this.closeProject(revocation.project)
        break
      default:
        unreachable(revocation)
    }
  }

  #judgeAgain(project: ProjectId, user: string): void {
    this.#options.onOutdated?.(project, ['members'])
    for (const session of this.#users.of(user)) this.#joins.judgeAgain(session, project)
  }

  #sweepLater(): void {
    this.#cancelSweep = this.clock.after(this.#options.sweepMs, () => {
      this.#sweep.run(this.#sessions)
      this.#sweepLater()
    })
  }
}

const CODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(CLOSE_CODES).map(([name, code]) => [code, name]))
/** Of what a client calls a project, enough to tell it from others. */
const MAX_NAME = 64
