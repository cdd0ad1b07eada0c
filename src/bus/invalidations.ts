import type { Logger } from 'pino'
import { AppError } from '../errors.js'
import type { ProjectId } from '../ids.js'
import { type CacheTag, cacheKey } from '../protocol/cache-tags.js'
import { type EventType, latestBody } from '../protocol/events.js'
import type { Bus, BusItem } from './bus.js'

export interface InvalidationsOptions {
  readonly bus: Pick<Bus, 'publish' | 'takeOnce'>
  readonly log: Pick<Logger, 'warn'>
  /** Makes every process forget the answers that are stale, at once; must not reject. Nobody is told before. */
  readonly forget: (project: ProjectId, tags: readonly CacheTag[]) => Promise<void>
  /** The project's revision: rises with each commit that changes what it shows; 0 for a project that is gone. */
  readonly readRevision: (project: ProjectId) => Promise<number>
  /** At most one a tag in this time, whatever the number of processes. Default 1 000. */
  readonly intervalMs?: number
}

const INTERVAL_MS = 1_000

/** What a job changes with each of its chunks. */
export const JOB_RESULT_TAGS: readonly CacheTag[] = ['jobs', 'records', 'matches', 'breaks']

/** Of the breaks that a decision changes events of their own tell. */
const TAGS_OF_EVENT: Readonly<Record<EventType, readonly CacheTag[]>> = {
  'project.changed': ['project'],
  'member.changed': ['members'],
  'source.imported': ['sources', 'records'],
  'source.removed': ['sources', 'records', 'matches', 'breaks'],
  'job.queued': ['jobs'],
  'job.started': ['jobs'],
  'job.completed': JOB_RESULT_TAGS,
  'job.failed': JOB_RESULT_TAGS,
  'job.cancelled': JOB_RESULT_TAGS,
  'match.created': ['records', 'matches'],
  'match.decided': ['records', 'matches'],
  'match.removed': ['records', 'matches'],
  'matches.decided': ['records', 'matches', 'breaks'],
  'break.changed': ['breaks'],
}

/** Tags of a project that somebody has to be told of. `resting`: told less than an interval ago, by us or another process. */
interface Stale {
  readonly due: Set<CacheTag>
  readonly resting: Set<CacheTag>
  timer: NodeJS.Timeout | null
  telling: Promise<void> | null
  /** Resolves when all that was touched so far is forgotten. */
  forgetting: Promise<void>
}

/**
 * Tells which answers about a project are stale (PROTOCOL §6, `cache.invalidated`): the first time at once, then once an interval, the last
 * always. The revision is read when it is told, after the commit that it is about; a newer one says no less.
 */
export class Invalidations {
  readonly #options: InvalidationsOptions
  readonly #intervalMs: number
  readonly #projects = new Map<ProjectId, Stale>()
  #isFailing = false
  #isStopped = false

  constructor(options: InvalidationsOptions) {
    this.#options = options
    this.#intervalMs = options.intervalMs ?? INTERVAL_MS
  }

  /** Call it after a commit that changed what carries these tags. */
  touch(project: ProjectId, tags: Iterable<CacheTag>): void {
    if (this.#isStopped) return
    const touched = [...tags]
    const stale = this.#projects.get(project) ?? {
      due: new Set(),
      resting: new Set(),
      timer: null,
      telling: null,
      forgetting: Promise.resolve(),
    }
    this.#projects.set(project, stale)
    // Who is told fetches anew, and must not be answered what is stale.
    const forgotten = this.#options.forget(project, touched)
    stale.forgetting = stale.forgetting.then(() => forgotten)
    for (const tag of touched) stale.due.add(tag)
    this.#tellWhatMay(project, stale)
  }

  /** Tells what is still due, without waiting for its time: there is no later. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const projects = [...this.#projects]
    for (const [, stale] of projects) if (stale.timer) clearTimeout(stale.timer)
    await Promise.all(
      projects.map(async ([project, stale]) => {
        await Promise.all([stale.telling, stale.forgetting])
        if (stale.due.size > 0) await this.#publish(project, [...stale.due]).catch(() => undefined)
      }),
    )
    this.#projects.clear()
  }

  /** One round per project is under way: what comes meanwhile is told at its end, or when its rest is over. */
  #tellWhatMay(project: ProjectId, stale: Stale): void {
    if (stale.telling || this.#isStopped) return
    const tags = [...stale.due].filter((tag) => !stale.resting.has(tag))
    if (tags.length === 0) return
    stale.telling = this.#tell(project, stale, tags).finally(() => {
      stale.telling = null
      stale.timer ??= setTimeout(() => this.#endRest(project, stale), this.#intervalMs)
      this.#tellWhatMay(project, stale)
    })
  }

  async #tell(project: ProjectId, stale: Stale, tags: readonly CacheTag[]): Promise<void> {
    for (const tag of tags) stale.resting.add(tag)
    try {
      // A tag that another process told of less than an interval ago stays due.
      const free = await Promise.all(tags.map((tag) => this.#options.bus.takeOnce(`${cacheKey(tag)} ${project}`, this.#intervalMs)))
      const mine = tags.filter((_, index) => free[index])
      for (const tag of mine) stale.due.delete(tag)
      await stale.forgetting
      if (mine.length > 0) await this.#publish(project, mine)
      this.#isFailing = false
    } catch (error) {
      for (const tag of tags) stale.due.add(tag)
      // A bus that is away says so itself.
      if (!this.#isFailing && !(error instanceof AppError && error.code === 'BUS_UNAVAILABLE'))
        this.#options.log.warn({ project, err: error }, 'nobody can be told what is stale, trying again')
      this.#isFailing = true
    }
  }

  /** One timer per project: what was told shortly before its end is refused by `takeOnce` and waits for the next. */
  #endRest(project: ProjectId, stale: Stale): void {
    stale.timer = null
    stale.resting.clear()
    if (stale.due.size > 0) this.#tellWhatMay(project, stale)
    else if (stale.telling === null) this.#projects.delete(project)
  }

  async #publish(project: ProjectId, tags: readonly CacheTag[]): Promise<void> {
    const revision = await this.#options.readRevision(project)
    if (revision === 0) return
    // One that is not above the stored one is refused: somebody has told as much already.
    await this.#options.bus.publish(
      project,
      tags.map(
        (tag): BusItem => ({
          kind: 'latest',
          type: 'cache.invalidated',
          key: cacheKey(tag),
          version: revision,
          body: latestBody('cache.invalidated', { tag, revision }),
        }),
      ),
    )
  }
}

/** What is stale after events of these types; nothing after those that are not the server's own. */
export function tagsOf(types: readonly string[]): ReadonlySet<CacheTag> {
  return new Set(types.flatMap((type) => (isEventType(type) ? TAGS_OF_EVENT[type] : [])))
}

function isEventType(type: string): type is EventType {
  return Object.hasOwn(TAGS_OF_EVENT, type)
}
