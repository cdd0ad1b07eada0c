import type { ClientMessage, Join, Publication, ServerMessage } from '../../src/protocol/messages.js'
import type { Position } from '../../src/protocol/position.js'
import { codecOf } from '../../src/sessions/codecs.js'
import type { LogEntry } from './client-log.js'
import type { PairedSocket } from './socket-pair.js'

/** A client that does what D2 says, and writes down everything. What it has lost it wants again, until it leaves or is refused. */
export class SimulatedClient {
  readonly user: string
  readonly log: LogEntry[] = []
  /** What it wants to hear, each with the `ref` of the join under way, or null. */
  readonly wanted = new Map<string, number | null>()
  /** How far it has heard each project; also those that it has left. */
  readonly positions = new Map<string, Position>()
  socket: PairedSocket | null = null
  /** Whether it answers pings and looks at what arrives. */
  isAlive = true
  #ref = 0

  constructor(user: string) {
    this.user = user
  }

  /** Says hello on a new connection, and joins what it wants with it. */
  connect(socket: PairedSocket, token: string): void {
    this.socket = socket
    this.isAlive = true
    this.log.push({ kind: 'connected' })
    const joins = [...this.wanted.keys()].map((project) => this.#joinOf(project))
    this.#say({ type: 'hello', token, ...(joins.length > 0 && { joins }) })
  }

  join(project: string): void {
    if (this.socket) this.#say({ type: 'join', ...this.#joinOf(project) })
    else this.wanted.set(project, null)
  }

  leave(project: string): void {
    this.wanted.delete(project)
    if (this.socket) this.#say({ type: 'leave', ref: ++this.#ref, project })
  }

  publish(project: string, events: readonly Publication[]): void {
    this.#say({ type: 'publish', ref: ++this.#ref, project, events })
  }

  refresh(token: string): void {
    this.#say({ type: 'refresh', ref: ++this.#ref, token })
  }

  /** Goes; whether the server is told is the caller's business. */
  forgetSocket(): void {
    this.socket = null
    for (const project of this.wanted.keys()) this.wanted.set(project, null)
    this.log.push({ kind: 'gone' })
  }

  /** Looks at what has arrived. */
  look(): void {
    const { socket } = this
    if (!socket) return
    for (const heard of socket.take()) {
      if (this.socket !== socket) return
      this.log.push({ kind: 'heard', heard })
      if ('message' in heard) this.#hear(heard.message)
      else this.forgetSocket()
    }
  }

  #hear(message: ServerMessage): void {
    switch (message.type) {
      case 'joined':
        if (this.wanted.get(message.project) !== message.ref) return
        this.wanted.set(message.project, null)
        this.positions.set(message.project, message.position)
        return
      case 'deliver': {
        const last = message.events.at(-1)
        // Nothing is applied until the new `joined`.
        if (!last || this.wanted.get(message.project) !== null) return
        this.positions.set(message.project, { epoch: message.epoch, seq: last.seq, id: last.id })
        return
      }
      case 'rejoin':
        if (this.wanted.get(message.project) === null) this.join(message.project)
        return
      case 'left':
        // An answer belongs to a wish that it does not have any more, or has anew.
        if (message.ref === null) this.wanted.delete(message.project)
        return
      case 'error':
        this.#fail(message.ref, message.retryable)
        return
      case 'ping':
        if (this.isAlive) this.#say({ type: 'pong', at: message.at })
        return
      default:
    }
  }

  #fail(ref: number | null, isRetryable: boolean): void {
    for (const [project, joining] of this.wanted) {
      if (joining === null || joining !== ref) continue
      if (isRetryable) this.join(project)
      else this.wanted.delete(project)
    }
  }

  #joinOf(project: string): Join {
    const since = this.positions.get(project)
    this.wanted.set(project, ++this.#ref)
    return { ref: this.#ref, project, ...(since && { since }) }
  }

  #say(message: ClientMessage): void {
    const { socket } = this
    if (!socket) return
    this.log.push({ kind: 'said', message })
    socket.say(codecOf(socket.subprotocol).encode(message) as string | Uint8Array)
  }
}
