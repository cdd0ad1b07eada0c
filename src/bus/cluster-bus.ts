import { AppError } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { Position } from '../protocol/position.js'
import type {
  Bus,
  BusEvents,
  BusHead,
  BusItem,
  BusLatest,
  BusListener,
  BusReply,
  BusState,
  BusSubscription,
  LeaseRenewal,
  OutboxState,
  ReadLimits,
} from './bus.js'
import { askNodes, type ClusterNode, SLOTS, slotOf } from './cluster-slots.js'
import type { Delivery } from './probe.js'
import { RedisBus, type RedisBusOptions } from './redis-bus.js'
import { redisConnection } from './redis-connection.js'

/** How often is looked whether slots have moved. Who meets one that has looks at once. */
const LOOK_MS = 1_000
/** Tag of the keys of no project (B6). */
const COMMON_TAG = 'tallyroom'

interface Node {
  readonly address: string
  readonly bus: RedisBus
  /** Of its probes: in a slot that it has. */
  readonly tag: string
}

/** The bus for what is at the address: a Redis alone, or the Cluster that it is a part of. @throws AppError `BUS_UNAVAILABLE`. */
export async function redisBusAt(options: RedisBusOptions): Promise<RedisBus | ClusterBus> {
  return (await askAt(options)) === null ? new RedisBus(options) : new ClusterBus(options)
}

/**
 * The bus on a Redis Cluster. A project lives at the node that has its slot, and each node is a {@link RedisBus} of its own, with sharded
 * pub/sub, with its own probes and its own healing. When a slot moves, what is heard of its projects moves to the bus of the other node, which
 * reads there what was missed on the way.
 */
export class ClusterBus implements Bus {
  readonly durable = true
  readonly #options: RedisBusOptions
  /** By address. */
  #nodes = new Map<string, Node>()
  /** By slot. */
  #owners: (Node | undefined)[] = []
  readonly #unproven = new Set<RedisBus>()
  #looking: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #isStopped = false

  constructor(options: RedisBusOptions) {
    this.#options = options
  }

  get isAway(): boolean {
    return this.#buses.every((bus) => bus.isAway)
  }

  get proofAgeMs(): number {
    return Math.max(...this.#buses.map((bus) => bus.proofAgeMs))
  }

  /** @throws AppError `BUS_UNAVAILABLE` when one of the nodes cannot be reached. */
  async start(): Promise<void> {
    const nodes = await askAt(this.#options)
    if (nodes === null) throw new AppError('BUS_UNAVAILABLE', { message: 'Redis says that it is no Cluster' })
    try {
      await Promise.all(nodes.map((node) => this.#add(node)))
    } catch (error) {
      await this.stop()
      throw error
    }
    await this.#adopt(nodes)
    this.#timer = setInterval(() => void this.#look(), LOOK_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearInterval(this.#timer)
    await this.#looking
    await Promise.all(this.#buses.map((bus) => bus.stop()))
  }

  publish(project: ProjectId, items: readonly BusItem[]): Promise<BusReply> {
    return this.#at(project, (bus) => bus.publish(project, items))
  }

  subscribe(project: ProjectId, listener: BusListener): Promise<BusSubscription> {
    return this.#at(project, (bus) => bus.subscribe(project, listener))
  }

  head(project: ProjectId): Promise<BusHead> {
    return this.#at(project, (bus) => bus.head(project))
  }

  latest(project: ProjectId): Promise<BusState> {
    return this.#at(project, (bus) => bus.latest(project))
  }

  readEvents(project: ProjectId, after: Position, limits: ReadLimits): Promise<BusEvents | null> {
    return this.#at(project, (bus) => bus.readEvents(project, after, limits))
  }

  outboxState(project: ProjectId): Promise<OutboxState> {
    return this.#at(project, (bus) => bus.outboxState(project))
  }

  endEpoch(project: ProjectId, epoch: string): Promise<void> {
    return this.#at(project, (bus) => bus.endEpoch(project, epoch))
  }

  storedLatest(project: ProjectId, key: string): Promise<BusLatest | null> {
    return this.#at(project, (bus) => bus.storedLatest(project, key))
  }

  report(project: ProjectId, process: string, text: string | null): Promise<ReadonlyMap<string, string>> {
    return this.#at(project, (bus) => bus.report(project, process, text))
  }

  takeOnce(name: string, ttlMs: number): Promise<boolean> {
    return this.#at(COMMON_TAG, (bus) => bus.takeOnce(name, ttlMs))
  }

  renewLease(process: string, ttlMs: number, others: Iterable<string>): Promise<LeaseRenewal> {
    const names = [...others]
    return this.#at(COMMON_TAG, (bus) => bus.renewLease(process, ttlMs, names))
  }

  get #buses(): RedisBus[] {
    return [...this.#nodes.values()].map(({ bus }) => bus)
  }

  /** At the node that has the tag's slot; once more when it turns out that it has it no more. */
  async #at<Result>(tag: string, act: (bus: RedisBus) => Promise<Result>): Promise<Result> {
    try {
      return await act(this.#ownerOf(tag).bus)
    } catch (error) {
      if (!hasMoved(error)) throw error
      await this.#look()
      return await act(this.#ownerOf(tag).bus)
    }
  }

  #ownerOf(tag: string): Node {
    const node = this.#owners[slotOf(tag)]
    if (!node) throw new AppError('BUS_UNAVAILABLE', { message: 'no node of the Redis Cluster has the slot' })
    return node
  }

  /** Never rejects: what does not answer is asked again in the next round. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = null
      })
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    const present = this.#buses.filter((bus) => !bus.isAway)
    const nodes = await Promise.any(present.map((bus) => bus.askNodes()))
    if (nodes === null || this.#isStopped) return
    // One that cannot be reached yet is one that its projects wait for.
    await Promise.allSettled(nodes.filter((node) => !this.#isKnown(node)).map((node) => this.#add(node)))
    await this.#adopt(nodes)
  }

  /** A node whose probes lie in a slot that it has given away proves nothing any more: it begins anew. */
  #isKnown({ address, ranges }: ClusterNode): boolean {
    const node = this.#nodes.get(address)
    return node !== undefined && isIn(ranges, slotOf(node.tag))
  }

  async #add({ address, ranges }: ClusterNode): Promise<void> {
    const url = new URL(this.#options.url)
    url.host = address
    let tag = newId()
    while (!isIn(ranges, slotOf(tag))) tag = newId()
    const bus: RedisBus = new RedisBus({
      ...this.#options,
      url: url.href,
      shard: { tag, onMoved: () => void this.#look() },
      onDelivery: (delivery) => this.#deliveryChanged(bus, delivery),
    })
    try {
      await bus.start()
    } catch (error) {
      // It may have been there for a moment, and nobody will hear of it again.
      this.#deliveryChanged(bus, 'proven')
      throw error
    }
    if (this.#isStopped) return bus.stop()
    const before = this.#nodes.get(address)
    this.#nodes.set(address, { address, bus, tag })
    if (before) await this.#leave(before, () => bus)
  }

  /** From now on slots are where this says; what is heard of their projects follows. */
  async #adopt(nodes: readonly ClusterNode[]): Promise<void> {
    const owners = new Array<Node | undefined>(SLOTS)
    for (const { address, ranges } of nodes) {
      const node = this.#nodes.get(address)
      if (node) for (const [first, last] of ranges) owners.fill(node, first, last + 1)
    }
    this.#owners = owners
    const ownerOf = (project: ProjectId) => owners[slotOf(project)]?.bus
    for (const node of [...this.#nodes.values()]) {
      if (owners.includes(node)) await Promise.all(node.bus.projects.map((project) => this.#move(node.bus, project, ownerOf(project))))
      else if (node.bus.projects.every((project) => ownerOf(project))) await this.#leave(node, ownerOf)
    }
  }

  async #leave(node: Node, ownerOf: (project: ProjectId) => RedisBus | undefined): Promise<void> {
    await Promise.all(node.bus.projects.map((project) => this.#move(node.bus, project, ownerOf(project))))
    if (this.#nodes.get(node.address) === node) this.#nodes.delete(node.address)
    await node.bus.stop()
    this.#deliveryChanged(node.bus, 'proven')
  }

  async #move(from: RedisBus, project: ProjectId, to: RedisBus | undefined): Promise<void> {
    if (to && to !== from) await from.moveTo(to, project)
  }

  /** Proven is what reaches this process from all nodes. */
  #deliveryChanged(bus: RedisBus, delivery: Delivery): void {
    const before = this.#unproven.size
    if (delivery === 'proven') this.#unproven.delete(bus)
    else this.#unproven.add(bus)
    if ((before === 0) !== (this.#unproven.size === 0)) this.#options.onDelivery?.(this.#unproven.size === 0 ? 'proven' : 'unproven')
  }
}

/** @throws AppError `BUS_UNAVAILABLE`. */
async function askAt({ url, connect = redisConnection }: RedisBusOptions): Promise<readonly ClusterNode[] | null> {
  const redis = connect(url, 'tallyroom-cluster', () => undefined)
  try {
    await redis.connect()
    return await askNodes(redis)
  } catch (error) {
    throw new AppError('BUS_UNAVAILABLE', { message: `cannot reach Redis at ${new URL(url).host}`, cause: error })
  } finally {
    redis.disconnect()
  }
}

const isIn = (ranges: ClusterNode['ranges'], slot: number) => ranges.some(([first, last]) => first <= slot && slot <= last)

/** Redis answers so before it does anything. In a transaction it says so of each command, and of the whole that it was not done. */
function hasMoved(error: unknown): boolean {
  return error instanceof AppError && error.cause instanceof Error && /^(MOVED|EXECABORT)\b/.test(error.cause.message)
}
