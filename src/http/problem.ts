import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isDatabaseBusy } from '../db/sql-state.js'
import { AppError, ERRORS, type ErrorCode } from '../errors.js'

/** Answers any failure as `application/problem+json` (RFC 9457) and logs it at the level of its code. Nothing internal gets out. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toAppError(error)
  const { status: tableStatus, level } = ERRORS[known.code]
  const status = tableStatus ?? 400
  // RFC 9110 §15.5.2: a 401 says what would do.
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  // What was refused without a clock of its own may be asked again soon.
  if (status === 429 && !reply.hasHeader('retry-after')) reply.header('retry-after', '1')
  request.log[level]({ code: known.code, err: level === 'info' ? undefined : error }, known.message)
  return reply
    .code(status)
    .header('x-request-id', request.id)
    .type('application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemOf(known, status, request.id))
}

/** The problem document. `details` of the error are further members beside the standard ones, never instead of them. */
export function problemOf(error: AppError, status: number, requestId: string): object {
  return {
    ...error.details,
    type: `urn:tallyroom:error:${error.code}`,
    title: ERRORS[error.code].message,
    status,
    detail: error.message,
    code: error.code,
    requestId,
    ...(error.problems && error.problems.length > 0 ? { errors: error.problems } : {}),
  }
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (isDatabaseBusy(error)) return new AppError('DB_BUSY', { cause: error })
  const status = statusOf(error)
  if (status === null || status >= 500) return new AppError('INTERNAL', { cause: error })
  // Fastify's own refusals: a body that is no JSON, one that is too long, a type nobody reads, a path that cannot be decoded.
  return new AppError(CODE_OF_STATUS[status] ?? 'MALFORMED', { message: (error as Error).message, cause: error })
}

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = { 404: 'NOT_FOUND', 413: 'TOO_LARGE', 414: 'NOT_FOUND', 415: 'UNSUPPORTED' }

function statusOf(error: unknown): number | null {
  const status = (error as { readonly statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' ? status : null
}

/** The bytes that answer a request which is not even HTTP: no request object, so no id of its own. */
export function rawProblem(status: 400 | 408 | 431, requestId: string): string {
  const body = JSON.stringify(
    problemOf(new AppError('MALFORMED', { message: 'this is not an HTTP request that can be read' }), status, requestId),
  )
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
