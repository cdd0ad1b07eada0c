import type { Event, Latest } from '../protocol/events.js'
import type { ErrorMessage, LeftMessage } from '../protocol/messages.js'
import type { Role, Snapshot } from '../protocol/views.js'
import { INITIAL_STREAM, type Received, type StreamState } from './state.js'

/**
 * What a room hears, in this order: `onJoined`, then events and latest values as they come. Each call is made after the one before
 * has ended; a promise that is returned is awaited.
 */
export interface RoomHandlers {
  /** With a snapshot: replace all that was shown; null: the events that follow complete it. */
  readonly onJoined: (joined: { readonly role: Role; readonly snapshot: Snapshot | null }) => unknown
  readonly onEvent: (event: Event) => unknown
  readonly onLatest: (latest: Latest) => unknown
  /** The server let us go, or refused the join for good. */
  readonly onLeft: (reason: LeftMessage['reason'] | 'refused', error: ErrorMessage | null) => unknown
}

/** Ids of handled events that are remembered: a history that begins anew repeats some of them under another epoch (D3). */
const MAX_REMEMBERED_IDS = 1_000

/** A project as its client keeps it, across sockets: the state of its stream, and the handlers that hear each event once. */
export class Room {
  state: StreamState = INITIAL_STREAM
  /** Of the newest join. */
  ref = 0
  /** Refusals since the last `joined`. */
  refusals = 0
  retry: ReturnType<typeof setTimeout> | undefined
  readonly #handlers: RoomHandlers
  readonly #onError: (error: unknown) => void
  readonly #calls: (() => unknown)[] = []
  readonly #handled = new Set<string>()
  #isCalling = false
  #isClosed = false

  constructor(handlers: RoomHandlers, onError: (error: unknown) => void) {
    this.#handlers = handlers
    this.#onError = onError
  }

  hearJoined(role: Role, snapshot: Snapshot | null): void {
    this.refusals = 0
    this.#call(() => this.#handlers.onJoined({ role, snapshot }))
  }

  hear({ state, events, latest }: Received): void {
    this.state = state
    for (const event of events) if (this.#isNew(event.id)) this.#call(() => this.#handlers.onEvent(event))
    for (const value of latest) this.#call(() => this.#handlers.onLatest(value))
  }

  hearLeft(reason: LeftMessage['reason'] | 'refused', error: ErrorMessage | null): void {
    clearTimeout(this.retry)
    this.#call(() => this.#handlers.onLeft(reason, error))
  }

  /** Nothing is heard any more, also of what has come already. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.retry)
    this.#calls.length = 0
  }

  #isNew(id: string): boolean {
    if (this.#handled.has(id)) return false
    this.#handled.add(id)
    // A set keeps the order in which its values came.
    for (const oldest of this.#handled) {
      if (this.#handled.size <= MAX_REMEMBERED_IDS) break
      this.#handled.delete(oldest)
    }
    return true
  }

  #call(handler: () => unknown): void {
    if (this.#isClosed) return
    this.#calls.push(handler)
    if (!this.#isCalling) this.#callNext()
  }

  /** A handler that throws has handled its event: it would throw the next time too. */
  #callNext(): void {
    this.#isCalling = true
    for (let handler = this.#calls.shift(); handler; handler = this.#calls.shift()) {
      try {
        const result = handler()
        if (result instanceof Promise) {
          void result.catch(this.#onError).then(() => this.#callNext())
          return
        }
      } catch (error) {
        this.#onError(error)
      }
    }
    this.#isCalling = false
  }
}
