/**
 * The one table of error codes: HTTP status, WebSocket close code (only codes that end a session have one), whether a
 * repetition may succeed, the level it is logged at, and the sentence that stands where no better one is known.
 */
export const ERRORS = {
  UNAUTHENTICATED: { status: 401, close: 4500, retryable: false, level: 'info', message: 'sign in first' },
  TOKEN_EXPIRED: { status: 401, close: 4005, retryable: false, level: 'info', message: 'the token has expired' },
  REVOKED: { status: 401, close: 4504, retryable: false, level: 'info', message: 'this credential was revoked' },
  FORBIDDEN: { status: 403, close: null, retryable: false, level: 'info', message: 'not allowed, or no such project' },
  ORIGIN_FORBIDDEN: { status: 403, close: null, retryable: false, level: 'warn', message: 'this origin may not connect' },
  NOT_FOUND: { status: 404, close: null, retryable: false, level: 'info', message: 'not found' },
  HELLO_REQUIRED: { status: null, close: 4501, retryable: false, level: 'info', message: 'the first frame must be hello' },
  ALREADY_HELLO: { status: null, close: null, retryable: false, level: 'info', message: 'hello was said already' },
  MALFORMED: { status: 400, close: null, retryable: false, level: 'info', message: 'the message cannot be read' },
  UNKNOWN_TYPE: { status: null, close: null, retryable: false, level: 'info', message: 'unknown message type' },
  INVALID: { status: 422, close: null, retryable: false, level: 'info', message: 'the request is not valid' },
  NOT_JOINED: { status: null, close: null, retryable: false, level: 'info', message: 'join the project first' },
  TOO_MANY_PROJECTS: { status: null, close: null, retryable: false, level: 'info', message: 'too many projects joined' },
  CLAIMED: { status: 409, close: null, retryable: false, level: 'info', message: 'somebody else is on it' },
  CONFLICT: { status: 409, close: null, retryable: false, level: 'info', message: 'somebody changed it meanwhile' },
  COUNT_CHANGED: { status: 409, close: null, retryable: false, level: 'info', message: 'the number has changed meanwhile' },
  DUPLICATE_SOURCE: { status: 409, close: null, retryable: false, level: 'info', message: 'this file was imported already' },
  RESERVED_TYPE: { status: 422, close: null, retryable: false, level: 'info', message: 'this type belongs to the server' },
  EVENT_TOO_LARGE: { status: 413, close: null, retryable: false, level: 'info', message: 'the event is too large' },
  TOO_LARGE: { status: 413, close: null, retryable: false, level: 'info', message: 'the body is too large' },
  UNSUPPORTED: { status: 415, close: null, retryable: false, level: 'info', message: 'this format is not supported' },
  RATE_LIMITED: { status: 429, close: null, retryable: true, level: 'info', message: 'too many requests' },
  SESSION_LIMIT: { status: 429, close: 4505, retryable: false, level: 'info', message: 'too many sessions of this user' },
  OVERLOADED: { status: 503, close: 4006, retryable: true, level: 'warn', message: 'overloaded, try again' },
  DRAINING: { status: 503, close: 4000, retryable: true, level: 'info', message: 'this process is going away' },
  DB_BUSY: { status: 503, close: null, retryable: true, level: 'warn', message: 'the database is busy' },
  BUS_UNAVAILABLE: { status: 503, close: null, retryable: true, level: 'error', message: 'neither Redis nor Postgres can be reached' },
  LEASE_LOST: { status: 409, close: null, retryable: false, level: 'warn', message: 'another worker owns this chunk' },
  INTERNAL: { status: 500, close: 4003, retryable: true, level: 'error', message: 'something went wrong on our side' },
} as const

export type ErrorCode = keyof typeof ERRORS

/** A single bad field. `readings` are the two ways an ambiguous value can be understood. */
export interface FieldProblem {
  readonly path: string
  readonly message: string
  readonly readings?: readonly { readonly value: string; readonly example: string }[]
}

export interface AppErrorOptions {
  /** Default: the first of `problems`, else what the table says. */
  readonly message?: string
  /** What a program needs beside the code; sent to the client, so nothing internal. */
  readonly details?: Readonly<Record<string, unknown>>
  /** Bad fields; `errors` of the problem document. */
  readonly problems?: readonly FieldProblem[]
  readonly cause?: unknown
}

/** A failure with a code. Never recognise one by its message. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly problems: readonly FieldProblem[] | undefined

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const [problem] = options.problems ?? []
    const message = options.message ?? (problem && `${problem.path}: ${problem.message}`) ?? ERRORS[code].message
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.details = options.details
    this.problems = options.problems
  }
}

/** What a command line says before it ends with exit code 2: the caller can mend it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Throws when an invariant of ours is broken: a bug, not a condition. */
export function assert(condition: unknown, mustBeTrue: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${mustBeTrue}`)
}

/** Ends every switch over a union. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
