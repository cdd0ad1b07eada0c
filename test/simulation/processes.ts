import { LiveError } from '../../src/client/index.js'
import { msgpackCodec } from '../../src/client/msgpack.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Principal } from '../../src/sessions/auth.js'
import type { TransportHandler } from '../../src/transport/transport.js'
import { FakeClock } from '../sessions/fake-clock.js'
import { Checker } from './checker.js'
import { SimulatedClient } from './client.js'
import { fakeGlobals } from './fake-globals.js'
import { History } from './history.js'
import { GRACE_MS, HEARTBEAT, RETENTION, SimulatedProcess, simulatedBus } from './process.js'
import { Publishers, principalOf } from './publishers.js'
import { Random } from './random.js'
import { RedisFaults } from './redis-faults.js'
import { RedisNetwork } from './redis-network.js'
import { SimulatedDatabase } from './simulated-database.js'
import type { Situations } from './situations.js'
import { SimulatedSocket } from './socket.js'
import { SocketPairs } from './socket-pair.js'
import { Witness } from './witness.js'

const CLIENTS = 5
const PROJECTS = 2
const STEPS = 90
/** A silent project is looked at within 4 s (D7), a dead connection is found within 3 s and replaced (D9). */
const HEALING_MS = 8_000
/** A revocation is obeyed within a second (C9), and what was published just before it may be on its way. */
const OBEYED_MS = 1_100

/** The server looks after its sessions once a second. */
const SWEEPS_MS = 2_000

const THROWN = new Error('a handler throws')

/** What may happen, and how often in proportion. */
const STEPS_BY_WEIGHT = {
  publish: 45,
  fact: 35,
  join: 18,
  leave: 4,
  drop: 8,
  vanish: 1.5,
  stopReading: 4,
  readPart: 4,
  readAll: 5,
  revoke: 4,
  grant: 6,
  start: 6,
  stop: 1,
  kill: 1.5,
  cut: 4,
  swallow: 2,
  swallowAll: 0.5,
  standStill: 1,
  copy: 5,
  restart: 2.5,
  empty: 0.5,
  loseKey: 1.5,
  trouble: 3,
}

/** Runs one simulation of several processes. Answers what was wrong, nothing when all is well. */
export async function simulateProcesses(seed: number, count: number, situations: Situations): Promise<string[]> {
  const random = new Random(seed)
  const clock = new FakeClock({ random: () => random.next() })
  const restore = fakeGlobals(clock, random)
  try {
    return await new Processes(seed, count, clock, random, situations).run()
  } finally {
    restore()
  }
}

/**
 * Processes over one Redis and one database, which fail in every way that they have, and clients that move between the processes. What is real
 * is all of a process but its sockets: the bus with the text of its script, the outbox, publishing, the sessions. In the end everything is
 * repaired, and whoever is there must have heard everything that it was promised, once and in order.
 */
class Processes {
  readonly #random: Random
  readonly #situations: Situations
  readonly #faults: string[] = []
  readonly #clock: FakeClock
  readonly #history = new History()
  readonly #database: SimulatedDatabase
  readonly #network: RedisNetwork
  readonly #redisFaults: RedisFaults
  readonly #count: number
  readonly #processes: SimulatedProcess[] = []
  readonly #service: ReturnType<typeof simulatedBus>
  readonly #publishers: Publishers
  /** Where nobody serves. */
  readonly #nowhere: SocketPairs
  readonly #projects = Array.from({ length: PROJECTS }, () => newId<ProjectId>())
  readonly #clients: SimulatedClient[]
  readonly #isProved: boolean
  #sessions = 0
  #started = 0

  constructor(seed: number, count: number, clock: FakeClock, random: Random, situations: Situations) {
    this.#random = random
    this.#clock = clock
    this.#situations = situations
    this.#count = count
    this.#isProved = seed % 10 === 0
    const parts = { clock, random, situations }
    this.#database = new SimulatedDatabase(parts)
    const judging = { ...parts, history: this.#history, onFault: (fault: string) => this.#faults.push(fault) }
    const isDoubtful = (project: ProjectId, id: string) => this.#database.isDoubtful(project, id)
    const witness = new Witness({ ...judging, streamMaxEvents: RETENTION.streamMaxEvents, isDoubtful })
    this.#network = new RedisNetwork({ ...parts, onPublished: (channel, message) => witness.hear(channel, message) })
    this.#redisFaults = new RedisFaults({ ...parts, network: this.#network, history: this.#history })
    this.#service = simulatedBus(this.#network)
    this.#publishers = new Publishers({ ...judging, service: this.#service, serving: () => this.#serving() })
    this.#nowhere = new SocketPairs({ clock, random, slowBytes: 0, isProved: false, onFault: () => undefined, onClose: () => undefined })
    this.#nowhere.start({ onOpen: () => ({ onMessage() {}, onSlow() {}, onDrain() {}, onClose() {} }) } as unknown as TransportHandler)
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => this.#client(`user-${index % (CLIENTS - 1)}`))
  }

  async run(): Promise<string[]> {
    for (const project of this.#projects)
      this.#database.create(
        project,
        this.#clients.map(({ user }) => user),
      )
    this.#network.hasFaults = false
    const started = Promise.all([this.#service.bus.start(), ...Array.from({ length: this.#count }, () => this.#start())])
    await this.#clock.advance(20)
    await started
    this.#network.hasFaults = true
    for (const { client } of this.#clients) client.open()
    for (let step = 0; step < STEPS; step++) {
      this.#step()
      await this.#clock.advance(this.#random.chance(0.04) ? 3_000 : this.#random.below(80))
      for (const client of this.#clients) {
        if (this.#random.chance(0.8)) client.look()
        if (client.open.length === 0 && this.#random.chance(0.3)) client.client.retryNow()
      }
    }
    const isHearing = await this.#repair()
    this.#judge(isHearing)
    await this.#end()
    return this.#faults
  }

  #step(): void {
    const random = this.#random
    const client = random.pick(this.#clients)
    const project = random.pick(this.#projects)
    const step = random.weighted(STEPS_BY_WEIGHT)
    switch (step) {
      case 'publish':
        this.#publishers.publish(client, project)
        return
      case 'fact':
        this.#act(project, () => this.#database.store(project))
        this.#situations.count('a fact is stored')
        return
      case 'join':
        if (!client.rooms.has(project) || random.chance(0.2)) client.join(project)
        return
      case 'leave':
        client.leave(project)
        return
      case 'drop':
        for (const socket of client.open) socket.drop()
        this.#situations.count('dropped')
        if (random.chance(0.5)) client.client.retryNow()
        return
      case 'vanish':
        for (const socket of client.open) {
          socket.vanish()
          this.#situations.count('gone without a close')
        }
        return
      case 'stopReading':
        for (const { pair } of client.open) pair.isReading = false
        this.#situations.count('stopped reading')
        return
      case 'readPart':
        for (const { pair } of client.open) if (pair.unsentBytes > 0) pair.read(random.below(pair.unsentBytes) + 1)
        return
      case 'readAll':
        for (const { open } of this.#clients) if (random.chance(0.5)) for (const socket of open) readAgain(socket)
        return
      case 'revoke':
        this.#act(project, () => this.#database.setRole(project, client.user, null))
        return
      case 'grant':
        this.#act(project, () => this.#database.setRole(project, client.user, 'admin'))
        return
      case 'start':
        if (this.#processes.length < this.#count) void this.#start()
        return
      case 'stop':
        void this.#stop()
        return
      case 'kill':
        this.#kill()
        return
      case 'trouble': {
        const kind = random.pick(['failing', 'slow', 'away'] as const)
        this.#database.trouble(kind, random.below(3_000))
        this.#situations.count(kind === 'slow' ? 'the database is slow' : kind === 'away' ? 'the database is away' : 'the database fails')
        return
      }
      default:
        this.#redisFaults.begin(step)
    }
  }

  async #start(): Promise<void> {
    const process = new SimulatedProcess({
      name: `process-${++this.#started}`,
      clock: this.#clock,
      random: this.#random,
      situations: this.#situations,
      network: this.#network,
      database: this.#database,
      isProved: this.#isProved,
      verifyToken: (token) => this.#verify(token),
      onFault: (fault) => this.#faults.push(fault),
    })
    this.#processes.push(process)
    if (await process.start()) this.#situations.count('a process starts')
    else {
      this.#situations.count('a process cannot start')
      this.#forget(process)
    }
  }

  async #stop(): Promise<void> {
    const [process] = this.#serving()
    if (!process) return
    this.#situations.count('a process drains')
    await process.stop()
    this.#forget(process)
  }

  #kill(): void {
    if (this.#processes.length === 0) return
    const process = this.#random.pick(this.#processes)
    const isMachine = this.#random.chance(0.3)
    process.kill(isMachine ? 'silently' : 'loudly')
    this.#situations.count(isMachine ? 'a machine is gone' : 'a process is killed')
    this.#forget(process)
  }

  #forget(process: SimulatedProcess): void {
    const at = this.#processes.indexOf(process)
    if (at >= 0) this.#processes.splice(at, 1)
  }

  #serving(): SimulatedProcess[] {
    return this.#processes.filter(({ state }) => state === 'serving')
  }

  /** What a person does at a process. It may fail, and is not done again. */
  #act(project: ProjectId, transaction: () => Promise<void>): void {
    const serving = this.#serving()
    if (serving.length === 0) return
    this.#random
      .pick(serving)
      .act(project, transaction())
      .catch(() => undefined)
  }

  #client(user: string): SimulatedClient {
    const random = this.#random
    const clock = this.#clock
    return new SimulatedClient({
      user,
      history: this.#history,
      situations: this.#situations,
      countFacts: (project) => this.#database.facts(project as ProjectId),
      client: {
        ...(random.chance(0.5) && { codec: msgpackCodec }),
        clock: { now: () => clock.today(), random: () => random.next(), after: (ms, callback) => clock.after(ms, callback) },
        token: async () => user,
      },
      openSocket: (subprotocol) => this.#openSocket(user, subprotocol),
      handle: () => {
        if (random.chance(0.02)) throw THROWN
        return random.chance(0.98) ? null : this.#wait(random.below(60))
      },
    })
  }

  #openSocket(user: string, subprotocol: string): SimulatedSocket {
    const serving = this.#serving()
    const process = serving.length > 0 ? this.#random.pick(serving) : null
    const attendance = {
      today: () => this.#clock.today(),
      mayFail: (at: number) => this.#database.hadTrouble(at),
      wasAbsent: (project: string, at: number) => this.#database.wasAbsent(project, user, at, OBEYED_MS),
    }
    const checker = new Checker(`session ${++this.#sessions}`, this.#history, this.#situations, attendance)
    const pair = (process?.transport ?? this.#nowhere).connect(subprotocol)
    const socket = new SimulatedSocket(pair, checker)
    process?.sockets.add(socket)
    this.#clock.after(this.#random.below(6), () => {
      if (process?.state === 'serving') socket.open()
      else if (!socket.isGone) socket.drop()
    })
    return socket
  }

  /** Nothing fails any more, everybody is there and reads, and may hear everything. Whether all of them came to hear what they want. */
  async #repair(): Promise<boolean> {
    this.#network.hasFaults = false
    this.#network.swallowsConnections = false
    this.#database.heal()
    while (this.#network.isDown || this.#network.isStopped) await this.#clock.advance(200)
    while (this.#processes.length < this.#count) void this.#start()
    for (let waited = 0; waited < HEALING_MS; waited += 400) {
      await this.#clock.advance(400)
      for (const client of this.#clients) {
        for (const socket of client.open) readAgain(socket)
        client.look()
        if (client.open.length === 0) client.client.retryNow()
      }
      if (this.#processes.length < this.#count) void this.#start()
    }
    for (const client of this.#clients) {
      for (const project of this.#projects) {
        if (client.hears(project) && !this.#database.hasRole(project, client.user)) {
          this.#faults.push(`[C9] ${client.user} hears ${project} without a role`)
        }
      }
    }
    for (const project of this.#projects) {
      for (const { user } of this.#clients) this.#act(project, () => this.#database.setRole(project, user, 'admin'))
    }
    for (let round = 0; round < 150; round++) {
      await this.#clock.advance(100)
      for (const client of this.#clients) {
        for (const socket of client.open) readAgain(socket)
        client.look()
        if (client.open.length === 0) client.client.retryNow()
        if (round >= 5) for (const project of this.#projects) if (!client.rooms.has(project)) client.join(project)
      }
      const isDone =
        this.#projects.every((project) => this.#database.pending(project) === 0) &&
        this.#clients.every((client) => client.open.length === 1 && this.#projects.every((project) => client.hears(project)))
      if (round < 10 || !isDone) continue
      await this.#clock.advance(300)
      for (const client of this.#clients) client.look()
      await this.#clock.advance(1_000)
      return true
    }
    const pending = this.#projects.map((project) => this.#database.pending(project))
    this.#faults.push(`[C5] somebody never came to hear what he wants, or news never went out: ${pending}`)
    return false
  }

  #judge(isHearing: boolean): void {
    for (const [index, client] of this.#clients.entries()) {
      for (const { isGone, checker } of client.sockets) {
        if (isHearing && !isGone) checker.finish(this.#projects)
        this.#faults.push(...checker.faults.map((fault) => `client ${index}: ${fault}`))
      }
      this.#faults.push(...client.faults(isHearing).map((fault) => `client ${index}: ${fault}`))
      const surprises = client.errors.filter((error) => error !== THROWN && !(error instanceof LiveError))
      this.#faults.push(...surprises.map((error) => `client ${index}: an error of the SDK: ${error}`))
    }
    for (const project of this.#projects) {
      const lost = this.#database.queued(project).filter((id) => !this.#history.wasTold(project, id))
      if (lost.length > 0) this.#faults.push(`[P4] kept for later and never told: ${lost.length}`)
    }
  }

  /** Everybody goes, and nothing is left. */
  async #end(): Promise<void> {
    for (const { client, sockets } of this.#clients) {
      client.close()
      // Also those of whom only the client knows that they are gone.
      for (const socket of sockets) readAgain(socket)
    }
    await this.#clock.advance(GRACE_MS + HEARTBEAT.intervalMs + HEARTBEAT.timeoutMs + SWEEPS_MS)
    for (const { name, live, transport } of this.#processes) {
      const { sessions, slow, unsentBytes, subscriptions } = live.census
      if (sessions + slow + unsentBytes + subscriptions + transport.topics.size > 0) {
        this.#faults.push(`[J7] left behind in ${name}: ${JSON.stringify(live.census)} and ${transport.topics.size} topics`)
      }
    }
    const channels = [...this.#network.connections]
      .flatMap((connection) => [...connection.channels])
      .filter((name) => name.endsWith(':live'))
    if (channels.length > 0) this.#faults.push(`[J7] still subscribed: ${channels}`)
    const ended = Promise.all([...this.#processes.map((process) => process.end()), this.#service.bus.stop()])
    await this.#clock.advance(100)
    await ended
  }

  async #verify(user: string): Promise<Principal> {
    return principalOf(user)
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve))
  }
}

function readAgain({ pair }: SimulatedSocket): void {
  pair.isReading = true
  pair.read()
}
