import { type Claim, type Event, type Latest, PRESENCE_COUNT_KEY, type Presence, type PresenceCount } from '../protocol/events.js'
import { type ErrorMessage, type Join, type LeftMessage, MAX_PRESENCE_STATE_BYTES, type ServerMessage } from '../protocol/messages.js'
import type { Position } from '../protocol/position.js'
import { reconnectDelayMs } from './backoff.js'
import type { Clock } from './clock.js'
import type { Connection } from './connection.js'
import { Listeners } from './listeners.js'
import { LiveError } from './live-error.js'
import type { DataOf, Joined, LatestValue, Left, People, Present, Room, Stop } from './room.js'
import { INITIAL_STREAM, type Received, receiveDeliver, receiveJoined, type StreamState, startJoin } from './state.js'

export interface MembershipOptions {
  readonly project: string
  readonly clock: Clock
  /** Ids of events that were handled, oldest first. */
  readonly handled: Set<string>
  readonly onError: (error: unknown) => void
  /** For requests while it is not joined; null when there is none that is welcome. */
  readonly connection: () => Connection | null
  /** Nobody wants to hear it any more. */
  readonly onLeave: () => void
}

/** Ids of handled events that are remembered: a history that begins anew repeats some of them under another epoch (D3). */
const MAX_REMEMBERED_IDS = 1_000
const PRESENCE = 'presence/'
const CLAIM = 'claim/'

/** The client's side of a {@link Room}: its stream, the join under way, over whichever connection, and who listens. */
export class Membership implements Room {
  readonly project: string
  readonly #options: MembershipOptions
  readonly #listeners: Listeners
  #stream: StreamState = INITIAL_STREAM
  /** The one that the newest join went over. */
  #connection: Connection | null = null
  /** Of the newest join. */
  #ref = 0
  /** Refusals since the last `joined`. */
  #refusals = 0
  #cancelRetry: Stop = () => {}
  #presence: Readonly<Record<string, unknown>> | undefined
  /** What the server was told over this connection. */
  #shownPresence: Readonly<Record<string, unknown>> | undefined
  #isLeft = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.project = options.project
    this.#listeners = new Listeners(options.onError)
  }

  get phase(): Room['phase'] {
    return this.#isLeft ? 'left' : this.#stream.phase
  }

  get position(): Position | null {
    return this.#stream.position
  }

  /** Whether the newest join went over it: what others bring is not for this room. */
  isOver(connection: Connection): boolean {
    return this.#connection === connection
  }

  /** The join to be sent over a connection; until its answer nothing is applied (D2). */
  makeJoin(connection: Connection): Join {
    this.disconnect()
    this.#connection = connection
    this.#ref = connection.nextRef()
    this.#shownPresence = this.#presence
    const { position } = this.#stream
    return {
      ref: this.#ref,
      project: this.project,
      ...(position !== null && { since: position }),
      ...(this.#presence !== undefined && { presence: this.#presence }),
    }
  }

  joinOver(connection: Connection): void {
    connection.send({ type: 'join', ...this.makeJoin(connection) })
  }

  /** The connection is gone: nothing is applied until the next join. */
  disconnect(): void {
    this.#cancelRetry()
    this.#connection = null
    this.#stream = startJoin(this.#stream)
  }

  receive(message: ServerMessage): void {
    switch (message.type) {
      case 'joined':
        // Otherwise the answer to an older join of the same project: the newer one is on its way.
        if (message.ref !== this.#ref) return
        this.#refusals = 0
        this.#apply(receiveJoined(this.#stream, message), message)
        if (this.#presence !== this.#shownPresence) this.#showPresence()
        break
      case 'deliver':
        this.#apply(receiveDeliver(this.#stream, message), null)
        break
      case 'rejoin':
        // Otherwise it crossed a join that is under way.
        if (this.phase === 'joined') this.joinOver(this.#connection!)
    }
  }

  /** Whether the error is the answer to the join under way. */
  isRefusedBy({ ref }: ErrorMessage): boolean {
    return ref === this.#ref && this.#stream.phase === 'joining'
  }

  /** Joins again later. */
  waitAndJoin({ retryAfterMs }: ErrorMessage): void {
    const connection = this.#connection!
    const { clock } = this.#options
    const delayMs = retryAfterMs ?? reconnectDelayMs(this.#refusals++, () => clock.random())
    this.#cancelRetry = clock.after(delayMs, () => this.joinOver(connection))
  }

  /** The server has ended it. */
  end(reason: LeftMessage['reason'] | 'refused', error: ErrorMessage | null): void {
    this.disconnect()
    this.#isLeft = true
    this.#listeners.tell(['/left'], { reason, error } satisfies Left)
  }

  /** Nobody wants to hear it any more. */
  silence(): void {
    this.disconnect()
    this.#isLeft = true
    this.#listeners.silence()
  }

  leave(): void {
    if (!this.#isLeft) this.#options.onLeave()
    this.silence()
  }

  on(type: string, handler: (event: never) => unknown): Stop {
    return this.#listeners.add(type, handler)
  }

  // Names with a slash, which no type of events has, are what else there is to hear.

  onJoined(handler: (joined: Joined) => unknown): Stop {
    return this.#listeners.add('/joined', handler)
  }

  onLeft(handler: (left: Left) => unknown): Stop {
    return this.#listeners.add('/left', handler)
  }

  onLatest(handler: (latest: Latest) => unknown): Stop {
    return this.#listeners.add('/latest', handler)
  }

  latest<Key extends string>(key: Key): LatestValue<DataOf<Key>> {
    // The key says what the server, or else its publisher, puts there.
    const read = () => (this.#stream.latest.get(key)?.data ?? null) as DataOf<Key> | null
    return {
      get value() {
        return read()
      },
      watch: (handler) => this.#listeners.add(`/latest/${key}`, handler),
    }
  }

  get presence(): People {
    const list: Present[] = []
    let count: number | null = null
    for (const [session, data] of this.#held<Presence & PresenceCount>(PRESENCE)) {
      if (PRESENCE + session === PRESENCE_COUNT_KEY) count = data.count
      else list.push({ session, user: data.user, state: data.state })
    }
    return { list, count: count ?? list.length }
  }

  onPresence(handler: (people: People) => unknown): Stop {
    return this.#listeners.add('/presence', handler)
  }

  setPresence(state: Readonly<Record<string, unknown>>): void {
    const { length } = new TextEncoder().encode(JSON.stringify(state))
    if (length > MAX_PRESENCE_STATE_BYTES)
      throw new RangeError(`the state of a presence (${length} bytes) may have ${MAX_PRESENCE_STATE_BYTES}`)
    // What the caller makes of the object afterwards is not shown.
    this.#presence = { ...state }
    // Otherwise behind the answer to the join, which carries it or is on its way.
    if (this.phase === 'joined') this.#showPresence()
  }

  get claims(): ReadonlyMap<string, Claim> {
    return this.#held<Claim>(CLAIM)
  }

  onClaims(handler: (claims: ReadonlyMap<string, Claim>) => unknown): Stop {
    return this.#listeners.add('/claims', handler)
  }

  async claim(target: string, options: { readonly ttlMs?: number } = {}): Promise<string> {
    const { project } = this
    const { until } = await this.#welcomed().request('claimed', (ref) => ({ type: 'claim', ref, project, target, ...options }))
    return until
  }

  async release(target: string): Promise<void> {
    const { project } = this
    await this.#welcomed().request('ack', (ref) => ({ type: 'release', ref, project, target }))
  }

  /** @throws LiveError when there is none. */
  #welcomed(): Connection {
    const connection = this.phase === 'joined' ? this.#connection : this.#options.connection()
    if (connection === null) throw new LiveError(null)
    return connection
  }

  #showPresence(): void {
    if (this.#presence === undefined) return
    this.#shownPresence = this.#presence
    this.#connection?.send({ type: 'presence', project: this.project, state: this.#presence })
  }

  /** Data of the live values whose keys begin so, by the rest of the key. */
  #held<Data>(prefix: string): Map<string, Data> {
    const held = new Map<string, Data>()
    for (const [key, { data }] of this.#stream.latest) {
      // These keys are the server's: it says what stands there.
      if (data !== null && key.startsWith(prefix)) held.set(key.slice(prefix.length), data as Data)
    }
    return held
  }

  #apply({ state, events, latest, mustJoin }: Received, joined: Joined | null): void {
    this.#stream = state
    const listeners = this.#listeners
    if (joined !== null) listeners.tell(['/joined'], { role: joined.role, snapshot: joined.snapshot, position: joined.position })
    for (const event of events) listeners.tell([event.type, 'event'], event, () => this.#isNew(event))
    for (const value of latest) {
      listeners.tell(['/latest'], value)
      listeners.tell([`/latest/${value.key}`], value.data)
    }
    if (listeners.has('/presence') && latest.some(({ key }) => key.startsWith(PRESENCE))) listeners.tell(['/presence'], this.presence)
    if (listeners.has('/claims') && latest.some(({ key }) => key.startsWith(CLAIM))) listeners.tell(['/claims'], this.claims)
    // Unless a handler has left it meanwhile.
    if (mustJoin && !this.#isLeft && this.#connection !== null) this.joinOver(this.#connection)
  }

  /** From now on it is handled. */
  #isNew({ id }: Event): boolean {
    const { handled } = this.#options
    if (handled.has(id)) return false
    handled.add(id)
    // A set keeps the order in which its values came.
    for (const oldest of handled) {
      if (handled.size <= MAX_REMEMBERED_IDS) break
      handled.delete(oldest)
    }
    return true
  }
}
