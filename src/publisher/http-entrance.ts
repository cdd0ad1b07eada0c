import type { ErrorMessage, PublishResult } from '../protocol/messages.js'
import type { PublicationProblem, PublishReply } from '../protocol/publications.js'
import type { Entrance } from './entrance.js'
import type { Item } from './item.js'
import { PublishError } from './publish-error.js'
import { LONGEST_WAIT_MS } from './retry-delay.js'

/** A token with the permission to publish; asked at the start and when the server takes the last one no more. */
export type GetToken = () => string | Promise<string>

export interface HttpEntranceOptions {
  /** Where Tallyroom is, `https://tallyroom.example`. */
  readonly url: string
  readonly token: GetToken
  readonly requestTimeoutMs: number
}

/** `POST /v1/projects/:project/events`. */
export class HttpEntrance implements Entrance {
  readonly #base: URL
  readonly #getToken: GetToken
  readonly #requestTimeoutMs: number
  #token: Promise<string> | null = null

  constructor({ url, token, requestTimeoutMs }: HttpEntranceOptions) {
    // A path of its own, `https://example.org/tallyroom`, stays.
    this.#base = new URL(url.endsWith('/') ? url : `${url}/`)
    this.#getToken = token
    this.#requestTimeoutMs = requestTimeoutMs
  }

  async send(project: string, items: readonly Item[], signal: AbortSignal): Promise<PublishReply> {
    const body = `{"events":[${items.map(textOf).join(',')}]}`
    let answer = await this.#post(project, body, signal)
    // It may have expired on the way.
    if (answer.status === 401) answer = await this.#post(project, body, signal)
    if (answer.status !== 200) throw refusalOf(answer)
    return replyOf(answer, items.length)
  }

  close(): void {
    this.#token = null
  }

  /** @throws PublishError `UNREACHABLE`. */
  async #post(project: string, body: string, signal: AbortSignal): Promise<Answer> {
    // Not AbortSignal.any of a timeout: on Node 20 the collector takes it away, and it never fires.
    const attempt = new AbortController()
    const abort = () => attempt.abort()
    const timer = setTimeout(abort, Math.min(this.#requestTimeoutMs, LONGEST_WAIT_MS))
    signal.addEventListener('abort', abort)
    this.#token ??= (async () => this.#getToken())()
    const token = this.#token
    let isTokenBad = true
    try {
      const authorization = `Bearer ${await untilAborted(token, attempt.signal)}`
      isTokenBad = false
      const response = await fetch(new URL(`v1/projects/${project}/events`, this.#base), {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body,
        signal: attempt.signal,
      })
      isTokenBad = response.status === 401
      return { status: response.status, retryAfter: response.headers.get('retry-after'), body: parsed(await response.text()) }
    } catch (cause) {
      const message = isTokenBad ? 'there is no token' : `no answer from ${this.#base.host}`
      throw new PublishError('UNREACHABLE', { message, isRetryable: true, cause })
    } finally {
      // Batches of other projects may have asked for another one already.
      if (isTokenBad && this.#token === token) this.#token = null
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }
}

/** The value of the promise, unless the signal comes first. */
function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  /** Undefined: no JSON object. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

function textOf({ kind, type, name, version, data }: Item): string {
  const rest = `"type":${JSON.stringify(type)},"data":${data}${version === null ? '' : `,"version":${JSON.stringify(version)}`}`
  return `{"${kind === 'latest' ? 'key' : 'id'}":${JSON.stringify(name)},${rest}}`
}

/** Whoever stands between may answer 200 too: then nobody knows. */
function replyOf({ body }: Answer, count: number): PublishReply {
  if (!Array.isArray(body?.results) || body.results.length !== count) {
    throw new PublishError('UNREACHABLE', { message: 'the answer is not that of Tallyroom', isRetryable: true })
  }
  // Its number of results shows that Tallyroom answered: the rest is its contract.
  return { epoch: body.epoch as string | null, results: body.results as readonly PublishResult[] }
}

/** The problem document as an error. What is refused for its content would be refused again. */
function refusalOf({ status, retryAfter, body }: Answer): PublishError {
  const isRetryable = status === 408 || status === 429 || status >= 500
  const seconds = Number(retryAfter ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) ? Math.max(0, seconds * 1_000) : null
  if (typeof body?.code !== 'string') {
    const code = status === 413 ? 'TOO_LARGE' : 'UNREACHABLE'
    return new PublishError(code, { message: `HTTP status ${status} without a problem document`, isRetryable, retryAfterMs })
  }
  return new PublishError(body.code as ErrorMessage['code'], {
    message: typeof body.detail === 'string' ? body.detail : `HTTP status ${status}`,
    isRetryable,
    retryAfterMs,
    items: Array.isArray(body.errors) ? body.errors.filter(isProblem) : [],
    requestId: typeof body.requestId === 'string' ? body.requestId : null,
  })
}

function isProblem(value: unknown): value is PublicationProblem {
  const { index, path, message } = (value ?? {}) as Readonly<Record<string, unknown>>
  return Number.isInteger(index) && typeof path === 'string' && typeof message === 'string'
}

function parsed(text: string): Answer['body'] {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Answer['body']) : undefined
  } catch {
    return undefined
  }
}
