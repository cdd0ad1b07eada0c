import type { Claim, Event, EventData, EventType, Latest, LatestData, Presence } from '../protocol/events.js'
import type { ErrorMessage, LeftMessage } from '../protocol/messages.js'
import type { Position } from '../protocol/position.js'
import type { Role, Snapshot } from '../protocol/views.js'

/** Ends what began with the call that answered it; called again it does nothing. */
export type Stop = () => void

/** What the server said when it let us in. */
export interface Joined {
  readonly role: Role
  /** Replace all that was shown; null: the events that follow complete it. */
  readonly snapshot: Snapshot | null
  /** With a snapshot: where the events go on. Without: up to here they follow now. */
  readonly position: Position
}

/** Why nothing is heard any more. */
export interface Left {
  /** `refused`: a join, for good. */
  readonly reason: LeftMessage['reason'] | 'refused'
  readonly error: ErrorMessage | null
}

/** Data of a latest value by its key. */
export type DataOf<Key extends string> = Key extends `job/${string}`
  ? LatestData['job.progress']
  : Key extends `claim/${string}`
    ? Claim
    : Key extends `cache/${string}`
      ? LatestData['cache.invalidated']
      : Readonly<Record<string, unknown>>

/** One latest value of a room. */
export interface LatestValue<Data> {
  /** As it is now; null: there is none. */
  readonly value: Data | null
  /** Hears every change from now on; some may be skipped, the newest never. */
  watch(handler: (value: Data | null) => unknown): Stop
}

/** A session that shows itself. One person may have several. */
export interface Present extends Presence {
  readonly session: string
}

export interface People {
  /** The longest present of them. */
  readonly list: readonly Present[]
  /** All of them. */
  readonly count: number
}

/**
 * A project as long as it is wanted, across lost connections. Handlers are called one after another, each when the one before has ended and
 * the promise that it returned; one that throws has handled its event, and `onError` of the client hears it. Each event comes once (D3).
 */
export interface Room {
  readonly project: string
  /** `joining`: what happened meanwhile follows; `left`: nothing follows. */
  readonly phase: 'joining' | 'joined' | 'left'
  /** Of the last event received; null before the first `joined`. */
  readonly position: Position | null

  /** Hears the events of a type; `event`: of every type. */
  on<Type extends EventType>(type: Type, handler: (event: Event<Type, EventData[Type]>) => unknown): Stop
  on(type: string, handler: (event: Event) => unknown): Stop
  /** Hears that the project is heard, for the first time or again. */
  onJoined(handler: (joined: Joined) => unknown): Stop
  /** Hears that the server let us go, or refused the join for good. */
  onLeft(handler: (left: Left) => unknown): Stop

  /** Hears every latest value that changes; `data` null: it is gone. */
  onLatest(handler: (latest: Latest) => unknown): Stop
  latest<Key extends string>(key: Key): LatestValue<DataOf<Key>>

  /** Who shows that they are here. */
  readonly presence: People
  onPresence(handler: (people: People) => unknown): Stop
  /**
   * Shows this to everybody in the project until we leave; again after a lost connection.
   * @throws RangeError when it is larger than 1 KiB of JSON: the server would not take it.
   */
  setPresence(state: Readonly<Record<string, unknown>>): void

  /** Who is at work on what, by target. */
  readonly claims: ReadonlyMap<string, Claim>
  onClaims(handler: (claims: ReadonlyMap<string, Claim>) => unknown): Stop
  /**
   * Says that we are at work on `match/<id>` or `record/<id>`, for 30 s or `ttlMs`, at most 120,000; again to extend it. Answers until when.
   * @throws ClaimedError when somebody else is.
   * @throws LiveError for every other reason.
   */
  claim(target: string, options?: { readonly ttlMs?: number }): Promise<string>
  /** @throws LiveError */
  release(target: string): Promise<void>

  /** Nothing is heard any more, also of what has come already. */
  leave(): void
}
