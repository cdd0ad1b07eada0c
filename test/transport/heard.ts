import type { Message, SocketListener, TransportSocket, UpgradeRequest } from '../../src/transport/transport.js'

/** The server's end of a socket, with what it heard. */
export class Heard implements SocketListener {
  readonly socket: TransportSocket
  readonly request: UpgradeRequest
  readonly messages: Message[] = []
  /** What it was told of its backlog, in order. */
  readonly told: ('slow' | 'drained')[] = []
  readonly closedWith: number[] = []
  readonly #waiting = new Set<() => void>()

  constructor(socket: TransportSocket, request: UpgradeRequest) {
    this.socket = socket
    this.request = request
  }

  onMessage(data: Message): void {
    this.messages.push(data)
    this.#wake()
  }

  onSlow(): void {
    this.told.push('slow')
    this.#wake()
  }

  onDrain(): void {
    this.told.push('drained')
    this.#wake()
  }

  onClose(code: number): void {
    this.closedWith.push(code)
    this.#wake()
  }

  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}
