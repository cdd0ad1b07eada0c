import type { ProjectId } from '../ids.js'

/**
 * Something to publish. `body` is a JSON object text that is encoded once in its life and spliced into frames as it is:
 * of an event `{"actor":…,"data":…}` (`"trace"` too when there is one), of a latest value `{"data":…}` (`{"data":null}` is a tombstone).
 */
export type BusItem =
  /** An event. With `id`: at most once in ten minutes under it; without: the bus makes a UUIDv7. */
  | { readonly kind: 'event'; readonly type: string; readonly id?: string; readonly body: string }
  /** An event from the outbox: taken only as number `no` directly after the last one taken (B4). */
  | { readonly kind: 'outbox'; readonly no: bigint; readonly type: string; readonly id: string; readonly body: string }
  /** The newest state of a key. Without `version`: stored + 1; an older one is refused. */
  | { readonly kind: 'latest'; readonly type: string; readonly key: string; readonly version?: number; readonly body: string }

export type BusResult =
  | { readonly kind: 'sequenced'; readonly id: string; readonly seq: number }
  | { readonly kind: 'duplicate'; readonly id: string; readonly seq: number }
  | { readonly kind: 'versioned'; readonly key: string; readonly version: number }
  | { readonly kind: 'refused'; readonly key: string; readonly version: number }
  /** An outbox item that was not the next one; `no` is the last one taken. */
  | { readonly kind: 'out-of-turn'; readonly no: bigint }

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

export interface BusSubscription {
  /** After it resolves no message arrives any more. */
  close(): Promise<void>
}

/** Carries a project's news between the processes. Knows no session and no socket. */
export interface Bus {
  /** Whether news outlives this process. */
  readonly durable: boolean

  start(): Promise<void>
  /** Ends subscriptions and connections. */
  stop(): Promise<void>

  /**
   * Publishes the items in order as one message with no other event in between. Resolves when they are in the stream and on
   * their way. @throws AppError `INVALID` (nothing was written), `BUS_UNAVAILABLE`.
   */
  publish(project: ProjectId, items: readonly BusItem[]): Promise<BusReply>

  /**
   * Calls `onMessage` for each message of the project, in order of `n`. What is published after the promise resolves arrives.
   * Called once per project and process (the hub keeps the count of sessions).
   */
  subscribe(project: ProjectId, onMessage: (message: BusMessage) => void): Promise<BusSubscription>

  /** Position of the last event; makes an epoch where there is none. */
  head(project: ProjectId): Promise<BusHead>

  /** Live latest values with the head they belong to, in one step; tombstones are left out. */
  latest(project: ProjectId): Promise<{ readonly head: BusHead; readonly values: readonly BusLatest[] }>
}
