import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { newId } from '../ids.js'
import type { Frames, Refusal, SocketListener, Transport, TransportHandler, TransportSocket, UpgradeRequest } from './transport.js'

export interface WsTransportOptions {
  /** Its upgrades are taken, also those of other paths, which are refused. */
  readonly server: Server
  readonly path: string
  /** Subprotocols that the sessions speak, the first for who offers none. */
  readonly subprotocols: readonly string[]
  /** Largest message to us, in bytes. */
  readonly maxMessageBytes: number
  /** Whoever leaves more than this unread in our memory when something further is due is closed. Default 1 MiB. */
  readonly maxUnsentBytes?: number
  /** Code for who left more unread. */
  readonly slowCloseCode: number
}

const DEFAULT_MAX_UNSENT_BYTES = 1024 * 1024
/** Fragments of one message: no client of ours sends any, and each costs memory. */
const MAX_FRAGMENTS = 64
/** How long a socket is kept for the other side's close frame. */
const CLOSE_TIMEOUT_MS = 10_000
/** How long a stop waits for close frames. */
const STOP_TIMEOUT_MS = 500
/** A push to very many sockets lets other work through after this long. */
const SLICE_MS = 5
/** Sockets between two looks at the clock. */
const SLICE_CHECK = 64

/** Of a connection that ended without a close frame (RFC 6455 §7.1.5). */
const ABNORMAL = 1006

const SOCKET = Symbol('socket')
/** Our socket stands on the `ws` object, so that its handlers are a few functions and not closures per socket. */
type Attached = WebSocket & { [SOCKET]?: WsSocket }

/** Makes a transport on `ws` that takes the upgrades of an HTTP server. */
export function createWsTransport(options: WsTransportOptions): Transport {
  return new WsTransport(options)
}

class WsTransport implements Transport {
  readonly topics = new Map<string, Set<WsSocket>>()
  readonly sockets = new Set<WsSocket>()
  readonly maxUnsentBytes: number
  readonly slowCloseCode: number
  readonly #options: WsTransportOptions
  readonly #wss: WebSocketServer
  readonly #onUpgrade: (request: IncomingMessage, duplex: Duplex, head: Buffer) => void
  #handler: TransportHandler | null = null
  #onEmpty: (() => void) | null = null

  constructor(options: WsTransportOptions) {
    this.#options = options
    this.maxUnsentBytes = options.maxUnsentBytes ?? DEFAULT_MAX_UNSENT_BYTES
    this.slowCloseCode = options.slowCloseCode
    // Not written in place: the published types of `ws` lag behind its options.
    const settings = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      // A pong is a write like any other and counts as unsent: see onPing.
      autoPong: false,
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
    if (this.sockets.size > 0) {
      await new Promise<void>((resolve) => {
        const timeout = setTimeout(resolve, STOP_TIMEOUT_MS)
        this.#onEmpty = () => {
          clearTimeout(timeout)
          resolve()
        }
      })
    }
    this.#options.server.off('upgrade', this.#onUpgrade)
    for (const socket of this.sockets) socket.cut()
  }

  prepare(messages: readonly string[]): Frames {
    const frames = messages.map(textFrame)
    return { wire: frames.length === 1 ? frames[0]! : Buffer.concat(frames) }
  }

  push(topic: string, frames: Frames, onDone: () => void): void {
    const sockets = this.topics.get(topic)
    // A set's iterator skips who left meanwhile, so nothing of a topic comes after its end.
    if (sockets) this.#pushSlice(sockets.values(), frames, onDone)
    else onDone()
  }

  /** The socket's connection has ended. */
  forget(socket: WsSocket): void {
    this.sockets.delete(socket)
    if (this.sockets.size === 0) this.#onEmpty?.()
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
    duplex.on('error', onEarlyError)
    const { origin, authorization, cookie } = request.headers
    const shown: UpgradeRequest = { origin, authorization, cookie }
    const refusal = this.#refusalOf(request) ?? this.#handler?.admit(shown)
    if (refusal) {
      refuse(duplex, refusal)
      return
    }
    this.#wss.handleUpgrade(request, duplex, head, (ws) => {
      duplex.off('error', onEarlyError)
      this.#open(ws, duplex, shown)
    })
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
    const socket = new WsSocket(ws, duplex, this)
    ws[SOCKET] = socket
    ws.on('message', onMessage)
    ws.on('ping', onPing)
    ws.on('close', onClose)
    ws.on('error', onError)
    socket.listener = this.#handler?.onOpen(socket, request) ?? null
  }
}

function onEarlyError(this: Duplex): void {
  this.destroy()
}

function onMessage(this: Attached, data: RawData, isBinary: boolean): void {
  // A Buffer by the `binaryType` that we leave as it is.
  this[SOCKET]?.receive(data as Buffer, isBinary)
}

// Whoever pings without reading the answers would fill our memory past every limit.
function onPing(this: Attached, data: Buffer): void {
  if (this[SOCKET]?.canSend()) this.pong(data, false)
}

function onClose(this: Attached, code: number): void {
  this[SOCKET]?.release(code)
}

// A frame against RFC 6455 or above the limit: `ws` closes with the right code by itself; the other side may let us wait for its own.
function onError(this: Attached): void {
  this[SOCKET]?.end(ABNORMAL)
}

/** Writes prebuilt frames past `ws`, which would frame the same message anew for each socket. */
class WsSocket implements TransportSocket {
  listener: SocketListener | null = null
  isOpen = true
  lastSentAt = performance.now()
  readonly #ws: WebSocket
  readonly #duplex: Duplex
  readonly #transport: WsTransport
  readonly #joined = new Set<string>()

  constructor(ws: WebSocket, duplex: Duplex, transport: WsTransport) {
    this.#ws = ws
    this.#duplex = duplex
    this.#transport = transport
    transport.sockets.add(this)
  }

  get unsentBytes(): number {
    return this.#duplex.writableLength
  }

  /** Whether something further may be sent; who has left too much unread is closed instead. */
  canSend(): boolean {
    // `ws` has sent or received a close frame: nothing may follow it.
    if (!this.isOpen || this.#ws.readyState !== this.#ws.OPEN) return false
    // Judged before the write: one large delivery alone makes nobody slow.
    if (this.#duplex.writableLength <= this.#transport.maxUnsentBytes) return true
    this.close(this.#transport.slowCloseCode, 'too much left unread')
    return false
  }

  send(frames: Frames): void {
    this.sendAt(frames, performance.now())
  }

  /** `now` is `performance.now()`, read once for many sockets. */
  sendAt({ wire }: Frames, now: number): void {
    if (!this.canSend()) return
    this.lastSentAt = now
    this.#duplex.write(wire)
  }

  receive(data: Buffer, isBinary: boolean): void {
    if (this.isOpen) this.listener?.onMessage(data.toString(), isBinary ? 'binary' : 'text')
  }

  subscribe(topic: string): void {
    if (!this.isOpen) return
    const sockets = this.#transport.topics.get(topic)
    if (sockets) sockets.add(this)
    else this.#transport.topics.set(topic, new Set([this]))
    this.#joined.add(topic)
  }

  unsubscribe(topic: string): void {
    if (!this.#joined.delete(topic)) return
    const sockets = this.#transport.topics.get(topic)
    sockets?.delete(this)
    if (sockets?.size === 0) this.#transport.topics.delete(topic)
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return
    this.#ws.close(code, reason)
    this.end(code)
  }

  cut(): void {
    this.#ws.terminate()
  }

  /** The connection has ended. */
  release(code: number): void {
    this.#transport.forget(this)
    this.end(code)
  }

  /** Nothing is sent or heard any more. */
  end(code: number): void {
    if (!this.isOpen) return
    this.isOpen = false
    for (const topic of this.#joined) this.unsubscribe(topic)
    this.listener?.onClose(code)
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

/** Answers as HTTP does, and lets nobody keep the connection. */
function refuse(duplex: Duplex, { status, code, message }: Refusal): void {
  const requestId = newId()
  const title = STATUS_CODES[status] ?? ''
  const body = JSON.stringify({ type: `urn:tallyroom:error:${code}`, title, status, detail: message, code, requestId })
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
  ]
  duplex.once('finish', () => duplex.destroy())
  duplex.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
