import { parseId } from '../ids.js'
import type { Publication } from '../protocol/messages.js'
import { MAX_PUBLICATIONS, type PublicationProblem, type PublishReply } from '../protocol/publications.js'
import type { Entrance } from './entrance.js'
import { type GetToken, HttpEntrance } from './http-entrance.js'
import { type Item, makeItem } from './item.js'
import { MAX_BATCH_BYTES, ProjectQueue, type PublishCall, type Retry } from './project-queue.js'
import { PublishError } from './publish-error.js'
import { RedisEntrance } from './redis-entrance.js'
import { LONGEST_WAIT_MS, RETRY, type RetryLimits } from './retry-delay.js'

/** Over HTTP: rights, rates and reserved names are those of the token. */
export interface HttpAccess {
  /** Where Tallyroom is, `https://tallyroom.example`. */
  readonly url: string
  readonly token: GetToken
  readonly redisUrl?: never
  /** After this long without an answer, the token's included, the outcome is unknown. Default 10 000. */
  readonly requestTimeoutMs?: number
}

/** Straight to the Redis of Tallyroom: who reaches it is trusted. */
export interface RedisAccess {
  readonly redisUrl: string
  readonly url?: never
  /** Who it says published. Default null. */
  readonly actor?: string | null
  /** As the server's STREAM_MAX_EVENTS: how many events a project keeps. Default 10 000. */
  readonly streamMaxEvents?: number
  /** As the server's STREAM_MAX_AGE_MS. Default 3 600 000. */
  readonly streamMaxAgeMs?: number
}

export type PublisherOptions = (HttpAccess | RedisAccess) & {
  /** How long a publication waits for others to go along. 0: for this turn of the event loop. Default 5. */
  readonly lingerMs?: number
  /** Publications that may wait at once. Default 10 000. */
  readonly maxBufferedItems?: number
  /** Bytes that may wait at once. Default 16 MiB. */
  readonly maxBufferedBytes?: number
  readonly retry?: Partial<RetryLimits>
  /** Hears of each failed attempt that will be repeated, for the log of the service. */
  readonly onRetry?: (retry: Retry) => void
}

export interface CloseOptions {
  /** What is not published after this long is given up. Default 10 000. */
  readonly timeoutMs?: number
}

const DEFAULTS = { lingerMs: 5, maxBufferedItems: 10_000, maxBufferedBytes: 16 * 1024 * 1024 }
const HTTP_DEFAULTS = { requestTimeoutMs: 10_000 }
const REDIS_DEFAULTS = { actor: null, streamMaxEvents: 10_000, streamMaxAgeMs: 3_600_000 }
const CLOSE_TIMEOUT_MS = 10_000

/**
 * Publishes news of a service in the projects of Tallyroom: batched, in order within a project, repeated under the same ids until it is
 * known what became of it.
 *
 * @example
 * const publisher = new Publisher({ url: 'https://tallyroom.example', token: () => fetchToken() })
 * await publisher.publish(project, { type: 'order.paid', data: { amount: '120.00' } })
 * await publisher.close()
 */
export class Publisher {
  readonly #options: PublisherOptions & typeof DEFAULTS
  readonly #retry: RetryLimits
  readonly #entrance: Entrance
  /** Of projects in which something waits. */
  readonly #queues = new Map<string, ProjectQueue>()
  readonly #waitForRoom: (() => void)[] = []
  #items = 0
  #bytes = 0
  #closing: Promise<void> | null = null
  #onEmpty: (() => void) | null = null

  /** Connects when something is published. @throws TypeError for a bad address. */
  constructor(options: PublisherOptions) {
    this.#options = { ...DEFAULTS, ...options }
    this.#retry = { ...RETRY, ...options.retry }
    this.#entrance =
      options.redisUrl === undefined
        ? new HttpEntrance({ ...HTTP_DEFAULTS, ...options })
        : new RedisEntrance({ ...REDIS_DEFAULTS, ...options })
  }

  /**
   * Publishes one publication, or up to 1,000 together: all or none, in order, with no other event between them. Resolves with a result for
   * each when the server has answered for all, however long that takes; an event that was repeated may be answered as the duplicate of
   * itself.
   * @throws PublishError when it cannot be taken: `items` says which and why; `BUFFER_FULL` when too much waits, until {@link drained};
   * `CLOSED`.
   */
  publish(project: string, publications: Publication | readonly Publication[]): Promise<PublishReply> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: PublishReply | PublishError) => (outcome instanceof PublishError ? reject(outcome) : resolve(outcome))
      const call = this.#admit(project, Array.isArray(publications) ? publications : [publications], settle)
      if (call instanceof PublishError) return reject(call)
      // Two spellings of one project are one order.
      this.#queueOf(project.toLowerCase()).add(call)
    })
  }

  /** How much waits for its answer. */
  get buffered(): { readonly items: number; readonly bytes: number } {
    return { items: this.#items, bytes: this.#bytes }
  }

  /** Resolves when a call of any size would be taken. */
  drained(): Promise<void> {
    if (this.#hasRoom()) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waitForRoom.push(resolve)
    })
  }

  /** Publishes what waits, then ends. What could not be published in time is rejected with `CLOSED`. */
  close({ timeoutMs = CLOSE_TIMEOUT_MS }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    for (const queue of this.#queues.values()) queue.flush()
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(timeoutMs, LONGEST_WAIT_MS))
    })
    await Promise.race([this.#untilEmpty(), deadline])
    clearTimeout(timer)
    for (const queue of this.#queues.values()) queue.abandon(closed())
    this.#queues.clear()
    this.#entrance.close()
  }

  #untilEmpty(): Promise<void> {
    if (this.#queues.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onEmpty = resolve
    })
  }

  /** The publications as a call that may wait, or why not. */
  #admit(
    project: string,
    publications: readonly Publication[],
    settle: (outcome: PublishReply | PublishError) => void,
  ): PublishCall | PublishError {
    if (this.#closing) return closed()
    if (parseId(project) === null) return invalid([{ index: 0, path: 'project', message: 'must be a UUID' }])
    if (publications.length < 1 || publications.length > MAX_PUBLICATIONS) {
      return invalid([{ index: 0, path: 'events', message: `must be 1 to ${MAX_PUBLICATIONS}` }])
    }
    const items: Item[] = []
    const problems: PublicationProblem[] = []
    for (const [index, publication] of publications.entries()) {
      const made = makeItem(publication)
      if ('kind' in made) items.push(made)
      else problems.push({ index, path: `events[${index}].${made.path}`, message: made.message })
    }
    if (problems.length > 0) return invalid(problems)
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0)
    if (bytes > MAX_BATCH_BYTES) return new PublishError('TOO_LARGE', { message: 'one call has at most 1 MiB', isRetryable: false })
    if (!this.#hasRoom(items.length, bytes)) {
      return new PublishError('BUFFER_FULL', { message: `${this.#items} publications wait already`, isRetryable: true })
    }
    this.#items += items.length
    this.#bytes += bytes
    const release = (outcome: PublishReply | PublishError) => {
      this.#items -= items.length
      this.#bytes -= bytes
      settle(outcome)
      if (this.#hasRoom()) for (const resolve of this.#waitForRoom.splice(0)) resolve()
    }
    return { items, bytes, settle: once(release) }
  }

  #queueOf(project: string): ProjectQueue {
    const known = this.#queues.get(project)
    if (known) return known
    const { lingerMs, onRetry } = this.#options
    const queue = new ProjectQueue({
      project,
      entrance: this.#entrance,
      lingerMs,
      retry: this.#retry,
      // What it throws is its own.
      onRetry: (retry) => queueMicrotask(() => onRetry?.(retry)),
      onEmpty: () => {
        this.#queues.delete(project)
        if (this.#queues.size === 0) this.#onEmpty?.()
      },
    })
    this.#queues.set(project, queue)
    return queue
  }

  /** Whatever the limits are, an empty buffer takes one call. */
  #hasRoom(items = MAX_PUBLICATIONS, bytes = MAX_BATCH_BYTES): boolean {
    const { maxBufferedItems, maxBufferedBytes } = this.#options
    return this.#items === 0 || (this.#items + items <= maxBufferedItems && this.#bytes + bytes <= maxBufferedBytes)
  }
}

/** Entries of one call share its settling. */
function once<Value>(settle: (value: Value) => void): (value: Value) => void {
  let isSettled = false
  return (value) => {
    if (isSettled) return
    isSettled = true
    settle(value)
  }
}

function invalid(items: readonly PublicationProblem[]): PublishError {
  return new PublishError('INVALID', { message: `${items[0]?.path} ${items[0]?.message}`, isRetryable: false, items })
}

function closed(): PublishError {
  return new PublishError('CLOSED', { message: 'the publisher is closed', isRetryable: true })
}
