import { AppError } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
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
  type BusResult,
  type BusState,
  type BusSubscription,
  ID_BUCKET_MS,
  type LeaseRenewal,
  MAX_BUCKET_IDS,
  MAX_LIVE_KEYS,
  type OutboxState,
  type ReadLimits,
  TOMBSTONE_MS,
} from './bus.js'
import { newEpoch } from './epoch.js'
import { assertItems, invalidItem } from './items.js'

export interface MemoryBusOptions {
  /** Events that a project keeps for who resumes. Default 10 000. */
  readonly streamMaxEvents?: number
  /** Age of the last publish after which a project's events are dropped. Default one hour. */
  readonly streamMaxAgeMs?: number
  /** Unix time in milliseconds. */
  readonly now?: () => number
}

const DEFAULTS = { streamMaxEvents: 10_000, streamMaxAgeMs: 3_600_000, now: () => Date.now() } satisfies Required<MemoryBusOptions>

/** What publish.lua keeps in Redis. */
interface ProjectNews {
  readonly epoch: string
  seq: number
  id: string
  n: number
  /** Number of the last outbox item taken; null before the first. */
  outboxNo: bigint | null
  /** The last events by their `seq`. */
  readonly events: Map<number, BusEvent>
  publishedAt: number
  readonly latest: Map<string, BusLatest & { readonly storedAt: number }>
  readonly ids: { bucket: number; current: Map<string, number>; previous: Map<string, number> }
  readonly listeners: Set<BusListener>
}

/** The bus of a single process. Its epochs end with it. */
export class MemoryBus implements Bus {
  readonly durable = false
  readonly isAway = false
  readonly proofAgeMs = 0
  readonly #projects = new Map<ProjectId, ProjectNews>()
  readonly #undelivered: { readonly news: ProjectNews; readonly message: BusMessage }[] = []
  readonly #options: Required<MemoryBusOptions>
  /** Who has events, the longest silent first. */
  readonly #retaining = new Set<ProjectNews>()
  /** Names and when they are free again. */
  readonly #taken = new Map<string, number>()
  /** What processes tell each other of a project. */
  readonly #reports = new Map<ProjectId, Map<string, string>>()
  /** Processes and when their leases end. */
  readonly #leases = new Map<string, number>()
  #isDelivering = false

  constructor(options: MemoryBusOptions = {}) {
    this.#options = { ...DEFAULTS, ...options }
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const news of this.#projects.values()) news.listeners.clear()
  }

  async publish(project: ProjectId, items: readonly BusItem[]): Promise<BusReply> {
    assertItems(items)
    const news = this.#newsOf(project)
    const now = this.#options.now()
    turnBuckets(news, now)
    const remembered = items.filter((item) => item.kind === 'event' && isIdRemembered(item)).length
    if (remembered > 0 && news.ids.current.size + remembered > MAX_BUCKET_IDS) {
      throw new AppError('RATE_LIMITED', { message: `at most ${MAX_BUCKET_IDS} ids in ten minutes` })
    }
    makeRoom(news, items, now)
    const events: BusEvent[] = []
    const latest: BusLatest[] = []
    const at = new Date(now).toISOString()
    let outboxTaken = true
    const results = items.map((item): BusResult => {
      if (item.kind === 'latest') {
        const stored = news.latest.get(item.key)?.version ?? 0
        const version = item.version ?? stored + 1
        if (version <= stored || !outboxTaken) return { kind: 'refused', key: item.key, version: stored }
        const value = { key: item.key, version, type: item.type, at, body: item.body }
        news.latest.set(item.key, { ...value, storedAt: now })
        latest.push(value)
        return { kind: 'versioned', key: item.key, version }
      }
      if (item.kind === 'outbox') {
        const isFirst = news.outboxNo === null && item.isFirst === true
        outboxTaken = isFirst || item.no === (news.outboxNo ?? 0n) + 1n
        if (!outboxTaken) return news.outboxNo === null ? { kind: 'not-begun', before: null } : { kind: 'out-of-turn', no: news.outboxNo }
        news.outboxNo = item.no
      } else outboxTaken = true
      const id = item.id ?? newId()
      const isRemembered = isIdRemembered(item)
      const known = isRemembered ? (news.ids.current.get(id) ?? news.ids.previous.get(id)) : undefined
      if (known !== undefined) return { kind: 'duplicate', id, seq: known }
      const seq = ++news.seq
      news.id = id
      if (isRemembered) news.ids.current.set(id, seq)
      events.push({ seq, id, type: item.type, at, body: item.body })
      return { kind: 'sequenced', id, seq }
    })
    if (events.length + latest.length > 0) {
      news.n++
      this.#retain(news, events, now)
      this.#deliver(news, { project, epoch: news.epoch, n: news.n, events, latest })
    }
    return { epoch: news.epoch, results }
  }

  async subscribe(project: ProjectId, listener: BusListener): Promise<BusSubscription> {
    const news = this.#newsOf(project)
    // A publish that is being delivered is part of the state already.
    const state = stateOf(news)
    const own: BusListener = {
      onMessage: (message) => {
        if (message.n > state.head.n) listener.onMessage(message)
      },
      onLost: () => undefined,
    }
    news.listeners.add(own)
    return {
      ...state,
      close: async () => {
        news.listeners.delete(own)
      },
    }
  }

  async head(project: ProjectId): Promise<BusHead> {
    return headOf(this.#newsOf(project))
  }

  async readEvents(project: ProjectId, after: Position, { maxEvents, maxBytes }: ReadLimits): Promise<BusEvents | null> {
    const news = this.#newsOf(project)
    this.#dropOld(this.#options.now())
    if (!isResumable(news, after)) return null
    const events: BusEvent[] = []
    let bytes = 0
    for (let seq = after.seq + 1; events.length < maxEvents; seq++) {
      const event = news.events.get(seq)
      if (!event) break
      bytes += Buffer.byteLength(event.body)
      if (bytes > maxBytes && events.length > 0) break
      events.push(event)
    }
    return { head: headOf(news), events }
  }

  async takeOnce(name: string, ttlMs: number): Promise<boolean> {
    const now = this.#options.now()
    // Mostly they come free in the order in which they were taken; where not, some stay a while.
    for (const [other, freeAt] of this.#taken) {
      if (freeAt > now) break
      this.#taken.delete(other)
    }
    if ((this.#taken.get(name) ?? 0) > now) return false
    this.#taken.delete(name)
    this.#taken.set(name, now + ttlMs)
    return true
  }

  async outboxState(project: ProjectId): Promise<OutboxState> {
    return { taken: this.#projects.get(project)?.outboxNo ?? null, before: null }
  }

  async endEpoch(): Promise<void> {
    throw new Error('broken invariant: a history in memory goes back')
  }

  async latest(project: ProjectId): Promise<BusState> {
    return stateOf(this.#newsOf(project))
  }

  async storedLatest(project: ProjectId, key: string): Promise<BusLatest | null> {
    const stored = this.#projects.get(project)?.latest.get(key)
    return stored ? plain(stored) : null
  }

  async report(project: ProjectId, process: string, text: string | null): Promise<ReadonlyMap<string, string>> {
    const reports = this.#reports.get(project) ?? new Map<string, string>()
    if (text === null) reports.delete(process)
    else reports.set(process, text)
    if (reports.size === 0) this.#reports.delete(project)
    else this.#reports.set(project, reports)
    return new Map(reports)
  }

  async renewLease(process: string, ttlMs: number, others: Iterable<string>): Promise<LeaseRenewal> {
    const now = this.#options.now()
    for (const [name, endsAt] of this.#leases) if (endsAt <= now) this.#leases.delete(name)
    const wasAlive = this.#leases.delete(process)
    if (ttlMs > 0) this.#leases.set(process, now + ttlMs)
    return { wasAlive, gone: new Set([...others].filter((name) => !this.#leases.has(name))) }
  }

  #newsOf(project: ProjectId): ProjectNews {
    let news = this.#projects.get(project)
    if (!news) {
      const ids = { bucket: 0, current: new Map(), previous: new Map() }
      news = {
        epoch: newEpoch(),
        seq: 0,
        id: '',
        n: 0,
        outboxNo: null,
        events: new Map(),
        publishedAt: 0,
        latest: new Map(),
        ids,
        listeners: new Set(),
      }
      this.#projects.set(project, news)
    }
    return news
  }

  #retain(news: ProjectNews, events: readonly BusEvent[], now: number): void {
    this.#dropOld(now)
    for (const event of events) {
      news.events.set(event.seq, event)
      news.events.delete(event.seq - this.#options.streamMaxEvents)
    }
    news.publishedAt = now
    this.#retaining.delete(news)
    if (news.events.size > 0) this.#retaining.add(news)
  }

  /** Without a timer: while nobody publishes, nothing grows either. */
  #dropOld(now: number): void {
    for (const news of this.#retaining) {
      if (now - news.publishedAt < this.#options.streamMaxAgeMs) return
      news.events.clear()
      this.#retaining.delete(news)
    }
  }

  /** A listener that publishes must not overtake the message it is hearing. */
  #deliver(news: ProjectNews, message: BusMessage): void {
    this.#undelivered.push({ news, message })
    if (this.#isDelivering) return
    this.#isDelivering = true
    try {
      for (let next = this.#undelivered.shift(); next; next = this.#undelivered.shift()) {
        for (const listener of next.news.listeners) listener.onMessage(next.message)
      }
    } finally {
      this.#isDelivering = false
    }
  }
}

/** Nothing is ever in doubt here: this bus answers at once. */
function isIdRemembered(item: Exclude<BusItem, { readonly kind: 'latest' }>): boolean {
  return item.kind === 'outbox' ? item.origin !== undefined : item.id !== undefined && !item.isIdNew
}

function headOf({ epoch, seq, id, n }: ProjectNews): BusHead {
  return { epoch, seq, id, n }
}

/** J3, in its order. */
function isResumable(news: ProjectNews, { epoch, seq, id }: Position): boolean {
  if (epoch !== news.epoch) return false
  if (seq === 0) return news.seq === 0 || news.events.has(1)
  return news.events.get(seq)?.id === id || (seq === news.seq && id === news.id)
}

function stateOf(news: ProjectNews): BusState {
  const latest = [...news.latest.values()].filter((value) => value.body !== TOMBSTONE_BODY)
  return { head: headOf(news), latest: latest.map(plain) }
}

function plain({ key, version, type, at, body }: BusLatest): BusLatest {
  return { key, version, type, at, body }
}

function turnBuckets({ ids }: ProjectNews, now: number): void {
  const bucket = Math.floor(now / ID_BUCKET_MS)
  if (bucket === ids.bucket) return
  ids.previous = bucket === ids.bucket + 1 ? ids.current : new Map()
  ids.current = new Map()
  ids.bucket = bucket
}

/**
 * Refuses the batch when its new live keys are too many. Tombstones that have stood long enough make room first, also for a tombstone of what
 * never lived.
 */
function makeRoom(news: ProjectNews, items: readonly BusItem[], now: number): void {
  const isLive = (key: string) => (news.latest.get(key)?.body ?? TOMBSTONE_BODY) !== TOMBSTONE_BODY
  const fresh = new Map<string, number>()
  const unknown = new Set<string>()
  for (const [index, item] of items.entries()) {
    if (item.kind !== 'latest') continue
    if (item.body !== TOMBSTONE_BODY && !isLive(item.key) && !fresh.has(item.key)) fresh.set(item.key, index)
    else if (!news.latest.has(item.key)) unknown.add(item.key)
  }
  const added = fresh.size + unknown.size
  if (added === 0 || news.latest.size + added <= MAX_LIVE_KEYS) return
  let live = 0
  const forgotten: string[] = []
  for (const value of news.latest.values()) {
    if (value.body !== TOMBSTONE_BODY) live++
    else if (value.storedAt < now - TOMBSTONE_MS) forgotten.push(value.key)
  }
  for (const index of fresh.values()) {
    if (++live > MAX_LIVE_KEYS) throw invalidItem(index, `a project has at most ${MAX_LIVE_KEYS} live keys`)
  }
  for (const key of forgotten) news.latest.delete(key)
}
