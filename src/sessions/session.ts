import { AppError, ERRORS } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { CloseCode } from '../protocol/close-codes.js'
import { encode } from '../protocol/codec.js'
import type { ServerMessage } from '../protocol/messages.js'
import type { SocketListener, Transport, TransportSocket } from '../transport/transport.js'
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
  | { readonly kind: 'authenticating'; readonly waiting: string[]; waitingBytes: number }
  | { readonly kind: 'open'; readonly principal: Principal }
  | { readonly kind: 'closed' }

/** Hears what its sessions receive. */
export interface SessionOwner {
  readonly transport: Pick<Transport, 'prepare'>
  onFrame(session: Session, text: string, kind: 'text' | 'binary'): void
  onClose(session: Session, state: SessionState): void
}

/** One socket's life. Keeps no timer and no closure of its own: one sweep looks after all sessions. */
export class Session implements SocketListener, Member {
  readonly id = newId()
  readonly socket: TransportSocket
  readonly joinedProjects = new Set<ProjectId>()
  state: SessionState
  /** `performance.now()`, milliseconds. */
  readonly openedAt: number
  receivedAt: number
  pingedAt: number
  malformedFrames = 0
  /** Joins under way of projects that are not joined yet; they count toward the limit (J1). */
  joining = 0
  /** What is left of the session's allowance of frames, as of `refilledAt`. */
  allowance: number
  refilledAt: number
  readonly #owner: SessionOwner
  /** The last join or leave of a project that has one under way. */
  #turns: Map<string, Promise<void>> | null = null

  constructor(socket: TransportSocket, owner: SessionOwner, state: SessionState, allowance: number) {
    this.socket = socket
    this.#owner = owner
    this.state = state
    this.allowance = allowance
    this.openedAt = performance.now()
    this.receivedAt = this.openedAt
    this.pingedAt = this.openedAt
    this.refilledAt = this.openedAt
  }

  onMessage(text: string, kind: 'text' | 'binary'): void {
    this.receivedAt = performance.now()
    this.#owner.onFrame(this, text, kind)
  }

  onClose(): void {
    this.#finish()
  }

  send(message: ServerMessage): void {
    this.socket.send(this.#owner.transport.prepare([encode(message)]))
  }

  /** Tells the client what went wrong; `ref` names the message that it answers. What is no AppError is `INTERNAL` to the client. */
  fail(error: unknown, ref: number | null, extra: { readonly retryAfterMs?: number } = {}): void {
    const known = error instanceof AppError ? error : new AppError('INTERNAL')
    const { code, message, details } = known
    const { retryable } = ERRORS[code]
    this.send({ type: 'error', ref, code, message, retryable, ...extra, ...(details && { details }), requestId: newId() })
  }

  /** Sends the error and closes with its code. */
  end(error: AppError): void {
    this.fail(error, null)
    const code = ERRORS[error.code].close
    this.close(code ?? ERRORS.INTERNAL.close, error.code)
  }

  close(code: CloseCode, reason: string): void {
    this.socket.close(code, reason)
    this.#finish()
  }

  /** Joins and leaves of one project happen one after another (J5). `act` must not reject. */
  inTurn(project: string, act: () => Promise<void>): void {
    this.#turns ??= new Map()
    const turns = this.#turns
    const turn = (turns.get(project) ?? Promise.resolve()).then(act).finally(() => {
      if (turns.get(project) === turn) turns.delete(project)
      this.#pendingTurns--
      if (turns.size === 0) this.#turns = null
    })
    this.#pendingTurns++
    turns.set(project, turn)
  }

  /** Joins and leaves that have not ended. */
  get pendingTurns(): number {
    return this.#pendingTurns
  }

  #pendingTurns = 0

  #finish(): void {
    if (this.state.kind === 'closed') return
    const before = this.state
    this.state = { kind: 'closed' }
    this.#owner.onClose(this, before)
  }
}
