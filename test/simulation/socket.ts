import type { Socket } from '../../src/client/index.js'
import type { ClientMessage, ServerMessage } from '../../src/protocol/messages.js'
import { codecOf } from '../../src/sessions/codecs.js'
import type { Checker } from './checker.js'
import type { PairedSocket } from './socket-pair.js'

/** The end of a socket pair that the SDK holds. It hears when the simulation says so, and a checker hears all that is said and heard. */
export class SimulatedSocket implements Socket {
  binaryType = ''
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  onerror: Socket['onerror'] = null
  readonly pair: PairedSocket
  readonly checker: Checker
  /** Nothing comes of it any more. */
  isGone = false
  isOpen = false
  /** It was told that the server goes away. */
  isLeaving = false

  constructor(pair: PairedSocket, checker: Checker) {
    this.pair = pair
    this.checker = checker
  }

  /** The handshake is done. */
  open(): void {
    if (this.isGone) return
    this.isOpen = true
    this.checker.read({ kind: 'connected' })
    this.onopen?.({} as never)
  }

  send(data: string | Uint8Array): void {
    // What the SDK says is for the checker what the server's own codec reads.
    const message = codecOf(this.pair.subprotocol).decode(data) as ClientMessage
    this.checker.read({ kind: 'said', message })
    this.pair.say(data)
  }

  /** By the SDK. */
  close(): void {
    this.#go()
    this.pair.drop()
  }

  /** The connection breaks: both ends notice. */
  drop(code = 1006): void {
    this.close()
    this.onclose?.({ code } as never)
  }

  /** The connection breaks, and only the client notices. */
  vanish(): void {
    this.#go()
    this.onclose?.({ code: 1006 } as never)
  }

  /** A message that no server has sent. */
  receive(message: ServerMessage): void {
    const data = codecOf(this.pair.subprotocol).encode(message)
    this.onmessage?.({ data } as never)
  }

  /** Looks at what has arrived. */
  look(): void {
    if (!this.isOpen) return
    for (const heard of this.pair.take()) {
      if (this.isGone) return
      this.checker.read({ kind: 'heard', heard })
      if ('message' in heard) this.onmessage?.({ data: heard.data } as never)
      else {
        this.#go()
        this.onclose?.({ code: heard.closedWith } as never)
      }
    }
  }

  #go(): void {
    if (this.isGone) return
    this.isGone = true
    this.checker.read({ kind: 'gone' })
  }
}
