import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pack, unpack } from 'msgpackr'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import type { Bus, BusItem } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { type Grants, grantedRole, higherRole } from '../../src/db/members.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { createLog } from '../../src/log.js'
import { type ClientMessage, MAX_CLIENT_FRAME_BYTES, type ServerMessage } from '../../src/protocol/messages.js'
import type { Position } from '../../src/protocol/position.js'
import { serverMessageSchema } from '../../src/protocol/schemas.js'
import { JSON_SUBPROTOCOL, LIVE_PATH, MSGPACK_SUBPROTOCOL } from '../../src/protocol/version.js'
import type { MemberView, Role, Snapshot } from '../../src/protocol/views.js'
import { EventPublisher } from '../../src/publishing/event-publisher.js'
import { type Principal, TokenAuthority, type TokenOptions } from '../../src/sessions/auth.js'
import { LiveServer } from '../../src/sessions/live-server.js'
import type { LiveServerOptions } from '../../src/sessions/live-server-options.js'
import { Tickets } from '../../src/sessions/tickets.js'
import { createWsTransport, type WsTransportOptions } from '../../src/transport/ws.js'

export interface LiveFixtureOptions extends Partial<LiveServerOptions> {
  readonly bus?: Bus
  readonly slowBytes?: WsTransportOptions['slowBytes']
}

export const ORIGIN = 'http://ours.example'
const FAR_MS = 3_600_000

/** A live server on a free port of loopback over a real bus; memberships, projects and cookies are what the test says. */
export class LiveFixture {
  readonly bus: Bus
  readonly live: LiveServer
  readonly tokens = new TokenAuthority({ secret: Buffer.alloc(32, 's') })
  readonly tickets: Tickets
  readonly #publisher: EventPublisher
  /** Value of the cookie → who it signs in. */
  readonly cookies = new Map<string, Principal>()
  readonly #server: Server
  readonly #roles = new Map<ProjectId, Map<string, Role>>()
  readonly #clients = new Set<TestClient>()

  private constructor(options: LiveFixtureOptions) {
    const { bus = new MemoryBus(), slowBytes, ...live } = options
    this.bus = bus
    this.tickets = new Tickets({ tokens: this.tokens, takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs), isSignedIn: async () => true })
    this.#publisher = new EventPublisher({
      bus,
      mayPublish: async ({ publish }, project) => this.#roles.has(project) && (publish === '*' || publish.includes(project)),
      findJobs: async () => new Set(),
    })
    this.#server = createServer((_, response) => response.writeHead(404).end())
    this.live = new LiveServer({
      bus,
      transport: createWsTransport({
        server: this.#server,
        path: LIVE_PATH,
        subprotocols: [JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL],
        maxMessageBytes: MAX_CLIENT_FRAME_BYTES,
        ...(slowBytes !== undefined && { slowBytes }),
      }),
      log: createLog('silent'),
      node: 'node-1',
      tokens: this.tokens,
      tickets: this.tickets,
      publish: (request) => this.#publisher.publish(request),
      cookie: async (value) => this.cookies.get(value) ?? null,
      membership: async (principal, project) => this.judge(principal, project),
      roster: async (project) => this.#roles.get(project) ?? null,
      snapshot: async (project) => (this.#roles.has(project) ? snapshotOf(project) : null),
      isOriginAllowed: (origin) => origin === ORIGIN,
      maxSessionsPerUser: 0,
      ...live,
    })
  }

  static async open(options: LiveFixtureOptions = {}): Promise<LiveFixture> {
    const fixture = new LiveFixture(options)
    await fixture.bus.start()
    fixture.live.start()
    fixture.#server.listen(0, '127.0.0.1')
    await once(fixture.#server, 'listening')
    return fixture
  }

  /** Everything ends, and nothing is left open: the server closes only when its last socket has gone. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.socket.terminate()
    await this.live.stop()
    await this.bus.stop()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}${LIVE_PATH}`
  }

  /** A project with these members. */
  project(members: Readonly<Record<string, Role>> = {}): ProjectId {
    const project = newId<ProjectId>()
    this.#roles.set(project, new Map(Object.entries(members)))
    return project
  }

  /** What the database would say. */
  judge(principal: Grants, project: ProjectId): Role | null {
    const roles = this.#roles.get(project)
    return roles ? higherRole(roles.get(principal.user.id) ?? null, grantedRole(principal, project)) : null
  }

  role(project: ProjectId, user: string): Role | null {
    return this.#roles.get(project)?.get(user) ?? null
  }

  /** Changes a membership as HTTP does: the fact first, then the news of it. */
  async setRole(project: ProjectId, user: string, role: Role | null): Promise<void> {
    if (role === null) this.#roles.get(project)?.delete(user)
    else this.#roles.get(project)?.set(user, role)
    const member: MemberView = { project, user: { id: user, name: user }, role, version: 2 }
    await this.publish(project, eventItem('member.changed', { member }))
  }

  /** Deletes the project as HTTP does. */
  deleteProject(project: ProjectId): void {
    this.#roles.delete(project)
    this.live.closeProject(project)
  }

  async publish(project: ProjectId, ...items: BusItem[]): Promise<void> {
    await this.bus.publish(project, items)
  }

  /** Waits until the condition holds; it is looked at in every turn of the loop. */
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise((resolve) => setImmediate(resolve))
  }

  token(user: string, grants: Partial<TokenOptions> = {}): Promise<string> {
    return this.tokens.issueToken({ user: { id: user, name: user }, expiresAt: Date.now() + FAR_MS, ...grants })
  }

  /** A socket after its handshake; nothing is said yet. */
  async connect(headers: Readonly<Record<string, string>> = {}, subprotocol = JSON_SUBPROTOCOL): Promise<TestClient> {
    const client = await TestClient.open(this.url, headers, subprotocol)
    this.#clients.add(client)
    return client
  }

  /** A session that has been welcomed. */
  async signIn(user: string, grants: Partial<TokenOptions> = {}, subprotocol?: string): Promise<TestClient> {
    const client = await this.connect({}, subprotocol)
    client.send({ type: 'hello', token: await this.token(user, grants) })
    await client.next('welcome')
    return client
  }
}

type OfType<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>

/** The client's end of a socket. Each frame is proved against the schema of the wire as it comes. */
export class TestClient {
  readonly socket: WebSocket
  /** Everything received that {@link next} has not taken. */
  readonly received: ServerMessage[] = []
  closedWith: { readonly code: number; readonly reason: string } | null = null
  readonly #waiting = new Set<() => void>()
  #lastRef = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary) => {
      expect(isBinary, 'the kind of frame of its codec').toBe(socket.protocol === MSGPACK_SUBPROTOCOL)
      // Another reader than the server's own.
      this.received.push(serverMessageSchema.parse(isBinary ? unpack(data) : JSON.parse(data.toString())))
      this.#wake()
    })
    socket.on('close', (code, reason) => {
      this.closedWith = { code, reason: reason.toString() }
      this.#wake()
    })
    socket.on('error', () => undefined)
  }

  /** A socket after its handshake. */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}, subprotocol = JSON_SUBPROTOCOL): Promise<TestClient> {
    const client = new TestClient(new WebSocket(url, subprotocol, { headers }))
    await once(client.socket, 'open')
    return client
  }

  send(message: ClientMessage | Record<string, unknown>): void {
    this.socket.send(this.socket.protocol === MSGPACK_SUBPROTOCOL ? pack(message) : JSON.stringify(message))
  }

  raw(data: string | Buffer): void {
    this.socket.send(data)
  }

  /** The next frame, which must be of this type. */
  async next<Type extends ServerMessage['type']>(type: Type): Promise<OfType<Type>> {
    await this.until(() => this.received.length > 0 || this.closedWith !== null)
    const message = this.received.shift()
    expect(message ?? this.closedWith, `waiting for ${type}`).toMatchObject({ type })
    return message as OfType<Type>
  }

  /** The first frame of this type; those before it are dropped. */
  async find<Type extends ServerMessage['type']>(type: Type): Promise<OfType<Type>> {
    for (;;) {
      await this.until(() => this.received.length > 0 || this.closedWith !== null)
      const message = this.received.shift()
      if (message === undefined) throw new Error(`closed with ${this.closedWith?.code} before ${type}`)
      if (message.type === type) return message as OfType<Type>
    }
  }

  join(project: string, since?: Position): number {
    const ref = ++this.#lastRef
    this.send({ type: 'join', ref, project, ...(since && { since }) })
    return ref
  }

  async joined(project: string, since?: Position): Promise<OfType<'joined'>> {
    const ref = this.join(project, since)
    const joined = await this.next('joined')
    expect(joined).toMatchObject({ ref, project })
    return joined
  }

  /** Resolves when the server has handled everything that was sent before. */
  async sync(): Promise<void> {
    const ref = ++this.#lastRef
    this.send({ type: 'leave', ref, project: 'nowhere' })
    await this.until(() => this.received.some((message) => message.type === 'left' && message.ref === ref))
    this.received.splice(
      this.received.findIndex((message) => message.type === 'left' && message.ref === ref),
      1,
    )
  }

  async expectClose(code: number): Promise<void> {
    await this.until(() => this.closedWith !== null)
    expect(this.closedWith?.code).toBe(code)
  }

  /** Waits until the condition holds; it is looked at whenever something arrives. */
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

/** Questions that are answered when the test says so. */
export class Gate<Answer> {
  readonly asked: ((answer: Answer) => void)[] = []
  readonly #waiting: (() => void)[] = []
  #answer: { readonly is: Answer } | null = null

  ask(): Promise<Answer> {
    if (this.#answer) return Promise.resolve(this.#answer.is)
    return new Promise((resolve) => {
      this.asked.push(resolve)
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  /** From now on everything is answered alike. */
  openFor(answer: Answer): void {
    this.#answer = { is: answer }
    for (const answerOne of this.asked.splice(0)) answerOne(answer)
  }

  async next(): Promise<(answer: Answer) => void> {
    while (this.asked.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.asked.shift()!
  }
}

export function eventItem(type = 'demo.event', data: object = {}, actor: string | null = null): BusItem {
  return { kind: 'event', type, body: JSON.stringify({ actor, data }) }
}

export function latestItem(key: string, version: number, data: object | null): BusItem {
  return { kind: 'latest', type: 'demo.value', key, version, body: JSON.stringify({ data }) }
}

export function snapshotOf(project: string): Snapshot {
  return {
    project: { id: project, name: 'Demo', currency: null, settings: {}, createdAt: '2026-01-01T00:00:00.000Z', version: 1 },
    summary: { revision: 1, totals: [], controlTotals: null, activeJobs: 0, suggestions: 0, breaks: 0, unmatched: 0 },
    jobs: [],
  }
}
