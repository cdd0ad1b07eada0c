import type {
  Bus,
  BusEvents,
  BusItem,
  BusLatest,
  BusListener,
  BusReply,
  BusState,
  BusSubscription,
  LeaseRenewal,
  ReadLimits,
} from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { AppError } from '../../src/errors.js'
import type { ProjectId } from '../../src/ids.js'
import type { Position } from '../../src/protocol/position.js'
import type { FakeClock } from '../sessions/fake-clock.js'
import type { History } from './history.js'
import type { Situations } from './situations.js'

interface Store {
  readonly bus: MemoryBus
  /** Events up to here are not kept any more. */
  floor: number
}

interface Listening {
  readonly project: ProjectId
  readonly listener: BusListener
  close: () => Promise<void>
  /** Rises when what is on its way is lost. */
  run: number
  isOpening: boolean
  isClosed: boolean
  /** When what was sent last arrives. */
  arrivesAt: number
}

export interface SimulatedBusOptions {
  readonly clock: FakeClock
  readonly history: History
  readonly situations: Situations
  /** Milliseconds on the way. */
  readonly lag: () => number
  /** Resolves after some time, mostly at once. */
  readonly pause: () => Promise<void>
}

/** A bus whose answers and messages take their time, which forgets old events, loses messages, and begins anew, when it is told to. */
export class SimulatedBus
  implements Omit<Bus, 'durable' | 'isAway' | 'proofAgeMs' | 'outboxState' | 'endEpoch' | 'start' | 'stop' | 'head' | 'takeOnce' | 'latest'>
{
  readonly #options: SimulatedBusOptions
  readonly #stores = new Map<ProjectId, Store>()
  readonly #listening = new Set<Listening>()
  /** What is of no project. */
  readonly #leases: MemoryBus

  constructor(options: SimulatedBusOptions) {
    this.#options = options
    this.#leases = new MemoryBus({ now: () => options.clock.today() })
  }

  get subscriptions(): number {
    return this.#listening.size
  }

  /** A project with a history of its own. */
  async create(project: ProjectId): Promise<void> {
    const { history, clock } = this.#options
    const bus = new MemoryBus({ now: () => clock.today() })
    const { epoch } = await bus.head(project)
    await bus.subscribe(project, { onMessage: (message) => history.add(message), onLost: () => undefined })
    history.begin(project, epoch)
    this.#stores.set(project, { bus, floor: 0 })
  }

  async publish(project: ProjectId, items: readonly BusItem[]): Promise<BusReply> {
    await this.#options.pause()
    return this.#store(project).bus.publish(project, items)
  }

  async storedLatest(project: ProjectId, key: string): Promise<BusLatest | null> {
    await this.#options.pause()
    return this.#store(project).bus.storedLatest(project, key)
  }

  async report(project: ProjectId, process: string, text: string | null): Promise<ReadonlyMap<string, string>> {
    await this.#options.pause()
    return this.#store(project).bus.report(project, process, text)
  }

  async renewLease(process: string, ttlMs: number, others: Iterable<string>): Promise<LeaseRenewal> {
    await this.#options.pause()
    return this.#leases.renewLease(process, ttlMs, others)
  }

  async subscribe(project: ProjectId, listener: BusListener): Promise<BusSubscription> {
    const { pause } = this.#options
    await pause()
    const own: Listening = { project, listener, close: async () => {}, run: 0, isOpening: true, isClosed: false, arrivesAt: 0 }
    this.#listening.add(own)
    const state = await this.#listen(own)
    await pause()
    // Another history has begun meanwhile.
    if (own.isClosed) throw new AppError('BUS_UNAVAILABLE')
    own.isOpening = false
    return { ...state, close: () => this.#end(own) }
  }

  async readEvents(project: ProjectId, after: Position, limits: ReadLimits): Promise<BusEvents | null> {
    const { pause, situations } = this.#options
    await pause()
    const { bus, floor } = this.#store(project)
    const found = await bus.readEvents(project, after, limits)
    const isForgotten = found !== null && after.seq < floor && after.seq < found.head.seq
    if (isForgotten) situations.count('a position that is not retained')
    else if (found) situations.count('the stream is read')
    await pause()
    return isForgotten ? null : found
  }

  /** Forgets the events so far. */
  async trim(project: ProjectId): Promise<void> {
    const store = this.#store(project)
    store.floor = (await store.bus.head(project)).seq
  }

  /** The history is lost, and another one begins. */
  async beginAnew(project: ProjectId): Promise<void> {
    await this.create(project)
    for (const own of [...this.#listening].filter((one) => one.project === project)) {
      if (own.isOpening) await this.#end(own)
      else await this.#lose(own, 'epoch')
    }
  }

  /** What is on its way to one of those who listen is lost. */
  async loseMessages(project: ProjectId): Promise<void> {
    for (const own of this.#listening) {
      if (own.project === project && !own.isOpening) return this.#lose(own, 'gap')
    }
  }

  #store(project: ProjectId): Store {
    return this.#stores.get(project)!
  }

  async #listen(own: Listening): Promise<BusState> {
    const { project } = own
    const { close, head, latest } = await this.#store(project).bus.subscribe(project, {
      onMessage: (message) => this.#send(own, () => own.listener.onMessage(message)),
      onLost: () => undefined,
    })
    own.close = close
    return { head, latest }
  }

  async #lose(own: Listening, reason: 'gap' | 'epoch'): Promise<void> {
    own.run++
    await own.close()
    // What comes from here on stands behind the news of the loss.
    const listening = this.#listen(own)
    let state: BusState | null = null
    this.#send(own, () => own.listener.onLost(reason, state!))
    state = await listening
  }

  async #end(own: Listening): Promise<void> {
    own.isClosed = true
    this.#listening.delete(own)
    await own.close()
  }

  /** In order, however long each takes. */
  #send(own: Listening, arrive: () => void): void {
    const { clock, lag } = this.#options
    const { run } = own
    own.arrivesAt = Math.max(own.arrivesAt, clock.now() + 1 + lag())
    clock.after(own.arrivesAt - clock.now(), () => {
      if (own.run === run && !own.isClosed) arrive()
    })
  }
}
