import type { Cache, CacheEvent, CacheQuestion } from '../cache/cache.js'
import type { Db } from '../db/client.js'
import { type Grants, grantedRole, higherRole, listMembers, readRoster, roleOfUser } from '../db/members.js'
import { findNewestProjects, getProject } from '../db/projects.js'
import { readSnapshot } from '../db/snapshot.js'
import { readRevision, readSummary } from '../db/summary.js'
import type { ProjectId } from '../ids.js'
import { CACHE_TAGS, type CacheTag } from '../protocol/cache-tags.js'
import type { ProjectView, Role, Snapshot, Summary } from '../protocol/views.js'

export interface ProjectReadsOptions {
  readonly db: Db
  readonly cache: Cache
}

/** An answer about a project, with the project's revision before it was read: it may be newer than that says, never older. */
export interface Stamped<Value> {
  readonly revision: number
  readonly value: Value
}

/** The first page of a list. */
export interface FirstPage<Value> {
  /** Of the list. */
  readonly name: string
  /** What is asked of it, in the same order each time. */
  readonly query: Readonly<Record<string, unknown>>
  readonly tags: readonly CacheTag[]
  readonly load: () => Promise<Value>
}

/** Where what the cache did is written down. */
type Recording = CacheEvent[] | undefined

/** The seldom changed, and invalidated when they are: the time only bounds what a lost invalidation may cost. */
const TTL_MS = 240_000
/** People's names are on it, whose changes nobody tells. */
const PAGE_TTL_MS = 60_000
/** As long as the database may be away before people see it in the figures. */
const GRACE_MS = 60_000
/** A pass over all records: one process makes it for all. */
const SUMMARY_LOCK_MS = 1_000
/** Members that are read at once for all who ask. */
const MAX_ROSTER = 5_000
/** What the dashboard asks of the members at first. */
const MEMBERS_PAGE = 100
/** Projects that are made ready when a process starts, the newest first. */
const START_PROJECTS = 10

/** What figures, totals and jobs are made of. */
const SUMMARY_TAGS: readonly CacheTag[] = ['sources', 'records', 'jobs', 'matches', 'breaks']

/** What everybody asks of a project, through the cache. */
export class ProjectReads {
  readonly #db: Db
  readonly #cache: Cache
  readonly #rosters = new WeakMap<readonly unknown[], ReadonlyMap<string, Role>>()
  readonly #stopping = new AbortController()
  #warming: Promise<void> = Promise.resolve()

  constructor({ db, cache }: ProjectReadsOptions) {
    this.#db = db
    this.#cache = cache
  }

  /** Ends what is made ready. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#warming
  }

  /** Null: no such project. */
  project(id: ProjectId, record?: Recording): Promise<Stamped<ProjectView> | null> {
    return this.#stamped(id, 'project', ['project'], { ttlMs: TTL_MS, graceMs: GRACE_MS, record }, () => getProject(this.#db, id))
  }

  /** Counts and totals, at least as new as `minRevision`; all zero for an unknown project. */
  summary(id: ProjectId, record?: Recording, minRevision?: number): Promise<Summary> {
    const question = {
      tags: tagsIn(id, SUMMARY_TAGS),
      ttlMs: TTL_MS,
      graceMs: GRACE_MS,
      lockMs: SUMMARY_LOCK_MS,
      revisionOf: ({ revision }: Summary) => revision,
      record,
      ...(minRevision !== undefined && { minRevision }),
    }
    return this.#cache.getOrLoad(`${id}/summary`, question, () => readSummary(this.#db, id))
  }

  /** As new as the project is now or newer, for it must show all that news is told of; null: no such project. */
  async snapshot(id: ProjectId): Promise<Snapshot | null> {
    const minRevision = await readRevision(this.#db, id)
    const question = {
      tags: tagsIn(id, CACHE_TAGS),
      ttlMs: TTL_MS,
      minRevision,
      revisionOf: (stamped: Stamped<Snapshot> | null) => stamped?.revision ?? Number.POSITIVE_INFINITY,
    }
    const stamped = await this.#cache.getOrLoad(`${id}/snapshot`, question, async () => {
      const value = await readSnapshot(this.#db, id, () => this.summary(id, undefined, minRevision))
      return value && { revision: minRevision, value }
    })
    return stamped?.value ?? null
  }

  /** A list as it begins, with what is asked of it. */
  firstPage<Value>(id: ProjectId, { name, query, tags, load }: FirstPage<Value>, record?: Recording): Promise<Stamped<Value>> {
    const options = { ttlMs: PAGE_TTL_MS, graceMs: GRACE_MS, record }
    // Null only where the loader says so, and this one does not.
    return this.#stamped(id, `${name}?${JSON.stringify(query)}`, tags, options, load) as Promise<Stamped<Value>>
  }

  /** The stored roles of all members; null: no such project; `too-many` to be read at once. */
  async roster(id: ProjectId): Promise<ReadonlyMap<string, Role> | 'too-many' | null> {
    const question = { tags: tagsIn(id, ['members']), ttlMs: PAGE_TTL_MS }
    const kept = await this.#cache.getOrLoad(`${id}/roster`, question, async () => {
      const roster = await readRoster(this.#db, id, MAX_ROSTER)
      return roster instanceof Map ? [...roster] : (roster as 'too-many' | null)
    })
    if (!Array.isArray(kept)) return kept
    let roster = this.#rosters.get(kept)
    if (!roster) {
      roster = new Map(kept)
      this.#rosters.set(kept, roster)
    }
    return roster
  }

  /** The role of one of very many members, with what the credential grants. */
  async membership(principal: Grants, id: ProjectId): Promise<Role | null> {
    const { user } = principal
    const question = { tags: tagsIn(id, ['members']), ttlMs: PAGE_TTL_MS }
    const stored = await this.#cache.getOrLoad(`${id}/role/${user.id}`, question, () => roleOfUser(this.#db, id, user.id))
    return higherRole(stored, grantedRole(principal, id))
  }

  /** A commit has changed these. Counts here from the call on; never rejects. */
  invalidate(id: ProjectId, tags: Iterable<CacheTag>): Promise<void> {
    return this.#cache.invalidate(tagsIn(id, tags))
  }

  /** Another process says that these have changed, and has told the second level of it. */
  drop(id: ProjectId, tags: Iterable<CacheTag>): void {
    this.#cache.drop(tagsIn(id, tags))
  }

  /** Somebody comes who will ask: what is asked first is made ready meanwhile. Who comes does not wait, and does not hear when it fails. */
  warm(id: ProjectId): void {
    this.#meanwhile(() => this.#warm(id))
  }

  /** The same for the projects that most likely are opened next. */
  warmNewest(): void {
    this.#meanwhile(async () => {
      for (const id of await findNewestProjects(this.#db, START_PROJECTS)) await this.#warm(id)
    })
  }

  /** One project after another: when a thousand are opened at once, those who are here already need the database too. */
  #meanwhile(work: () => Promise<void>): void {
    this.#warming = this.#warming.then(() => (this.#stopping.signal.aborted ? undefined : work())).catch(() => undefined)
  }

  async #warm(id: ProjectId): Promise<void> {
    const acts = [() => this.roster(id), () => this.project(id), () => this.#members(id), () => this.summary(id)]
    for (const act of acts) if (!this.#stopping.signal.aborted) await act()
  }

  #members(id: ProjectId): Promise<unknown> {
    return this.firstPage(id, {
      name: 'members',
      query: { limit: MEMBERS_PAGE },
      tags: ['members'],
      // One more than are shown, as of every list: it says whether there are more.
      load: () => listMembers(this.#db, id, { limit: MEMBERS_PAGE + 1 }),
    })
  }

  #stamped<Value>(
    id: ProjectId,
    name: string,
    tags: readonly CacheTag[],
    options: Pick<CacheQuestion<unknown>, 'ttlMs' | 'graceMs' | 'record'>,
    load: () => Promise<Value | null>,
  ): Promise<Stamped<Value> | null> {
    const revisionOf = (stamped: Stamped<Value> | null) => stamped?.revision ?? Number.NEGATIVE_INFINITY
    return this.#cache.getOrLoad(`${id}/${name}`, { ...options, tags: tagsIn(id, tags), revisionOf }, async () => {
      const revision = await readRevision(this.#db, id)
      const value = await load()
      return value === null ? null : { revision, value }
    })
  }
}

function tagsIn(project: ProjectId, tags: Iterable<CacheTag>): string[] {
  return [...tags].map((tag) => `${project}/${tag}`)
}
