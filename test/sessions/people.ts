import type { Bus, BusListener, BusMessage } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Latest } from '../../src/protocol/events.js'
import type { ServerMessage } from '../../src/protocol/messages.js'
import type { MemberView, Role } from '../../src/protocol/views.js'
import { FakeClock } from './fake-clock.js'
import { eventItem, snapshotOf } from './live-fixture.js'
import { type MemoryClient, MemoryFixture, type MemoryFixtureOptions } from './memory-fixture.js'

/** What a client makes of its frames: the latest values of a project, and what came beside them. */
export class Onlooker<Client extends { readonly received: ServerMessage[] } = MemoryClient> {
  readonly client: Client
  readonly latest = new Map<string, Latest>()
  /** Frames with news of who is present. */
  presenceFrames = 0
  /** Keys that were live and are not, as often as that was told. */
  readonly gone: string[] = []

  constructor(client: Client) {
    this.client = client
  }

  /** The data that is live under keys that begin so, by the rest of the key. */
  look(prefix: string): Record<string, unknown> {
    for (const message of this.client.received.splice(0)) {
      if (message.type === 'joined') this.latest.clear()
      if (message.type !== 'joined' && message.type !== 'deliver') {
        this.client.received.push(message)
        continue
      }
      if (message.type === 'deliver' && message.latest.some(({ key }) => key.startsWith('presence/'))) this.presenceFrames++
      for (const value of message.latest) {
        const before = this.latest.get(value.key)
        if (before && before.version >= value.version) throw new Error(`${value.key} went from ${before.version} to ${value.version}`)
        this.latest.set(value.key, value)
        if (value.data === null) this.gone.push(value.key)
      }
    }
    const live = [...this.latest.values()].filter(({ key, data }) => key.startsWith(prefix) && data !== null)
    return Object.fromEntries(live.map(({ key, data }) => [key.slice(prefix.length), data]))
  }

  /** Who is shown, by session. */
  get people(): Record<string, unknown> {
    const { count: _, ...people } = this.look('presence/')
    return people
  }

  /** How many are present; undefined: nobody has said. */
  get count(): unknown {
    return (this.look('presence/').count as { count: number } | undefined)?.count
  }

  /** The claims, by target. */
  get claims(): Record<string, unknown> {
    return this.look('claim/')
  }
}

export interface WireOptions {
  readonly bus: MemoryBus
  readonly clock: FakeClock
  /** Milliseconds on the way, each time; default none. */
  readonly lagMs?: () => number
  /** Whether what was done is not answered; default never. */
  readonly isLost?: () => boolean
}

/** A process's way to a bus that others share; it can be cut, and then nothing of the process reaches anybody, nor it. */
export class Wire
  implements Omit<Bus, 'durable' | 'isAway' | 'proofAgeMs' | 'outboxState' | 'endEpoch' | 'start' | 'stop' | 'head' | 'takeOnce' | 'latest'>
{
  readonly #options: WireOptions
  readonly #listeners = new Map<BusListener, ProjectId>()
  /** When the last message arrives. */
  #arrivesAt = 0
  /** Rises when what is on its way is lost. */
  #run = 0
  isCut = false
  /** Only what comes from the bus by itself is lost. */
  isDeaf = false

  constructor(options: WireOptions) {
    this.#options = options
  }

  cut(): void {
    this.isCut = true
    this.#run++
  }

  /** What was missed is gone, as after a long time. */
  async mend(): Promise<void> {
    this.isCut = false
    this.#run++
    for (const [listener, project] of this.#listeners) listener.onLost('gap', await this.#options.bus.latest(project))
  }

  publish: Bus['publish'] = (...args) => this.#pass(() => this.#options.bus.publish(...args))
  readEvents: Bus['readEvents'] = (...args) => this.#pass(() => this.#options.bus.readEvents(...args))
  storedLatest: Bus['storedLatest'] = (...args) => this.#pass(() => this.#options.bus.storedLatest(...args))
  report: Bus['report'] = (...args) => this.#pass(() => this.#options.bus.report(...args))
  renewLease: Bus['renewLease'] = (...args) => this.#pass(() => this.#options.bus.renewLease(...args))

  subscribe: Bus['subscribe'] = (project, listener) =>
    this.#pass(async () => {
      const { bus } = this.#options
      this.#listeners.set(listener, project)
      const subscription = await bus.subscribe(project, { ...listener, onMessage: (message) => this.#bring(listener, message) })
      const close = async () => {
        this.#listeners.delete(listener)
        await subscription.close()
      }
      return { ...subscription, close }
    }, 'answered')

  #bring(listener: BusListener, message: BusMessage): void {
    if (this.isCut || this.isDeaf) return
    const { clock, lagMs } = this.#options
    if (!lagMs) {
      listener.onMessage(message)
      return
    }
    const run = this.#run
    this.#arrivesAt = Math.max(this.#arrivesAt, clock.now() + lagMs())
    clock.after(this.#arrivesAt - clock.now(), () => {
      if (run === this.#run && this.#listeners.has(listener)) listener.onMessage(message)
    })
  }

  async #pass<Answer>(
    act: () => Promise<Answer>,
    outcome: 'answered' | 'lost' = this.#options.isLost?.() ? 'lost' : 'answered',
  ): Promise<Answer> {
    const { clock, lagMs } = this.#options
    if (lagMs) await new Promise<void>((resolve) => void clock.after(lagMs(), resolve))
    if (this.isCut) throw new AppError('BUS_UNAVAILABLE')
    const answer = await act()
    if (this.isCut || outcome === 'lost') throw new AppError('BUS_UNAVAILABLE')
    return answer
  }
}

/** Several processes on one bus, in one time, where everybody is an analyst of every project. */
export class Processes {
  readonly clock = new FakeClock()
  readonly bus = new MemoryBus({ now: () => this.clock.today() })
  readonly project = newId<ProjectId>()
  /** Of who is no analyst. */
  readonly roles = new Map<string, Role | null>()
  readonly wires: Wire[] = []
  readonly fixtures: MemoryFixture[] = []

  constructor(count: number, { lagMs, isLost, ...options }: MemoryFixtureOptions & Omit<WireOptions, 'bus' | 'clock'> = {}) {
    for (let no = 0; no < count; no++) {
      const wire = new Wire({ bus: this.bus, clock: this.clock, ...(lagMs && { lagMs }), ...(isLost && { isLost }) })
      this.wires.push(wire)
      this.fixtures.push(
        new MemoryFixture({
          clock: this.clock,
          bus: wire,
          membership: async ({ user }) => (this.roles.has(user.id) ? this.roles.get(user.id)! : 'analyst'),
          roster: async () => 'too-many',
          snapshot: async (project) => snapshotOf(project),
          // Nobody answers a ping here.
          heartbeat: { intervalMs: 3_600_000, timeoutMs: 3_600_000 },
          ...options,
        }),
      )
    }
  }

  /** A session on that process that has joined the project. */
  async join(no: number, user: string): Promise<MemoryClient> {
    return this.fixtures[no]!.joined(user, this.project)
  }

  async onlooker(no: number, user = 'onlooker'): Promise<Onlooker> {
    const client = await this.fixtures[no]!.signIn(user)
    client.send({ type: 'join', ref: 1, project: this.project })
    await this.clock.advance(0)
    return new Onlooker(client)
  }

  /** Changes the user's role, with the news of it. */
  async setRole(user: string, role: Role | null): Promise<void> {
    this.roles.set(user, role)
    const member: MemberView = { project: this.project, user: { id: user, name: user }, role, version: 2 }
    await this.bus.publish(this.project, [eventItem('member.changed', { member })])
  }

  async stop(): Promise<void> {
    const stopped = Promise.all(this.fixtures.map(({ live }) => live.stop()))
    await this.clock.advance(2_000)
    await stopped
  }
}
