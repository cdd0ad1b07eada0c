import type { ProjectId } from '../ids.js'
import type { Position } from '../protocol/position.js'

/** Items of one publish, and of one bus message at most. */
export const MAX_ITEMS = 1_000
/** Bodies of one publish together, in bytes: a request of 1 MiB (P1) with actors and traces added. */
export const MAX_BATCH_BYTES = 2 * 1024 * 1024
/** Body of an event, in bytes: 32 KiB of data (P1), and 1 KiB for actor and trace. */
export const MAX_EVENT_BODY_BYTES = 33 * 1024
/** Body of an event from the outbox, in bytes: a fact is news whatever its size, but must fit a frame of 256 KiB (C6). */
export const MAX_OUTBOX_BODY_BYTES = 192 * 1024
/** Body of a latest value, in bytes: 8 KiB of data (D4) and `{"data":}`. */
export const MAX_LATEST_BODY_BYTES = 8 * 1024 + 9
/** Live keys of a project (D4). */
export const MAX_LIVE_KEYS = 1_000
/** Ids and keys, in bytes (an id has at most 128 characters). */
export const MAX_NAME_BYTES = 512
/** Bytes of a type's name. */
export const MAX_TYPE_BYTES = 128
/** An id is remembered for at least this long (P3): its bucket and the one before are asked. */
export const ID_BUCKET_MS = 600_000
/** Ids remembered per project and bucket (B7). */
export const MAX_BUCKET_IDS = 200_000
/** How long a tombstone stands before it may be forgotten (D4). */
export const TOMBSTONE_MS = 600_000

/**
 * Something to publish. `body` is a JSON object text that is encoded once in its life and spliced into frames as it is:
 * of an event `{"actor":…,"data":…}` (`"trace"` too when there is one), of a latest value `{"data":…}` (`{"data":null}` is a tombstone).
 */
export type BusItem =
  /** An event. With `id`: at most once in ten minutes under it, but one that was made just now (`isIdNew`) is not remembered (B7). */
  | { readonly kind: 'event'; readonly type: string; readonly id?: string; readonly isIdNew?: true; readonly body: string }
  /**
   * An event from the outbox: taken only as number `no` directly after the last one taken, the first of an epoch being 1, or any number that is
   * said to be the first (`isFirst`) (B4).
   * Latest values that follow it in the same call belong to it: they are refused when it was not taken. `origin`: somebody published it and
   * had no answer (P4); one whose id is known is taken and not published again.
   */
  | {
      readonly kind: 'outbox'
      readonly no: bigint
      readonly isFirst?: boolean
      readonly type: string
      readonly id: string
      readonly origin?: QueuedOrigin
      readonly body: string
    }
  /** The newest state of a key. Without `version`: stored + 1; an older one is refused. */
  | { readonly kind: 'latest'; readonly type: string; readonly key: string; readonly version?: number; readonly body: string }

/**
 * Of what waits in the outbox because it could not be published: `given`, its id counts as that of an event; `doubtful`, it may be published
 * already, under an id that is not remembered.
 */
export type QueuedOrigin = 'given' | 'doubtful'

export type BusResult =
  | { readonly kind: 'sequenced'; readonly id: string; readonly seq: number }
  | { readonly kind: 'duplicate'; readonly id: string; readonly seq: number }
  | { readonly kind: 'versioned'; readonly key: string; readonly version: number }
  | { readonly kind: 'refused'; readonly key: string; readonly version: number }
  /** An outbox item that was not the next one; `no` is the last one taken. */
  | { readonly kind: 'out-of-turn'; readonly no: bigint }
  /** An outbox item in an epoch that has taken none yet; `before` is the last one of the epoch before, null for unknown. */
  | { readonly kind: 'not-begun'; readonly before: bigint | null }

/** How far the outbox has come on the bus. */
export interface OutboxState {
  /** The last item that this epoch has taken; null for none. */
  readonly taken: bigint | null
  /** The last one of the epoch before; null for unknown. */
  readonly before: bigint | null
}

export interface BusReply {
  readonly epoch: string
  readonly results: readonly BusResult[]
}

export interface BusEvent {
  readonly seq: number
  readonly id: string
  readonly type: string
  readonly at: string
  readonly body: string
}

export interface BusLatest {
  readonly key: string
  readonly version: number
  readonly type: string
  readonly at: string
  readonly body: string
}

/** One call of publish, as every subscriber receives it. `n` rises by one with each message of the project. */
export interface BusMessage {
  readonly project: ProjectId
  readonly epoch: string
  readonly n: number
  readonly events: readonly BusEvent[]
  readonly latest: readonly BusLatest[]
}

/** Head of a project's stream. `id` is "" and `seq` 0 before the first event. */
export interface BusHead {
  readonly epoch: string
  readonly seq: number
  readonly id: string
  readonly n: number
}

export interface BusState {
  readonly head: BusHead
  /** Live latest values; tombstones are left out. */
  readonly latest: readonly BusLatest[]
}

export interface ReadLimits {
  /** At least 1. */
  readonly maxEvents: number
  /** Bytes of the bodies together; the first event is answered whatever its size. */
  readonly maxBytes: number
}

/** What follows a position, as of one moment. */
export interface BusEvents {
  readonly head: BusHead
  /** Directly after the position, in order, without a hole. They end before the head only where a limit was reached. */
  readonly events: readonly BusEvent[]
}

export interface BusListener {
  /** The next message of the project: its events follow the last ones without a hole. Must not throw. */
  onMessage(message: BusMessage): void
  /**
   * What was missed cannot be read any more (`gap`), or the history is another one now (`epoch`). Messages go on after `state`.
   * Must not throw.
   */
  onLost(reason: 'gap' | 'epoch', state: BusState): void
}

/** What was there when the subscription began: the first message continues it. */
export interface BusSubscription extends BusState {
  /** After it resolves no message arrives any more. */
  close(): Promise<void>
}

export interface LeaseRenewal {
  /** Whether the lease had not ended; false for the first time too. */
  readonly wasAlive: boolean
  /** Those of the others that have none. */
  readonly gone: ReadonlySet<string>
}

/** Carries a project's news between the processes. Knows no session and no socket. */
export interface Bus {
  /** Whether news outlives this process. */
  readonly durable: boolean
  /** Whether what is published now would certainly not be sent. */
  readonly isAway: boolean
  /** Milliseconds since something of this process came back to it as everything published should (D9); Infinity before the first time. */
  readonly proofAgeMs: number

  start(): Promise<void>
  /** Ends subscriptions and connections. */
  stop(): Promise<void>

  /**
   * Publishes the items in order as one message with no other event in between. Resolves when they are in the stream and on
   * their way. @throws AppError `INVALID` (nothing was written), `BUS_UNAVAILABLE`.
   */
  publish(project: ProjectId, items: readonly BusItem[]): Promise<BusReply>

  /**
   * Calls the listener for each message of the project after the state that it resolves with, in order of `n`. What is published
   * after the promise resolves arrives. Called once per project and process (the hub keeps the count of sessions).
   */
  subscribe(project: ProjectId, listener: BusListener): Promise<BusSubscription>

  /** Position of the last event; makes an epoch where there is none. */
  head(project: ProjectId): Promise<BusHead>

  /**
   * The events after a position that can be resumed; null for one that cannot (J3). *Resumable*: the epoch is current, and the event at `seq`
   * is retained under that `id`, or both are the head's, or `seq` is 0 and the first event is retained or there was none. Events are retained
   * at least as many and as long as the bus was told to (`STREAM_MAX_EVENTS`, `STREAM_MAX_AGE_MS` after the last publish). One reading: the
   * caller shares it among all who stand at that position, and calls again after the last event for what lies behind a limit.
   * @throws AppError `BUS_UNAVAILABLE`.
   */
  readEvents(project: ProjectId, after: Position, limits: ReadLimits): Promise<BusEvents | null>

  /**
   * Takes a name for all processes: true for the first who asks, false for everyone after, until `ttlMs` have passed. Who gets no answer must
   * not believe that it was the first. @throws AppError `BUS_UNAVAILABLE`.
   */
  takeOnce(name: string, ttlMs: number): Promise<boolean>

  /** How far the project's outbox has come here (B4). @throws AppError `BUS_UNAVAILABLE`. */
  outboxState(project: ProjectId): Promise<OutboxState>

  /**
   * Begins another epoch, if this one is still the present one: it was seen to be behind what was published in it before, and who knows what it has
   * lost must not go on in it (B5). @throws AppError `BUS_UNAVAILABLE`; Error on a bus that cannot go back.
   */
  endEpoch(project: ProjectId, epoch: string): Promise<void>

  /** Live latest values with the head they belong to, in one step; tombstones are left out. */
  latest(project: ProjectId): Promise<BusState>

  /**
   * What is stored under a key now, also a tombstone; null for nothing. Who publishes the key with the version after that one has changed
   * nothing that it has not seen: otherwise it is refused. @throws AppError `BUS_UNAVAILABLE`.
   */
  storedLatest(project: ProjectId, key: string): Promise<BusLatest | null>

  /**
   * Keeps what a process has to tell the others of a project until it tells something else, or nothing any more (null), and answers what each
   * of them tells now, by process; all in one step. @throws AppError `BUS_UNAVAILABLE`.
   */
  report(project: ProjectId, process: string, text: string | null): Promise<ReadonlyMap<string, string>>

  /**
   * Keeps a process alive in the eyes of the others for `ttlMs`, and asks which of these still are. 0: it ends.
   * @throws AppError `BUS_UNAVAILABLE`.
   */
  renewLease(process: string, ttlMs: number, others: Iterable<string>): Promise<LeaseRenewal>
}
