import { shouldReconnect } from '../protocol/close-codes.js'
import type { ErrorMessage, Join, ServerMessage, WelcomeMessage } from '../protocol/messages.js'
import { reconnectDelayMs } from './backoff.js'
import { Connection, type ConnectionSettings } from './connection.js'
import type { LiveSession } from './link.js'
import type { Membership } from './membership.js'
import type { Stop } from './room.js'

export interface SwitchboardOptions {
  readonly settings: ConnectionSettings
  /** There is a connection, or another one, or its bus is another way. */
  readonly onLive: (session: LiveSession) => void
  /** There is none any more. The next one may be {@link Switchboard.isOpen opening} already. */
  readonly onLost: (code: number) => void
}

interface Line {
  readonly connection: Connection
  /** By project, what the hello has asked for. */
  readonly asked: Map<string, Membership>
  /** Null until the welcome. */
  session: LiveSession | null
  /** Its process goes away: when to open another one, in milliseconds of the clock. */
  leaveAt: number | null
}

/** Each may carry 1 KiB of presence beside its position, and a frame holds 64 KiB. The others follow after the welcome. */
const MAX_HELLO_JOINS = 40
const CLIENT = { name: 'tallyroom', version: '1' }

/**
 * The rooms of a client and the connection that carries them. When the server's process goes away (D10), or the network may have changed, a
 * *successor* is opened beside it: its hello joins every room at its position, and from there on the old connection's news are not for them.
 * When all are joined the old one is closed. A successor that is refused gives the rooms back to the old one, as long as that lasts.
 */
export class Switchboard {
  readonly #options: SwitchboardOptions
  readonly #memberships = new Map<string, Membership>()
  #current: Line | null = null
  #successor: Line | null = null
  /** Successors that failed in a row; null: none is wanted. */
  #failures: number | null = null
  #cancelReplace: Stop = () => {}

  constructor(options: SwitchboardOptions) {
    this.#options = options
  }

  get isOpen(): boolean {
    return this.#current !== null
  }

  /** Whether the connection has been silent for longer than the server is. */
  get isSuspect(): boolean {
    return this.#current?.connection.isSuspect ?? false
  }

  /** For what the server answers to whoever asks; null while nobody would hear it. */
  get connection(): Connection | null {
    return [this.#successor, this.#current].find((line) => line?.session)?.connection ?? null
  }

  /** The one that has joined what the successor has not yet; null when it is not welcome. */
  get joinedConnection(): Connection | null {
    return this.#current?.session ? this.#current.connection : null
  }

  open(): void {
    if (this.#current !== null) return
    this.#current = this.#makeLine()
    this.#current.connection.open()
  }

  /** Opens another connection beside the one that there is, to take its place. */
  replace(): void {
    if (!this.#current?.session || this.#successor !== null) return
    this.#failures ??= 0
    this.#successor = this.#makeLine()
    this.#successor.connection.open()
  }

  close(): void {
    const lines = [this.#current, this.#successor]
    this.#stopReplacing()
    this.#current = this.#successor = null
    for (const line of lines) line?.connection.close()
    for (const membership of this.#memberships.values()) membership.silence()
    this.#memberships.clear()
  }

  /** One room per project: another one of the same project hears nothing any more. */
  add(membership: Membership): void {
    this.#memberships.get(membership.project)?.silence()
    this.#memberships.set(membership.project, membership)
    const { connection } = this
    if (connection !== null) membership.joinOver(connection)
  }

  remove(membership: Membership): void {
    const { project } = membership
    if (this.#memberships.get(project) !== membership) return
    this.#memberships.delete(project)
    for (const line of [this.#current, this.#successor]) if (line?.session) this.#leave(line, project)
    this.#finishReplacing()
  }

  #makeLine(): Line {
    const line: Line = {
      connection: new Connection({
        ...this.#options.settings,
        hello: () => ({ type: 'hello', client: CLIENT, joins: this.#makeJoins(line) }),
        onWelcome: (message) => this.#welcome(line, message),
        onMessage: (message) => this.#receive(line, message),
        onIdle: () => this.#finishReplacing(),
        onClose: (code) => this.#end(line, code),
      }),
      asked: new Map(),
      session: null,
      leaveAt: null,
    }
    return line
  }

  #makeJoins({ asked, connection }: Line): Join[] {
    return [...this.#memberships].slice(0, MAX_HELLO_JOINS).map(([project, membership]) => {
      asked.set(project, membership)
      return membership.makeJoin(connection)
    })
  }

  #leave({ connection }: Line, project: string): void {
    connection.send({ type: 'leave', ref: connection.nextRef(), project })
  }

  #welcome(line: Line, { user, session }: WelcomeMessage): void {
    line.session = { user, session, bus: 'ok' }
    // What was left or joined while the hello was on its way, and joins that had no place in it.
    for (const [project, asked] of line.asked) if (this.#memberships.get(project) !== asked) this.#leave(line, project)
    for (const [project, membership] of this.#memberships) {
      if (line.asked.get(project) !== membership) membership.joinOver(line.connection)
    }
    if (line === this.#current) this.#options.onLive(line.session)
    this.#finishReplacing()
  }

  #receive(line: Line, message: ServerMessage): void {
    switch (message.type) {
      case 'status':
        if (line.session === null) return
        line.session = { ...line.session, bus: message.bus }
        if (line === this.#current) this.#options.onLive(line.session)
        return
      case 'goaway':
        line.leaveAt = this.#options.settings.clock.now() + message.reconnectAfterMs
        if (line === this.#current) this.#replaceAfter(message.reconnectAfterMs)
        return
      case 'error':
        this.#refuse(line, message)
        return
    }
    if (!('project' in message)) return
    const membership = this.#memberships.get(message.project)
    if (membership === undefined) {
      // The server let us in after it had let us go.
      if (message.type === 'joined') this.#leave(line, message.project)
      return
    }
    if (!membership.isOver(line.connection)) return
    if (message.type !== 'left') membership.receive(message)
    else if (message.reason !== 'left') {
      this.#memberships.delete(message.project)
      membership.end(message.reason, null)
    }
    this.#finishReplacing()
  }

  #refuse(line: Line, error: ErrorMessage): void {
    for (const [project, membership] of this.#memberships) {
      if (!membership.isOver(line.connection) || !membership.isRefusedBy(error)) continue
      if (!error.retryable) {
        this.#memberships.delete(project)
        membership.end('refused', error)
        this.#finishReplacing()
      }
      // The old connection is as good as it was.
      else if (line === this.#successor) line.connection.close()
      else membership.waitAndJoin(error)
      return
    }
  }

  #end(line: Line, code: number): void {
    const { connection } = line
    if (line === this.#successor) {
      this.#successor = null
      // Welcome: a successor is opened beside no other.
      const old = this.#current!.connection
      for (const membership of this.#memberships.values()) if (membership.isOver(connection)) membership.joinOver(old)
      if (!shouldReconnect(code)) this.#failures = null
      if (this.#failures === null) return
      const { clock } = this.#options.settings
      this.#replaceAfter(reconnectDelayMs(this.#failures++, () => clock.random()))
    } else if (line === this.#current) {
      for (const membership of this.#memberships.values()) if (membership.isOver(connection)) membership.disconnect()
      const successor = this.#successor
      this.#stopReplacing()
      this.#successor = null
      this.#current = shouldReconnect(code) ? successor : null
      if (this.#current === null) successor?.connection.close()
      if (this.#current?.session) this.#goOnWith(this.#current, this.#current.session)
      else this.#options.onLost(code)
    }
  }

  #replaceAfter(delayMs: number): void {
    this.#cancelReplace()
    this.#cancelReplace = this.#options.settings.clock.after(delayMs, () => this.replace())
  }

  #stopReplacing(): void {
    this.#failures = null
    this.#cancelReplace()
  }

  /** When every room is joined over the successor, and the old connection owes no answer. */
  #finishReplacing(): void {
    const [old, successor] = [this.#current, this.#successor]
    if (old === null || !successor?.session || old.connection.isBusy) return
    for (const membership of this.#memberships.values()) {
      if (!membership.isOver(successor.connection) || membership.phase !== 'joined') return
    }
    this.#stopReplacing()
    this.#current = successor
    this.#successor = null
    old.connection.close()
    this.#goOnWith(successor, successor.session)
  }

  #goOnWith({ leaveAt }: Line, session: LiveSession): void {
    // Its process goes away, too.
    if (leaveAt !== null) this.#replaceAfter(Math.max(0, leaveAt - this.#options.settings.clock.now()))
    this.#options.onLive(session)
  }
}
