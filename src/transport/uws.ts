import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket, us_socket_context_t, WebSocket } from 'uWebSockets.js'
import { UsageError } from '../errors.js'
import { answerOf, NO_HANDSHAKE, NO_UPGRADE, WRONG_PATH, wrongSubprotocol } from './refusals.js'
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
import type { Uws } from './uws-loader.js'

export interface UwsTransportOptions {
  readonly uws: Uws
  /** Address to listen on. */
  readonly host: string
  /** A port of its own, beside that of HTTP; 0 takes a free one. */
  readonly port: number
  readonly path: string
  /** Subprotocols that the sessions speak, the first for who offers none. */
  readonly subprotocols: readonly string[]
  /** Largest message to us, in bytes. */
  readonly maxMessageBytes: number
  /** Whoever leaves more than this unread in our memory when something further is due is slow. Default {@link SLOW_BYTES}. */
  readonly slowBytes?: number
}

/** What `send` of uWebSockets.js answers, by name. */
const SEND_RESULTS: readonly SendResult[] = ['queued', 'sent', 'dropped']

/** How long a slow socket is kept to take what waits for it and the close frame behind that. */
const CLOSE_TIMEOUT_MS = 10_000
/** How long a stop waits for close frames. */
const STOP_TIMEOUT_MS = 500
/** Longest that the library can watch. Our heartbeat ends who is silent much earlier; but with 0 nothing would cut who never answers a close frame. */
const IDLE_SECONDS = 960

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`, which the published types have as an enum that is not there. */
const EXCLUSIVE_PORT = 1

/** What stands on the library's socket; made before there is one. */
interface Attached {
  socket: UwsSocket | null
}

/** A message and whether it is binary, encoded once for any number of sockets. */
class UwsFrames implements Frames {
  readonly messages: readonly Message[]
  readonly encoded: readonly { readonly bytes: Uint8Array; readonly isBinary: boolean }[]

  constructor(messages: readonly Message[]) {
    this.messages = messages
    this.encoded = messages.map((message) =>
      typeof message === 'string' ? { bytes: Buffer.from(message), isBinary: false } : { bytes: message, isBinary: true },
    )
  }
}

interface Topic {
  /** Sockets in it. */
  count: number
  /** `performance.now()` of the last push. */
  lastPushedAt: number
}

/** Makes a transport on uWebSockets.js, which listens by itself. */
export function createUwsTransport(options: UwsTransportOptions): UwsTransport {
  return new UwsTransport(options)
}

export class UwsTransport implements Transport {
  readonly topics = new Map<string, Topic>()
  readonly #options: UwsTransportOptions
  readonly #app: TemplatedApp
  readonly #sockets = new Set<UwsSocket>()
  /** Those of which a message was dropped in the middle of a fan-out, where nobody may leave a topic. */
  readonly #overfull = new Set<UwsSocket>()
  #handler: TransportHandler | null = null
  #port = 0
  #opening: { readonly request: UpgradeRequest; readonly subprotocol: string } | null = null
  #lastClosedAt = Number.NEGATIVE_INFINITY
  #onEmpty: (() => void) | null = null

  constructor(options: UwsTransportOptions) {
    this.#options = options
    const { uws, path, maxMessageBytes, slowBytes = SLOW_BYTES } = options
    this.#app = uws.App()
    this.#app.ws<Attached>(path, {
      maxPayloadLength: maxMessageBytes,
      // Judged before each message, as the port asks; we mark who is above it and close nobody for it.
      maxBackpressure: slowBytes,
      closeOnBackpressureLimit: false,
      idleTimeout: IDLE_SECONDS,
      sendPingsAutomatically: false,
      upgrade: (response, request, context) => this.#upgrade(response, request, context),
      open: (ws) => this.#open(ws),
      message: (ws, data, isBinary) => ws.getUserData().socket?.receive(data, isBinary),
      dropped: (ws) => this.#noteOverfull(ws.getUserData().socket),
      drain: (ws) => ws.getUserData().socket?.drain(),
      close: (ws, code) => ws.getUserData().socket?.release(code),
    })
    // What the route above yields: other paths, and what is no handshake.
    this.#app.any('/*', (response, request) => {
      const isHere = request.getUrl() === path
      const isUpgrade = request.getHeader('upgrade') !== ''
      refuse(response, !isHere ? WRONG_PATH : isUpgrade ? NO_HANDSHAKE : NO_UPGRADE)
    })
  }

  /** The one that was taken, after the start. */
  get port(): number {
    return this.#port
  }

  /** @throws UsageError when it cannot listen. */
  start(handler: TransportHandler): void {
    this.#handler = handler
    const { uws, host, port } = this.#options
    const onListen = (listening: us_listen_socket | false) => {
      if (listening) this.#port = uws.us_socket_local_port(listening)
    }
    // Exclusive: else a second process would share the port unnoticed. The published types do not know host and options together.
    const listen = this.#app.listen as unknown as (
      host: string,
      port: number,
      options: number,
      onListen: (socket: us_listen_socket | false) => void,
    ) => void
    listen.call(this.#app, host, port, EXCLUSIVE_PORT, onListen)
    if (this.#port === 0) throw new UsageError(`cannot listen on ${host}:${port} for live sessions; set LIVE_PORT to another one`)
  }

  async stop(): Promise<void> {
    if (this.#sockets.size > 0) {
      await new Promise<void>((resolve) => {
        const timeout = setTimeout(resolve, STOP_TIMEOUT_MS)
        this.#onEmpty = () => {
          clearTimeout(timeout)
          resolve()
        }
      })
    }
    // The library does not tell when the other side has answered our close frame: the last one gets the same moment.
    const restMs = this.#lastClosedAt + STOP_TIMEOUT_MS - performance.now()
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
    this.#app.close()
  }

  prepare(messages: readonly Message[]): Frames {
    return new UwsFrames(messages)
  }

  /** The library serves all sockets at the end of this turn, each with one write for all that was pushed in it. */
  push(topic: string, frames: Frames, onDone: () => void): void {
    this.settle()
    const pushed = this.topics.get(topic)
    if (pushed) {
      pushed.lastPushedAt = performance.now()
      // Made by `prepare` above.
      for (const { bytes, isBinary } of (frames as UwsFrames).encoded) this.#app.publish(topic, bytes, isBinary)
    }
    onDone()
  }

  /** Takes who is too full out of its topics, before anything else is sent. */
  settle(): void {
    if (this.#overfull.size === 0) return
    const overfull = [...this.#overfull]
    this.#overfull.clear()
    for (const socket of overfull) socket.becomeSlow()
  }

  /** A close frame is on its way. */
  noteClose(): void {
    this.#lastClosedAt = performance.now()
  }

  /** The library has let go of the socket. */
  forget(socket: UwsSocket): void {
    this.#overfull.delete(socket)
    this.#sockets.delete(socket)
    if (this.#sockets.size === 0) this.#onEmpty?.()
  }

  #noteOverfull(socket: UwsSocket | null): void {
    if (socket === null) return
    if (this.#overfull.size === 0) setImmediate(() => this.settle())
    this.#overfull.add(socket)
  }

  #upgrade(response: HttpResponse, request: HttpRequest, context: us_socket_context_t): void {
    const header = (name: string) => request.getHeader(name) || undefined
    const shown: UpgradeRequest = { origin: header('origin'), authorization: header('authorization'), cookie: header('cookie') }
    const subprotocol = this.#subprotocolOf(header('sec-websocket-protocol'))
    const isHandshake = header('upgrade')?.toLowerCase() === 'websocket' && header('sec-websocket-version') === '13'
    if (!isHandshake) refuse(response, NO_HANDSHAKE)
    else if (subprotocol === null) refuse(response, wrongSubprotocol(this.#options.subprotocols))
    else {
      const refusal = this.#handler?.admit(shown)
      if (refusal) refuse(response, refusal)
      else {
        // `open` is called out of `upgrade`. No extensions: compression is not spoken.
        this.#opening = { request: shown, subprotocol }
        response.upgrade<Attached>({ socket: null }, request.getHeader('sec-websocket-key'), subprotocol, '', context)
        this.#opening = null
      }
    }
  }

  /** "" when none was offered, null when none of ours was. */
  #subprotocolOf(offered: string | undefined): string | null {
    if (offered === undefined) return ''
    const names = offered.split(',').map((name) => name.trim())
    return this.#options.subprotocols.find((name) => names.includes(name)) ?? null
  }

  #open(ws: WebSocket<Attached>): void {
    if (this.#opening === null) return
    const { request, subprotocol } = this.#opening
    const socket = new UwsSocket(ws, subprotocol, this)
    ws.getUserData().socket = socket
    this.#sockets.add(socket)
    socket.listener = this.#handler?.onOpen(socket, request) ?? null
  }
}

class UwsSocket implements TransportSocket {
  readonly subprotocol: string
  listener: SocketListener | null = null
  isOpen = true
  #lastSentAt = performance.now()
  #isSlow = false
  #awaitsDrain = false
  /** Null once the library has let go of it: any call would throw. */
  #ws: WebSocket<Attached> | null
  /** Waits until there is room for a close frame. */
  #closing: { readonly code: number; readonly reason: string; readonly timeout: NodeJS.Timeout } | null = null
  readonly #transport: UwsTransport
  readonly #joined = new Set<string>()

  constructor(ws: WebSocket<Attached>, subprotocol: string, transport: UwsTransport) {
    this.#ws = ws
    this.subprotocol = subprotocol
    this.#transport = transport
  }

  /** A push touches no socket of ours: what it did stands in the topic. */
  get lastSentAt(): number {
    let last = this.#lastSentAt
    for (const topic of this.#joined) last = Math.max(last, this.#transport.topics.get(topic)?.lastPushedAt ?? 0)
    return last
  }

  get unsentBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0
  }

  send(frames: Frames): SendResult {
    this.#transport.settle()
    if (!this.isOpen || this.#isSlow) return 'dropped'
    let result: SendResult = 'sent'
    // Made by `prepare` above.
    for (const { bytes, isBinary } of (frames as UwsFrames).encoded) {
      const next = this.#ws ? SEND_RESULTS[this.#ws.send(bytes, isBinary)]! : 'dropped'
      if (next !== 'sent') result = next
      if (next === 'dropped') break
    }
    // That of `dropped` is in the transport's list by now.
    this.#transport.settle()
    if (result === 'dropped') return result
    this.#lastSentAt = performance.now()
    if (result === 'queued') this.#awaitsDrain = true
    return result
  }

  receive(data: ArrayBuffer, isBinary: boolean): void {
    if (!this.isOpen) return
    // The library takes its memory back after this call.
    this.listener?.onMessage(isBinary ? Buffer.from(data.slice(0)) : Buffer.from(data).toString())
  }

  /** The kernel has taken something. */
  drain(): void {
    this.#transport.settle()
    if (this.#closing) {
      this.#endWhenPossible()
      return
    }
    if (!this.#awaitsDrain || !this.isOpen || this.unsentBytes > 0) return
    this.#awaitsDrain = false
    this.#isSlow = false
    this.listener?.onDrain()
  }

  /** A message for it was dropped. */
  becomeSlow(): void {
    if (!this.isOpen || this.#isSlow) return
    this.#isSlow = true
    this.#awaitsDrain = true
    this.#leaveTopics()
    this.listener?.onSlow()
  }

  subscribe(topic: string): void {
    this.#transport.settle()
    if (!this.isOpen || this.#isSlow || this.#joined.has(topic)) return
    this.#ws?.subscribe(topic)
    this.#joined.add(topic)
    const { topics } = this.#transport
    const known = topics.get(topic)
    if (known) known.count++
    else topics.set(topic, { count: 1, lastPushedAt: 0 })
  }

  unsubscribe(topic: string): void {
    const known = this.#transport.topics.get(topic)
    if (!known || !this.#joined.delete(topic)) return
    this.#ws?.unsubscribe(topic)
    this.#lastSentAt = Math.max(this.#lastSentAt, known.lastPushedAt)
    if (--known.count === 0) this.#transport.topics.delete(topic)
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return
    this.#end(code)
    const timeout = setTimeout(() => this.#ws?.close(), CLOSE_TIMEOUT_MS)
    this.#closing = { code, reason, timeout }
    this.#endWhenPossible()
  }

  /** The library has let go of it. */
  release(code: number): void {
    const ws = this.#ws
    this.#ws = null
    if (this.#closing) clearTimeout(this.#closing.timeout)
    this.#closing = null
    // It has left its topics by itself.
    if (ws) this.#transport.forget(this)
    this.#end(code)
  }

  /** With much waiting, the library would drop the close frame too and cut what waits. */
  #endWhenPossible(): void {
    if (!this.#closing || !this.#ws || this.#ws.getBufferedAmount() > 0) return
    this.#transport.noteClose()
    this.#ws.end(this.#closing.code, this.#closing.reason)
  }

  /** Nothing is sent or heard any more. */
  #end(code: number): void {
    if (!this.isOpen) return
    this.#leaveTopics()
    this.isOpen = false
    this.listener?.onClose(code)
  }

  #leaveTopics(): void {
    for (const topic of this.#joined) this.unsubscribe(topic)
  }
}

/** Answers over HTTP, and lets nobody keep the connection. */
function refuse(response: HttpResponse, refusal: Refusal): void {
  const { status, headers, body } = answerOf(refusal)
  response.cork(() => {
    response.writeStatus(status)
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value)
    response.end(body, true)
  })
}
