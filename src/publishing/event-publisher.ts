import type { Bus, BusItem, BusResult } from '../bus/bus.js'
import { assertItems } from '../bus/items.js'
import { AppError, assert, unreachable } from '../errors.js'
import { type JobId, newId, type ProjectId, parseId } from '../ids.js'
import type { PublishResult } from '../protocol/messages.js'
import { MAX_PUBLICATIONS, type PublicationProblem, type PublishReply } from '../protocol/publications.js'
import type { Role, UserRef } from '../protocol/views.js'
import { type Accepted, type Refusal, readPublication } from './publication.js'
import type { PublicationQueue, QueuedEvent } from './publication-queue.js'

/** Who publishes: the part of a principal that decides. */
export interface Publisher {
  readonly user: UserRef
  readonly admin: boolean
  readonly projects: Readonly<Record<string, Role>>
  readonly publish: readonly string[] | '*'
}

export interface PublishRequest {
  readonly publisher: Publisher
  /** As the client wrote it. */
  readonly project: string
  /** Publications as they came, unjudged. */
  readonly events: readonly unknown[]
  /** Id of the request that brought them. */
  readonly trace?: string
}

export interface EventPublisherOptions {
  readonly bus: Pick<Bus, 'publish'>
  /** Whether the publisher may, in a project that exists. */
  readonly mayPublish: (publisher: Publisher, project: ProjectId) => Promise<boolean>
  /** Those of the ids that are jobs of the server. */
  readonly findJobs: (ids: readonly JobId[]) => Promise<ReadonlySet<JobId>>
  /** Takes what the bus cannot take now; without one that is refused. */
  readonly queue?: Pick<PublicationQueue, 'isBusAway' | 'isNeeded' | 'append'>
}

/** Whether the bus has certainly not got it, or nobody knows. */
type Outcome = 'not-sent' | 'unknown'

/** What is published through HTTP and through sessions, under one set of rules. */
export class EventPublisher {
  readonly #options: EventPublisherOptions

  constructor(options: EventPublisherOptions) {
    this.#options = options
  }

  /**
   * Publishes all of the events, in order and with no other one in between, or none.
   * @throws AppError `FORBIDDEN`, also for a project that does not exist; `INVALID`, `RESERVED_TYPE` or `EVENT_TOO_LARGE` (of several kinds of
   * faults: `INVALID`) with every bad one in `details.items` and `problems`; `RATE_LIMITED` (B7); `BUS_UNAVAILABLE` when neither bus nor
   * queue takes them.
   */
  async publish({ publisher, project, events, trace }: PublishRequest): Promise<PublishReply> {
    const id = parseId<ProjectId>(project)
    if (id === null) throw new AppError('FORBIDDEN')
    if (!(await this.#mayPublish(publisher, id))) {
      throw new AppError('FORBIDDEN', { message: 'publishing needs the publish permission for the project or its role admin' })
    }
    if (events.length < 1 || events.length > MAX_PUBLICATIONS) {
      throw refused([{ index: 0, code: 'INVALID', path: 'events', message: `must be 1 to ${MAX_PUBLICATIONS}` }])
    }
    const read = events.map((event) => readPublication(event, { project: id, actor: publisher.user.id, trace }))
    const known = await this.#knownJobs(read)
    const accepted: Accepted[] = []
    const faults: Fault[] = []
    for (const [index, publication] of read.entries()) {
      const refusal = 'code' in publication ? publication : refusalOfJob(publication, known)
      if (refusal) faults.push({ ...refusal, index, path: `events[${index}]${refusal.path && `.${refusal.path}`}` })
      else if ('item' in publication) accepted.push(publication)
    }
    if (faults.length > 0) throw refused(faults)
    return this.#send(
      id,
      accepted.map(({ item }) => withId(item)),
    )
  }

  async #mayPublish(publisher: Publisher, project: ProjectId): Promise<boolean> {
    try {
      return await this.#options.mayPublish(publisher, project)
    } catch (error) {
      throw this.#options.queue?.isBusAway ? new AppError('BUS_UNAVAILABLE', { cause: error }) : error
    }
  }

  /** To the bus, or, when that is away or others wait, behind them (P4). */
  async #send(project: ProjectId, items: readonly BusItem[]): Promise<PublishReply> {
    const { bus, queue } = this.#options
    if (await queue?.isNeeded(project)) return this.#enqueue(project, items, 'not-sent', undefined)
    try {
      const { epoch, results } = await bus.publish(project, items)
      return { epoch, results: results.map(wireResult) }
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'BUS_UNAVAILABLE')) throw error
      return this.#enqueue(project, items, 'unknown', error)
    }
  }

  /** A latest value does not wait: when its turn comes it would be an old one. It is refused, alone and in a batch. */
  async #enqueue(project: ProjectId, items: readonly BusItem[], outcome: Outcome, cause: unknown): Promise<PublishReply> {
    const { queue } = this.#options
    assertItems(items)
    const events = items.flatMap((item) => queuedEvent(item, outcome))
    if (!queue || events.length === 0) throw new AppError('BUS_UNAVAILABLE', { message: 'Redis cannot be reached', cause })
    try {
      await queue.append(project, events)
    } catch (error) {
      throw error instanceof AppError ? error : new AppError('BUS_UNAVAILABLE', { cause: error })
    }
    return { epoch: null, results: items.map(queuedResult) }
  }

  /** What is no UUID is no job of the server's. */
  async #knownJobs(read: readonly (Accepted | Refusal)[]): Promise<ReadonlySet<JobId>> {
    const ids = new Set(read.flatMap((one) => ('job' in one && one.job !== null ? (parseId<JobId>(one.job) ?? []) : [])))
    return ids.size === 0 ? new Set() : this.#options.findJobs([...ids])
  }
}

interface Fault extends Refusal {
  readonly index: number
}

function refusalOfJob({ item, job }: Accepted, known: ReadonlySet<JobId>): Refusal | null {
  const id = job === null ? null : parseId<JobId>(job)
  if (id === null || !known.has(id)) return null
  const path = item.kind === 'latest' ? 'key' : 'data.job.id'
  return { code: 'RESERVED_TYPE', path, message: 'this job belongs to the server' }
}

function refused(faults: readonly Fault[]): AppError {
  const [first] = faults
  assert(first, 'a refusal has a fault')
  const items = faults.map(({ index, path, message }): PublicationProblem => ({ index, path, message }))
  const isOneKind = faults.every(({ code }) => code === first.code)
  return new AppError(isOneKind ? first.code : 'INVALID', {
    message: `${first.path} ${first.message}${faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''}`,
    problems: items,
    details: { items },
  })
}

/** Every event has its id before the first attempt. */
function withId(item: BusItem): BusItem {
  return item.kind === 'event' && item.id === undefined ? { ...item, id: newId(), isIdNew: true } : item
}

function queuedEvent(item: BusItem, outcome: Outcome): QueuedEvent[] {
  if (item.kind !== 'event' || item.id === undefined) return []
  const { id, type, body, isIdNew } = item
  return [{ id, type, body, origin: isIdNew ? (outcome === 'unknown' ? 'doubtful' : null) : 'given' }]
}

function queuedResult(item: BusItem): PublishResult {
  // Which version stands there nobody knows now.
  if (item.kind === 'latest') return { key: item.key, version: 0, refused: true }
  assert(item.id, 'an event has an id before the first attempt')
  return { id: item.id, queued: true }
}

function wireResult(result: BusResult): PublishResult {
  switch (result.kind) {
    case 'sequenced':
      return { id: result.id, seq: result.seq }
    case 'duplicate':
      return { id: result.id, seq: result.seq, duplicate: true }
    case 'versioned':
      return { key: result.key, version: result.version }
    case 'refused':
      return { key: result.key, version: result.version, refused: true }
    case 'out-of-turn':
    case 'not-begun':
      throw new Error('broken invariant: only the outbox publishes in turns')
    default:
      return unreachable(result)
  }
}
