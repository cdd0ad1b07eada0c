import { OutboxPublisher } from '../../src/bus/outbox.js'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { AppError } from '../../src/errors.js'
import type { ProjectId } from '../../src/ids.js'
import { createLog } from '../../src/log.js'
import type { PublishReply } from '../../src/protocol/publications.js'
import type { Snapshot } from '../../src/protocol/views.js'
import { EventPublisher, type PublishRequest } from '../../src/publishing/event-publisher.js'
import { PublicationQueue } from '../../src/publishing/publication-queue.js'
import type { Principal } from '../../src/sessions/auth.js'
import { LiveServer } from '../../src/sessions/live-server.js'
import type { FakeClock } from '../sessions/fake-clock.js'
import type { Random } from './random.js'
import { RedisConnection } from './redis-connection.js'
import type { RedisNetwork } from './redis-network.js'
import type { SimulatedDatabase } from './simulated-database.js'
import type { Situations } from './situations.js'
import type { SimulatedSocket } from './socket.js'
import { SocketPairs } from './socket-pair.js'

export interface SimulatedProcessOptions {
  readonly name: string
  readonly clock: FakeClock
  readonly random: Random
  readonly situations: Situations
  readonly network: RedisNetwork
  readonly database: SimulatedDatabase
  /** Whether each message is held against the schema of the wire. */
  readonly isProved: boolean
  readonly verifyToken: (token: string) => Promise<Principal>
  readonly onFault: (fault: string) => void
}

export const HEARTBEAT = { intervalMs: 4_000, timeoutMs: 2_000 }
export const GRACE_MS = 500
export const DRAIN_MS = 1_500
const SLOW_BYTES = 4 * 1024
/** Little enough that streams are trimmed and expire. */
export const RETENTION = { streamMaxEvents: 20, streamMaxAgeMs: 15_000 }

/** Silent, and shared: a logger for each process costs more than most of what is simulated. */
const log = createLog('silent')

/** A bus of the simulation's Redis. */
export function simulatedBus(network: RedisNetwork, options: Partial<ConstructorParameters<typeof RedisBus>[0]> = {}) {
  const connections: RedisConnection[] = []
  const bus = new RedisBus({
    ...RETENTION,
    ...options,
    url: 'redis://simulated',
    connect(_, __, onState) {
      const connection = new RedisConnection(network, onState)
      connections.push(connection)
      return connection.redis
    },
  })
  return { bus, connections }
}

/** A serve process, put together as `app.ts` does it, from the bus up to the live sessions, over the simulation's Redis, database and sockets. */
export class SimulatedProcess {
  readonly name: string
  readonly live: LiveServer
  readonly transport: SocketPairs
  readonly sockets = new Set<SimulatedSocket>()
  state: 'starting' | 'serving' | 'draining' | 'gone' = 'starting'
  readonly #options: SimulatedProcessOptions
  readonly #bus: RedisBus
  readonly #connections: readonly RedisConnection[]
  readonly #outbox: OutboxPublisher
  readonly #publisher: EventPublisher

  constructor(options: SimulatedProcessOptions) {
    const { name, clock, random, situations, network, database, isProved, verifyToken, onFault } = options
    this.#options = options
    this.name = name
    const own = {
      now: () => clock.now(),
      today: () => clock.today(),
      random: () => random.next(),
      after: (ms: number, callback: () => void) => clock.after(ms, () => this.state !== 'gone' && callback()),
    }
    const { bus, connections } = simulatedBus(network, {
      onEpoch: (project) => void this.#outbox.recover(project),
      onDelivery: (delivery) => {
        situations.count(delivery === 'proven' ? 'delivery is proven again' : 'delivery is not proven')
        this.live.setBusState(delivery === 'proven' ? 'ok' : 'degraded')
      },
    })
    this.#bus = bus
    this.#connections = connections
    this.#outbox = new OutboxPublisher({
      bus,
      log,
      pendingProjects: (limit) => this.#own(database.pendingProjects(limit)),
      readPending: (project, limit) => this.#own(database.readPending(project, limit)),
      markPublished: (project, no, epoch) => this.#own(database.markPublished(project, no, epoch)),
      readEpoch: (project) => this.#own(database.readEpoch(project)),
      reopen: (project, no) => this.#own(database.reopen(project, no)),
      reopenRecent: (project) => this.#own(database.reopenRecent(project)),
    })
    this.#publisher = new EventPublisher({
      bus,
      mayPublish: async ({ user }, project) => (await this.#own(database.readRole(project, user.id))) !== null,
      findJobs: async () => new Set(),
      queue: new PublicationQueue({
        isBusAway: () => bus.isAway,
        hasPending: (project) => this.#own(database.hasPending(project)),
        flush: (project) => this.#outbox.flush(project),
        store: (project, events) => this.#own(database.queue(project, events)),
      }),
    })
    this.transport = new SocketPairs({
      clock: own,
      random,
      slowBytes: SLOW_BYTES,
      isProved,
      onFault: (fault) => onFault(`${name}: ${fault}`),
      onClose: () => undefined,
    })
    this.live = new LiveServer({
      bus,
      transport: this.transport,
      clock: own,
      log,
      node: name,
      tokens: { verifyToken: (token) => this.#own(verifyToken(token)) },
      tickets: { redeem: () => Promise.reject(new AppError('UNAUTHENTICATED')) },
      cookie: async () => null,
      publish: (request) => this.#publisher.publish(request),
      membership: ({ user }, project) => this.#own(database.readRole(project, user.id)),
      roster: (project) => this.#own(database.readRoster(project)),
      snapshot: async (project) => snapshotOf(project, await this.#own(database.countFacts(project))),
      revocations: (since) => this.#own(database.readRevocations(since)),
      isOriginAllowed: () => true,
      maxSessionsPerUser: 0,
      heartbeat: HEARTBEAT,
      graceMs: GRACE_MS,
      frameRate: null,
      drainMs: DRAIN_MS,
    })
  }

  /** Whether it serves; one that cannot reach Redis does not start. */
  async start(): Promise<boolean> {
    try {
      await this.#bus.start()
    } catch {
      this.state = 'gone'
      return false
    }
    if (this.state === 'gone') return false
    this.#outbox.start()
    this.live.start()
    this.state = 'serving'
    return true
  }

  /** SIGKILL: nothing of it happens any more. `silently`: its machine is gone, and its clients hear nothing. */
  kill(how: 'silently' | 'loudly'): void {
    if (this.state === 'gone') return
    this.state = 'gone'
    for (const connection of this.#connections) connection.die()
    // Only what it would have done later: nothing is sent by it.
    void this.#outbox.stop()
    void this.#bus.stop()
    if (how === 'loudly') for (const socket of this.sockets) if (!socket.isGone) socket.drop()
  }

  /** SIGTERM: sends its sessions elsewhere, and stops. */
  async stop(): Promise<void> {
    if (this.state !== 'serving') return
    this.state = 'draining'
    const { clock, situations } = this.#options
    const { sessions } = this.live.census
    const deadline = clock.now() + DRAIN_MS
    await this.live.drain()
    if (sessions > 0 && clock.now() < deadline) situations.count('moved before the old connection ended')
    await this.end()
  }

  /** SIGINT. */
  async end(): Promise<void> {
    await this.live.stop()
    await this.#outbox.stop()
    await this.#bus.stop()
    this.state = 'gone'
  }

  /** Publishes as over HTTP. */
  publish(request: PublishRequest): Promise<PublishReply> {
    return this.#own(this.#publisher.publish(request))
  }

  /** Does something that a person asked for, and tells of it. */
  async act(project: ProjectId, transaction: Promise<void>): Promise<void> {
    await this.#own(transaction)
    this.live.projectChanged(project)
    this.#outbox.wake(project)
  }

  /** Nothing goes on in a process that is gone. */
  async #own<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } finally {
      if (this.state === 'gone') await new Promise(() => undefined)
    }
  }
}

function snapshotOf(id: ProjectId, facts: number): Snapshot {
  return {
    project: { id, name: 'Facts', currency: null, settings: {}, createdAt: '2026-01-01T00:00:00.000Z', version: facts + 1 },
    summary: { revision: 1, totals: [], controlTotals: null, activeJobs: 0, suggestions: 0, breaks: 0, unmatched: 0 },
    jobs: [],
  }
}
