import type { Redis } from 'ioredis'
import { AppError } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { BusMetrics } from '../metrics/bus-metrics.js'
import { TOMBSTONE_BODY } from '../protocol/events.js'
import type { Position } from '../protocol/position.js'
import type {
  Bus,
  BusEvents,
  BusHead,
  BusItem,
  BusLatest,
  BusListener,
  BusMessage,
  BusReply,
  BusState,
  BusSubscription,
  LeaseRenewal,
  OutboxState,
  ReadLimits,
} from './bus.js'
import { parseBusMessage } from './bus-message.js'
import { askNodes, type ClusterNode } from './cluster-slots.js'
import { type Delivery, Probe } from './probe.js'
import { available, redisConnection } from './redis-connection.js'
import { RedisHistory } from './redis-history.js'
import { type ProjectSource, RedisSubscription } from './redis-subscription.js'
import { Silence, SWEEP_MS } from './silence.js'

export interface Shard {
  /** In a slot that the node has; of the probes. */
  readonly tag: string
  /** The node has given away a slot in which something was heard. */
  readonly onMoved: () => void
}

export interface RedisBusOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string
  /** First part of each key and channel. Default `tallyroom`, which publishers in other languages expect. */
  readonly prefix?: string
  /** Events that a project's stream keeps at least. Default 10 000. */
  readonly streamMaxEvents?: number
  /** Age of the last event after which a stream is dropped. Default one hour. */
  readonly streamMaxAgeMs?: number
  /** It is a node of a Cluster, and its pub/sub is sharded. */
  readonly shard?: Shard
  /** Opens a connection. Default {@link redisConnection}. */
  readonly connect?: typeof redisConnection
  /** Hears of connections lost and found, once each; never of their address, which may hold a password. */
  readonly onConnection?: (connection: 'commands' | 'subscriptions', state: 'ready' | 'lost') => void
  /** Another history of the project has begun, as a subscription here has found, or may have begun while none was here: what the old one took may be lost (B4). */
  readonly onEpoch?: (project: ProjectId) => void
  /** Hears whether what is published arrives here (D9): it is believed at the start, and proved from then on. */
  readonly onDelivery?: (delivery: Delivery) => void
  /** Default: nothing is counted. */
  readonly metrics?: BusMetrics
}

const DEFAULTS = { prefix: 'tallyroom', streamMaxEvents: 10_000, streamMaxAgeMs: 3_600_000, connect: redisConnection }

/** Of ioredis: a connection that is ended on purpose comes back only when it is told to. */
const RECONNECT = true

/** The bus between processes: one script writes, pub/sub carries, stream and meta repair what pub/sub dropped. */
export class RedisBus implements Bus {
  readonly durable = true
  readonly #address: string
  readonly #commands: Redis
  readonly #subscriber: Redis
  readonly #history: RedisHistory
  /** Of this process alone. */
  readonly #probeChannel: string
  readonly #probe: Probe
  readonly #shard: Shard | undefined
  readonly #onEpoch: RedisBusOptions['onEpoch']
  readonly #metrics: BusMetrics | undefined
  /** The probe that was sent last, and when. */
  #probed = { no: 0, at: 0 }
  readonly #subscriptions = new Map<string, Set<RedisSubscription>>()
  /** Where what was heard here is heard now. */
  readonly #moved = new WeakMap<RedisSubscription, RedisBus>()
  readonly #silence: Silence
  #sweep: NodeJS.Timeout | null = null
  #isChecking = false
  #isSubscribed = false
  #isStopped = false

  constructor(options: RedisBusOptions) {
    const { url, prefix, streamMaxEvents, streamMaxAgeMs, connect } = { ...DEFAULTS, ...options }
    this.#shard = options.shard
    this.#onEpoch = options.onEpoch
    this.#metrics = options.metrics
    this.#address = new URL(url).host
    const connection = (name: 'commands' | 'subscriptions') =>
      connect(url, `${prefix}-${name}`, (state) => {
        if (this.#isStopped) return
        options.onConnection?.(name, state)
        if (state === 'lost') this.#probe.lost()
        else if (name === 'commands') {
          this.#probe.sendNow()
          // Subscriptions that came back before had nobody to ask.
          void this.#silence.check()
        }
        // Until it has subscribed anew.
        if (name === 'subscriptions') this.#isSubscribed = false
      })
    this.#commands = connection('commands')
    this.#subscriber = connection('subscriptions')
    const publishCommand = this.#shard ? 'spublish' : 'publish'
    this.#history = new RedisHistory({ commands: this.#commands, prefix, streamMaxEvents, streamMaxAgeMs, publishCommand })
    this.#silence = new Silence({
      commands: this.#commands,
      key: (project, name) => this.#history.key(project, name),
      subscriptions: this.#subscriptions,
      // A node ends what is heard in a slot that it gives away, and the slot may be there again before anybody has looked.
      hearAgain: this.#shard && ((channel) => this.#hear(channel)),
    })
    this.#probeChannel = `${prefix}:{${this.#shard?.tag ?? 'tallyroom'}}:probe:${newId()}`
    this.#probe = new Probe({
      isConnected: () => this.#isSubscribed && !this.isAway,
      send: async (no) => {
        this.#probed = { no, at: performance.now() }
        await this.#commands[publishCommand](this.#probeChannel, String(no))
      },
      replace: (connections) => this.#replace(connections),
      onChange: (delivery) => {
        if (!this.#isStopped) options.onDelivery?.(delivery)
      },
    })
    this.#subscriber.on(this.#shard ? 'smessage' : 'message', (channel: string, text: string) => this.#receive(channel, text))
    this.#subscriber.on('ready', () => void this.#resubscribe())
    this.#subscriber.on('moved', () => this.#shard?.onMoved())
  }

  get isAway(): boolean {
    return this.#commands.status !== 'ready'
  }

  get proofAgeMs(): number {
    return this.#probe.ageMs
  }

  /** @throws AppError `BUS_UNAVAILABLE` when Redis cannot be reached. */
  async start(): Promise<void> {
    try {
      await Promise.all([this.#commands.connect(), this.#subscriber.connect()])
    } catch (error) {
      await this.stop()
      throw new AppError('BUS_UNAVAILABLE', { message: `cannot reach Redis at ${this.#address}`, cause: error })
    }
    this.#probe.start()
    this.#sweep = setInterval(() => {
      if (this.#isChecking) return
      this.#isChecking = true
      void this.#silence.check().finally(() => {
        this.#isChecking = false
      })
    }, SWEEP_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#sweep) clearInterval(this.#sweep)
    this.#probe.stop()
    for (const subscriptions of this.#subscriptions.values()) for (const subscription of subscriptions) subscription.close()
    this.#subscriptions.clear()
    this.#commands.disconnect()
    this.#subscriber.disconnect()
  }

  async publish(project: ProjectId, items: readonly BusItem[]): Promise<BusReply> {
    const startedAt = performance.now()
    try {
      return await this.#history.publish(project, items, this.#headOf(project))
    } finally {
      this.#metrics?.published((performance.now() - startedAt) / 1_000)
    }
  }

  async subscribe(project: ProjectId, listener: BusListener): Promise<BusSubscription> {
    const channel = this.#history.key(project, 'live')
    const onLost: BusListener['onLost'] = (reason, state) => {
      listener.onLost(reason, state)
      if (reason === 'epoch') this.#onEpoch?.(project)
    }
    const heard = { onMessage: (message: BusMessage) => listener.onMessage(message), onLost }
    const subscription = new RedisSubscription(project, heard, this.#sourceOf(project))
    const isFirst = !this.#subscriptions.has(channel)
    this.#keep(channel, subscription)
    try {
      await available(() => this.#hear(channel))
      const state = await subscription.begin()
      if (isFirst) this.#onEpoch?.(project)
      return { ...state, close: () => this.#unsubscribe(channel, subscription) }
    } catch (error) {
      await this.#unsubscribe(channel, subscription)
      throw error
    }
  }

  /** Projects of which something is heard. */
  get projects(): ProjectId[] {
    return [...this.#subscriptions.values()].flatMap(([subscription]) => subscription?.project ?? [])
  }

  /** The nodes of its Cluster; null: it is of none. @throws AppError `BUS_UNAVAILABLE`. */
  askNodes(): Promise<readonly ClusterNode[] | null> {
    return available(() => askNodes(this.#commands))
  }

  /** The project is at the other node now: what is heard of it is heard there, and what was missed on the way is read there. */
  async moveTo(other: RedisBus, project: ProjectId): Promise<void> {
    const channel = this.#history.key(project, 'live')
    const moved = [...(this.#subscriptions.get(channel) ?? [])]
    void this.#forget(channel)
    for (const subscription of moved) {
      this.#moved.set(subscription, other)
      // It may have come from there.
      other.#moved.delete(subscription)
      subscription.moveTo(other.#sourceOf(project))
      other.#keep(channel, subscription)
    }
    try {
      await other.#hear(channel)
    } catch {
      // What is connected anew hears all its channels.
      if (other.#subscriber.status === 'ready') other.#subscriber.disconnect(RECONNECT)
      return
    }
    for (const subscription of moved) void subscription.heal()
  }

  async head(project: ProjectId): Promise<BusHead> {
    return (await this.#history.read(project, null)).head
  }

  async latest(project: ProjectId): Promise<BusState> {
    const { head, latest } = await this.#history.read(project, null)
    return { head, latest: latest.filter((value) => value.body !== TOMBSTONE_BODY) }
  }

  readEvents(project: ProjectId, after: Position, limits: ReadLimits): Promise<BusEvents | null> {
    return this.#history.readEvents(project, after, limits)
  }

  takeOnce(name: string, ttlMs: number): Promise<boolean> {
    return this.#history.takeOnce(name, ttlMs)
  }

  outboxState(project: ProjectId): Promise<OutboxState> {
    return this.#history.outboxState(project)
  }

  endEpoch(project: ProjectId, epoch: string): Promise<void> {
    return this.#history.endEpoch(project, epoch)
  }

  storedLatest(project: ProjectId, key: string): Promise<BusLatest | null> {
    return this.#history.storedLatest(project, key)
  }

  report(project: ProjectId, process: string, text: string | null): Promise<ReadonlyMap<string, string>> {
    return this.#history.report(project, process, text)
  }

  renewLease(process: string, ttlMs: number, others: Iterable<string>): Promise<LeaseRenewal> {
    return this.#history.renewLease(process, ttlMs, others)
  }

  #sourceOf(project: ProjectId): ProjectSource {
    return {
      read: (from) => this.#history.read(project, from),
      endEpoch: (epoch) => this.#history.endEpoch(project, epoch),
      onHealed: (ms) => this.#metrics?.healed(ms / 1_000),
      onRotated: (cause) => this.#metrics?.rotated(cause),
    }
  }

  /** What is known here to be the newest of the project; null when nobody listens. */
  #headOf(project: ProjectId): BusHead | null {
    const [subscription] = this.#subscriptions.get(this.#history.key(project, 'live')) ?? []
    return subscription?.head ?? null
  }

  #receive(channel: string, text: string): void {
    if (channel === this.#probeChannel) {
      const no = Number(text)
      if (no === this.#probed.no) this.#metrics?.probed((performance.now() - this.#probed.at) / 1_000)
      this.#probe.returned(no)
      return
    }
    const subscriptions = this.#subscriptions.get(channel)
    if (!subscriptions) return
    this.#silence.heard(channel)
    let message: ReturnType<typeof parseBusMessage> | undefined
    for (const subscription of subscriptions) {
      message ??= parseBusMessage(subscription.project, text)
      if (message) subscription.receive(message)
      else void subscription.heal()
    }
  }

  /** From now on it is looked after, also while its channel cannot be subscribed. */
  #keep(channel: string, subscription: RedisSubscription): void {
    this.#silence.heard(channel)
    const others = this.#subscriptions.get(channel)
    if (others) others.add(subscription)
    else this.#subscriptions.set(channel, new Set([subscription]))
  }

  /** In a Cluster the channels of one command must lie in one slot. */
  async #hear(...channels: readonly string[]): Promise<void> {
    if (this.#shard) await Promise.all(channels.map((channel) => this.#subscriber.ssubscribe(channel)))
    else await this.#subscriber.subscribe(...channels)
  }

  /** A connection that is lost has no subscriptions either. */
  async #forget(channel: string): Promise<void> {
    this.#subscriptions.delete(channel)
    this.#silence.forget(channel)
    await this.#subscriber[this.#shard ? 'sunsubscribe' : 'unsubscribe'](channel).catch(() => undefined)
  }

  async #unsubscribe(channel: string, subscription: RedisSubscription): Promise<void> {
    const other = this.#moved.get(subscription)
    if (other) return other.#unsubscribe(channel, subscription)
    subscription.close()
    const subscriptions = this.#subscriptions.get(channel)
    subscriptions?.delete(subscription)
    if (subscriptions?.size === 0) await this.#forget(channel)
  }

  /** A connection that is not ready is being replaced already. */
  #replace(connections: 'subscriptions' | 'all'): void {
    const dead = connections === 'all' ? [this.#commands, this.#subscriber] : [this.#subscriber]
    for (const redis of dead) if (redis.status === 'ready') redis.disconnect(RECONNECT)
  }

  /** After each (re)connect: everything that was published meanwhile is read once per project. */
  async #resubscribe(): Promise<void> {
    const channels = [...this.#subscriptions.keys()]
    try {
      await this.#hear(this.#probeChannel, ...channels)
    } catch {
      // Open without its channels it would be deaf: the next one tries again.
      this.#subscriber.disconnect(RECONNECT)
      this.#shard?.onMoved()
      return
    }
    this.#isSubscribed = true
    this.#probe.sendNow()
    for (const channel of channels) for (const subscription of this.#subscriptions.get(channel) ?? []) void subscription.heal()
  }
}
