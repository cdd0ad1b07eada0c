import { shouldReconnect } from '../protocol/close-codes.js'
import { type ErrorMessage, type Join, MAX_HELLO_JOINS, type ServerMessage } from '../protocol/messages.js'
import type { UserRef } from '../protocol/views.js'
import { reconnectDelayMs } from './backoff.js'
import { Connection, type OpenSocket } from './connection.js'
import { Room, type RoomHandlers } from './room.js'
import { type Received, receiveDeliver, receiveJoined, startJoin } from './state.js'

/** How the client is connected. Times are milliseconds since 1970. */
export type LinkState =
  | { readonly kind: 'connecting'; readonly lostAt: number | null }
  | { readonly kind: 'live'; readonly user: UserRef }
  | { readonly kind: 'waiting'; readonly lostAt: number; readonly retryAt: number }
  /** Not tried again until something changed; `code` as in PROTOCOL §7. */
  | { readonly kind: 'closed'; readonly code: number }

export interface LiveClientOptions {
  /** `ws://…/v1/live` or `wss://…`. */
  readonly url: string
  readonly openSocket: OpenSocket
  /** Absent: the cookie that goes with the upgrade decides. */
  readonly token?: () => string
  readonly onLink?: (state: LinkState) => void
  /** A handler of a room threw, or its promise was rejected; its event counts as handled. Default: `console.error`. */
  readonly onError?: (error: unknown) => void
  /** [0, 1). Default `Math.random`. */
  readonly random?: () => number
}

const CLIENT_NAME = { name: 'tallyroom', version: '1' }

/** Keeps one connection to the live endpoint and the rooms that were joined through it, across lost sockets. */
export class LiveClient {
  readonly #options: LiveClientOptions
  readonly #random: () => number
  readonly #rooms = new Map<string, Room>()
  #connection: Connection | null = null
  #isLive = false
  #attempt = 0
  #lostAt: number | null = null
  #retry: ReturnType<typeof setTimeout> | undefined
  #lastRef = 0
  #isClosed = false

  constructor(options: LiveClientOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  /** Connects; repeats by itself until {@link close} or a final close code. */
  open(): void {
    if (this.#connection !== null) return
    clearTimeout(this.#retry)
    this.#isClosed = false
    this.#tell({ kind: 'connecting', lostAt: this.#lostAt })
    const asked = new Map<string, Room>()
    this.#connection = new Connection({
      url: this.#options.url,
      openSocket: this.#options.openSocket,
      hello: () => ({
        type: 'hello',
        ...(this.#options.token === undefined ? {} : { token: this.#options.token() }),
        client: CLIENT_NAME,
        joins: [...this.#rooms].slice(0, MAX_HELLO_JOINS).map(([project, room]) => {
          asked.set(project, room)
          return this.#makeJoin(project, room)
        }),
      }),
      onWelcome: ({ user }) => {
        this.#isLive = true
        this.#attempt = 0
        this.#lostAt = null
        this.#tell({ kind: 'live', user })
        // What was left or joined while the hello was on its way, and joins that had no place in it.
        for (const [project, room] of asked) if (this.#rooms.get(project) !== room) this.#sendLeave(project)
        for (const [project, room] of this.#rooms) if (asked.get(project) !== room) this.#sendJoin(project, room)
      },
      onMessage: (message) => this.#receive(message),
      onClose: (code) => this.#handleClose(code),
    })
  }

  /** Tries at once instead of waiting for the delay to pass, for example when the network came back. */
  retryNow(): void {
    if (this.#connection === null && !this.#isClosed) this.open()
  }

  /** Ends the connection and leaves every room. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    for (const room of this.#rooms.values()) room.close()
    this.#rooms.clear()
    this.#connection?.close()
  }

  /** Hears a project until the returned function is called. One room per project. */
  join(project: string, handlers: RoomHandlers): () => void {
    const room = new Room(handlers, this.#options.onError ?? ((error) => console.error(error)))
    this.#rooms.get(project)?.close()
    this.#rooms.set(project, room)
    if (this.#isLive) this.#sendJoin(project, room)
    return () => {
      room.close()
      if (this.#rooms.get(project) !== room) return
      this.#rooms.delete(project)
      if (this.#isLive) this.#sendLeave(project)
    }
  }

  #makeJoin(project: string, room: Room): Join {
    clearTimeout(room.retry)
    room.state = startJoin(room.state)
    room.ref = ++this.#lastRef
    const { position } = room.state
    return position === null ? { ref: room.ref, project } : { ref: room.ref, project, since: position }
  }

  #sendJoin(project: string, room: Room): void {
    this.#connection?.send({ type: 'join', ...this.#makeJoin(project, room) })
  }

  #sendLeave(project: string): void {
    this.#connection?.send({ type: 'leave', ref: ++this.#lastRef, project })
  }

  #receive(message: ServerMessage): void {
    if (message.type === 'error') this.#handleError(message)
    if (!('project' in message)) return
    const room = this.#rooms.get(message.project)
    if (room === undefined) return
    switch (message.type) {
      case 'joined':
        // An answer to an older join of the same project: the newer one is on its way.
        if (message.ref !== room.ref) return
        room.hearJoined(message.role, message.snapshot)
        this.#apply(message.project, room, receiveJoined(room.state, message))
        break
      case 'deliver':
        this.#apply(message.project, room, receiveDeliver(room.state, message))
        break
      case 'rejoin':
        this.#sendJoin(message.project, room)
        break
      case 'left':
        if (message.reason === 'left') return
        this.#rooms.delete(message.project)
        room.hearLeft(message.reason, null)
        break
    }
  }

  #apply(project: string, room: Room, received: Received): void {
    room.hear(received)
    // Unless a handler has left it meanwhile.
    if (received.mustJoin && this.#rooms.get(project) === room) this.#sendJoin(project, room)
  }

  #handleError(error: ErrorMessage): void {
    if (error.ref === null) return
    for (const [project, room] of this.#rooms) {
      if (room.ref !== error.ref || room.state.phase !== 'joining') continue
      if (error.retryable) {
        const delayMs = error.retryAfterMs ?? reconnectDelayMs(room.refusals++, this.#random)
        room.retry = setTimeout(() => this.#isLive && this.#sendJoin(project, room), delayMs)
      } else {
        this.#rooms.delete(project)
        room.hearLeft('refused', error)
      }
    }
  }

  #handleClose(code: number): void {
    this.#connection = null
    this.#isLive = false
    if (this.#isClosed) return
    if (!shouldReconnect(code)) {
      this.#isClosed = true
      this.#tell({ kind: 'closed', code })
      return
    }
    this.#lostAt ??= Date.now()
    const delayMs = reconnectDelayMs(this.#attempt++, this.#random)
    this.#tell({ kind: 'waiting', lostAt: this.#lostAt, retryAt: Date.now() + delayMs })
    this.#retry = setTimeout(() => this.open(), delayMs)
  }

  #tell(state: LinkState): void {
    this.#options.onLink?.(state)
  }
}
