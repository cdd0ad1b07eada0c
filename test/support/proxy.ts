import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What a slow wire may have on its way. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024

/**
 * A wire to a service that can be cut, held still, slowed down or pulled out; or one address for several processes, which take its
 * connections in turn. Those that do not listen are passed over.
 */
export class TcpProxy {
  readonly #targets: readonly URL[]
  readonly #links = new Set<Link>()
  /** Clients whose continuation is on its way. */
  readonly #early = new Set<Socket>()
  #server: Server | null = null
  #port: number
  #next = 0
  #isHeld = false
  #isTurningAway = false
  #delayMs = 0
  #connections = 0

  private constructor(targets: readonly string[], port: number) {
    this.#targets = targets.map((target) => new URL(target))
    this.#port = port
  }

  /** On a free port of loopback. */
  static open(...targets: readonly string[]): Promise<TcpProxy> {
    return TcpProxy.openAt(0, ...targets)
  }

  /** On that port of loopback; 0: a free one. */
  static async openAt(port: number, ...targets: readonly string[]): Promise<TcpProxy> {
    const proxy = new TcpProxy(targets, port)
    await proxy.plugIn()
    return proxy
  }

  get port(): number {
    return this.#port
  }

  /** The first target's URL, by this wire. */
  get url(): string {
    const url = new URL(this.#targets[0]!)
    url.hostname = '127.0.0.1'
    url.port = String(this.#port)
    return url.href
  }

  /** How often somebody tried to connect while it was plugged in. */
  get connections(): number {
    return this.#connections
  }

  /** Accepts connections, on the same port as before. */
  async plugIn(): Promise<void> {
    this.#isTurningAway = false
    if (this.#server?.listening) return
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => void this.#link(client))
    this.#server = server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  /** Ends all connections and refuses new ones. */
  async pullOut(): Promise<void> {
    const closed = this.#server?.listening && once(this.#server, 'close')
    this.#server?.close()
    this.cut()
    await closed
  }

  /** Ends all connections, and new ones at once; they are counted. */
  turnAway(): void {
    this.#isTurningAway = true
    this.cut()
  }

  /** Ends all connections. What is on its way is lost. */
  cut(): void {
    for (const client of this.#early) client.destroy()
    for (const link of this.#links) link.cut()
    this.#links.clear()
  }

  /** Connections stay open and nothing passes, as when a machine on the way dies. */
  hold(): void {
    this.#isHeld = true
    for (const link of this.#links) link.hold()
  }

  /** Ends {@link hold} for new connections and for those that still live. */
  release(): void {
    this.#isHeld = false
    for (const link of this.#links) link.release()
  }

  /** From now on every byte takes so long, each way, in the order it came. 0: at once. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  async #link(client: Socket): Promise<void> {
    this.#connections++
    // A reset by whoever gives up; `close` follows.
    client.on('error', () => undefined)
    this.#early.add(client)
    const server = this.#isTurningAway ? null : await this.#reach()
    this.#early.delete(client)
    if (server === null || client.destroyed) {
      client.destroy()
      server?.destroy()
      return
    }
    const link = new Link(client, server, () => this.#delayMs)
    this.#links.add(link)
    client.on('close', () => this.#links.delete(link))
    if (this.#isHeld) link.hold()
  }

  /** The next target that listens, or null. */
  async #reach(): Promise<Socket | null> {
    const first = this.#next++
    for (let step = 0; step < this.#targets.length; step++) {
      const { hostname, port } = this.#targets[(first + step) % this.#targets.length]!
      const socket = connect({ port: Number(port), host: hostname.replace(/^\[|\]$/g, ''), allowHalfOpen: true })
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true))
        socket.on('error', () => resolve(false))
      })
      if (isOpen) return socket
    }
    return null
  }
}

/** A connection and its continuation. */
class Link {
  readonly #sockets: readonly [Socket, Socket]
  readonly #ways: readonly [Way, Way]

  constructor(client: Socket, server: Socket, delayMs: () => number) {
    this.#sockets = [client, server]
    this.#ways = [new Way(client, server, delayMs), new Way(server, client, delayMs)]
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  hold(): void {
    for (const way of this.#ways) way.hold()
  }

  release(): void {
    for (const way of this.#ways) way.release()
  }
}

/** One direction. What waits here, because of a delay or because nobody takes it, keeps the sender waiting too. */
class Way {
  readonly #from: Socket
  readonly #to: Socket
  readonly #delayMs: () => number
  /** In the order they came, each with the time from which it may pass; null: the end. */
  readonly #waiting: { readonly bytes: Buffer | null; readonly dueAt: number }[] = []
  #timer: NodeJS.Timeout | null = null
  #isHeld = false
  #isFull = false

  constructor(from: Socket, to: Socket, delayMs: () => number) {
    this.#from = from
    this.#to = to
    this.#delayMs = delayMs
    from.on('data', (bytes) => this.#take(bytes))
    // What came before the end still passes; after a reset nothing does.
    from.on('end', () => this.#take(null))
    from.on('close', () => {
      if (from.readableEnded) return
      if (this.#timer) clearTimeout(this.#timer)
      to.destroy()
    })
    to.on('drain', () => {
      this.#isFull = false
      this.#pass()
    })
    from.resume()
  }

  hold(): void {
    this.#isHeld = true
    this.#pass()
  }

  release(): void {
    this.#isHeld = false
    this.#pass()
  }

  #take(bytes: Buffer | null): void {
    this.#waiting.push({ bytes, dueAt: Math.max(performance.now() + this.#delayMs(), this.#waiting.at(-1)?.dueAt ?? 0) })
    this.#pass()
  }

  /** Lets go what may, and asks for more only when that costs no memory. */
  #pass(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    for (let next = this.#waiting[0]; next && !this.#isHeld && !this.#isFull; next = this.#waiting[0]) {
      const waitMs = next.dueAt - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pass(), waitMs)
        break
      }
      this.#waiting.shift()
      if (next.bytes === null) this.#to.end()
      else this.#isFull = !this.#to.write(next.bytes)
    }
    const bytes = this.#waiting.reduce((sum, one) => sum + (one.bytes?.length ?? 0), 0)
    if (this.#isHeld || this.#isFull || bytes > MAX_WAITING_BYTES) this.#from.pause()
    else this.#from.resume()
  }
}
