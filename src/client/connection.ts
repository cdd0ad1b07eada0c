import type { ClientMessage, HelloMessage, ServerMessage, WelcomeMessage } from '../protocol/messages.js'
import { JSON_SUBPROTOCOL } from '../protocol/version.js'

/** The part of a WebSocket that is needed: the browser's fits, and that of the `ws` package. */
export interface Socket {
  send(text: string): void
  close(code?: number, reason?: string): void
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
}

export type OpenSocket = (url: string, subprotocol: string) => Socket

export interface ConnectionOptions {
  readonly url: string
  readonly openSocket: OpenSocket
  /** Read when the socket opens, so that it carries the newest token and positions. */
  readonly hello: () => HelloMessage
  readonly onWelcome: (message: WelcomeMessage) => void
  /** Every message but `welcome` and `ping`. */
  readonly onMessage: (message: ServerMessage) => void
  /** Called once, whoever closed; nothing follows. 1006 when no close frame came. */
  readonly onClose: (code: number) => void
}

/** No `welcome` for so long: the connection is given up. */
const OPEN_TIMEOUT_MS = 10_000
/** A close code of ours that lies in the range in which a client reconnects. */
const SILENT = 4002
const ABNORMAL = 1006

/** One socket's life: hello, pong, and the watch over silence (C7). Knows no project. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: Socket
  #watch: ReturnType<typeof setTimeout> | undefined
  #silenceMs = OPEN_TIMEOUT_MS
  #isClosed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#socket = options.openSocket(options.url, JSON_SUBPROTOCOL)
    this.#socket.onopen = () => this.send(options.hello())
    // The events' types differ between browser and server libraries; only these two fields are read.
    this.#socket.onmessage = (event: { readonly data: unknown }) => this.#handleFrame(event.data)
    this.#socket.onclose = (event: { readonly code: number }) => this.#end(event.code)
    // A close follows every error, and says more.
    this.#socket.onerror = () => undefined
    this.#listen()
  }

  send(message: ClientMessage): void {
    if (!this.#isClosed) this.#socket.send(JSON.stringify(message))
  }

  close(): void {
    this.#end(1000)
    this.#socket.close(1000)
  }

  #handleFrame(data: unknown): void {
    if (this.#isClosed || typeof data !== 'string') return
    this.#listen()
    // The server is trusted for the shape of what it sends; unknown types fall through every switch.
    const message = JSON.parse(data) as ServerMessage
    if (message.type === 'ping') this.send({ type: 'pong', at: message.at })
    else if (message.type === 'welcome') {
      this.#silenceMs = message.heartbeat.intervalMs + message.heartbeat.timeoutMs
      this.#listen()
      this.#options.onWelcome(message)
    } else this.#options.onMessage(message)
  }

  #listen(): void {
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => {
      // The socket may take minutes to notice that its network is gone; the reconnect must not wait for it.
      this.#end(ABNORMAL)
      this.#socket.close(SILENT, 'silent')
    }, this.#silenceMs)
  }

  #end(code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#watch)
    this.#options.onClose(code)
  }
}
