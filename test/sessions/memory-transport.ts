import type { ServerMessage } from '../../src/protocol/messages.js'
import { serverMessageSchema } from '../../src/protocol/schemas.js'
import type { Frames, Message, SendResult, Transport, TransportSocket } from '../../src/transport/transport.js'

/** Topics and fan-out without a network. A push serves one socket per {@link step}, so the test decides what happens in between. */
export class MemoryTransport implements Pick<Transport, 'prepare' | 'push'> {
  readonly topics = new Map<string, Set<MemorySocket>>()
  readonly #pushes: { readonly sockets: SetIterator<MemorySocket>; readonly frames: Frames; readonly onDone: () => void }[] = []

  /** Every push of which something is left to do. */
  get pushes(): number {
    return this.#pushes.length
  }

  prepare(messages: readonly Message[]): Frames {
    return { messages }
  }

  push(topic: string, frames: Frames, onDone: () => void): void {
    this.#pushes.push({ sockets: (this.topics.get(topic) ?? new Set()).values(), frames, onDone })
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
}

/** Keeps what it was sent, proved against the schema of the wire. */
export class MemorySocket implements TransportSocket {
  readonly subprotocol = ''
  isOpen = true
  readonly lastSentAt = 0
  readonly unsentBytes = 0
  readonly received: ServerMessage[] = []
  readonly #transport: MemoryTransport
  readonly #topics = new Set<string>()

  constructor(transport: MemoryTransport) {
    this.#transport = transport
  }

  send({ messages }: Frames): SendResult {
    if (!this.isOpen) return 'dropped'
    for (const message of messages) this.received.push(serverMessageSchema.parse(JSON.parse(message.toString())))
    return 'sent'
  }

  subscribe(topic: string): void {
    if (!this.isOpen) return
    this.#topics.add(topic)
    const sockets = this.#transport.topics.get(topic)
    if (sockets) sockets.add(this)
    else this.#transport.topics.set(topic, new Set([this]))
  }

  unsubscribe(topic: string): void {
    this.#topics.delete(topic)
    this.#transport.topics.get(topic)?.delete(this)
  }

  close(): void {
    this.isOpen = false
    for (const topic of this.#topics) this.unsubscribe(topic)
  }
}
