import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A wire to Redis, or to Postgres, that a test can cut, hold still, or pull out. */
export class RedisProxy {
  readonly #target: URL
  readonly #links = new Set<readonly [Socket, Socket]>()
  #server: Server | null = null
  #port = 0
  #isHeld = false
  #isTurningAway = false
  #connections = 0

  private constructor(target: string) {
    this.#target = new URL(target)
  }

  static async open(target: string): Promise<RedisProxy> {
    const proxy = new RedisProxy(target)
    await proxy.plugIn()
    return proxy
  }

  /** The target's URL, by this wire. */
  get url(): string {
    const url = new URL(this.#target)
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
    this.#server = createServer((client) => this.#link(client)).listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Ends all connections and refuses new ones. */
  async pullOut(): Promise<void> {
    const closed = this.#server && once(this.#server, 'close')
    this.#server?.close()
    this.cut()
    await closed
  }

  /** Ends all connections, and new ones at once; they are counted. */
  turnAway(): void {
    this.#isTurningAway = true
    this.cut()
  }

  /** Ends all connections. */
  cut(): void {
    for (const link of this.#links) for (const socket of link) socket.destroy()
    this.#links.clear()
  }

  /** Connections stay open and nothing passes, as when a machine on the way dies. */
  hold(): void {
    this.#isHeld = true
    for (const link of this.#links) for (const socket of link) socket.pause()
  }

  /** Ends {@link hold} for new connections and for those that still live. */
  release(): void {
    this.#isHeld = false
    for (const link of this.#links) for (const socket of link) socket.resume()
  }

  #link(client: Socket): void {
    this.#connections++
    if (this.#isTurningAway) {
      client.destroy()
      return
    }
    const server = connect(Number(this.#target.port), this.#target.hostname.replace(/^\[|\]$/g, ''))
    const link = [client, server] as const
    this.#links.add(link)
    for (const [from, to] of [link, [server, client] as const]) {
      from.on('data', (bytes) => to.write(bytes))
      from.on('error', () => undefined)
      from.on('close', () => {
        to.destroy()
        this.#links.delete(link)
      })
      if (this.#isHeld) from.pause()
    }
  }
}
