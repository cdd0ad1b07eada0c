import { isDatabaseBusy } from '../db/sql-state.js'
import { AppError, ERRORS } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import { CLOSE_CODES, type CloseCode } from '../protocol/close-codes.js'
import { jsonCodec } from '../protocol/json-codec.js'
import { MAX_SESSION_PROJECTS, type ServerMessage } from '../protocol/messages.js'
import type { Message, SocketListener, Transport, TransportSocket } from '../transport/transport.js'
import type { Principal } from './auth.js'
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
  | { readonly kind: 'open'; readonly principal: Principal }
  | { readonly kind: 'closed' }

/** Hears what its sessions receive. */
export interface SessionOwner {
  readonly transport: Pick<Transport, 'prepare'>
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  onFrame(session: Session, data: Message): void
  /** The session is over; `before` is what it was. Its projects are still in `joinedProjects`. */
  onClose(session: Session, before: SessionState): void
}

/** How many joins a session may send: `perSecond` in the long run, `burst` at once. */
export interface FrameRate {
  readonly perSecond: number
  readonly burst: number
}

/** Joins and leaves that may wait for those before them. A client that honours the limits of frames and projects stays far below. */
const MAX_TURNS = 1_000

/** One socket's life. Keeps no timer and no closure of its own: one sweep looks after all sessions. */
export class Session implements SocketListener, Member {
  readonly id = newId()
  readonly socket: TransportSocket
  readonly joinedProjects = new Set<ProjectId>()
  state: SessionState
  /** `performance.now()`, milliseconds; before the first frame the time of the handshake. */
  receivedAt: number
  pingedAt: number
  malformedFrames = 0
  readonly #owner: SessionOwner
  /** What is left of the frames that it may send, as of `#refilledAt`. */
  #allowance: number
  #refilledAt: number
  /** Per project the last of the joins and leaves that have not ended; null while there is none. */
  #turns: Map<ProjectId, Promise<void>> | null = null
  #turnCount = 0

  constructor(socket: TransportSocket, owner: SessionOwner, state: SessionState, rate: FrameRate) {
    this.socket = socket
    this.#owner = owner
    this.state = state
    this.receivedAt = performance.now()
    this.pingedAt = this.receivedAt
    this.#allowance = rate.burst
    this.#refilledAt = this.receivedAt
  }

  onMessage(data: Message): void {
    this.receivedAt = performance.now()
    this.#owner.onFrame(this, data)
  }

  onSlow(): void {
    this.close(CLOSE_CODES.SLOW_CONSUMER, 'too much left unread')
  }

  onDrain(): void {}

  onClose(): void {
    if (this.state.kind === 'closed') return
    const before = this.state
    this.state = { kind: 'closed' }
    this.#owner.onClose(this, before)
  }

  send(message: ServerMessage): void {
    this.socket.send(this.#owner.transport.prepare([jsonCodec.encode(message)]))
  }

  /**
   * Tells the client what went wrong; `ref` names the message that it answers. Of what is no AppError the client learns nothing but
   * the `requestId`, under which the log has the rest.
   */
  fail(error: unknown, ref: number | null, extra: { readonly retryAfterMs?: number } = {}): void {
    const { code, message, details } = knownError(error)
    const { retryable, level } = ERRORS[code]
    const requestId = newId()
    this.#owner.log[level]({ code, requestId, session: this.id, ...(level !== 'info' && { err: error }) }, message)
    this.send({ type: 'error', ref, code, message, retryable, ...extra, ...(details && { details }), requestId })
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
    const now = performance.now()
    this.#allowance = Math.min(burst, this.#allowance + ((now - this.#refilledAt) / 1000) * perSecond)
    this.#refilledAt = now
    if (this.#allowance < 1) return Math.ceil(((1 - this.#allowance) / perSecond) * 1000)
    this.#allowance--
    return 0
  }

  /** Whether the project has a join or leave that has not ended. */
  hasTurn(project: ProjectId): boolean {
    return this.#turns?.has(project) ?? false
  }

  /** Whether one more project would be too many; those that are being joined count (J1). */
  isFull(project: ProjectId): boolean {
    if (this.joinedProjects.has(project) || this.hasTurn(project)) return false
    let count = this.joinedProjects.size
    for (const other of this.#turns?.keys() ?? []) if (!this.joinedProjects.has(other)) count++
    return count >= MAX_SESSION_PROJECTS
  }

  /** Joins and leaves of one project happen one after another (J5). `act` must not reject. */
  inTurn(project: ProjectId, act: () => Promise<void>): void {
    if (this.#turnCount >= MAX_TURNS) {
      this.end(new AppError('OVERLOADED', { message: `more than ${MAX_TURNS} joins and leaves are waiting` }), null)
      return
    }
    this.#turns ??= new Map()
    const turns = this.#turns
    this.#turnCount++
    const turn = (turns.get(project) ?? Promise.resolve()).then(act).finally(() => {
      this.#turnCount--
      if (turns.get(project) === turn) turns.delete(project)
      if (turns.size === 0 && this.#turns === turns) this.#turns = null
    })
    turns.set(project, turn)
  }
}

function knownError(error: unknown): AppError {
  if (error instanceof AppError) return error
  return new AppError(isDatabaseBusy(error) ? 'DB_BUSY' : 'INTERNAL')
}
