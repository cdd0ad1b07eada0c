import { randomBytes } from 'node:crypto'
import { type ChainableCommander, Redis, type RedisOptions } from 'ioredis'
import { pack, unpack } from 'msgpackr'
import { MAX_TTL_MS } from './cache.js'
import { unpackEntry } from './envelope.js'
import type { SharedLevel, SharedLevelListener, SharedReading, SharedWrite, TagTokens } from './shared-level.js'

export interface RedisLevelOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string
  /** First part of each key and channel. Default `tallyroom`. */
  readonly prefix?: string
  /** Hears of connections lost and found, once each; never of their address, which may hold a password. */
  readonly onConnection?: (connection: 'cache commands' | 'cache subscription', state: 'ready' | 'lost') => void
}

/** An answer that takes longer than this is no help: loading is faster. */
const COMMAND_TIMEOUT_MS = 500
const CONNECT_TIMEOUT_MS = 5_000
/** A quarter of and all of this lie between two attempts to connect, so that the processes do not come all at once. */
const RECONNECT_MS = 500
/** Connections that say nothing are asked so often: what is lost in silence would stay in the first level until it has outlived its time. */
const PING_MS = 1_000
/** After Redis said that it is full, nothing is stored for so long. */
const FULL_MS = 10_000

const SETTINGS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy: () => Math.round((RECONNECT_MS * (1 + 3 * Math.random())) / 4),
} satisfies RedisOptions

/** Of ioredis: a connection that is ended on purpose comes back only when it is told to. */
const RECONNECT = true

/**
 * The second level in Redis. Each tag is a key with a random text, its revision; an entry holds those of its tags. Invalidating deletes the
 * tag, which Redis does also when it is full, and a tag that is not there makes all its entries untrue: so it does not matter what Redis forgets.
 * What it remembers again, restarted from an old copy, lies under another name: every key has the identity of the Redis process in it.
 */
export class RedisLevel implements SharedLevel {
  readonly #prefix: string
  readonly #channel: string
  readonly #id = randomBytes(9).toString('base64url')
  readonly #commands: Redis
  readonly #subscriber: Redis
  #listener: SharedLevelListener | null = null
  /** Of the Redis process; null while it is not known. */
  #life: string | null = null
  #fullUntil = 0
  #ping: NodeJS.Timeout | null = null
  #isDoubtful = false
  #isStopped = false

  constructor({ url, prefix = 'tallyroom', onConnection = () => undefined }: RedisLevelOptions) {
    this.#prefix = prefix
    this.#channel = `${prefix}:{tallyroom}:cache`
    const connect = (name: 'cache commands' | 'cache subscription', onReady: () => Promise<void>) => {
      const redis = new Redis(url, { ...SETTINGS, connectionName: `${prefix}-${name.replace(' ', '-')}` })
      // Each failed attempt is an `error`; what matters is told by `ready` and `close`.
      redis.on('error', () => undefined)
      let isReady = false
      redis.on('ready', () => {
        isReady = true
        onConnection(name, 'ready')
        void onReady().catch(() => redis.disconnect(RECONNECT))
      })
      redis.on('close', () => {
        if (isReady && !this.#isStopped) onConnection(name, 'lost')
        isReady = false
      })
      return redis
    }
    this.#commands = connect('cache commands', () => this.#begin())
    this.#commands.on('close', () => {
      this.#life = null
    })
    this.#subscriber = connect('cache subscription', () => this.#subscribe())
    this.#subscriber.on('message', (_: string, text: string) => this.#receive(text))
  }

  get isAvailable(): boolean {
    return this.#life !== null && !this.#isDoubtful && this.#commands.status === 'ready'
  }

  async start(listener: SharedLevelListener): Promise<void> {
    this.#listener = listener
    this.#ping = setInterval(() => {
      void this.#prove(this.#commands)
      void this.#prove(this.#subscriber)
    }, PING_MS)
    const isConnected = await Promise.allSettled([this.#commands.connect(), this.#subscriber.connect()])
    if (isConnected.every(({ status }) => status === 'fulfilled')) await Promise.allSettled([this.#begin(), this.#subscribe()])
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#ping) clearInterval(this.#ping)
    this.#commands.disconnect()
    this.#subscriber.disconnect()
  }

  async read(key: string, tags: readonly string[]): Promise<SharedReading> {
    const name = this.#entryKey(key)
    // The time first: it is then that of the entry, or of one before it, which is shorter. No transaction: a Redis that is full refuses any.
    const pipeline = this.#commands.pipeline().pttl(name)
    const [restMs, found] = await this.#execute(pipeline.mgetBuffer(name, ...tags.map((tag) => this.#tagKey(tag))))
    // The reply of MGET, untyped in a pipeline.
    const [packed, ...tokens] = found as (Buffer | null)[]
    if (!packed) return { entry: null, isStale: false }
    // Written by {@link write} alone.
    const [then, entry] = unpack(packed) as [TagTokens, Uint8Array]
    const isStale = tokens.some((token, index) => token === null || token.toString() !== then[index])
    return { entry: isStale ? null : { ...unpackEntry(entry), restMs: Math.max(0, Number(restMs)) }, isStale }
  }

  async tokens(tags: readonly string[]): Promise<TagTokens | null> {
    if (performance.now() < this.#fullUntil) return null
    const fresh = randomBytes(9).toString('base64url')
    const pipeline = this.#commands.pipeline()
    for (const tag of tags) pipeline.set(this.#tagKey(tag), fresh, 'PX', MAX_TTL_MS, 'NX', 'GET')
    return (await this.#execute(pipeline)).map((found) => (found === null ? fresh : String(found)))
  }

  async write(key: string, { tags, tokens, packed, ttlMs }: SharedWrite): Promise<boolean> {
    if (performance.now() < this.#fullUntil) return false
    const pipeline = this.#commands.pipeline()
    pipeline.set(this.#entryKey(key), pack([tokens, packed]), 'PX', Math.max(1, Math.ceil(ttlMs)))
    // As long as anything has the tag it is worth keeping.
    for (const tag of tags) pipeline.pexpire(this.#tagKey(tag), MAX_TTL_MS)
    await this.#execute(pipeline)
    return true
  }

  async invalidate(tags: readonly string[]): Promise<void> {
    const pipeline = this.#commands.pipeline()
    for (const tag of tags) pipeline.del(this.#tagKey(tag))
    // After the tags are gone: who hears of it finds nothing that was true before.
    await this.#execute(pipeline.publish(this.#channel, [this.#id, ...tags].join(' ')))
  }

  async lock(key: string, ttlMs: number): Promise<boolean> {
    if (performance.now() < this.#fullUntil) return true
    return (await this.#commands.set(`${this.#entryKey(key)}:lock`, this.#id, 'PX', ttlMs, 'NX')) === 'OK'
  }

  async unlock(key: string): Promise<void> {
    await this.#commands.del(`${this.#entryKey(key)}:lock`)
  }

  /** Learns which Redis process this is. Some services do not tell: theirs has one life. */
  async #begin(): Promise<void> {
    const [, id = '0'] = /^run_id:(\w{10})/m.exec(await this.#commands.info('server')) ?? []
    this.#isDoubtful = false
    if (this.#life === id) return
    this.#life = id
    this.#listener?.onReady()
  }

  async #subscribe(): Promise<void> {
    await this.#subscriber.subscribe(this.#channel)
    this.#listener?.onMissed()
  }

  #receive(text: string): void {
    const [from, ...tags] = text.split(' ')
    if (from !== this.#id) this.#listener?.onInvalidated(tags)
  }

  /** A connection that does not answer is ended, and comes back as another. */
  async #prove(connection: Redis): Promise<void> {
    if (connection.status !== 'ready') return
    try {
      await connection.ping()
      if (connection !== this.#commands || !this.#isDoubtful) return
      this.#isDoubtful = false
      this.#listener?.onReady()
    } catch {
      if (!this.#isStopped) connection.disconnect(RECONNECT)
    }
  }

  /** The replies of commands that are sent together. @throws the first error among them. */
  async #execute(commands: ChainableCommander): Promise<unknown[]> {
    try {
      const replies = (await commands.exec()) ?? []
      return replies.map(([error, reply]) => {
        if (error) throw error
        return reply
      })
    } catch (error) {
      const { message } = error instanceof Error ? error : { message: '' }
      if (message.startsWith('OOM')) this.#fullUntil = performance.now() + FULL_MS
      // Who comes next does not wait as well; the next ping tells.
      else if (message === 'Command timed out') this.#isDoubtful = true
      throw error
    }
  }

  #entryKey(key: string): string {
    return this.#keyOf(key, 'entry')
  }

  #tagKey(tag: string): string {
    return this.#keyOf(tag, 'tag')
  }

  /** What belongs together lies together, in a Cluster too. */
  #keyOf(name: string, kind: string): string {
    const [scope = '', ...rest] = name.split('/')
    return `${this.#prefix}:{${scope}}:cache:${this.#life}:${kind}:${rest.join('/')}`
  }
}
