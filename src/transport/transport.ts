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

/** One or more messages, prepared once for any number of sockets. */
export interface Frames {
  /** As they go to a socket. */
  readonly wire: Uint8Array
}

/** Hears one socket. Nothing is called after {@link SocketListener.onClose}. */
export interface SocketListener {
  /** A whole message; `binary` when it came in a binary frame. */
  onMessage(text: string, kind: 'text' | 'binary'): void
  /**
   * Nothing can be sent or heard any more, whoever ended it: at once when it is closed from here, also out of a `send` or `push` to
   * it. `code`: RFC 6455, 1006 without a close frame.
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
  readonly isOpen: boolean
  /** `performance.now()` of the last thing sent, milliseconds. */
  readonly lastSentAt: number
  /** Bytes that wait in our memory, after the kernel's buffers. */
  readonly unsentBytes: number
  /** Sends at once; on a closed socket nothing happens. */
  send(frames: Frames): void
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
  prepare(messages: readonly string[]): Frames
  /**
   * Sends to every socket of the topic, one write each. Many sockets are served in slices, with other work in between; `onDone` is
   * called at the end, in the same turn if one slice was enough. One push per topic at a time; until its end no socket may be
   * subscribed to the topic.
   */
  push(topic: string, frames: Frames, onDone: () => void): void
}
