import type { BusItem } from '../../src/bus/bus.js'
import { LiveError } from '../../src/client/index.js'
import { msgpackCodec } from '../../src/client/msgpack.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { createLog } from '../../src/log.js'
import { CLOSE_CODES } from '../../src/protocol/close-codes.js'
import type { Publication } from '../../src/protocol/messages.js'
import type { Role, Snapshot } from '../../src/protocol/views.js'
import { EventPublisher } from '../../src/publishing/event-publisher.js'
import type { Principal } from '../../src/sessions/auth.js'
import { LiveServer } from '../../src/sessions/live-server.js'
import { FakeClock, settle } from '../sessions/fake-clock.js'
import { Checker } from './checker.js'
import { SimulatedClient } from './client.js'
import { History } from './history.js'
import { Random } from './random.js'
import { SimulatedBus } from './simulated-bus.js'
import type { Situations } from './situations.js'
import { SimulatedSocket } from './socket.js'
import { SocketPairs } from './socket-pair.js'

const CLIENTS = 8
const PROJECTS = 3
const STEPS = 200
const HOUR_MS = 3_600_000
const SHORT_LIFE_MS = 4_000
const SLOW_BYTES = 4 * 1024
const GRACE_MS = 300
const SWEEP_MS = 1_000
const HEARTBEAT = { intervalMs: 4_000, timeoutMs: 2_000 }
/** From the news that a process goes away to its end. */
const DRAIN_MS = 400
/** Handlers that wait have ended, one after another. */
const HANDLERS_MS = 3_000
/** Codes that a connection is refused with: most may be tried again. */
const REFUSALS = [1006, 1006, 4000, 4006, 4505]
/** Longest that a slow session is kept without taking a byte, and the sweep that finds it. */
const STALL_MS = 32_000

const THROWN = new Error('a handler throws')

/** What may happen, and how often in proportion. */
const STEPS_BY_WEIGHT = {
  publish: 60,
  join: 25,
  leave: 8,
  drop: 12,
  doubleDrop: 4,
  vanish: 2,
  goAway: 3,
  stopReading: 10,
  readPart: 10,
  readAll: 8,
  revoke: 4,
  grant: 6,
  trim: 5,
  beginAnew: 1.5,
  loseMessages: 3,
  burst: 0.12,
}

interface Node {
  readonly live: LiveServer
  readonly transport: SocketPairs
}

/** Runs one simulation. Answers what was wrong, nothing when all is well. */
export async function simulate(seed: number, situations: Situations): Promise<string[]> {
  return new Simulation(seed, situations).run()
}

/**
 * Two processes over one bus, and clients that join, leave, drop, do not read and publish as chance has it; every answer takes its time. In the
 * end everything is repaired, and whoever is there must have heard everything, once and in order.
 */
class Simulation {
  readonly #random: Random
  readonly #situations: Situations
  readonly #faults: string[] = []
  readonly #clock = new FakeClock({ random: () => this.#random.next() })
  readonly #history = new History()
  readonly #bus: SimulatedBus
  readonly #publisher: EventPublisher
  readonly #nodes: Node[]
  readonly #projects = Array.from({ length: PROJECTS }, () => newId<ProjectId>())
  readonly #roles = new Map<string, Role>()
  readonly #clients: SimulatedClient[]
  readonly #isProved: boolean
  #published = 0
  #sessions = 0
  #isRepairing = false

  constructor(seed: number, situations: Situations) {
    this.#random = new Random(seed)
    this.#isProved = seed % 10 === 0
    this.#situations = situations
    this.#bus = new SimulatedBus({
      clock: this.#clock,
      history: this.#history,
      situations,
      lag: () => (this.#random.chance(0.7) ? 0 : this.#random.below(30)),
      pause: () => this.#pause(),
    })
    this.#publisher = new EventPublisher({ bus: this.#bus, mayPublish: async () => true, findJobs: async () => new Set() })
    this.#nodes = ['node-1', 'node-2'].map((name) => this.#start(name))
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => this.#client(`user-${index % (CLIENTS - 2)}`))
  }

  async run(): Promise<string[]> {
    for (const project of this.#projects) {
      await this.#bus.create(project)
      for (const { user } of this.#clients) this.#roles.set(`${project} ${user}`, 'analyst')
    }
    for (const { client } of this.#clients) client.open()
    for (let step = 0; step < STEPS; step++) {
      await this.#step()
      await this.#clock.advance(this.#random.chance(0.03) ? 1_500 : this.#random.below(40))
      for (const client of this.#clients) {
        if (this.#random.chance(0.8)) client.look()
        if (client.open.length === 0 && this.#random.chance(0.3)) client.client.retryNow()
      }
    }
    const isHearing = await this.#repair()
    for (const [index, client] of this.#clients.entries()) {
      for (const { isGone, checker } of client.sockets) {
        if (isHearing && !isGone) checker.finish(this.#projects)
        this.#faults.push(...checker.faults.map((fault) => `client ${index}: ${fault}`))
      }
      this.#faults.push(...client.faults(isHearing).map((fault) => `client ${index}: ${fault}`))
      // A token that is to take the place of one that expires may have expired, too.
      const surprises = client.errors.filter((error) => error !== THROWN && !(error instanceof LiveError && error.code === 'TOKEN_EXPIRED'))
      this.#faults.push(...surprises.map((error) => `client ${index}: an error of the SDK: ${error}`))
    }
    await this.#end()
    return this.#faults
  }

  #start(node: string): Node {
    const clock = this.#clock
    const transport = new SocketPairs({
      clock,
      random: this.#random,
      slowBytes: SLOW_BYTES,
      isProved: this.#isProved,
      onFault: (fault) => this.#faults.push(`${node}: ${fault}`),
      onClose: (code) => {
        if (code === CLOSE_CODES.HEARTBEAT_TIMEOUT) this.#situations.count('heartbeat missed')
      },
    })
    const live = new LiveServer({
      bus: this.#bus,
      transport,
      clock,
      log: createLog('silent'),
      node,
      tokens: { verifyToken: (token) => this.#verify(token) },
      tickets: { redeem: () => Promise.reject(new AppError('UNAUTHENTICATED')) },
      cookie: async () => null,
      publish: (request) => this.#publisher.publish(request),
      membership: async ({ user }, project) => {
        const role = this.#roles.get(`${project} ${user.id}`) ?? null
        await this.#pause()
        return role
      },
      roster: async (project) => {
        const own = [...this.#roles].filter(([key]) => key.startsWith(`${project} `))
        const roster = new Map(own.map(([key, role]) => [key.slice(project.length + 1), role]))
        await this.#pause()
        return roster
      },
      snapshot: (project) => this.#snapshot(project),
      isOriginAllowed: () => true,
      maxSessionsPerUser: 0,
      heartbeat: HEARTBEAT,
      sweepMs: SWEEP_MS,
      graceMs: GRACE_MS,
      frameRate: null,
    })
    live.start()
    return { live, transport }
  }

  async #step(): Promise<void> {
    const random = this.#random
    const client = random.pick(this.#clients)
    const project = random.pick(this.#projects)
    const step = random.weighted(STEPS_BY_WEIGHT)
    switch (step) {
      case 'publish':
        this.#publish(client, project)
        return
      case 'burst':
        // In parts, so that each fits into a message of the bus; together more than a process keeps of what was flushed.
        for (let part = 0; part < 5; part++) void this.#bus.publish(project, this.#items(8, 30_000))
        this.#situations.count('published in a burst beyond the recent events')
        return
      case 'join':
        if (!client.rooms.has(project) || random.chance(0.3)) client.join(project)
        return
      case 'leave':
        client.leave(project)
        return
      case 'drop':
        this.#drop(client)
        if (random.chance(0.5)) client.client.retryNow()
        return
      case 'doubleDrop':
        this.#drop(client)
        client.client.retryNow()
        await this.#clock.advance(random.below(12))
        this.#drop(client)
        client.client.retryNow()
        this.#situations.count('dropped twice in a row')
        return
      case 'vanish':
        for (const socket of client.open) {
          if (random.chance(0.5)) socket.pair.isReading = false
          socket.vanish()
          this.#situations.count('gone without a close')
        }
        return
      case 'goAway':
        this.#goAway(client)
        return
      case 'stopReading':
        for (const { pair } of client.open) pair.isReading = false
        this.#situations.count('stopped reading')
        return
      case 'readPart':
        for (const { pair } of this.#clients.flatMap(({ open }) => open)) {
          if (pair.unsentBytes === 0) continue
          pair.read(random.below(pair.unsentBytes) + 1)
          this.#situations.count('read a part')
        }
        return
      case 'readAll':
        for (const { open } of this.#clients) if (random.chance(0.5)) for (const socket of open) this.#readAgain(socket)
        return
      case 'revoke':
        this.#setRole(project, client.user, null)
        return
      case 'grant':
        this.#setRole(project, client.user, 'analyst')
        return
      case 'trim':
        await this.#bus.trim(project)
        this.#situations.count('trimmed')
        return
      case 'beginAnew':
        await this.#beginAnew(project)
        this.#situations.count('another epoch')
        return
      case 'loseMessages':
        await this.#bus.loseMessages(project)
        this.#situations.count('messages lost')
        return
      default:
        step satisfies never
    }
  }

  #publish(client: SimulatedClient, project: ProjectId): void {
    const random = this.#random
    const count = 1 + random.below(4)
    const bytes = random.chance(0.2) ? 1_000 : 20
    if (client.open.length > 0 && random.chance(0.3)) {
      // It may be refused, or its connection may break before the answer.
      client.client.publish(project, this.#publications(count, bytes)).catch(() => undefined)
    } else if (random.chance(0.5)) {
      const publisher = principalOf(client.user, Number.POSITIVE_INFINITY)
      void this.#publisher.publish({ publisher, project, events: this.#publications(count, bytes) })
      this.#situations.count('published over HTTP')
    } else {
      void this.#bus.publish(project, this.#items(count, bytes))
      this.#situations.count('published straight to the bus')
    }
  }

  #publications(count: number, bytes: number): Publication[] {
    const random = this.#random
    return Array.from({ length: count }, () => {
      const data = { n: ++this.#published, pad: 'x'.repeat(bytes) }
      if (random.chance(0.6)) return { type: 'demo.event', data }
      return { type: 'demo.value', key: `k/${random.below(5)}`, data: random.chance(0.2) ? null : data }
    })
  }

  #items(count: number, bytes: number): BusItem[] {
    return this.#publications(count, bytes).map((publication) => {
      const { type, data } = publication
      if (publication.key === undefined) return { kind: 'event', type, body: JSON.stringify({ actor: null, data }) }
      // A value is smaller than an event may be.
      const value = data && { ...data, pad: String(data.pad).slice(0, 1_000) }
      return { kind: 'latest', type, key: publication.key, body: JSON.stringify({ data: value }) }
    })
  }

  #client(user: string): SimulatedClient {
    const random = this.#random
    const clock = this.#clock
    let token = this.#token(user, HOUR_MS)
    return new SimulatedClient({
      user,
      history: this.#history,
      situations: this.#situations,
      client: {
        ...(random.chance(0.5) && { codec: msgpackCodec }),
        clock: { now: () => clock.today(), random: () => random.next(), after: (ms, callback) => clock.after(ms, callback) },
        token: async () => {
          await this.#pause()
          // Sometimes there is no other one than before.
          if (this.#isRepairing) token = this.#token(user, HOUR_MS)
          else if (random.chance(0.9)) token = this.#token(user, random.chance(0.15) ? random.below(SHORT_LIFE_MS) : HOUR_MS)
          return token
        },
      },
      openSocket: (subprotocol) => this.#openSocket(subprotocol),
      handle: () => {
        if (random.chance(0.03)) {
          this.#situations.count('a handler throws')
          throw THROWN
        }
        if (random.chance(0.97)) return null
        this.#situations.count('a handler waits')
        return this.#wait(random.below(60))
      },
    })
  }

  #openSocket(subprotocol: string): SimulatedSocket {
    const { transport } = this.#random.pick(this.#nodes)
    const checker = new Checker(`session ${++this.#sessions}`, this.#history, this.#situations)
    const socket = new SimulatedSocket(transport.connect(subprotocol), checker)
    const isRefused = !this.#isRepairing && this.#random.chance(0.05)
    const code = this.#random.pick(REFUSALS)
    this.#clock.after(this.#random.below(6), () => {
      if (!isRefused) socket.open()
      else if (!socket.isGone) {
        socket.drop(code)
        this.#situations.count(code < 4500 ? 'refused a connection' : 'told to stop')
      }
    })
    return socket
  }

  /** Its connections break, all but the ones that were not there yet. */
  #drop(client: SimulatedClient): void {
    for (const socket of client.open) {
      socket.drop()
      this.#situations.count('dropped')
    }
  }

  /** Says to a client what a process says that goes away, and goes. */
  #goAway(client: SimulatedClient): void {
    const socket = client.open.find(({ isOpen, isLeaving }) => isOpen && !isLeaving)
    if (!socket) return
    socket.isLeaving = true
    const deadlineAt = new Date(this.#clock.today() + DRAIN_MS).toISOString()
    socket.receive({ type: 'goaway', reconnectAfterMs: this.#random.below(0.7 * DRAIN_MS), deadlineAt })
    this.#situations.count('told to move')
    this.#clock.after(DRAIN_MS, () => {
      if (!socket.isGone) socket.drop(CLOSE_CODES.GOING_AWAY)
      else if (client.open.some(({ isOpen }) => isOpen)) this.#situations.count('moved before the old connection ended')
    })
  }

  /** Another history, in which some of the facts of the last one are told again under their ids. */
  async #beginAnew(project: ProjectId): Promise<void> {
    const { history } = this.#history.current(project)
    const again = history.events.filter(({ type }) => type === 'demo.event').slice(-this.#random.below(6))
    await this.#bus.beginAnew(project)
    const items = again.map(({ id, type, data }): BusItem => ({ kind: 'event', type, id, body: `{"actor":null,"data":${data}}` }))
    if (items.length > 0) void this.#bus.publish(project, items)
  }

  #readAgain({ pair }: SimulatedSocket): void {
    pair.isReading = true
    pair.read()
  }

  #setRole(project: ProjectId, user: string, role: Role | null): void {
    if (role === null) this.#roles.delete(`${project} ${user}`)
    else this.#roles.set(`${project} ${user}`, role)
    const member = { project, user: { id: user, name: user }, role, version: 1 }
    void this.#bus.publish(project, [{ kind: 'event', type: 'member.changed', body: JSON.stringify({ actor: null, data: { member } }) }])
  }

  /** Everybody is there, reads, and may hear everything. Whether all of them came to hear what they want. */
  async #repair(): Promise<boolean> {
    this.#isRepairing = true
    // Short lives end.
    await this.#clock.advance(SHORT_LIFE_MS + SWEEP_MS)
    for (const client of this.#clients) {
      for (const socket of client.open) this.#readAgain(socket)
      client.look()
      for (const project of this.#projects) {
        if (client.hears(project) && !this.#roles.has(`${project} ${client.user}`))
          this.#faults.push(`[C9] ${client.user} hears ${project} without a role`)
      }
    }
    for (const project of this.#projects) for (const { user } of this.#clients) this.#setRole(project, user, 'analyst')
    for (let round = 0; round < 60; round++) {
      await this.#clock.advance(50)
      for (const client of this.#clients) {
        client.look()
        if (client.open.length === 0) client.client.retryNow()
        if (round >= 5) for (const project of this.#projects) if (!client.rooms.has(project)) client.join(project)
      }
      const isDone = this.#clients.every((client) => client.open.length === 1 && this.#projects.every((project) => client.hears(project)))
      if (round > 10 && isDone) {
        await this.#clock.advance(200)
        for (const client of this.#clients) client.look()
        await this.#clock.advance(HANDLERS_MS)
        return true
      }
    }
    this.#faults.push('[C5] somebody never came to hear what he wants')
    return false
  }

  /** Everybody goes, and nothing is left. */
  async #end(): Promise<void> {
    for (const { client } of this.#clients) client.close()
    await this.#clock.advance(STALL_MS + HEARTBEAT.intervalMs + HEARTBEAT.timeoutMs)
    for (const { live, transport } of this.#nodes) {
      const { sessions, slow, unsentBytes, subscriptions } = live.census
      if (sessions + slow + unsentBytes + subscriptions + transport.topics.size > 0) {
        this.#faults.push(`[J7] left behind: ${JSON.stringify(live.census)} and ${transport.topics.size} topics`)
      }
    }
    if (this.#bus.subscriptions > 0) this.#faults.push(`[J7] ${this.#bus.subscriptions} subscriptions are left`)
    // One sweep each.
    if (this.#clock.pending !== this.#nodes.length) this.#faults.push(`${this.#clock.pending} timers are left`)
    await Promise.all(this.#nodes.map(({ live }) => live.stop()))
    await settle()
  }

  async #verify(token: string): Promise<Principal> {
    await this.#pause()
    const { user, expiresAt } = JSON.parse(token) as { readonly user: string; readonly expiresAt: number }
    if (expiresAt <= this.#clock.today()) throw new AppError('TOKEN_EXPIRED')
    return principalOf(user, expiresAt)
  }

  #token(user: string, livesMs: number): string {
    return JSON.stringify({ user, expiresAt: this.#clock.today() + livesMs })
  }

  /** Says of which epoch and event it is: as of the moment between two pauses. */
  async #snapshot(project: ProjectId): Promise<Snapshot> {
    await this.#pause()
    const { epoch, history } = this.#history.current(project)
    const version = history.events.length + 1
    await this.#pause()
    return {
      project: { id: project, name: epoch, currency: null, settings: {}, createdAt: '2026-01-01T00:00:00.000Z', version },
      summary: { revision: 1, totals: [], controlTotals: null, activeJobs: 0, suggestions: 0, breaks: 0, unmatched: 0 },
      jobs: [],
    }
  }

  async #pause(): Promise<void> {
    if (this.#random.chance(0.5)) return
    await this.#wait(this.#random.below(25))
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve))
  }
}

function principalOf(user: string, expiresAt: number): Principal {
  return { user: { id: user, name: user }, admin: false, projects: {}, publish: '*', expiresAt, credential: null }
}
