import type { PublishResult } from '../protocol/messages.js'
import { MAX_PUBLICATIONS, type PublishReply } from '../protocol/publications.js'
import type { Entrance } from './entrance.js'
import type { Item } from './item.js'
import { PublishError } from './publish-error.js'
import { type RetryLimits, retryDelayMs } from './retry-delay.js'

/** A failed attempt that will be repeated. */
export interface Retry {
  readonly project: string
  /** In a row, this one included. */
  readonly failures: number
  /** Until the next attempt. */
  readonly delayMs: number
  readonly error: PublishError
}

export interface ProjectQueueOptions {
  readonly project: string
  readonly entrance: Entrance
  /** How long the first call waits for others to go along. */
  readonly lingerMs: number
  readonly retry: RetryLimits
  readonly onRetry: (retry: Retry) => void
  /** Nothing waits any more. */
  readonly onEmpty: () => void
}

/** One call of `publish`: published together and in order, settled once. */
export interface PublishCall {
  readonly items: readonly Item[]
  readonly bytes: number
  readonly settle: (outcome: PublishReply | PublishError) => void
}

/** Bytes of one request (P1). */
export const MAX_BATCH_BYTES = 1024 * 1024
/** Around the items of a request. */
const REQUEST_BYTES = 32

/** An item on its way, and where its result belongs. */
interface Entry {
  readonly call: PublishCall
  readonly index: number
  readonly results: PublishResult[]
}

/**
 * What is published in one project, one batch at a time: the next goes out when the one before is settled, so nothing overtakes. A batch
 * whose outcome is unknown is repeated as it is: its ids make that harmless (P3).
 */
export class ProjectQueue {
  readonly #options: ProjectQueueOptions
  readonly #calls: PublishCall[] = []
  #sending: readonly Entry[] = []
  #isRunning = false
  #isAbandoned = false
  #linger: NodeJS.Timeout | null = null
  #attempt = new AbortController()

  constructor(options: ProjectQueueOptions) {
    this.#options = options
  }

  add(call: PublishCall): void {
    this.#calls.push(call)
    if (this.#isRunning) return
    this.#linger ??= setTimeout(() => this.flush(), this.#options.lingerMs)
    if (isFull(this.#calls)) this.flush()
  }

  /** Sends what waits, without waiting for more. */
  flush(): void {
    if (this.#linger) clearTimeout(this.#linger)
    this.#linger = null
    if (!this.#isRunning && this.#calls.length > 0) void this.#run()
  }

  /** Gives up what waits and what is on its way. */
  abandon(error: PublishError): void {
    this.#isAbandoned = true
    if (this.#linger) clearTimeout(this.#linger)
    for (const call of new Set([...this.#sending.map((entry) => entry.call), ...this.#calls.splice(0)])) call.settle(error)
    this.#attempt.abort()
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#calls.length > 0 && !this.#isAbandoned) {
      this.#sending = takeBatch(this.#calls)
      for (let failures = 0; this.#sending.length > 0 && !this.#isAbandoned; ) failures = (await this.#try(failures)) ? 0 : failures + 1
    }
    this.#isRunning = false
    if (!this.#isAbandoned) this.#options.onEmpty()
  }

  /** One attempt at what is left of the batch, and the wait after a failed one. Answers whether somebody is settled. */
  async #try(failures: number): Promise<boolean> {
    const { project, entrance, retry, onRetry } = this.#options
    this.#attempt = new AbortController()
    try {
      const items = this.#sending.map(({ call, index }) => call.items[index]!)
      const reply = await entrance.send(project, items, this.#attempt.signal)
      if (this.#isAbandoned) return true
      this.#sending = settled(this.#sending, reply)
      if (this.#sending.length === 0) return true
      throw new PublishError('BUS_UNAVAILABLE', { message: 'a latest value cannot be queued', isRetryable: true })
    } catch (failure) {
      if (this.#isAbandoned) return true
      const error = asPublishError(failure)
      if (error.code === 'TOO_LARGE' && this.#halve()) return true
      if (!error.isRetryable) {
        this.#sending = rejected(this.#sending, error)
        return true
      }
      const delayMs = retryDelayMs(failures + 1, error.retryAfterMs, retry, Math.random)
      onRetry({ project, failures: failures + 1, delayMs, error })
      await pause(delayMs, this.#attempt.signal)
      return false
    }
  }

  /** Something on the way takes less at once: the second half of the calls waits. False for one call, which is too large by itself. */
  #halve(): boolean {
    const calls = [...new Set(this.#sending.map(({ call }) => call))]
    const later = calls.slice(Math.ceil(calls.length / 2))
    this.#calls.unshift(...later)
    this.#sending = this.#sending.filter(({ call }) => !later.includes(call))
    return later.length > 0
  }
}

/** Takes calls from the front, whole, as many as one request can hold. */
function takeBatch(calls: PublishCall[]): Entry[] {
  const entries: Entry[] = []
  let bytes = REQUEST_BYTES
  for (let call = calls[0]; call; call = calls[0]) {
    const { items } = call
    bytes += call.bytes
    if (entries.length > 0 && (entries.length + items.length > MAX_PUBLICATIONS || bytes > MAX_BATCH_BYTES)) break
    calls.shift()
    const results: PublishResult[] = []
    for (const index of items.keys()) entries.push({ call, index, results })
  }
  return entries
}

function isFull(calls: readonly PublishCall[]): boolean {
  let [count, bytes] = [0, REQUEST_BYTES]
  for (const call of calls) {
    count += call.items.length
    bytes += call.bytes
    if (count >= MAX_PUBLICATIONS || bytes >= MAX_BATCH_BYTES) return true
  }
  return false
}

/** Settles the calls that are answered; answers what has to be sent again. */
function settled(entries: readonly Entry[], { epoch, results }: PublishReply): Entry[] {
  const waiting = new Set<PublishCall>()
  const left = entries.filter((entry, at) => {
    const result = results[at]!
    // The bus is away: events of the batch are queued, but which version stands under this key nobody knows now.
    const isPutOff = 'refused' in result && result.version === 0
    if (isPutOff) waiting.add(entry.call)
    else entry.results[entry.index] = result
    return isPutOff
  })
  for (const { call, results: answers } of entries) if (!waiting.has(call)) call.settle({ epoch, results: answers })
  return left
}

/** Tells the calls that are named; whoever went along with them is sent again. An error that names nobody is everybody's. */
function rejected(entries: readonly Entry[], error: PublishError): Entry[] {
  const faults = error.items.flatMap((item) => {
    const entry = entries[item.index]
    return entry ? [{ call: entry.call, item: { ...item, index: entry.index, path: item.path.replace(/\d+/, String(entry.index)) } }] : []
  })
  const named = new Set(faults.map(({ call }) => call))
  if (named.size === 0) {
    for (const { call } of entries) call.settle(error)
    return []
  }
  for (const call of named) {
    const items = faults.filter((fault) => fault.call === call).map(({ item }) => item)
    const { code, message, isRetryable, requestId } = error
    call.settle(new PublishError(code, { message: named.size === 1 ? message : items[0]!.message, isRetryable, requestId, items }))
  }
  return entries.filter(({ call }) => !named.has(call))
}

function asPublishError(failure: unknown): PublishError {
  if (failure instanceof PublishError) return failure
  // A bug of ours would be one the next time too.
  return new PublishError('INTERNAL', { message: 'the publisher failed', isRetryable: false, cause: failure })
}

/** Until the time is over or the signal says stop. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
