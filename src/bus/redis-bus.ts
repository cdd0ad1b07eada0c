import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ChainableCommander, Redis } from 'ioredis'
import { AppError } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { BusMetrics } from '../metrics/bus-metrics.js'
import { TOMBSTONE_BODY } from '../protocol/events.js'
import type { Position } from '../protocol/position.js'
import {
  type Bus,
  type BusEvent,
  type BusEvents,
  type BusHead,
  type BusItem,
  type BusLatest,
  type BusListener,
  type BusMessage,
  type BusReply,
  type BusState,
  type BusSubscription,
  ID_BUCKET_MS,
  type LeaseRenewal,
  type OutboxState,
  type QueuedOrigin,
  type ReadLimits,
} from './bus.js'
import { parseBusMessage } from './bus-message.js'
import { askNodes, type ClusterNode } from './cluster-slots.js'
import { assertItems } from './items.js'
import { type Delivery, Probe } from './probe.js'
import { available, redisConnection } from './redis-connection.js'
import { entriesOf, hasLost, headOf, isBehind, latestOf, latestValuesOf, MUST_BE, outboxStateOf, resultOf } from './redis-replies.js'
import { type ProjectReading, type ProjectSource, RedisSubscription } from './redis-subscription.js'
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
  /** Another history of the project has begun, as a subscription here has found: what the old one took may be lost (B4). */
  readonly onEpoch?: (project: ProjectId) => void
  /** Hears whether what is published arrives here (D9): it is believed at the start, and proved from then on. */
  readonly onDelivery?: (delivery: Delivery) => void
  /** Default: nothing is counted. */
  readonly metrics?: BusMetrics
}

const DEFAULTS = { prefix: 'tallyroom', streamMaxEvents: 10_000, streamMaxAgeMs: 3_600_000, connect: redisConnection }

/** Of ioredis: a connection that is ended on purpose comes back only when it is told to. */
const RECONNECT = true
/** Redis counts entries, not bytes: the first page shows how large they are, and is not much too much when they are as large as they can be. */
const FIRST_PAGE_EVENTS = 16
/** As long as a project's meta (publish.lua): what is told of it outlives no project, and every report made anew renews it. */
const REPORTS_MAX_AGE_MS = 2_592_000_000
/** Of the interface of publish.lua. */
const SCRIPT_VERSION = '1'
const ORIGIN_MARKS = { given: 'i', doubtful: 'd' } satisfies Record<QueuedOrigin, string>

/** The bus between processes: one script writes, pub/sub carries, stream and meta repair what pub/sub dropped. */
export class RedisBus implements Bus {
  readonly durable = true
  readonly #address: string
  readonly #prefix: string
  readonly #script: string
  readonly #sha: string
  readonly #commands: Redis
  readonly #subscriber: Redis
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
    this.#prefix = prefix
    this.#shard = options.shard
    this.#onEpoch = options.onEpoch
    this.#metrics = options.metrics
    this.#address = new URL(url).host
    this.#script = readFileSync(new URL('./publish.lua', import.meta.url), 'utf8')
      .replace(/^local STREAM_MAX_EVENTS = .*$/m, `local STREAM_MAX_EVENTS = ${streamMaxEvents}`)
      .replace(/^local STREAM_MAX_AGE_MS = .*$/m, `local STREAM_MAX_AGE_MS = ${streamMaxAgeMs}`)
    this.#sha = createHash('sha1').update(this.#script).digest('hex')
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
    this.#silence = new Silence({
      commands: this.#commands,
      key: (project, name) => this.#key(project, name),
      subscriptions: this.#subscriptions,
    })
    this.#probeChannel = `${prefix}:{${this.#shard?.tag ?? 'tallyroom'}}:probe:${newId()}`
    this.#probe = new Probe({
      isConnected: () => this.#isSubscribed && !this.isAway,
      send: async (no) => {
        this.#probed = { no, at: performance.now() }
        await this.#commands[this.#shard ? 'spublish' : 'publish'](this.#probeChannel, String(no))
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
      return await this.#publish(project, items)
    } finally {
      this.#metrics?.published((performance.now() - startedAt) / 1_000)
    }
  }

  async #publish(project: ProjectId, items: readonly BusItem[]): Promise<BusReply> {
    // The script checks too, for publishers in other languages, but stops at the first bad item.
    assertItems(items)
    const ids: string[] = []
    const strings = items.flatMap((item) => {
      ids.push(item.kind === 'latest' ? item.key : (item.id ?? newId()))
      const name = ids.at(-1) ?? ''
      if (item.kind === 'latest') return ['l', item.type, name, item.version === undefined ? '' : String(item.version), item.body]
      if (item.kind === 'outbox') {
        return [`${item.isFirst ? 's' : 'o'}${item.no}`, item.type, name, item.origin ? ORIGIN_MARKS[item.origin] : '', item.body]
      }
      return ['e', item.type, name, item.id === undefined || item.isIdNew ? 'n' : '', item.body]
    })
    const before = this.#headOf(project)
    let [epoch, n, ...results] = await this.#runScript(project, items.length, strings)
    if (before !== null && epoch === before.epoch && isBehind({ n: Number(n), results }, before)) {
      // The history went back before it took this, and ends now with what it took (B5): this begins the next one.
      await this.#endEpoch(project, before.epoch)
      ;[epoch, , ...results] = await this.#runScript(project, items.length, strings)
    }
    return { epoch: epoch ?? '', results: results.map((text, index) => resultOf(text, ids[index] ?? '')) }
  }

  async subscribe(project: ProjectId, listener: BusListener): Promise<BusSubscription> {
    const channel = this.#key(project, 'live')
    const onLost: BusListener['onLost'] = (reason, state) => {
      listener.onLost(reason, state)
      if (reason === 'epoch') this.#onEpoch?.(project)
    }
    const heard = { onMessage: (message: BusMessage) => listener.onMessage(message), onLost }
    const subscription = new RedisSubscription(project, heard, this.#sourceOf(project))
    this.#keep(channel, subscription)
    try {
      await available(() => this.#hear(channel))
      this.#silence.heard(channel)
      return { ...(await subscription.begin()), close: () => this.#unsubscribe(channel, subscription) }
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
    const channel = this.#key(project, 'live')
    const moved = [...(this.#subscriptions.get(channel) ?? [])]
    void this.#forget(channel)
    for (const subscription of moved) {
      this.#moved.set(subscription, other)
      subscription.moveTo(other.#sourceOf(project))
      other.#keep(channel, subscription)
    }
    try {
      await other.#hear(channel)
      other.#silence.heard(channel)
    } catch {
      // What is connected anew hears all its channels.
      if (other.#subscriber.status === 'ready') other.#subscriber.disconnect(RECONNECT)
      return
    }
    for (const subscription of moved) void subscription.heal()
  }

  async head(project: ProjectId): Promise<BusHead> {
    return (await this.#read(project, null)).head
  }

  async latest(project: ProjectId): Promise<BusState> {
    const { head, latest } = await this.#read(project, null)
    return { head, latest: latest.filter((value) => value.body !== TOMBSTONE_BODY) }
  }

  async readEvents(project: ProjectId, after: Position, { maxEvents, maxBytes }: ReadLimits): Promise<BusEvents | null> {
    const events: BusEvent[] = []
    let bytes = 0
    for (let count = FIRST_PAGE_EVENTS; ; count = Math.ceil((maxBytes - bytes) / (bytes / events.length)) + 1) {
      const last = events.at(-1)
      // Each page proves anew that it continues the one before.
      const position = last ? { epoch: after.epoch, seq: last.seq, id: last.id } : after
      const page = await this.#readPage(project, position, Math.min(count, maxEvents - events.length))
      if (page === null) return null
      for (const event of page.events) {
        bytes += Buffer.byteLength(event.body)
        if (bytes > maxBytes && events.length > 0) return { head: page.head, events }
        events.push(event)
      }
      const isAtHead = (events.at(-1)?.seq ?? after.seq) === page.head.seq
      if (isAtHead || events.length >= maxEvents || bytes >= maxBytes) return { head: page.head, events }
    }
  }

  async takeOnce(name: string, ttlMs: number): Promise<boolean> {
    return (await available(() => this.#commands.set(`${this.#prefix}:{tallyroom}:once:${name}`, '1', 'PX', ttlMs, 'NX'))) === 'OK'
  }

  async outboxState(project: ProjectId): Promise<OutboxState> {
    return outboxStateOf(await available(() => this.#commands.hmget(this.#key(project, 'meta'), 'o', 'p')))
  }

  async storedLatest(project: ProjectId, key: string): Promise<BusLatest | null> {
    const stored = await available(() => this.#commands.hget(this.#key(project, 'latest'), key))
    return stored === null ? null : latestOf(key, stored)
  }

  async report(project: ProjectId, process: string, text: string | null): Promise<ReadonlyMap<string, string>> {
    const key = this.#key(project, 'reports')
    const transaction = this.#commands.multi()
    if (text === null) transaction.hdel(key, process)
    else transaction.hset(key, process, text)
    const replies = await this.#execute(transaction.pexpire(key, REPORTS_MAX_AGE_MS).hgetall(key))
    // The reply of HGETALL, untyped in a transaction.
    return new Map(Object.entries((replies[2] ?? {}) as Record<string, string>))
  }

  async renewLease(process: string, ttlMs: number, others: Iterable<string>): Promise<LeaseRenewal> {
    const names = [...others]
    const key = (name: string) => `${this.#prefix}:{tallyroom}:process:${name}`
    const transaction = this.#commands.multi().mget(key(process), ...names.map(key))
    if (ttlMs > 0) transaction.set(key(process), '1', 'PX', ttlMs)
    else transaction.del(key(process))
    const [found] = await this.#execute(transaction)
    // The reply of MGET, untyped in a transaction.
    const [own, ...leases] = found as (string | null)[]
    return { wasAlive: own !== null, gone: new Set(names.filter((_, index) => leases[index] === null)) }
  }

  /** The next events, at most `count`, at least one unless the position is the head; null when it cannot be resumed (J3). */
  async #readPage(project: ProjectId, { epoch, seq, id }: Position, count: number): Promise<BusEvents | null> {
    // From the position's own entry, which proves that this is the history it is from.
    const transaction = this.#commands
      .multi()
      .hmget(this.#key(project, 'meta'), 'epoch', 'seq', 'id', 'n')
      .xrange(this.#key(project, 'stream'), `${seq}-0`, '+', 'COUNT', count + 1)
    const [meta, stream] = await this.#execute(transaction)
    const head = headOf(meta)
    if (head.epoch !== epoch || seq > head.seq) return null
    if (seq === head.seq && (id === head.id || seq === 0)) return { head, events: [] }
    const entries = entriesOf(stream)
    const own = seq === 0 ? null : entries.shift()
    const events = entries.slice(0, count)
    const isRetained = own === null || (own?.seq === seq && own.id === id)
    // Redis under an evicting policy may have lost any entry: never a hole.
    const isWhole = events.length > 0 && events.every((event, index) => event.seq === seq + 1 + index)
    return isRetained && isWhole ? { head, events } : null
  }

  #sourceOf(project: ProjectId): ProjectSource {
    return {
      read: (from) => this.#read(project, from),
      endEpoch: (epoch) => this.#endEpoch(project, epoch),
      onHealed: (ms) => this.#metrics?.healed(ms / 1_000),
      onRotated: (cause) => this.#metrics?.rotated(cause),
    }
  }

  /** Names in Redis are made of the prefix and a project's UUID, never of what a client wrote. */
  #key(project: ProjectId, name: string): string {
    return `${this.#prefix}:{${project}}:${name}`
  }

  async #runScript(project: ProjectId, count: number, strings: readonly string[]): Promise<string[]> {
    const now = Date.now()
    const bucket = Math.floor(now / ID_BUCKET_MS)
    const names = ['meta', 'stream', 'latest', `ids:${bucket}`, `ids:${bucket - 1}`, 'live']
    const keys = names.map((name) => this.#key(project, name))
    const values = [...keys, SCRIPT_VERSION, String(now), this.#shard ? 'spublish' : 'publish', String(count), ...strings]
    const reply = await available(async () => {
      try {
        return await this.#commands.evalsha(this.#sha, keys.length, ...values)
      } catch (error) {
        // Redis answers so before it runs anything, so nothing was published yet.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return await this.#commands.eval(this.#script, keys.length, ...values)
      }
    })
    if (!Array.isArray(reply)) throw new AppError('BUS_UNAVAILABLE', { message: 'the publish script gave no answer' })
    return reply.map(String)
  }

  /** Makes another epoch if this one is still the present one: of all who find that it must end one does it (B5). */
  async #endEpoch(project: ProjectId, epoch: string): Promise<void> {
    await this.#runScript(project, 0, [epoch])
  }

  /** What is known here to be the newest of the project; null when nobody listens. */
  #headOf(project: ProjectId): BusHead | null {
    const [subscription] = this.#subscriptions.get(this.#key(project, 'live')) ?? []
    return subscription?.head ?? null
  }

  /** One atomic look; makes an epoch where there is none, or where one has lost a key. */
  async #read(project: ProjectId, from: number | null, isMade = false): Promise<ProjectReading> {
    const transaction = this.#commands
      .multi()
      .hmget(this.#key(project, 'meta'), 'epoch', 'seq', 'id', 'n', ...MUST_BE)
      .exists(this.#key(project, 'latest'), this.#key(project, 'stream'))
      .hgetall(this.#key(project, 'latest'))
    if (from !== null) transaction.xrange(this.#key(project, 'stream'), `${from}-0`, '+')
    const [meta, found, latest, stream] = await this.#execute(transaction)
    const head = headOf(meta)
    if (!isMade && (head.epoch === '' || hasLost(meta, found))) {
      // The script judges by the time of Redis, and whether nobody has done it meanwhile.
      await this.#runScript(project, 0, [])
      return this.#read(project, from, true)
    }
    // Emptied again meanwhile: there is no history without an epoch.
    if (head.epoch === '') throw new AppError('BUS_UNAVAILABLE', { message: 'Redis lost the project as it was read' })
    return {
      head,
      events: entriesOf(stream),
      latest: latestValuesOf(latest),
    }
  }

  /** The replies of a transaction, untyped as they are. */
  #execute(transaction: ChainableCommander): Promise<unknown[]> {
    return available(async () => {
      const replies = (await transaction.exec()) ?? []
      for (const [error] of replies) if (error) throw error
      return replies.map(([, reply]) => reply)
    })
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

  #keep(channel: string, subscription: RedisSubscription): void {
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
