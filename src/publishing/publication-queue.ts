import type { QueuedOrigin } from '../bus/bus.js'
import type { ProjectId } from '../ids.js'

/** An event that could not be published. */
export interface QueuedEvent {
  readonly id: string
  readonly type: string
  /** As of a bus item: encoded once, before the first attempt. */
  readonly body: string
  /** Null for one whose id was made here and that was certainly not published. */
  readonly origin: QueuedOrigin | null
}

export interface PublicationQueueOptions {
  /** Whether what is published now would certainly not be sent. */
  readonly isBusAway: () => boolean
  /** Whether something of the project waits. */
  readonly hasPending: (project: ProjectId) => Promise<boolean>
  /** Publishes what waits, as far as it goes. Never rejects. */
  readonly flush: (project: ProjectId) => Promise<void>
  /** Stores the events together, behind all that waits. @throws AppError `BUS_UNAVAILABLE` when too many wait. */
  readonly store: (project: ProjectId, events: readonly QueuedEvent[]) => Promise<void>
}

/** Where events wait in the database while the bus cannot take them, or others of their project still wait (P4). */
export class PublicationQueue {
  readonly #options: PublicationQueueOptions

  constructor(options: PublicationQueueOptions) {
    this.#options = options
  }

  /** Whether what is published now would certainly not be sent. */
  get isBusAway(): boolean {
    return this.#options.isBusAway()
  }

  /** Whether what is published in the project now has to wait. What waits goes out first, if it can. */
  async isNeeded(project: ProjectId): Promise<boolean> {
    const { isBusAway, hasPending, flush } = this.#options
    if (isBusAway()) return true
    // Mostly news of a fact on its way.
    if (!(await hasPending(project))) return false
    await flush(project)
    return hasPending(project)
  }

  /** Keeps the events; they go out in order and together. @throws what storing throws. */
  async append(project: ProjectId, events: readonly QueuedEvent[]): Promise<void> {
    await this.#options.store(project, events)
    if (!this.#options.isBusAway()) void this.#options.flush(project)
  }
}
