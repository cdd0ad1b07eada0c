import { CLOSE_CODES } from '../protocol/close-codes.js'
import {
  type AckMessage,
  type ClaimedMessage,
  type ClientMessage,
  type HelloMessage,
  MAX_CLIENT_FRAME_BYTES,
  type ServerMessage,
  type WelcomeMessage,
} from '../protocol/messages.js'
import type { Clock } from './clock.js'
import type { ClientCodec } from './codec.js'
import { errorOf, LiveError } from './live-error.js'

/** The part of a WebSocket that is needed: the browser's fits, and that of the `ws` package. */
export interface Socket {
  binaryType: string
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
}

export type OpenSocket = (url: string, subprotocol: string) => Socket

/** A JWT or a ticket, the newest there is. */
export type GetToken = () => string | Promise<string>

/** What all connections of a client have in common. */
export interface ConnectionSettings {
  readonly url: string
  readonly openSocket: OpenSocket
  readonly codec: ClientCodec | (() => Promise<ClientCodec>)
  /** Absent: the cookie that goes with the upgrade decides. */
  readonly token: GetToken | undefined
  readonly clock: Clock
  readonly nextRef: () => number
  /** The token's callback, or the codec's, threw; the server sent what cannot be read. */
  readonly onError: (error: unknown) => void
}

export interface ConnectionOptions extends ConnectionSettings {
  /** Read when the socket is open, so that it carries the newest positions. */
  readonly hello: () => HelloMessage
  readonly onWelcome: (message: WelcomeMessage) => void
  /** Every message but those that are answers to {@link Connection.request}, or the connection's own business. */
  readonly onMessage: (message: ServerMessage) => void
  /** No request waits for its answer any more. */
  readonly onIdle: () => void
  /** Called once, whoever closed; nothing follows. 1006 when no close frame came. */
  readonly onClose: (code: number) => void
}

type Answer = AckMessage | ClaimedMessage

interface Request {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: LiveError) => void
}

/** No `welcome` for so long, the token's making included: the connection is given up. */
const OPEN_TIMEOUT_MS = 10_000
const utf8 = new TextEncoder()
const NORMAL = 1000
const ABNORMAL = 1006

/** One socket's life: token, hello, pong, refresh, answers to requests, and the watch over silence (C7). Knows no project. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #requests = new Map<number, Request>()
  #codec: ClientCodec | null = null
  #socket: Socket | null = null
  /** The last one that was sent. */
  #token: string | undefined
  #heardAt: number
  #silenceMs = OPEN_TIMEOUT_MS
  #pingMs = OPEN_TIMEOUT_MS
  #cancelWatch: () => void = () => {}
  #phase: 'opening' | 'welcome' | 'closed' = 'opening'

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#heardAt = options.clock.now()
  }

  /** Whether the server has welcomed it, and it is still there. */
  get isWelcome(): boolean {
    return this.#phase === 'welcome'
  }

  /** Whether requests wait for their answers. */
  get isBusy(): boolean {
    return this.#requests.size > 0
  }

  /** Whether the server owes a ping: the network may be gone. */
  get isSuspect(): boolean {
    return this.isWelcome && this.#options.clock.now() - this.#heardAt > this.#pingMs
  }

  /** Another one each time, over all connections of the client. */
  nextRef(): number {
    return this.#options.nextRef()
  }

  open(): void {
    this.#watch(this.#silenceMs)
    void this.#prepare()
  }

  /** @throws RangeError for what is larger than a frame may be: it would end the connection. */
  send(message: ClientMessage): void {
    if (this.#phase === 'closed' || this.#socket === null) return
    const data = this.#codec!.encode(message)
    const { length } = typeof data === 'string' ? utf8.encode(data) : data
    if (length > MAX_CLIENT_FRAME_BYTES) throw new RangeError(`a frame (${length} bytes) may have ${MAX_CLIENT_FRAME_BYTES}`)
    this.#socket.send(data)
  }

  /** Sends what will be answered, over a connection that is welcome. @throws LiveError when it is refused, or the connection ends before; RangeError as {@link send}. */
  request<Type extends Answer['type']>(
    _type: Type,
    makeMessage: (ref: number) => ClientMessage,
  ): Promise<Extract<Answer, { readonly type: Type }>> {
    return new Promise((resolve, reject) => {
      const ref = this.nextRef()
      this.send(makeMessage(ref))
      // The server answers each request with the one type that belongs to it.
      this.#requests.set(ref, { resolve: resolve as Request['resolve'], reject })
    })
  }

  close(): void {
    this.#end(NORMAL)
    this.#socket?.close(NORMAL)
  }

  async #prepare(): Promise<void> {
    const { codec, token, onError } = this.#options
    try {
      if (token !== undefined) this.#token = await token()
      const loaded = typeof codec === 'function' ? await codec() : codec
      if (this.#phase !== 'closed') this.#connect(loaded)
    } catch (error) {
      if (this.#phase === 'closed') return
      onError(error)
      this.#end(ABNORMAL)
    }
  }

  #connect(codec: ClientCodec): void {
    const { openSocket, url, hello } = this.#options
    const socket = openSocket(url, codec.subprotocol)
    this.#codec = codec
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => this.send({ ...hello(), ...(this.#token !== undefined && { token: this.#token }) })
    // The events' types differ between browser and server libraries; only these two fields are read.
    socket.onmessage = (event: { readonly data: unknown }) => this.#receive(event.data)
    socket.onclose = (event: { readonly code: number }) => this.#end(event.code)
    // A close follows every error, and says more.
    socket.onerror = () => undefined
  }

  #receive(data: unknown): void {
    if (this.#phase === 'closed') return
    this.#heardAt = this.#options.clock.now()
    let message: ServerMessage
    try {
      message = this.#codec!.decode(data)
    } catch (error) {
      this.#options.onError(error)
      this.#give(CLOSE_CODES.PROTOCOL_ERROR)
      return
    }
    switch (message.type) {
      case 'ping':
        this.send({ type: 'pong', at: message.at })
        break
      case 'welcome': {
        const { intervalMs, timeoutMs } = message.heartbeat
        this.#phase = 'welcome'
        this.#pingMs = intervalMs + 1_000
        this.#silenceMs = intervalMs + timeoutMs
        this.#cancelWatch()
        this.#watch(this.#silenceMs)
        this.#options.onWelcome(message)
        break
      }
      case 'expiring':
        void this.#refresh()
        break
      case 'ack':
      case 'claimed':
        this.#settle(message.ref, ({ resolve }) => resolve(message))
        break
      case 'error':
        if (message.ref === null || !this.#settle(message.ref, ({ reject }) => reject(errorOf(message)))) this.#options.onMessage(message)
        break
      default:
        this.#options.onMessage(message)
    }
  }

  #settle(ref: number, answer: (request: Request) => void): boolean {
    const request = this.#requests.get(ref)
    if (request === undefined) return false
    this.#requests.delete(ref)
    answer(request)
    if (!this.isBusy) this.#options.onIdle()
    return true
  }

  /** Before the token expires (C9). When that fails the connection ends with it, and the next one has another token. */
  async #refresh(): Promise<void> {
    try {
      const token = await this.#options.token?.()
      // The same one would change nothing, and be told to be expiring again.
      if (token === undefined || token === this.#token || !this.isWelcome) return
      this.#token = token
      await this.request('ack', (ref) => ({ type: 'refresh', ref, token }))
    } catch (error) {
      if (this.isWelcome) this.#options.onError(error)
    }
  }

  /** A timer for all that is heard: it asks when it is due how long ago the last was. */
  #watch(delayMs: number): void {
    this.#cancelWatch = this.#options.clock.after(delayMs, () => {
      const now = this.#options.clock.now()
      // The clock may have been set back.
      this.#heardAt = Math.min(this.#heardAt, now)
      const leftMs = this.#heardAt + this.#silenceMs - now
      if (leftMs > 0) this.#watch(leftMs)
      else this.#give(CLOSE_CODES.HEARTBEAT_TIMEOUT)
    })
  }

  /** Gives the connection up. The socket may take minutes to notice that its network is gone; the next one must not wait for it. */
  #give(code: number): void {
    this.#end(ABNORMAL)
    this.#socket?.close(code)
  }

  #end(code: number): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#cancelWatch()
    for (const { reject } of this.#requests.values()) reject(new LiveError(null))
    this.#requests.clear()
    this.#options.onClose(code)
  }
}
