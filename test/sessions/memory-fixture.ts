import { expect } from 'vitest'
import { MemoryBus, type MemoryBusOptions } from '../../src/bus/memory-bus.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { createLog } from '../../src/log.js'
import type { ClientMessage, ServerMessage } from '../../src/protocol/messages.js'
import type { Role } from '../../src/protocol/views.js'
import type { Principal } from '../../src/sessions/auth.js'
import { codecOf } from '../../src/sessions/codecs.js'
import { LiveServer } from '../../src/sessions/live-server.js'
import type { LiveServerOptions } from '../../src/sessions/live-server-options.js'
import { FakeClock, settle } from './fake-clock.js'
import { eventItem, snapshotOf } from './live-fixture.js'
import { MemorySocket, MemoryTransport } from './memory-transport.js'

export interface MemoryFixtureOptions extends Partial<LiveServerOptions> {
  readonly clock?: FakeClock
  readonly busOptions?: MemoryBusOptions
}

const HOUR_MS = 3_600_000

/** A live server without a network and with time of its own: everything happens when the test says so. */
export class MemoryFixture {
  readonly clock: FakeClock
  readonly transport: MemoryTransport
  readonly bus: MemoryBus
  readonly live: LiveServer
  readonly #roles = new Map<ProjectId, Map<string, Role>>()

  constructor({ busOptions, clock = new FakeClock(), ...options }: MemoryFixtureOptions = {}) {
    this.clock = clock
    this.transport = new MemoryTransport({ pushes: 'at-once', now: () => clock.now() })
    this.bus = new MemoryBus({ now: () => this.clock.today(), ...busOptions })
    this.live = new LiveServer({
      bus: this.bus,
      transport: this.transport,
      clock: this.clock,
      log: createLog('silent'),
      node: 'node-1',
      // The credential is what it says: who it is, and until when.
      tokens: { verifyToken: async (token) => readToken(token, this.clock.today()) },
      tickets: { redeem: () => Promise.reject(new AppError('UNAUTHENTICATED')) },
      cookie: async () => null,
      publish: () => Promise.reject(new AppError('FORBIDDEN')),
      membership: async ({ user }, project) => this.#roles.get(project)?.get(user.id) ?? null,
      // As if too many: each is asked for.
      roster: async (project) => (this.#roles.has(project) ? 'too-many' : null),
      snapshot: async (project) => (this.#roles.has(project) ? snapshotOf(project) : null),
      isOriginAllowed: () => true,
      maxSessionsPerUser: 0,
      ...options,
    })
    this.live.start()
  }

  /** A project with these members. */
  project(members: Readonly<Record<string, Role>> = { ana: 'analyst', ben: 'analyst' }): ProjectId {
    const project = newId<ProjectId>()
    this.#roles.set(project, new Map(Object.entries(members)))
    return project
  }

  setRole(project: ProjectId, user: string, role: Role | null): void {
    if (role === null) this.#roles.get(project)?.delete(user)
    else this.#roles.get(project)?.set(user, role)
  }

  /** A token of the user, that ends so long from now. */
  token(user: string, livesMs = HOUR_MS): string {
    return JSON.stringify({ user, expiresAt: this.clock.today() + livesMs })
  }

  connect(subprotocol?: string): MemoryClient {
    const socket = this.transport.connect({}, subprotocol)
    if (!(socket instanceof MemorySocket)) throw new Error(`refused: ${socket.code}`)
    return new MemoryClient(socket)
  }

  /** A session that has been welcomed. */
  async signIn(user: string, { livesMs, subprotocol }: { readonly livesMs?: number; readonly subprotocol?: string } = {}) {
    const client = this.connect(subprotocol)
    client.send({ type: 'hello', token: this.token(user, livesMs) })
    await settle()
    client.next('welcome')
    return client
  }

  /** A session that has joined the project. */
  async joined(user: string, project: ProjectId, subprotocol?: string): Promise<MemoryClient> {
    const client = await this.signIn(user, subprotocol === undefined ? {} : { subprotocol })
    client.send({ type: 'join', ref: 1, project })
    await this.clock.advance(0)
    client.next('joined')
    return client
  }

  /** Publishes events, each with so much in it, and lets them be flushed. */
  async publish(project: ProjectId, count = 1, bytes = 0): Promise<void> {
    await this.bus.publish(
      project,
      Array.from({ length: count }, () => eventItem('demo.event', { pad: 'x'.repeat(bytes) })),
    )
    await this.clock.advance(20)
  }
}

type OfType<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>

/** The client's end. */
export class MemoryClient {
  readonly socket: MemorySocket

  constructor(socket: MemorySocket) {
    this.socket = socket
  }

  get received(): ServerMessage[] {
    return this.socket.received
  }

  /** The types of what was received and not taken. */
  get types(): string[] {
    return this.received.map(({ type }) => type)
  }

  send(message: ClientMessage | Record<string, unknown>): void {
    // What a codec encodes is what a client of it says.
    this.socket.say(codecOf(this.socket.subprotocol).encode(message as ClientMessage))
  }

  /** The next message, which must be of this type. */
  next<Type extends ServerMessage['type']>(type: Type): OfType<Type> {
    const message = this.received.shift()
    expect(message ?? { closedWith: this.socket.closedWith }, `waiting for ${type}`).toMatchObject({ type })
    return message as OfType<Type>
  }

  /** Takes everything that was received. */
  take(): ServerMessage[] {
    return this.received.splice(0)
  }
}

function readToken(token: string, now: number): Principal {
  if (!token.startsWith('{')) throw new AppError('UNAUTHENTICATED')
  const { user, expiresAt } = JSON.parse(token) as { readonly user: string; readonly expiresAt: number }
  if (expiresAt <= now) throw new AppError('TOKEN_EXPIRED')
  return { user: { id: user, name: user }, admin: false, projects: {}, publish: [], expiresAt, credential: null }
}
