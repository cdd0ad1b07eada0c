import { isDatabaseBusy } from '../db/sql-state.js'
import { AppError, ERRORS } from '../errors.js'
import { newId, type ProjectId, parseId } from '../ids.js'
import type { Log } from '../log.js'
import type { LiveMetrics } from '../metrics/live-metrics.js'
import { CLOSE_CODES, type CloseCode } from '../protocol/close-codes.js'
import type { Codec } from '../protocol/codec.js'
import { MAX_SESSION_PROJECTS, type ServerMessage } from '../protocol/messages.js'
import {
  type Frames,
  type Message,
  type SendResult,
  SLOW_BYTES,
  type SocketListener,
  type Transport,
  type TransportSocket,
} from '../transport/transport.js'
import type { Principal } from './auth.js'
import { Backlog } from './backlog.js'
import type { Clock } from './clock.js'
import { codecOf } from './codecs.js'
import { bytesOf } from './frames.js'
import type { Notice } from './notice.js'
import type { Member } from './room.js'

/**
 * - *opening*: the socket is there, `hello` is not. Ends with the first frame, or after the hello timeout.
 * - *authenticating*: `hello` came and its credential is judged; further frames wait, in order, within a bound.
 * - *open*: somebody. Ends with the socket.
 * - *closed*: nothing is heard or sent any more.
 */
export type SessionState =
  | { readonly kind: 'opening'; readonly authorization: string | undefined; readonly cookie: string | undefined }
  | { readonly kind: 'authenticating'; readonly waiting: Message[]; waitingBytes: number }
  | { readonly kind: 'open'; readonly principal: Principal; readonly isExpiryTold: boolean }
  | { readonly kind: 'closed' }

/** Hears what its sessions receive. */
export interface SessionOwner {
  readonly transport: Pick<Transport, 'prepare'>
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  /** Null: nothing is counted. */
  readonly metrics: LiveMetrics | null
  onFrame(session: Session, data: Message): void
  /** It was slow and has drained: nothing that was due meanwhile has reached it. */
  onRecovered(session: Session): void
  /** The session is over; `before` is what it was, `code` how it ended (RFC 6455). Its projects are still in `joinedProjects`. */
  onClose(session: Session, before: SessionState, code: number): void
}

/** How many frames that cost something a session may send: `perSecond` in the long run, `burst` at once. */
export interface FrameRate {
  readonly perSecond: number
  readonly burst: number
}

/** A page that opens all its projects at once is nobody who floods. */
const FRAME_RATE: FrameRate = { perSecond: 50, burst: MAX_SESSION_PROJECTS }

/** The usual rate times the factor; null for no limit, which is a factor of 0. */
export function frameRateTimes(factor: number): FrameRate | null {
  if (factor === 0) return null
  return { perSecond: Math.ceil(FRAME_RATE.perSecond * factor), burst: Math.ceil(FRAME_RATE.burst * factor) }
}

/** Acts that may wait for those before them. A client that honours the limits of frames and projects stays far below. */
const MAX_TURNS = 1_000

/** One socket's life. Keeps no timer and no closure of its own: one sweep looks after all sessions. */
export class Session implements SocketListener, Member {
  readonly id = newId()
  readonly socket: TransportSocket
  readonly joinedProjects = new Set<ProjectId>()
  state: SessionState
  /** Milliseconds of the clock; before the first frame the time of the handshake. */
  receivedAt: number
  /** Of the last ping; before the first the time of the handshake. */
  pingedAt: number
  /** A ping has no answer yet. */
  awaitsPong = false
  malformedFrames = 0
  readonly #owner: SessionOwner
  /** Null while nothing waits that the session knows of. */
  #backlog: Backlog | null = null
  /** What is left of the frames that it may send, as of `#refilledAt`. */
  #allowance: number
  #refilledAt: number
  /** By what they are about, the last of the acts that have not ended; null while there is none. */
  #turns: Map<string, Promise<void>> | null = null
  #turnCount = 0

  constructor(socket: TransportSocket, owner: SessionOwner, state: SessionState, burst: number) {
    this.socket = socket
    this.#owner = owner
    this.state = state
    this.receivedAt = owner.clock.now()
    this.pingedAt = this.receivedAt
    this.#allowance = burst
    this.#refilledAt = this.receivedAt
  }

  get codec(): Codec {
    return codecOf(this.socket.subprotocol)
  }

  get isBackedUp(): boolean {
    return this.#backlog !== null
  }

  /** Whether it is sent no news until it has drained (D6). */
  get isSlow(): boolean {
    return this.#backlog?.isSlow ?? false
  }

  onMessage(data: Message): void {
    this.receivedAt = this.#owner.clock.now()
    this.#owner.onFrame(this, data)
  }

  onSlow(): void {
    const backlog = this.#fallBehind()
    if (backlog.isSlow) return
    backlog.isSlow = true
    this.#owner.metrics?.slowSession('slow')
    this.#owner.log.info({ session: this.id, unsentBytes: this.socket.unsentBytes }, 'a session does not read')
  }

  onDrain(): void {
    const backlog = this.#backlog
    if (!backlog) return
    this.#backlog = null
    // While what it was sent waited, it could not answer what came behind.
    this.receivedAt = this.#owner.clock.now()
    for (const { message, frames } of backlog.kept) this.#sendFrames(message, frames)
    if (backlog.isSlow) {
      this.#owner.metrics?.slowSession('recovered')
      this.#owner.onRecovered(this)
    }
    backlog.release()
  }

  onClose(code: number): void {
    if (this.state.kind === 'closed') return
    const before = this.state
    this.state = { kind: 'closed' }
    if (this.isSlow) this.#owner.metrics?.slowSession('ended')
    this.#owner.onClose(this, before, code)
    const backlog = this.#backlog
    this.#backlog = null
    backlog?.release()
  }

  /** Sends the message; to a slow session when it has drained. */
  send(message: ServerMessage): void {
    this.#sendFrames(message, this.#owner.transport.prepare([this.codec.encode(message)]))
  }

  notify(notice: Notice): void {
    this.#sendFrames(notice.message, notice.framesFor(this.codec))
  }

  sendNews(frames: Frames): SendResult {
    if (this.isSlow) return 'dropped'
    const result = this.socket.send(frames)
    if (result === 'queued') this.#fallBehind()
    else if (result === 'dropped' && this.socket.isOpen) this.onSlow()
    return result
  }

  async drained(): Promise<void> {
    await this.#backlog?.drained()
  }

  /** Whether the heartbeat says nothing of it (C7): what waits for it is judged by {@link isStalled}. */
  get isExempt(): boolean {
    return this.#backlog !== null && (this.#backlog.isSlow || this.socket.unsentBytes > SLOW_BYTES)
  }

  /** Whether it is slow and has taken nothing for too long. Asked once per sweep. */
  isStalled(now: number): boolean {
    return this.#backlog?.isStalled(this.socket.unsentBytes, now) ?? false
  }

  /**
   * Tells the client what went wrong; `ref` names the message that it answers. Of what is no AppError the client learns nothing but
   * the `requestId`, under which the log has the rest.
   */
  fail(error: unknown, ref: number | null, extra: { readonly retryAfterMs?: number; readonly requestId?: string } = {}): void {
    const { code, message, details } = knownError(error)
    const { retryable, level } = ERRORS[code]
    const { requestId = newId(), retryAfterMs } = extra
    this.#owner.log[level]({ code, requestId, session: this.id, ...(level !== 'info' && { err: error }) }, message)
    this.send({
      type: 'error',
      ref,
      code,
      message,
      retryable,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(details && { details }),
      requestId,
    })
  }

  /** Sends the error and closes, with the error's own code or the one that is given. */
  end(error: unknown, ref: number | null, code?: CloseCode): void {
    this.fail(error, ref)
    const known = knownError(error)
    this.close(code ?? ERRORS[known.code].close ?? CLOSE_CODES.INTERNAL, known.code)
  }

  close(code: CloseCode, reason: string): void {
    this.socket.close(code, reason)
  }

  /** Takes one frame from the allowance. Milliseconds until there is one again, 0 when there was (C8). */
  spendFrame({ perSecond, burst }: FrameRate): number {
    const now = this.#owner.clock.now()
    this.#allowance = Math.min(burst, this.#allowance + ((now - this.#refilledAt) / 1000) * perSecond)
    this.#refilledAt = now
    if (this.#allowance < 1) return Math.ceil(((1 - this.#allowance) / perSecond) * 1000)
    this.#allowance--
    return 0
  }

  /** Whether something about `what` has not ended. */
  hasTurn(what: string): boolean {
    return this.#turns?.has(what) ?? false
  }

  /** What it has joined, is joining, or is leaving. */
  get projects(): ProjectId[] {
    const turns = [...(this.#turns?.keys() ?? [])].map((what) => parseId<ProjectId>(what))
    return [...new Set([...this.joinedProjects, ...turns.filter((project) => project !== null)])]
  }

  /** Whether one more project would be too many; those that are being joined count (J1). */
  isFull(project: ProjectId): boolean {
    if (this.joinedProjects.size + (this.#turns?.size ?? 0) < MAX_SESSION_PROJECTS) return false
    if (this.joinedProjects.has(project) || this.hasTurn(project)) return false
    return this.projects.length >= MAX_SESSION_PROJECTS
  }

  /** What is about the same happens one after another: joins and leaves of one project (J5), for instance. `act` must not reject. */
  inTurn(what: string, act: () => Promise<void>): void {
    if (this.#turnCount >= MAX_TURNS) {
      this.end(new AppError('OVERLOADED', { message: `more than ${MAX_TURNS} messages are waiting` }), null)
      return
    }
    this.#turns ??= new Map()
    const turns = this.#turns
    this.#turnCount++
    const turn = (turns.get(what) ?? Promise.resolve()).then(act).finally(() => {
      this.#turnCount--
      if (turns.get(what) === turn) turns.delete(what)
      if (turns.size === 0 && this.#turns === turns) this.#turns = null
    })
    turns.set(what, turn)
  }

  #sendFrames(message: ServerMessage, frames: Frames): void {
    if (this.sendNews(frames) !== 'dropped') {
      this.#owner.metrics?.sent(message.type, bytesOf(frames.messages))
      return
    }
    if (!this.socket.isOpen) return
    if (this.#fallBehind().keep({ message, frames }) === 'kept') return
    this.close(CLOSE_CODES.SLOW_CONSUMER, 'too much left unread')
  }

  #fallBehind(): Backlog {
    this.#backlog ??= new Backlog(this.socket.unsentBytes, this.#owner.clock.now())
    return this.#backlog
  }
}

function knownError(error: unknown): AppError {
  if (error instanceof AppError) return error
  return new AppError(isDatabaseBusy(error) ? 'DB_BUSY' : 'INTERNAL')
}
