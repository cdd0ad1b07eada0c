import { z } from 'zod'
import type { Bus, BusItem, BusLatest } from '../bus/bus.js'
import type { ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import { latestBody, PRESENCE_COUNT_KEY, presenceKey, TOMBSTONE_BODY } from '../protocol/events.js'
import { decodeJson } from '../protocol/json-codec.js'
import type { Clock } from './clock.js'
import { isPresenceKey, presenceIntervalMs } from './presence-pace.js'

export interface RollOptions {
  readonly project: ProjectId
  /** Name of this process among the others. */
  readonly process: string
  readonly bus: Pick<Bus, 'publish' | 'report'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  /** Resolves when this process has a lease: a report of one without is taken for a dead one's. */
  readonly believed: () => Promise<void>
  /** Whether the process has lost its lease. */
  readonly isGone: (process: string) => boolean
  /** Users whose claims in the project hold as long as they are here, and who are. */
  readonly claimants: (project: ProjectId) => readonly string[]
  /** The claimants of all other processes, whenever the reports were read. */
  readonly onClaimants: (project: ProjectId, users: ReadonlySet<string>) => void
  /** Nothing is under way any more: there may be nothing left to look after. */
  readonly onTold: () => void
}

/** What a session of this process shows of itself. */
interface Present {
  /** Unix time in milliseconds. */
  readonly since: number
  /** As it is published. */
  readonly body: string
}

/** What all processes tell of a project. */
interface Reading {
  /** Sessions that some process tells of. */
  readonly listed: ReadonlySet<string>
  /** The longest present of them. */
  readonly shown: ReadonlySet<string>
  readonly count: number
  readonly others: readonly string[]
}

/** Sessions of a project that are shown: the longest present (R3). */
export const MAX_SHOWN = 100

const reportSchema = z.object({
  count: z.int(),
  /** When they came, and their ids: the longest present of the process, of which the longest present of all are some. */
  oldest: z.array(z.tuple([z.number(), z.string()])),
  claimants: z.array(z.string()),
})
type Report = z.infer<typeof reportSchema>

const NOTHING: Reading = { listed: new Set(), shown: new Set(), count: 0, others: [] }

/**
 * Who is present in one project. Each process reports its own sessions and reads what all report; from that everybody concludes alike who is
 * shown, and each publishes what concerns its own sessions. What is heard and stands in no report is nobody's, and whoever sees it ends it.
 * Reports are read again whenever what is heard contradicts what was concluded, so it does not matter who was first.
 */
export class Roll {
  readonly #options: RollOptions
  /** The longest present first. */
  readonly #own = new Map<string, Present>()
  /** Own sessions under whose keys something may stand. */
  readonly #published = new Set<string>()
  /** The live values, key → body. */
  readonly #heard = new Map<string, string>()
  #reading = NOTHING
  #hasReport = false
  #isDue = false
  #isBehind = false
  #isEnded = false
  #syncedAt = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | null = null
  #running: Promise<void> | null = null

  constructor(options: RollOptions) {
    this.#options = options
  }

  /** Whether nothing is here to be looked after. */
  get isEmpty(): boolean {
    const isIdle = this.#cancelTimer === null && this.#running === null && !this.#isBehind
    return isIdle && !this.#hasReport && this.#own.size + this.#published.size + this.#heard.size === 0
  }

  /** Own sessions. */
  get sessions(): readonly string[] {
    return [...this.#own.keys()]
  }

  /** Processes that told of the project when it was last asked. */
  get others(): readonly string[] {
    return this.#reading.others
  }

  has(session: string): boolean {
    return this.#own.has(session)
  }

  show(session: string, body: string): void {
    const before = this.#own.get(session)
    if (before?.body === body) return
    this.#own.set(session, { since: before?.since ?? this.#options.clock.today(), body })
    this.touch()
  }

  hide(session: string): void {
    if (this.#own.delete(session)) this.touch()
  }

  /** What the bus says; `all`: and nothing else. */
  hear(values: readonly BusLatest[], scope: 'all' | 'changed'): void {
    let isNews = scope === 'all' && this.#own.size > 0
    if (scope === 'all') this.#heard.clear()
    for (const { key, body } of values) {
      if (!isPresenceKey(key)) continue
      if (body === TOMBSTONE_BODY) this.#heard.delete(key)
      else this.#heard.set(key, body)
      isNews ||= this.#isNews(key, body)
    }
    if (isNews) this.touch()
  }

  /** The project is not heard any more, for nobody here has joined it; own sessions have been hidden. */
  unheard(): void {
    this.#heard.clear()
    if (this.#published.size > 0 || this.#hasReport) this.touch()
  }

  /** Something may have changed: it is told, or looked at, as soon as the pace allows. */
  touch(): void {
    this.#isDue = true
    if (this.#cancelTimer || this.#running || this.#isEnded) return
    const { clock } = this.#options
    const dueAt = this.#syncedAt + presenceIntervalMs(Math.max(this.#own.size, this.#reading.count))
    this.#cancelTimer = clock.after(dueAt - clock.now(), () => {
      this.#cancelTimer = null
      this.#running = this.#run().finally(() => {
        this.#running = null
        if (this.#isDue) this.touch()
        this.#options.onTold()
      })
    })
  }

  /** What could not be told is told now. */
  retry(): void {
    if (this.#isBehind) this.touch()
  }

  /** All own sessions go, at once. */
  async end(): Promise<void> {
    this.drop()
    await this.#running
    if (this.#published.size > 0 || this.#hasReport) await this.#run()
  }

  /** Nothing is told any more. */
  drop(): void {
    this.#isEnded = true
    this.#own.clear()
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  /** Tells what is here, and reads what the others tell. @throws AppError `BUS_UNAVAILABLE`. */
  async exchange(): Promise<void> {
    const { project, process, bus, believed, isGone, claimants, onClaimants } = this.#options
    await believed()
    const own: Report = {
      count: this.#own.size,
      oldest: [...this.#own].slice(0, MAX_SHOWN).map(([session, { since }]) => [since, session]),
      claimants: [...(this.#isEnded ? [] : claimants(project))],
    }
    const hasReport = own.count + own.claimants.length > 0
    const texts = await bus.report(project, process, hasReport ? JSON.stringify(own) : null)
    this.#hasReport = hasReport
    const reports: Report[] = hasReport ? [own] : []
    const others: string[] = []
    const users = new Set<string>()
    for (const [name, text] of texts) {
      if (name === process) continue
      const report = isGone(name) ? null : reportSchema.safeParse(decodeJson(text)).data
      if (report) {
        reports.push(report)
        others.push(name)
        for (const user of report.claimants) users.add(user)
      } else await bus.report(project, name, null)
    }
    const oldest = reports.flatMap((report) => report.oldest)
    oldest.sort(([one, id], [other, otherId]) => one - other || (id < otherId ? -1 : 1))
    this.#reading = {
      listed: new Set(oldest.map(([, id]) => id)),
      shown: new Set(oldest.slice(0, MAX_SHOWN).map(([, id]) => id)),
      count: reports.reduce((sum, { count }) => sum + count, 0),
      others,
    }
    if (!this.#isEnded) onClaimants(project, users)
  }

  /** Whether it contradicts what was concluded. */
  #isNews(key: string, body: string): boolean {
    if (key === PRESENCE_COUNT_KEY) return body !== countBody(this.#reading.count)
    const session = sessionOf(key)
    const own = this.#own.get(session)
    if (own) return body !== own.body
    return (body === TOMBSTONE_BODY) === this.#reading.listed.has(session)
  }

  /** Never rejects: what fails is tried again. */
  async #run(): Promise<void> {
    const { project, clock, log } = this.#options
    this.#isDue = false
    this.#syncedAt = clock.now()
    try {
      await this.#sync()
      this.#isBehind = false
    } catch (error) {
      if (!this.#isBehind) log.warn({ err: error, project }, 'who is present cannot be told; it is tried again')
      this.#isBehind = true
    }
  }

  async #sync(): Promise<void> {
    const { project, bus } = this.#options
    // What comes while the reports are read may stand in none of them, and be somebody's all the same.
    const known = new Set(this.#heard.keys())
    await this.exchange()
    const { listed, shown, count } = this.#reading
    const items: BusItem[] = []
    for (const [session, { body }] of this.#own) {
      const key = presenceKey(session)
      if (!shown.has(session) || this.#heard.get(key) === body) continue
      this.#published.add(session)
      items.push({ kind: 'latest', type: 'presence', key, body })
    }
    const over: string[] = []
    for (const key of new Set([...known, ...[...this.#published].map(presenceKey)])) {
      const session = sessionOf(key)
      if (key === PRESENCE_COUNT_KEY || (this.#own.has(session) ? shown.has(session) : listed.has(session))) continue
      if (!this.#heard.has(key) && !this.#published.has(session)) continue
      over.push(session)
      items.push({ kind: 'latest', type: 'presence', key, body: TOMBSTONE_BODY })
    }
    const body = countBody(count)
    const isCounted = count > 0 || items.length > 0 || this.#heard.has(PRESENCE_COUNT_KEY)
    if (isCounted && this.#heard.get(PRESENCE_COUNT_KEY) !== body) {
      items.push({ kind: 'latest', type: 'presence', key: PRESENCE_COUNT_KEY, body })
    }
    if (items.length > 0) await bus.publish(project, items)
    for (const session of over) this.#published.delete(session)
  }
}

function sessionOf(key: string): string {
  return key.slice(presenceKey('').length)
}

function countBody(count: number): string {
  return latestBody('presence', { count })
}
