// How messages become frames. Both codecs say the same; bodies of events and latest values were encoded once by their publisher, as
// JSON, and a frame splices pieces that are encoded already.

import type { ClientMessage, ServerMessage } from './messages.js'
import type { Position } from './position.js'

/** A message or a piece of one, as a codec writes it: text of the JSON codec, bytes of the MessagePack codec. */
export type Encoded = string | Uint8Array

/** An event whose body `{"actor":…,"data":…}` is JSON text already. */
export interface EncodedEvent {
  readonly seq: number
  readonly id: string
  readonly at: string
  readonly type: string
  readonly body: string
}

/** A latest value whose body `{"data":…}` is JSON text already. */
export interface EncodedLatest {
  readonly key: string
  readonly version: number
  readonly at: string
  readonly type: string
  readonly body: string
}

/** The part of a `joined` that many sessions share; its pieces are of the same codec. */
export interface JoinedTail {
  readonly position: Position
  readonly mode: 'resumed' | 'snapshot'
  /** Of {@link Codec.value}; null when `mode` is `resumed`. */
  readonly snapshot: Encoded | null
  readonly events: readonly Encoded[]
  readonly latest: readonly Encoded[]
}

/** One way to write messages. Whatever it is given as {@link Encoded} must be its own. */
export interface Codec {
  /** The subprotocol that asks for it (C1). */
  readonly subprotocol: string
  encode(message: ClientMessage | ServerMessage): Encoded
  /**
   * What a client's frame says, or undefined when that cannot be read, is nested deeper than `MAX_FRAME_DEPTH`, or came in the
   * other kind of frame. Nothing is built of what is too deep.
   */
  decode(frame: Encoded): unknown
  /** A JSON value, to be spliced. */
  value(value: unknown): Encoded
  /** The event as it stands in a frame, `seq` first. */
  event(event: EncodedEvent): Encoded
  latest(value: EncodedLatest): Encoded
  deliver(project: string, epoch: string, events: readonly Encoded[], latest: readonly Encoded[]): Encoded
  joinedTail(tail: JoinedTail): Encoded
  /** A `joined` for one session; `tail` is of {@link joinedTail}. */
  joined(ref: number, project: string, role: string, tail: Encoded): Encoded
}
