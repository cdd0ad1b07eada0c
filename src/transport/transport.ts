/** What a client showed before the handshake. Header values as they came, undefined when absent. */
export interface UpgradeRequest {
  readonly origin: string | undefined
  readonly authorization: string | undefined
  readonly cookie: string | undefined
}

/** Why there is no handshake: an HTTP answer. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

/** A message: text travels in a text frame, bytes in a binary one. */
export type Message = string | Uint8Array

/** One or more messages, made by {@link Transport.prepare} once for any number of sockets; whatever else a transport keeps here is its own. */
export interface Frames {
  readonly messages: readonly Message[]
}

/**
 * What became of a send: the kernel has taken all of it (`sent`), some of it waits in our memory (`queued`), or none of it will go,
 * because the socket is slow or closed (`dropped`).
 */
export type SendResult = 'sent' | 'queued' | 'dropped'

/** Bytes that may wait for a socket in our memory; what is due to it beyond that makes it slow (D6). Every transport has them as an option. */
export const SLOW_BYTES = 64 * 1024

/**
 * Hears one socket. Nothing is called after {@link SocketListener.onClose}.
 *
 * A socket is *slow* from the moment that something for it is dropped, since more than `slowBytes` waited already, until all that waits
 * has gone. It leaves all topics with that very message, so that nobody hears what comes after a hole, and while it is slow every send
 * is dropped and no topic may be subscribed. It is judged before each send: one large message alone makes nobody slow.
 */
export interface SocketListener {
  /** A whole message; bytes may be kept. */
  onMessage(data: Message): void
  /** The socket is slow now. Comes out of the send or push that found it, or soon after; once until {@link onDrain}. */
  onSlow(): void
  /** Nothing waits any more. Comes after each `queued` and each {@link onSlow} that are still true, never out of `send` or `push`. */
  onDrain(): void
  /**
   * Nothing can be sent or heard any more, whoever ended it: at once when it is closed from here. `code`: RFC 6455, 1006 without a close
   * frame.
   */
  onClose(code: number): void
}

/** Decides who gets a socket and who hears it. */
export interface TransportHandler {
  /** Before the handshake: null admits. */
  admit(request: UpgradeRequest): Refusal | null
  /** After the handshake, before anything is heard. */
  onOpen(socket: TransportSocket, request: UpgradeRequest): SocketListener
}

export interface TransportSocket {
  /** The one that was agreed on; "" when the client offered none. */
  readonly subprotocol: string
  readonly isOpen: boolean
  /** `performance.now()` of the last thing sent or pushed, milliseconds. */
  readonly lastSentAt: number
  /** Bytes that wait in our memory, after the kernel's buffers. Falls when the kernel takes some. */
  readonly unsentBytes: number
  /** Sends at once, or not at all. */
  send(frames: Frames): SendResult
  /** From now on pushes to the topic reach this socket. */
  subscribe(topic: string): void
  unsubscribe(topic: string): void
  /** Leaves all topics and starts the closing handshake; the socket is cut when the other side does not answer it. */
  close(code: number, reason: string): void
}

/** Sockets, topics and fan-out. Knows no message and no project. */
export interface Transport {
  /** From now on clients may connect. Called once. */
  start(handler: TransportHandler): void
  /** Gives sockets that are closing a moment to end, cuts the rest, and lets the server go. */
  stop(): Promise<void>
  /** Prepares messages once, for {@link push} and `send`. */
  prepare(messages: readonly Message[]): Frames
  /**
   * Sends to every socket of the topic, once each. Many sockets are served in slices, with other work in between; `onDone` is
   * called at the end, in the same turn if one slice was enough. One push per topic at a time; until its end no socket may be
   * subscribed to the topic. Never called out of a socket's `onMessage`: flushes have a turn of their own.
   */
  push(topic: string, frames: Frames, onDone: () => void): void
}
