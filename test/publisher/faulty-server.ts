import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Publication, PublishResult } from '../../src/publisher/index.js'

/** What becomes of a request. Those from `cut` on take down more than an answer. */
export const FAULTS = [
  'none',
  // Nothing is published.
  'busy',
  'slow down',
  'token expired',
  'too large',
  'cut',
  // It is published, or stored for later, and the answer says something else, or never comes.
  'broken',
  'queued',
  'captive portal',
  'late answer',
  'answer lost',
  'half an answer',
  // It is published long after the client gave it up.
  'late',
  // Published, and then nobody listens any more.
  'dead',
] as const
export type Fault = (typeof FAULTS)[number]

/** `POST …/events` as PROTOCOL §5 says, in memory, and with what goes wrong on the way. Events of the type `bad` are refused. */
export class FaultyServer {
  /** Ids as they were published, by project. */
  readonly published = new Map<string, string[]>()
  /** Newest version of each key. */
  readonly latest = new Map<string, number>()
  readonly requests: { readonly project: string; readonly events: readonly Publication[]; readonly fault: Fault }[] = []
  readonly faults: Fault[]
  readonly #late: (() => void)[] = []
  #server: Server
  #port = 0
  #tokens = 0
  #isDead = false

  private constructor(faults: readonly Fault[]) {
    this.faults = [...faults]
    this.#server = this.#newServer()
  }

  static async open(faults: readonly Fault[] = []): Promise<FaultyServer> {
    const server = new FaultyServer(faults)
    await server.#listen()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The one it takes now. */
  get token(): string {
    return `token ${this.#tokens}`
  }

  /** After `dead`: it is started again, at the same address, with what was published. */
  async revive(): Promise<void> {
    if (!this.#isDead) return
    this.#isDead = false
    this.#server = this.#newServer()
    await this.#listen()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  #newServer(): Server {
    return createServer((request, response) => void this.#answer(request, response).catch(() => response.destroy()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const project = request.url!.split('/')[3]!
    const { events } = JSON.parse(await text(request)) as { readonly events: readonly Publication[] }
    const fault = this.faults.shift() ?? 'none'
    this.requests.push({ project, events, fault })
    // The token is looked at first, as everywhere.
    if (fault === 'token expired') this.#tokens++
    if (request.headers.authorization !== `Bearer ${this.token}`) return problem(response, 401, 'TOKEN_EXPIRED')
    const faulty = events.flatMap(({ type }, index) =>
      type === 'bad' ? [{ index, path: `events[${index}].type`, message: 'is bad' }] : [],
    )
    if (fault === 'busy') return problem(response, 503, 'DRAINING')
    if (fault === 'slow down') return problem(response.setHeader('retry-after', '0.001'), 429, 'RATE_LIMITED')
    // Something between that takes less at once than we do.
    if (fault === 'too large') return void response.writeHead(413).end('<html>')
    if (fault === 'cut') return void response.destroy()
    if (faulty.length > 0) return problem(response, 422, 'INVALID', faulty)
    if (fault === 'late') {
      this.#late.push(() => this.#publish(project, events))
      return
    }
    const results = this.#publish(project, events, fault === 'queued')
    for (const publish of this.#late.splice(0)) publish()
    const body = JSON.stringify({ epoch: fault === 'queued' ? null : 'epoch123', results })
    switch (fault) {
      case 'broken':
        return problem(response, 500, 'INTERNAL')
      case 'captive portal':
        return void response.end('<html>')
      case 'late answer':
        return
      case 'answer lost':
        return void response.destroy()
      case 'half an answer':
        response.writeHead(200, { 'content-length': body.length }).write(body.slice(0, body.length / 2), () => response.destroy())
        return
      case 'dead':
        this.#isDead = true
        this.#server.close()
        this.#server.closeAllConnections()
        return
      default:
        response.end(body)
    }
  }

  /** A queued event is published when its turn comes, which is now: nobody else publishes here. */
  #publish(project: string, events: readonly Publication[], isQueued = false): PublishResult[] {
    const ids = this.published.get(project) ?? []
    this.published.set(project, ids)
    return events.map((event): PublishResult => {
      if (event.key !== undefined) {
        const { key, version = (this.latest.get(key) ?? 0) + 1 } = event
        if (isQueued) return { key, version: 0, refused: true }
        const stored = this.latest.get(key) ?? 0
        if (version <= stored) return { key, version: stored, refused: true }
        this.latest.set(key, version)
        return { key, version }
      }
      const id = event.id!
      const known = ids.indexOf(id) + 1
      if (known > 0) return { id, seq: known, duplicate: true }
      ids.push(id)
      return isQueued ? { id, queued: true } : { id, seq: ids.length }
    })
  }
}

function problem(response: ServerResponse, status: number, code: string, errors?: readonly object[]): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(
    JSON.stringify({
      type: `urn:tallyroom:error:${code}`,
      title: code,
      status,
      detail: `this is ${code}`,
      code,
      requestId: 'r1',
      errors,
    }),
  )
}
