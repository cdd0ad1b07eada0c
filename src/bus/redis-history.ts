import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ChainableCommander, Redis } from 'ioredis'
import { AppError } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { Position } from '../protocol/position.js'
import {
  type BusEvent,
  type BusEvents,
  type BusHead,
  type BusItem,
  type BusLatest,
  type BusReply,
  ID_BUCKET_MS,
  type LeaseRenewal,
  type OutboxState,
  type QueuedOrigin,
  type ReadLimits,
} from './bus.js'
import { assertItems } from './items.js'
import { available } from './redis-connection.js'
import { entriesOf, hasLost, headOf, isBehind, latestOf, latestValuesOf, MUST_BE, outboxStateOf, resultOf } from './redis-replies.js'
import type { ProjectReading } from './redis-subscription.js'

/** Redis counts entries, not bytes: the first page shows how large they are, and is not much too much when they are as large as they can be. */
const FIRST_PAGE_EVENTS = 16
/** As long as a project's meta (publish.lua): what is told of it outlives no project, and every report made anew renews it. */
const REPORTS_MAX_AGE_MS = 2_592_000_000
/** Of the interface of publish.lua. */
const SCRIPT_VERSION = '1'
const ORIGIN_MARKS = { given: 'i', doubtful: 'd' } satisfies Record<QueuedOrigin, string>

interface RedisHistoryOptions {
  readonly commands: Redis
  /** First part of each key and channel. */
  readonly prefix: string
  /** Events that a project's stream keeps at least. */
  readonly streamMaxEvents: number
  /** Age of the last event after which a stream is dropped. */
  readonly streamMaxAgeMs: number
  /** What the script tells of an event with. */
  readonly publishCommand: 'publish' | 'spublish'
}

/** What Redis keeps of projects: stream, latest values, ids and meta, which one script writes and one atomic look reads. */
export class RedisHistory {
  readonly #commands: Redis
  readonly #prefix: string
  readonly #publishCommand: RedisHistoryOptions['publishCommand']
  readonly #script: string
  readonly #sha: string

  constructor({ commands, prefix, streamMaxEvents, streamMaxAgeMs, publishCommand }: RedisHistoryOptions) {
    this.#commands = commands
    this.#prefix = prefix
    this.#publishCommand = publishCommand
    this.#script = readFileSync(new URL('./publish.lua', import.meta.url), 'utf8')
      .replace(/^local STREAM_MAX_EVENTS = .*$/m, `local STREAM_MAX_EVENTS = ${streamMaxEvents}`)
      .replace(/^local STREAM_MAX_AGE_MS = .*$/m, `local STREAM_MAX_AGE_MS = ${streamMaxAgeMs}`)
    this.#sha = createHash('sha1').update(this.#script).digest('hex')
  }

  /** @param before the newest that is known of the project, if anything is. */
  async publish(project: ProjectId, items: readonly BusItem[], before: BusHead | null): Promise<BusReply> {
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
    let [epoch, n, ...results] = await this.#runScript(project, items.length, strings)
    if (before !== null && epoch === before.epoch && isBehind({ n: Number(n), results }, before)) {
      // The history went back before it took this, and ends now with what it took (B5): this begins the next one.
      await this.endEpoch(project, before.epoch)
      ;[epoch, , ...results] = await this.#runScript(project, items.length, strings)
    }
    return { epoch: epoch ?? '', results: results.map((text, index) => resultOf(text, ids[index] ?? '')) }
  }

  /** One atomic look; makes an epoch where there is none, or where one has lost a key. */
  async read(project: ProjectId, from: number | null, isMade = false): Promise<ProjectReading> {
    const transaction = this.#commands
      .multi()
      .hmget(this.key(project, 'meta'), 'epoch', 'seq', 'id', 'n', ...MUST_BE)
      .exists(this.key(project, 'latest'), this.key(project, 'stream'))
      .hgetall(this.key(project, 'latest'))
    if (from !== null) transaction.xrange(this.key(project, 'stream'), `${from}-0`, '+')
    const [meta, found, latest, stream] = await this.#execute(transaction)
    const head = headOf(meta)
    if (!isMade && (head.epoch === '' || hasLost(meta, found))) {
      // The script judges by the time of Redis, and whether nobody has done it meanwhile.
      await this.#runScript(project, 0, [])
      return this.read(project, from, true)
    }
    // Emptied again meanwhile: there is no history without an epoch.
    if (head.epoch === '') throw new AppError('BUS_UNAVAILABLE', { message: 'Redis lost the project as it was read' })
    return {
      head,
      events: entriesOf(stream),
      latest: latestValuesOf(latest),
    }
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
    return outboxStateOf(await available(() => this.#commands.hmget(this.key(project, 'meta'), 'o', 'p')))
  }

  async storedLatest(project: ProjectId, key: string): Promise<BusLatest | null> {
    const stored = await available(() => this.#commands.hget(this.key(project, 'latest'), key))
    return stored === null ? null : latestOf(key, stored)
  }

  async report(project: ProjectId, process: string, text: string | null): Promise<ReadonlyMap<string, string>> {
    const key = this.key(project, 'reports')
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
      .hmget(this.key(project, 'meta'), 'epoch', 'seq', 'id', 'n')
      .xrange(this.key(project, 'stream'), `${seq}-0`, '+', 'COUNT', count + 1)
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

  async #runScript(project: ProjectId, count: number, strings: readonly string[]): Promise<string[]> {
    const now = Date.now()
    const bucket = Math.floor(now / ID_BUCKET_MS)
    const names = ['meta', 'stream', 'latest', `ids:${bucket}`, `ids:${bucket - 1}`, 'live']
    const keys = names.map((name) => this.key(project, name))
    const values = [...keys, SCRIPT_VERSION, String(now), this.#publishCommand, String(count), ...strings]
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
  async endEpoch(project: ProjectId, epoch: string): Promise<void> {
    await this.#runScript(project, 0, [epoch])
  }

  /** Names in Redis are made of the prefix and a project's UUID, never of what a client wrote. */
  key(project: ProjectId, name: string): string {
    return `${this.#prefix}:{${project}}:${name}`
  }

  /** The replies of a transaction, untyped as they are. */
  #execute(transaction: ChainableCommander): Promise<unknown[]> {
    return available(async () => {
      const replies = (await transaction.exec()) ?? []
      for (const [error] of replies) if (error) throw error
      return replies.map(([, reply]) => reply)
    })
  }
}
