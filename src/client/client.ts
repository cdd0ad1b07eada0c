import type { Publication } from '../protocol/messages.js'
import type { PublishReply } from '../protocol/publications.js'
import { type Clock, systemClock } from './clock.js'
import { type ClientCodec, jsonCodec } from './codec.js'
import type { ConnectionSettings, GetToken, OpenSocket, Socket } from './connection.js'
import { advance, describe, IDLE_LINK, type Link, type LinkInput, type LinkState, type LiveSession, SILENT_LOSS_MS } from './link.js'
import { LiveError } from './live-error.js'
import { Membership } from './membership.js'
import type { Room, Stop } from './room.js'
import { Switchboard } from './switchboard.js'
import { type WakeReason, type WatchWake, watchPage } from './wake.js'

export interface LiveClientOptions {
  /** `ws://…/v1/live` or `wss://…`. */
  readonly url: string
  /** Default: the browser's `WebSocket`. In Node before 22 that of the package `ws`. */
  readonly openSocket?: OpenSocket
  /** Asked before each connection, and before the token expires. Absent: the cookie that goes with the upgrade decides. */
  readonly token?: GetToken
  /** Default: JSON. `msgpack` is loaded when it is needed. */
  readonly codec?: 'msgpack' | ClientCodec
  readonly onLink?: (state: LinkState) => void
  /** A handler or a callback threw, or its promise was rejected. Default: `console.error`. */
  readonly onError?: (error: unknown) => void
  /** Default: the browser's `online`, `visibilitychange` and `pageshow`. */
  readonly watchWake?: WatchWake
  /** Default: the system's. */
  readonly clock?: Partial<Clock>
}

/** Projects of which handled events are remembered; more than a session may have joined at once. */
const MAX_REMEMBERED_PROJECTS = 200

/** Keeps a connection to the live endpoint, and the rooms that were joined through it, across lost ones. */
export class LiveClient {
  readonly #onLink: (state: LinkState) => void
  readonly #onError: (error: unknown) => void
  readonly #watchWake: WatchWake
  readonly #clock: Clock
  readonly #switchboard: Switchboard
  /** By project, the ids of its handled events, oldest first: also of those that were left. */
  readonly #handled = new Map<string, Set<string>>()
  #link: Link = IDLE_LINK
  #state: LinkState = { kind: 'closed', code: null }
  #session: LiveSession | null = null
  #lastRef = 0
  #cancelRetry: Stop = () => {}
  #cancelSilence: Stop = () => {}
  #stopWatching: Stop = () => {}

  constructor(options: LiveClientOptions) {
    const { url, openSocket = openWebSocket, token, codec = jsonCodec, clock, watchWake = watchPage } = options
    const { onLink = () => {}, onError = (error) => console.error(error) } = options
    this.#onLink = onLink
    this.#onError = (error) => {
      try {
        onError(error)
      } catch (thrown) {
        // What waits behind the one that failed goes on.
        console.error(thrown)
      }
    }
    this.#watchWake = watchWake
    this.#clock = { ...systemClock, ...clock }
    const settings: ConnectionSettings = {
      url,
      openSocket,
      token,
      codec: codec === 'msgpack' ? async () => (await import('./msgpack.js')).msgpackCodec : codec,
      clock: this.#clock,
      nextRef: () => ++this.#lastRef,
      onError: this.#onError,
    }
    this.#switchboard = new Switchboard({
      settings,
      onLive: (session) => {
        this.#session = session
        this.#advance({ kind: 'welcome' })
      },
      onLost: (code) => {
        this.#advance({ kind: 'ended', code })
        // A second connection was on its way when the first one broke.
        if (this.#switchboard.isOpen) this.#advance({ kind: 'retry' })
      },
    })
  }

  /** As `onLink` was told last. */
  get link(): LinkState {
    return this.#state
  }

  /** Connects; repeats by itself until {@link close} or a close code that says to stop. */
  open(): void {
    this.#stopWatching()
    this.#stopWatching = this.#watchWake((reason) => this.#wake(reason))
    this.#advance({ kind: 'open' })
  }

  /** Tries at once instead of waiting, also after a close code that says to stop. Nothing before {@link open} or after {@link close}. */
  retryNow(): void {
    if (this.#link.phase.kind !== 'idle') this.#advance({ kind: 'open' })
  }

  /** Ends the connection and leaves every room. */
  close(): void {
    this.#stopWatching()
    this.#switchboard.close()
    this.#advance({ kind: 'close' })
  }

  /** Hears a project until its room is left. One room per project: joining again ends the one before without a word. */
  join(project: string): Room {
    const membership: Membership = new Membership({
      project,
      clock: this.#clock,
      handled: this.#handledIn(project),
      onError: this.#onError,
      connection: () => this.#switchboard.joinedConnection,
      onLeave: () => this.#switchboard.remove(membership),
    })
    this.#switchboard.add(membership)
    return membership
  }

  /**
   * Publishes in a project, joined or not: all or nothing, in order.
   * @throws LiveError. After `DISCONNECTED` nobody knows whether it was published: repeat it under the same ids. RangeError when all of it is
   * larger than 64 KiB.
   */
  async publish(project: string, events: readonly Publication[]): Promise<PublishReply> {
    const { connection } = this.#switchboard
    if (connection === null) throw new LiveError(null)
    const { epoch, results } = await connection.request('ack', (ref) => ({ type: 'publish', ref, project, events }))
    // The answer to a publish has results (PROTOCOL §2), and an epoch unless all of it is queued.
    return { epoch: epoch ?? null, results: results! }
  }

  #handledIn(project: string): Set<string> {
    const handled = this.#handled.get(project) ?? new Set()
    this.#handled.delete(project)
    this.#handled.set(project, handled)
    const [oldest] = this.#handled.keys()
    if (this.#handled.size > MAX_REMEMBERED_PROJECTS) this.#handled.delete(oldest!)
    return handled
  }

  #wake(reason: WakeReason): void {
    // A connection of before the network came back, or over which a ping should have come, is not to be relied upon.
    if (reason === 'online' || this.#switchboard.isSuspect) this.#switchboard.replace()
    this.#advance({ kind: 'retry' })
  }

  #advance(input: LinkInput): void {
    const { now, random, after } = this.#clock
    const before = this.#link
    this.#link = advance(before, input, now(), random)
    if (this.#link !== before) {
      const { phase } = this.#link
      this.#cancelRetry()
      if (phase.kind === 'waiting') this.#cancelRetry = after(phase.retryAt - now(), () => this.#advance({ kind: 'retry' }))
      else if (phase.kind === 'connecting') this.#switchboard.open()
    }
    this.#tell()
  }

  #tell(): void {
    this.#cancelSilence()
    const now = this.#clock.now()
    const state = describe(this.#link, this.#session, now)
    if (state === null) this.#cancelSilence = this.#clock.after(this.#link.lostAt! + SILENT_LOSS_MS - now, () => this.#tell())
    else if (JSON.stringify(state) !== JSON.stringify(this.#state)) {
      this.#state = state
      try {
        this.#onLink(state)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}

/** What browsers have, and Node from 22 on. */
function openWebSocket(url: string, subprotocol: string): Socket {
  const { WebSocket } = globalThis as unknown as { readonly WebSocket: new (url: string, subprotocol: string) => Socket }
  return new WebSocket(url, subprotocol)
}
