import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import type { PublishResult } from '../protocol/messages.js'
import type { PublishReply } from '../protocol/publications.js'
import type { Entrance } from './entrance.js'
import type { Item } from './item.js'
import { PublishError } from './publish-error.js'

export interface RedisEntranceOptions {
  /** `redis://` or `rediss://`. */
  readonly redisUrl: string
  /** Who it says published; the server says the token's user. Default null. */
  readonly actor: string | null
  /** As the server's STREAM_MAX_EVENTS. */
  readonly streamMaxEvents: number
  /** As the server's STREAM_MAX_AGE_MS. */
  readonly streamMaxAgeMs: number
}

/** As long as the server waits (B6). */
const COMMAND_TIMEOUT_MS = 2_000
const SOCKET_TIMEOUT_MS = 3_000
const CONNECT_TIMEOUT_MS = 5_000
const ID_BUCKET_MS = 600_000
/** Of the interface of publish.lua. */
const SCRIPT_VERSION = '1'

/** publish.lua without a server between (B1). Who reaches Redis is trusted: there are no rights, no rates and no reserved names here. */
export class RedisEntrance implements Entrance {
  readonly #options: RedisEntranceOptions
  readonly #script: string
  readonly #sha: string
  #connection: Promise<Redis> | null = null

  constructor(options: RedisEntranceOptions) {
    this.#options = options
    this.#script = readFileSync(new URL('../bus/publish.lua', import.meta.url), 'utf8')
      .replace(/^local STREAM_MAX_EVENTS = .*$/m, `local STREAM_MAX_EVENTS = ${options.streamMaxEvents}`)
      .replace(/^local STREAM_MAX_AGE_MS = .*$/m, `local STREAM_MAX_AGE_MS = ${options.streamMaxAgeMs}`)
    this.#sha = createHash('sha1').update(this.#script).digest('hex')
  }

  async send(project: string, items: readonly Item[]): Promise<PublishReply> {
    const now = Date.now()
    const bucket = Math.floor(now / ID_BUCKET_MS)
    const names = ['meta', 'stream', 'latest', `ids:${bucket}`, `ids:${bucket - 1}`, 'live']
    const keys = names.map((name) => `tallyroom:{${project}}:${name}`)
    const head = [SCRIPT_VERSION, String(now), 'publish', String(items.length)]
    const values = [...keys, ...head, ...items.flatMap((item) => this.#stringsOf(item))]
    try {
      const reply = await this.#run(await this.#connected(), keys.length, values)
      if (!Array.isArray(reply) || reply.length !== items.length + 2) throw new Error('the publish script gave no answer')
      const [epoch, , ...texts] = reply.map(String)
      return { epoch: epoch ?? null, results: items.map((item, index) => resultOf(item, texts[index] ?? '')) }
    } catch (error) {
      throw refusalOf(error)
    }
  }

  close(): void {
    void this.#connection?.then((redis) => redis.disconnect()).catch(() => undefined)
    this.#connection = null
  }

  async #run(redis: Redis, keys: number, values: readonly string[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.#sha, keys, ...values)
    } catch (error) {
      // Redis answers so before it runs anything, so nothing was published yet.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await redis.eval(this.#script, keys, ...values)
    }
  }

  #stringsOf({ kind, type, name, version, data }: Item): readonly string[] {
    if (kind === 'latest') return ['l', type, name, version === null ? '' : String(version), `{"data":${data}}`]
    return ['e', type, name, '', `{"actor":${JSON.stringify(this.#options.actor)},"data":${data}}`]
  }

  /** One connection; a lost one is opened anew by the next attempt, at the pace of attempts. */
  #connected(): Promise<Redis> {
    if (this.#connection) return this.#connection
    const forget = () => {
      if (this.#connection === connection) this.#connection = null
    }
    const connection = this.#connect(forget)
    connection.catch(forget)
    this.#connection = connection
    return connection
  }

  async #connect(onEnd: () => void): Promise<Redis> {
    // Who publishes over HTTP needs no client of Redis.
    const { Redis } = await import('ioredis')
    const redis = new Redis(this.#options.redisUrl, {
      lazyConnect: true,
      // What is sent again is sent by the queue: in order, and under its ids.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      commandTimeout: COMMAND_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      connectionName: 'tallyroom-publisher',
    })
    redis.on('error', () => undefined)
    redis.on('end', onEnd)
    await redis.connect()
    return redis
  }
}

function resultOf({ name }: Item, text: string): PublishResult {
  const [kind, value] = text.includes(':') ? text.split(':') : ['', text]
  if (kind === 'd') return { id: name, seq: Number(value), duplicate: true }
  if (kind === 'v') return { key: name, version: Number(value) }
  if (kind === 'r') return { key: name, version: Number(value), refused: true }
  return { id: name, seq: Number(value) }
}

/** What the script refuses, by its codes; everything else is Redis that cannot be reached. */
function refusalOf(error: unknown): PublishError {
  const [code, ...words] = (error instanceof Error ? error.message : '').split(' ')
  if (code === 'ERR_INVALID') {
    const [index, ...why] = words
    const message = why.join(' ')
    const items = [{ index: Number(index), path: `events[${index}]`, message }]
    return new PublishError('INVALID', { message: `item ${index}: ${message}`, isRetryable: false, items })
  }
  const message = words.join(' ')
  if (code === 'ERR_RATE_LIMITED') return new PublishError('RATE_LIMITED', { message, isRetryable: true })
  if (code === 'ERR_VERSION') return new PublishError('INVALID', { message, isRetryable: false })
  return new PublishError('BUS_UNAVAILABLE', { message: 'Redis cannot be reached', isRetryable: true, cause: error })
}
