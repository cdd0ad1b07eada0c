import { unpack } from 'msgpackr'
import type { ServerMessage } from '../../src/protocol/messages.js'
import { serverMessageSchema } from '../../src/protocol/schemas.js'
import type { Clock } from '../../src/sessions/clock.js'
import type {
  Frames,
  Message,
  SendResult,
  SocketListener,
  Transport,
  TransportHandler,
  TransportSocket,
} from '../../src/transport/transport.js'
import type { Random } from './random.js'

/** A message that a client finds when it looks, also as the frame that it came in. */
export interface HeardMessage {
  readonly message: ServerMessage
  readonly data: Message
  readonly bytes: number
  /** When the server said it, Unix milliseconds: a client that does not read hears it any time later. */
  readonly saidAt: number
}

/** A message, or the end. */
export type Heard = HeardMessage | { readonly closedWith: number }

/** Read once, however many clients hear them. */
class PreparedFrames implements Frames {
  readonly messages: readonly Message[]
  readonly #isProved: boolean
  readonly #saidAt: number
  #heard: readonly HeardMessage[] | null = null

  constructor(messages: readonly Message[], isProved: boolean, saidAt: number) {
    this.messages = messages
    this.#isProved = isProved
    this.#saidAt = saidAt
  }

  get heard(): readonly HeardMessage[] {
    this.#heard ??= this.messages.map((message) => ({
      message: this.#read(typeof message === 'string' ? JSON.parse(message) : unpack(message)),
      data: message,
      bytes: Buffer.byteLength(message),
      saidAt: this.#saidAt,
    }))
    return this.#heard
  }

  #read(value: unknown): ServerMessage {
    return this.#isProved ? serverMessageSchema.parse(value) : (value as ServerMessage)
  }
}

export interface SocketPairsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly slowBytes: number
  /** Whether each message is held against the schema of the wire, which costs a fifth of the time. */
  readonly isProved: boolean
  /** The server did what the contract of transports forbids. */
  readonly onFault: (fault: string) => void
  /** The server closes a socket. */
  readonly onClose: (code: number) => void
}

/** A transport without a network. Pushes go in slices, with other things in between, and clients hear when they look. */
export class SocketPairs implements Transport {
  readonly options: SocketPairsOptions
  readonly topics = new Map<string, Set<PairedSocket>>()
  readonly pushing = new Set<string>()
  #handler: TransportHandler | null = null

  constructor(options: SocketPairsOptions) {
    this.options = options
  }

  start(handler: TransportHandler): void {
    this.#handler = handler
  }

  async stop(): Promise<void> {}

  prepare(messages: readonly Message[]): Frames {
    return new PreparedFrames(messages, this.options.isProved, this.options.clock.today())
  }

  push(topic: string, frames: Frames, onDone: () => void): void {
    const { clock, random, onFault } = this.options
    if (this.pushing.has(topic)) onFault('two pushes to one topic at once')
    this.pushing.add(topic)
    const sockets = (this.topics.get(topic) ?? new Set()).values()
    const slice = () => {
      for (;;) {
        const next = sockets.next()
        if (next.done) break
        next.value.send(frames)
        if (random.chance(0.05)) return void clock.after(random.below(3), slice)
      }
      this.pushing.delete(topic)
      onDone()
    }
    slice()
  }

  connect(subprotocol: string): PairedSocket {
    const shown = { origin: undefined, authorization: undefined, cookie: undefined }
    const socket = new PairedSocket(this, subprotocol)
    socket.listener = this.#handler!.onOpen(socket, shown)
    return socket
  }
}

/** Both ends of a connection. */
export class PairedSocket implements TransportSocket {
  readonly subprotocol: string
  listener: SocketListener | null = null
  isOpen = true
  isReading = true
  lastSentAt: number
  unsentBytes = 0
  readonly #transport: SocketPairs
  readonly #topics = new Set<string>()
  #unread: HeardMessage[] = []
  #takenBytes = 0
  #isSlow = false
  #isTold = true
  #arrived: Heard[] = []
  /** Comes behind what waits; null when it has arrived, or is not to come yet. */
  #closedWith: number | null = null

  constructor(transport: SocketPairs, subprotocol: string) {
    this.#transport = transport
    this.subprotocol = subprotocol
    this.lastSentAt = transport.options.clock.now()
  }

  send(frames: Frames): SendResult {
    const { clock, slowBytes } = this.#transport.options
    if (!this.isOpen || this.#isSlow) return 'dropped'
    if (this.unsentBytes > slowBytes) {
      this.#isSlow = true
      this.#isTold = false
      this.#leaveTopics()
      this.listener?.onSlow()
      return 'dropped'
    }
    this.lastSentAt = clock.now()
    const { heard } = frames as PreparedFrames
    if (this.isReading && this.#unread.length === 0) {
      this.#arrived.push(...heard)
      return 'sent'
    }
    this.#unread.push(...heard)
    for (const { bytes } of heard) this.unsentBytes += bytes
    this.#isTold = false
    return 'queued'
  }

  subscribe(topic: string): void {
    const { topics, pushing, options } = this.#transport
    if (pushing.has(topic)) options.onFault('a socket was subscribed to a topic during a push')
    if (!this.isOpen || this.#isSlow) return
    this.#topics.add(topic)
    const sockets = topics.get(topic)
    if (sockets) sockets.add(this)
    else topics.set(topic, new Set([this]))
  }

  unsubscribe(topic: string): void {
    this.#topics.delete(topic)
    const { topics } = this.#transport
    const sockets = topics.get(topic)
    sockets?.delete(this)
    if (sockets?.size === 0) topics.delete(topic)
  }

  close(code = 1000): void {
    if (this.isOpen) this.#transport.options.onClose(code)
    this.#end(code)
  }

  /** The client goes without a word. */
  drop(): void {
    this.#end(1006)
  }

  /** The client says something. */
  say(message: Message): void {
    if (this.isOpen) this.listener?.onMessage(message)
  }

  /** The client's kernel takes so many bytes of what waits; with the last of them the server hears that it has drained. */
  read(bytes = Number.POSITIVE_INFINITY): void {
    const taken = Math.min(bytes, this.unsentBytes)
    this.unsentBytes -= taken
    this.#takenBytes += taken
    for (let first = this.#unread[0]; first && this.#takenBytes >= first.bytes; first = this.#unread[0]) {
      this.#takenBytes -= first.bytes
      this.#arrived.push(first)
      this.#unread.shift()
    }
    if (this.#unread.length > 0) return
    if (this.#closedWith !== null) this.#arriveEnd()
    if (this.#isTold) return
    this.#isTold = true
    this.#isSlow = false
    if (this.isOpen) this.listener?.onDrain()
  }

  /** What has arrived since the client looked last. */
  take(): Heard[] {
    const heard = this.#arrived
    this.#arrived = []
    return heard
  }

  #arriveEnd(): void {
    if (this.#closedWith !== null) this.#arrived.push({ closedWith: this.#closedWith })
    this.#closedWith = null
  }

  #end(code: number): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#leaveTopics()
    this.#closedWith = code
    if (this.#unread.length === 0) this.#arriveEnd()
    this.listener?.onClose(code)
  }

  #leaveTopics(): void {
    for (const topic of this.#topics) this.unsubscribe(topic)
  }
}
