import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Frames, Refusal, SocketListener, Transport, TransportHandler, TransportSocket, UpgradeRequest } from './transport.js'

export interface WsTransportOptions {
  /** Its upgrades are taken, also those of other paths, which are refused. */
  readonly server: Server
  readonly path: string
  /** Subprotocols that the sessions speak, the first for who offers none. */
  readonly subprotocols: readonly string[]
  /** Largest message to us, in bytes. */
  readonly maxMessageBytes: number
  /** Bytes that a client may leave unread in our memory before it is cut. Default 1 MiB. */
  readonly maxUnsentBytes?: number
  /** Code for who left more unread. */
  readonly slowCloseCode: number
}

const DEFAULT_MAX_UNSENT_BYTES = 1024 * 1024
/** Fragments of one message: no client of ours sends any, and each costs memory. */
const MAX_FRAGMENTS = 64
/** How long a socket is kept for the other side's close frame. */
const CLOSE_TIMEOUT_MS = 10_000
/** A push to very many sockets lets other work through after this long. */
const SLICE_MS = 5
/** Sockets between two looks at the clock. */
const SLICE_CHECK = 64

const LISTENER = Symbol('listener')
/** The socket's listener stands on the `ws` object, so that its handlers are three functions and not three closures per socket. */
type Attached = WebSocket & { [LISTENER]?: { readonly listener: SocketListener; readonly socket: WsSocket } }

/** Makes a transport on `ws` that takes the upgrades of an HTTP server. */
export function createWsTransport(options: WsTransportOptions): Transport {
  return new WsTransport(options)
}

class WsTransport implements Transport {
  readonly #options: WsTransportOptions
  readonly #wss: WebSocketServer
  readonly #topics = new Map<string, Set<WsSocket>>()
  readonly #sockets = new Set<WsSocket>()
  readonly #onUpgrade: (request: IncomingMessage, duplex: Duplex, head: Buffer) => void
  #handler: TransportHandler | null = null

  constructor(options: WsTransportOptions) {
    this.#options = options
    // Not written in place: the published types of `ws` lag behind its options.
    const settings = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes,
      maxFragments: MAX_FRAGMENTS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (offered: ReadonlySet<string>) => options.subprotocols.find((name) => offered.has(name)) ?? false,
    }
    this.#wss = new WebSocketServer(settings)
    this.#onUpgrade = (request, duplex, head) => this.#upgrade(request, duplex, head)
  }

  start(handler: TransportHandler): void {
    this.#handler = handler
    this.#options.server.on('upgrade', this.#onUpgrade)
  }

  async stop(): Promise<void> {
    this.#options.server.off('upgrade', this.#onUpgrade)
    for (const socket of this.#sockets) socket.cut()
  }

  prepare(messages: readonly string[]): Frames {
    return { wire: Buffer.concat(messages.map(textFrame)) }
  }

  push(topic: string, frames: Frames, onDone: () => void): void {
    const sockets = this.#topics.get(topic)
    // A set's iterator skips who left meanwhile, so nothing of a project comes after its `left` (J2).
    if (sockets) this.#pushSlice(sockets.values(), frames, onDone)
    else onDone()
  }

  #pushSlice(sockets: SetIterator<WsSocket>, frames: Frames, onDone: () => void): void {
    const startedAt = performance.now()
    let now = startedAt
    let count = 0
    for (let next = sockets.next(); !next.done; next = sockets.next()) {
      next.value.sendAt(frames, now)
      if (++count % SLICE_CHECK !== 0) continue
      now = performance.now()
      if (now - startedAt > SLICE_MS) {
        setImmediate(() => this.#pushSlice(sockets, frames, onDone))
        return
      }
    }
    onDone()
  }

  #upgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    // Until `ws` takes over, a reset of the connection would otherwise be an uncaught error.
    duplex.on('error', () => duplex.destroy())
    const { origin, authorization, cookie } = request.headers
    const shown: UpgradeRequest = { origin, authorization, cookie }
    const refusal = this.#refusalOf(request) ?? this.#handler?.admit(shown)
    if (refusal) refuse(duplex, refusal)
    else this.#wss.handleUpgrade(request, duplex, head, (ws) => this.#open(ws, duplex, shown))
  }

  #refusalOf(request: IncomingMessage): Refusal | null {
    const path = (request.url ?? '').split('?', 1)[0]
    if (path !== this.#options.path) return { status: 404, code: 'NOT_FOUND', message: 'no live sessions here' }
    if (this.#speaks(request.headers['sec-websocket-protocol'])) return null
    return { status: 400, code: 'MALFORMED', message: `offer one of the subprotocols ${this.#options.subprotocols.join(', ')}, or none` }
  }

  #speaks(offered: string | undefined): boolean {
    return offered === undefined || offered.split(',').some((name) => this.#options.subprotocols.includes(name.trim()))
  }

  #open(ws: Attached, duplex: Duplex, request: UpgradeRequest): void {
    const socket = new WsSocket(ws, duplex, this.#topics, this.#sockets, this.#options)
    const listener = this.#handler?.onOpen(socket, request)
    if (!listener) return
    ws[LISTENER] = { listener, socket }
    ws.on('message', onMessage)
    ws.on('close', onClose)
    ws.on('error', onError)
  }
}

function onMessage(this: Attached, data: RawData, isBinary: boolean): void {
  // Buffers by the `binaryType` that we leave as it is.
  const attached = this[LISTENER]
  if (attached?.socket.isOpen) attached.listener.onMessage((data as Buffer).toString(), isBinary ? 'binary' : 'text')
}

function onClose(this: Attached, code: number): void {
  this[LISTENER]?.socket.release()
  this[LISTENER]?.listener.onClose(code)
}

// A frame against RFC 6455 or above the limit: `ws` closes with the right code by itself, and `close` follows.
function onError(): void {}

/** Writes prebuilt frames past `ws`, which would frame the same message anew for each socket. */
class WsSocket implements TransportSocket {
  readonly #ws: WebSocket
  readonly #duplex: Duplex
  readonly #topics: Map<string, Set<WsSocket>>
  readonly #all: Set<WsSocket>
  readonly #limits: WsTransportOptions
  readonly #joined = new Set<string>()
  isOpen = true
  lastSentAt = performance.now()

  constructor(ws: WebSocket, duplex: Duplex, topics: Map<string, Set<WsSocket>>, all: Set<WsSocket>, limits: WsTransportOptions) {
    this.#ws = ws
    this.#duplex = duplex
    this.#topics = topics
    this.#all = all
    this.#limits = limits
    all.add(this)
  }

  get unsentBytes(): number {
    return this.#duplex.writableLength
  }

  send(frames: Frames): void {
    this.sendAt(frames, performance.now())
  }

  /** `now` is `performance.now()`, read once for many sockets. */
  sendAt({ wire }: Frames, now: number): void {
    // `ws` has sent or received a close frame: nothing may follow it.
    if (!this.isOpen || this.#ws.readyState !== this.#ws.OPEN) return
    this.lastSentAt = now
    this.#duplex.write(wire)
    if (this.#duplex.writableLength > (this.#limits.maxUnsentBytes ?? DEFAULT_MAX_UNSENT_BYTES)) {
      this.close(this.#limits.slowCloseCode, 'too much left unread')
    }
  }

  subscribe(topic: string): void {
    if (!this.isOpen) return
    const sockets = this.#topics.get(topic)
    if (sockets) sockets.add(this)
    else this.#topics.set(topic, new Set([this]))
    this.#joined.add(topic)
  }

  unsubscribe(topic: string): void {
    if (!this.#joined.delete(topic)) return
    const sockets = this.#topics.get(topic)
    sockets?.delete(this)
    if (sockets?.size === 0) this.#topics.delete(topic)
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return
    this.isOpen = false
    for (const topic of this.#joined) this.unsubscribe(topic)
    this.#ws.close(code, reason)
  }

  cut(): void {
    this.#ws.terminate()
  }

  /** The connection has ended. */
  release(): void {
    this.isOpen = false
    for (const topic of this.#joined) this.unsubscribe(topic)
    this.#all.delete(this)
  }
}

/** A whole text frame, unmasked as servers send (RFC 6455 §5.2). */
function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const offset = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(offset + length)
  frame[0] = 0x81
  if (offset === 2) frame[1] = length
  else if (offset === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(length, 6)
  }
  frame.write(text, offset)
  return frame
}

function refuse(duplex: Duplex, { status, code, message }: Refusal): void {
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status] ?? '', status, detail: message, code })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  duplex.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
