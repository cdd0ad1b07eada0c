import type { ErrorMessage } from '../protocol/messages.js'
import type { PublicationProblem } from '../protocol/publications.js'

/**
 * The server's code, or one of ours: `UNREACHABLE` (what answered, if anything did, was not Tallyroom), `BUFFER_FULL` (nothing of the call
 * was taken), `CLOSED` (the publisher ended first; nobody knows whether it was published).
 */
export type PublishErrorCode = ErrorMessage['code'] | 'UNREACHABLE' | 'BUFFER_FULL' | 'CLOSED'

export interface PublishErrorDetails {
  readonly message: string
  /** Whether the same publication may be taken later. */
  readonly isRetryable: boolean
  readonly items?: readonly PublicationProblem[]
  readonly retryAfterMs?: number | null
  readonly requestId?: string | null
  readonly cause?: unknown
}

/** Why a call of `publish` failed, or, given to `onRetry`, why an attempt did. */
export class PublishError extends Error {
  override readonly name = 'PublishError'
  readonly code: PublishErrorCode
  readonly isRetryable: boolean
  /** Publications that cannot be taken, counted from 0 within the call; with one of them none of the call was published. */
  readonly items: readonly PublicationProblem[]
  /** Milliseconds that the server asks to wait; null: it does not say. */
  readonly retryAfterMs: number | null
  /** To be named to who runs the server; null when it did not say. */
  readonly requestId: string | null

  constructor(code: PublishErrorCode, details: PublishErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.isRetryable = details.isRetryable
    this.items = details.items ?? []
    this.retryAfterMs = details.retryAfterMs ?? null
    this.requestId = details.requestId ?? null
  }
}
