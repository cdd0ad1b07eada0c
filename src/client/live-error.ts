import type { ErrorMessage } from '../protocol/messages.js'
import type { UserRef } from '../protocol/views.js'

/** A request that failed: the server's code, or `DISCONNECTED` when there is no connection, or none any more and nobody knows what became of it. */
export class LiveError extends Error {
  override readonly name: string = 'LiveError'
  readonly code: ErrorMessage['code'] | 'DISCONNECTED'
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** Milliseconds to wait before that; null: the server does not say. */
  readonly retryAfterMs: number | null
  readonly details: Readonly<Record<string, unknown>>
  /** To be named to who runs the server; null when it never answered. */
  readonly requestId: string | null

  /** @param error what the server says; null: disconnected. */
  constructor(error: ErrorMessage | null) {
    super(error?.message ?? 'not connected')
    this.code = error?.code ?? 'DISCONNECTED'
    this.retryable = error?.retryable ?? true
    this.retryAfterMs = error?.retryAfterMs ?? null
    this.details = error?.details ?? {}
    this.requestId = error?.requestId ?? null
  }
}

/** Somebody else is on it: {@link ClaimedError.user}, {@link ClaimedError.until} then. */
export class ClaimedError extends LiveError {
  override readonly name = 'ClaimedError'
  readonly user: UserRef
  readonly until: string

  constructor(error: ErrorMessage) {
    super(error)
    // The details of this code (PROTOCOL §6).
    const { user, until } = this.details as { readonly user: UserRef; readonly until: string }
    this.user = user
    this.until = until
  }
}

/** The error that belongs to the server's answer. */
export function errorOf(message: ErrorMessage): LiveError {
  return message.code === 'CLAIMED' ? new ClaimedError(message) : new LiveError(message)
}
