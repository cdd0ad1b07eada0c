import type { OutboxRow } from '../../src/bus/outbox.js'
import type { Revocation, RevocationsReading } from '../../src/db/revocations.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Role } from '../../src/protocol/views.js'
import type { QueuedEvent } from '../../src/publishing/publication-queue.js'
import type { FakeClock } from '../sessions/fake-clock.js'
import type { Random } from './random.js'
import type { Situations } from './situations.js'

type StoredRow = OutboxRow & { publishedAt: number | null }

interface Project {
  readonly roles: Map<string, Role>
  readonly rows: StoredRow[]
  /** Of the bus, which took what was booked last. */
  outboxEpoch: string | null
  facts: number
  /** Who has the row of the project, and those who wait for it. */
  lock: Promise<unknown>
}

/** From when to when, in Unix milliseconds; `to` is Infinity until it is over. */
interface Period {
  readonly from: number
  to: number
}

export interface SimulatedDatabaseOptions {
  readonly clock: FakeClock
  readonly random: Random
  readonly situations: Situations
}

const MAX_QUERY_MS = 12
const MAX_SLOW_MS = 1_200
/** Of queries while it has trouble. */
const FAILURES = 0.3
/** As in src/db/outbox.ts. */
const RECENT_MS = 60_000
const RECENT_ROWS = 500
/** As in src/db/revocations.ts. */
const OVERLAP_MS = 60_000

/**
 * What Postgres does for live sessions: roles, facts whose news are numbered in the order of commits under the row lock of their project, what
 * waits for the bus. It may fail before a query, after it, be slow or away.
 */
export class SimulatedDatabase {
  readonly #options: SimulatedDatabaseOptions
  readonly #projects = new Map<ProjectId, Project>()
  /** Without a role, by project and user. */
  readonly #absences = new Map<string, Period[]>()
  readonly #revocations: (Revocation & { readonly id: string; readonly at: number })[] = []
  #trouble: 'none' | 'failing' | 'slow' | 'away' = 'none'
  readonly #troubles: Period[] = []
  /** Rises with each trouble, also with one that takes the place of another. */
  #troubleNo = 0

  constructor(options: SimulatedDatabaseOptions) {
    this.#options = options
  }

  create(project: ProjectId, users: Iterable<string>): void {
    this.#projects.set(project, {
      roles: new Map([...users].map((user) => [user, 'admin'])),
      rows: [],
      outboxEpoch: null,
      facts: 0,
      lock: Promise.resolve(),
    })
  }

  /** For so long queries fail or take their time. */
  trouble(kind: 'failing' | 'slow' | 'away', ms: number): void {
    const { clock } = this.#options
    const no = ++this.#troubleNo
    if (this.#trouble === 'none') this.#troubles.push({ from: clock.today(), to: Number.POSITIVE_INFINITY })
    this.#trouble = kind
    clock.after(ms, () => {
      if (this.#troubleNo === no) this.heal()
    })
  }

  heal(): void {
    if (this.#trouble !== 'none') this.#troubles.at(-1)!.to = this.#options.clock.today()
    this.#trouble = 'none'
  }

  facts(project: ProjectId): number {
    return this.#project(project).facts
  }

  hasRole(project: ProjectId, user: string): boolean {
    return this.#project(project).roles.has(user)
  }

  /**
   * Whether the user had no role at a moment, nor for so long before as it takes to be told: from the end of the role, or of the database's
   * trouble behind it. Unix milliseconds.
   */
  wasAbsent(project: string, user: string, at: number, allowedMs: number): boolean {
    const end = this.#troubles.at(-1)?.to ?? 0
    return (this.#absences.get(`${project} ${user}`) ?? []).some(({ from, to }) => Math.max(from, end) + allowedMs < at && at < to)
  }

  /** Whether it had trouble at a moment, in Unix milliseconds. */
  hadTrouble(at: number): boolean {
    return this.#troubles.some(({ from, to }) => from <= at && at <= to)
  }

  /** Ids of all that was ever kept for the bus because it could not take it. */
  queued(project: ProjectId): string[] {
    return this.#project(project).rows.flatMap(({ origin, batchEnd, eventId }) => (origin !== null || batchEnd !== null ? [eventId] : []))
  }

  /** Whether it is kept for the bus because nobody knows whether that has it. */
  isDoubtful(project: ProjectId, id: string): boolean {
    return this.#project(project).rows.some(({ eventId, origin }) => eventId === id && origin === 'doubtful')
  }

  /** What is not booked as published. */
  pending(project: ProjectId): number {
    return this.#project(project).rows.filter(({ publishedAt }) => publishedAt === null).length
  }

  /** A transaction that stores a fact and its news. @throws when it has failed, or nobody knows. */
  async store(project: ProjectId): Promise<void> {
    await this.#commit(project, (stored) => {
      const data = { fact: ++stored.facts }
      append(stored, [{ id: newId(), type: 'demo.fact', body: JSON.stringify({ actor: null, data }), origin: null }], null)
    })
  }

  /** A transaction that gives somebody a role, or none. @throws when it has failed, or nobody knows. */
  async setRole(project: ProjectId, user: string, role: Role | null): Promise<void> {
    await this.#commit(project, (stored) => {
      const at = this.#options.clock.today()
      const key = `${project} ${user}`
      const absences = this.#absences.get(key) ?? []
      this.#absences.set(key, absences)
      const last = absences.at(-1)
      if (role === null) {
        stored.roles.delete(user)
        if (last?.to !== Number.POSITIVE_INFINITY) absences.push({ from: at, to: Number.POSITIVE_INFINITY })
        this.#revocations.push({ kind: 'member', project, user, id: newId(), at })
      } else {
        stored.roles.set(user, role)
        if (last && last.to > at) last.to = at
      }
      const member = { project, user: { id: user, name: user }, role, version: 1 }
      const data = { member, fact: ++stored.facts }
      append(stored, [{ id: newId(), type: 'member.changed', body: JSON.stringify({ actor: null, data }), origin: null }], null)
    })
  }

  async readRole(project: ProjectId, user: string): Promise<Role | null> {
    return this.#query(() => this.#projects.get(project)?.roles.get(user) ?? null)
  }

  async readRoster(project: ProjectId): Promise<ReadonlyMap<string, Role>> {
    return this.#query(() => new Map(this.#project(project).roles))
  }

  async countFacts(project: ProjectId): Promise<number> {
    return this.#query(() => this.facts(project))
  }

  async readRevocations(since: Date | null): Promise<RevocationsReading> {
    return this.#query(() => {
      const now = this.#options.clock.today()
      const from = (since?.getTime() ?? now) - OVERLAP_MS
      return { until: new Date(now), revocations: this.#revocations.filter(({ at }) => at > from) }
    })
  }

  async queue(project: ProjectId, events: readonly QueuedEvent[]): Promise<void> {
    const { situations } = this.#options
    await this.#commit(project, (stored) => append(stored, events, BigInt(stored.rows.length + events.length)))
    situations.count(events.some(({ origin }) => origin === 'doubtful') ? 'kept for later, though it may be published' : 'kept for later')
  }

  async hasPending(project: ProjectId): Promise<boolean> {
    return this.#query(() => this.pending(project) > 0)
  }

  async pendingProjects(limit: number): Promise<readonly ProjectId[]> {
    return this.#query(() => [...this.#projects.keys()].filter((project) => this.pending(project) > 0).slice(0, limit))
  }

  async readPending(project: ProjectId, limit: number): Promise<readonly OutboxRow[]> {
    return this.#query(() =>
      this.#project(project)
        .rows.filter(({ publishedAt }) => publishedAt === null)
        .slice(0, limit),
    )
  }

  async markPublished(project: ProjectId, no: bigint, epoch: string): Promise<void> {
    await this.#query(() => {
      this.#project(project).outboxEpoch = epoch
      for (const row of this.#project(project).rows) if (row.no <= no) row.publishedAt ??= this.#options.clock.today()
    })
  }

  async readEpoch(project: ProjectId): Promise<string | null> {
    return this.#query(() => this.#project(project).outboxEpoch)
  }

  async reopen(project: ProjectId, no: bigint): Promise<number> {
    return this.#query(() => this.#reopen(this.#project(project).rows.filter((row) => row.no > no)))
  }

  async reopenRecent(project: ProjectId): Promise<void> {
    const { rows } = this.#project(project)
    const since = this.#options.clock.today() - RECENT_MS
    await this.#query(() => this.#reopen(rows.slice(-RECENT_ROWS).filter(({ publishedAt }) => (publishedAt ?? 0) > since)))
  }

  #reopen(rows: readonly StoredRow[]): number {
    const published = rows.filter(({ publishedAt }) => publishedAt !== null)
    for (const row of published) row.publishedAt = null
    if (published.length > 0) this.#options.situations.count('facts go out again')
    return published.length
  }

  #project(project: ProjectId): Project {
    return this.#projects.get(project)!
  }

  /** As its last act a transaction takes the row of the project, and keeps it until it commits. */
  async #commit(project: ProjectId, write: (stored: Project) => void): Promise<void> {
    const { situations, random } = this.#options
    await this.#begin()
    const stored = this.#project(project)
    const before = stored.lock
    let release = () => {}
    stored.lock = new Promise<void>((resolve) => {
      release = resolve
    })
    await before
    try {
      await this.#pause()
      if (this.#fails()) {
        situations.count('a transaction fails')
        throw new Error('the transaction was rolled back')
      }
      write(stored)
    } finally {
      release()
    }
    if (this.#fails() && random.chance(0.5)) {
      situations.count('a commit has no answer')
      throw new Error('the connection was lost')
    }
  }

  async #query<Result>(run: () => Result): Promise<Result> {
    await this.#begin()
    const result = run()
    await this.#pause()
    if (this.#fails()) throw new Error('the connection was lost')
    return result
  }

  async #begin(): Promise<void> {
    await this.#pause()
    if (this.#trouble === 'away' || this.#fails()) {
      this.#options.situations.count('a query fails')
      throw new Error('the database is away')
    }
  }

  #fails(): boolean {
    return this.#trouble === 'away' || (this.#trouble === 'failing' && this.#options.random.chance(FAILURES))
  }

  async #pause(): Promise<void> {
    const { random, clock } = this.#options
    if (random.chance(this.#trouble === 'slow' ? 0.3 : 0.6)) return
    const ms = random.below(this.#trouble === 'slow' ? MAX_SLOW_MS : MAX_QUERY_MS)
    await new Promise<void>((resolve) => void clock.after(ms, resolve))
  }
}

function append(project: Project, events: readonly QueuedEvent[], batchEnd: bigint | null): void {
  for (const { id, type, body, origin } of events) {
    const no = BigInt(project.rows.length + 1)
    project.rows.push({ no, eventId: id, type, body, clearsKey: null, clearsVersion: null, origin, batchEnd, publishedAt: null })
  }
}
