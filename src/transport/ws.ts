import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { answerOf, WRONG_PATH, wrongSubprotocol } from './refusals.js'
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
} from './transport.js'
import { WsFrames } from './ws-frames.js'

export interface WsTransportOptions {
  /** Its upgrades are taken, also those of other paths, which are refused. */
  readonly server: Server
  readonly path: string
  /** Subprotocols that the sessions speak, the first for who offers none. */
  readonly subprotocols: readonly string[]
  /** Largest message to us, in bytes. */
  readonly maxMessageBytes: number
  /** Whoever leaves more than this unread in our memory when something further is due is slow. Default {@link SLOW_BYTES}. */
  readonly slowBytes?: number
}

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
/** Our socket stands on the `ws` object and its connection, so that their handlers are a few functions and not closures per socket. */
type Attached<Base = WebSocket> = Base & { [SOCKET]?: WsSocket }

const NOTHING = Buffer.alloc(0)
const NO_TOPICS: readonly string[] = []

/** Byte counters of a TCP handle of Node; not public, so perhaps absent. */
interface Handle {
  /** Bytes given to the handle so far. */
  readonly bytesWritten: number
  /** Those of them that the kernel has not taken yet. */
  readonly writeQueueSize: number
}

/** Makes a transport on `ws` that takes the upgrades of an HTTP server. */
export function createWsTransport(options: WsTransportOptions): Transport {
  return new WsTransport(options)
}

class WsTransport implements Transport {
  readonly topics = new Map<string, Set<WsSocket>>()
  readonly sockets = new Set<WsSocket>()
  readonly slowBytes: number
  readonly #options: WsTransportOptions
  readonly #wss: WebSocketServer
  readonly #onUpgrade: (request: IncomingMessage, duplex: Duplex, head: Buffer) => void
  #handler: TransportHandler | null = null
  #onEmpty: (() => void) | null = null

  constructor(options: WsTransportOptions) {
    this.#options = options
    this.slowBytes = options.slowBytes ?? SLOW_BYTES
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

  prepare(messages: readonly Message[]): Frames {
    return new WsFrames(messages)
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
      next.value.push(frames, now)
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
    if (path !== this.#options.path) return WRONG_PATH
    const { subprotocols } = this.#options
    const offered = request.headers['sec-websocket-protocol']
    const isOurs = offered === undefined || offered.split(',').some((name) => subprotocols.includes(name.trim()))
    return isOurs ? null : wrongSubprotocol(subprotocols)
  }

  #open(ws: Attached, duplex: Duplex, request: UpgradeRequest): void {
    const socket = new WsSocket(ws, duplex, this)
    ws[SOCKET] = socket
    const connection: Attached<Duplex> = duplex
    connection[SOCKET] = socket
    connection.on('drain', onDrain)
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

// Only who had more than the stream's own mark waiting; for less, see `awaitDrain`.
function onDrain(this: Attached<Duplex>): void {
  this[SOCKET]?.drain()
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
  #isSlow = false
  #awaitsDrain = false
  readonly #ws: WebSocket
  readonly #duplex: Duplex
  readonly #transport: WsTransport
  /** Few, and for most sockets one: a set each would be a tenth of an idle socket's memory. */
  #joined: readonly string[] = NO_TOPICS

  constructor(ws: WebSocket, duplex: Duplex, transport: WsTransport) {
    this.#ws = ws
    this.#duplex = duplex
    this.#transport = transport
    transport.sockets.add(this)
  }

  get subprotocol(): string {
    return this.#ws.protocol
  }

  get unsentBytes(): number {
    // The stream counts a chunk until all of it has gone, which may take a slow reader minutes.
    const { _handle: handle, bytesWritten } = this.#duplex as Duplex & { readonly _handle?: Handle | null; readonly bytesWritten?: number }
    if (handle?.writeQueueSize === undefined || bytesWritten === undefined) return this.#duplex.writableLength
    return handle.writeQueueSize + bytesWritten - handle.bytesWritten
  }

  /** Whether something further may be sent; who has left too much unread becomes slow instead. */
  canSend(): boolean {
    // `ws` has sent or received a close frame: nothing may follow it.
    if (!this.isOpen || this.#isSlow || this.#ws.readyState !== this.#ws.OPEN) return false
    // Judged before the write: one large delivery alone makes nobody slow.
    if (this.#duplex.writableLength <= this.#transport.slowBytes) return true
    this.#isSlow = true
    this.#leaveTopics()
    this.#awaitDrain()
    this.listener?.onSlow()
    return false
  }

  send(frames: Frames): SendResult {
    if (!this.canSend()) return 'dropped'
    this.lastSentAt = performance.now()
    // Made by `prepare` above.
    this.#duplex.write((frames as WsFrames).wire)
    if (this.#duplex.writableLength === 0) return 'sent'
    this.#awaitDrain()
    return 'queued'
  }

  /** `now` is `performance.now()`, read once for many sockets. */
  push(frames: Frames, now: number): void {
    if (!this.canSend()) return
    this.lastSentAt = now
    this.#duplex.write((frames as WsFrames).wire)
  }

  receive(data: Buffer, isBinary: boolean): void {
    if (this.isOpen) this.listener?.onMessage(isBinary ? data : data.toString())
  }

  /** The stream has nothing left. */
  drain(): void {
    if (!this.#awaitsDrain || !this.isOpen) return
    this.#awaitsDrain = false
    if (this.#duplex.writableLength > 0) {
      // Something was pushed behind what we waited for.
      this.#awaitDrain()
      return
    }
    this.#isSlow = false
    this.listener?.onDrain()
  }

  subscribe(topic: string): void {
    if (!this.isOpen || this.#isSlow || this.#joined.includes(topic)) return
    const sockets = this.#transport.topics.get(topic)
    if (sockets) sockets.add(this)
    else this.#transport.topics.set(topic, new Set([this]))
    this.#joined = [...this.#joined, topic]
  }

  unsubscribe(topic: string): void {
    if (!this.#joined.includes(topic)) return
    this.#joined = this.#joined.filter((joined) => joined !== topic)
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
    this.#leaveTopics()
    this.listener?.onClose(code)
  }

  #leaveTopics(): void {
    for (const topic of this.#joined) this.unsubscribe(topic)
  }

  /** Below its own mark the stream tells nobody that it has drained: an empty chunk behind what waits does. */
  #awaitDrain(): void {
    if (this.#awaitsDrain) return
    this.#awaitsDrain = true
    if (this.#duplex.writableNeedDrain) return
    this.#duplex.write(NOTHING, (error) => {
      if (!error) this.drain()
    })
  }
}

/** Answers over HTTP, and lets nobody keep the connection. */
function refuse(duplex: Duplex, refusal: Refusal): void {
  const { status, headers, body } = answerOf(refusal)
  const all = { Connection: 'close', ...headers, 'Content-Length': Buffer.byteLength(body) }
  const head = [`HTTP/1.1 ${status}`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`)]
  duplex.once('finish', () => duplex.destroy())
  duplex.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
