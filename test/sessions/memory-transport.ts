import { unpack } from 'msgpackr'
import type { ServerMessage } from '../../src/protocol/messages.js'
import { serverMessageSchema } from '../../src/protocol/schemas.js'
import {
  type Frames,
  type Message,
  type Refusal,
  type SendResult,
  SLOW_BYTES,
  type SocketListener,
  type Transport,
  type TransportHandler,
  type TransportSocket,
  type UpgradeRequest,
} from '../../src/transport/transport.js'

export interface MemoryTransportOptions {
  /** `stepwise`: a push serves one socket per {@link MemoryTransport.step}, so the test decides what happens in between. */
  readonly pushes: 'at-once' | 'stepwise'
  /** Milliseconds, as the sessions' clock has them. */
  readonly now?: () => number
  readonly slowBytes?: number
}

interface Push {
  readonly sockets: SetIterator<MemorySocket>
  readonly frames: Frames
  readonly onDone: () => void
}

/** A transport without a network: both ends of a socket are one object, and the test decides when its client reads. */
export class MemoryTransport implements Transport {
  readonly topics = new Map<string, Set<MemorySocket>>()
  readonly now: () => number
  readonly slowBytes: number
  readonly #isStepwise: boolean
  readonly #pushes: Push[] = []
  #handler: TransportHandler | null = null

  constructor({ pushes, now = () => 0, slowBytes = SLOW_BYTES }: MemoryTransportOptions) {
    this.#isStepwise = pushes === 'stepwise'
    this.now = now
    this.slowBytes = slowBytes
  }

  /** Pushes of which something is left to do. */
  get pushes(): number {
    return this.#pushes.length
  }

  start(handler: TransportHandler): void {
    this.#handler = handler
  }

  async stop(): Promise<void> {}

  prepare(messages: readonly Message[]): Frames {
    return { messages }
  }

  push(topic: string, frames: Frames, onDone: () => void): void {
    this.#pushes.push({ sockets: (this.topics.get(topic) ?? new Set()).values(), frames, onDone })
    while (!this.#isStepwise && this.#pushes.length > 0) this.step()
  }

  /** Serves the next socket of the oldest push. */
  step(): void {
    const push = this.#pushes[0]
    const next = push?.sockets.next()
    if (next?.done === false) next.value.send(push!.frames)
    else if (push) {
      this.#pushes.shift()
      push.onDone()
    }
  }

  /** A client's handshake. Answers its socket, or why there is none. */
  connect(shown: Partial<UpgradeRequest> = {}, subprotocol = ''): MemorySocket | Refusal {
    const request = { origin: undefined, authorization: undefined, cookie: undefined, ...shown }
    const refusal = this.#handler!.admit(request)
    if (refusal) return refusal
    const socket = new MemorySocket(this, subprotocol)
    socket.listener = this.#handler!.onOpen(socket, request)
    return socket
  }
}

/** Keeps what its client has read, proved against the schema of the wire. */
export class MemorySocket implements TransportSocket {
  readonly subprotocol: string
  listener: SocketListener | null = null
  isOpen = true
  /** Null while it is open. */
  closedWith: number | null = null
  /** Whether the client takes what comes as it comes; else {@link read} does. */
  isReading = true
  lastSentAt: number
  readonly received: ServerMessage[] = []
  /** Bytes of each message that the client has read. */
  readonly sizes: number[] = []
  readonly #transport: MemoryTransport
  readonly #topics = new Set<string>()
  #unread: Message[] = []
  /** Of the first unread message, what the kernel has. */
  #readBytes = 0
  #isSlow = false

  constructor(transport: MemoryTransport, subprotocol = '') {
    this.#transport = transport
    this.subprotocol = subprotocol
    this.lastSentAt = transport.now()
  }

  get unsentBytes(): number {
    return this.#unread.reduce((sum, message) => sum + Buffer.byteLength(message), 0) - this.#readBytes
  }

  send({ messages }: Frames): SendResult {
    if (!this.isOpen || this.#isSlow) return 'dropped'
    if (this.unsentBytes > this.#transport.slowBytes) {
      this.#isSlow = true
      this.#leaveTopics()
      this.listener?.onSlow()
      return 'dropped'
    }
    this.lastSentAt = this.#transport.now()
    this.#unread.push(...messages)
    if (!this.isReading) return 'queued'
    this.#take()
    return 'sent'
  }

  subscribe(topic: string): void {
    if (!this.isOpen || this.#isSlow) return
    this.#topics.add(topic)
    const sockets = this.#transport.topics.get(topic)
    if (sockets) sockets.add(this)
    else this.#transport.topics.set(topic, new Set([this]))
  }

  unsubscribe(topic: string): void {
    this.#topics.delete(topic)
    const sockets = this.#transport.topics.get(topic)
    sockets?.delete(this)
    if (sockets?.size === 0) this.#transport.topics.delete(topic)
  }

  close(code = 1000): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.closedWith = code
    this.#leaveTopics()
    this.listener?.onClose(code)
  }

  /** The client says something. */
  say(message: Message): void {
    if (this.isOpen) this.listener?.onMessage(message)
  }

  /** The client's kernel takes so many bytes of what waits; with the last of them the server hears that it has drained. */
  read(bytes = Number.POSITIVE_INFINITY): void {
    this.#readBytes += Math.min(bytes, this.unsentBytes)
    while (this.#unread[0] !== undefined && this.#readBytes >= Buffer.byteLength(this.#unread[0])) {
      this.#readBytes -= Buffer.byteLength(this.#unread[0])
      this.#hear(this.#unread.shift()!)
    }
    if (this.#unread.length > 0) return
    this.#isSlow = false
    if (this.isOpen) this.listener?.onDrain()
  }

  #take(): void {
    for (const message of this.#unread.splice(0)) this.#hear(message)
  }

  #hear(message: Message): void {
    this.sizes.push(Buffer.byteLength(message))
    this.received.push(serverMessageSchema.parse(typeof message === 'string' ? JSON.parse(message) : unpack(message)))
  }

  #leaveTopics(): void {
    for (const topic of this.#topics) this.unsubscribe(topic)
  }
}
