import type { Bus, BusListener } from '../../src/bus/bus.js'
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

/** A process's way to a bus that others share; it can be cut, and then nothing of the process reaches anybody, nor it. */
export class Wire implements Omit<Bus, 'durable' | 'start' | 'stop' | 'head' | 'takeOnce' | 'latest'> {
  readonly #bus: MemoryBus
  readonly #listeners = new Map<BusListener, ProjectId>()
  isCut = false
  /** Only what comes from the bus by itself is lost. */
  isDeaf = false

  constructor(bus: MemoryBus) {
    this.#bus = bus
  }

  /** What was missed is gone, as after a long time. */
  async mend(): Promise<void> {
    this.isCut = false
    for (const [listener, project] of this.#listeners) listener.onLost('gap', await this.#bus.latest(project))
  }

  publish: Bus['publish'] = (...args) => this.#unlessCut(() => this.#bus.publish(...args))
  readEvents: Bus['readEvents'] = (...args) => this.#unlessCut(() => this.#bus.readEvents(...args))
  storedLatest: Bus['storedLatest'] = (...args) => this.#unlessCut(() => this.#bus.storedLatest(...args))
  report: Bus['report'] = (...args) => this.#unlessCut(() => this.#bus.report(...args))
  renewLease: Bus['renewLease'] = (...args) => this.#unlessCut(() => this.#bus.renewLease(...args))

  subscribe: Bus['subscribe'] = (project, listener) =>
    this.#unlessCut(async () => {
      this.#listeners.set(listener, project)
      const onMessage: BusListener['onMessage'] = (message) => {
        if (!this.isCut && !this.isDeaf) listener.onMessage(message)
      }
      const subscription = await this.#bus.subscribe(project, { ...listener, onMessage })
      const close = async () => {
        this.#listeners.delete(listener)
        await subscription.close()
      }
      return { ...subscription, close }
    })

  async #unlessCut<Answer>(act: () => Promise<Answer>): Promise<Answer> {
    if (this.isCut) throw new AppError('BUS_UNAVAILABLE')
    return act()
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

  constructor(count: number, options: MemoryFixtureOptions = {}) {
    for (let no = 0; no < count; no++) {
      const wire = new Wire(this.bus)
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
    await Promise.all(this.fixtures.map(({ live }) => live.stop()))
  }
}
