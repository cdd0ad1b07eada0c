import { STATUS_CODES } from 'node:http'
import { newId } from '../ids.js'
import type { Refusal } from './transport.js'

export const WRONG_PATH: Refusal = { status: 404, code: 'NOT_FOUND', message: 'no live sessions here' }
export const NO_HANDSHAKE: Refusal = { status: 400, code: 'MALFORMED', message: 'this address speaks WebSocket only (RFC 6455)' }
/** As the port of HTTP answers it. */
export const NO_UPGRADE: Refusal = { status: 426, code: 'UNSUPPORTED', message: 'this address speaks WebSocket only' }

/** None of the subprotocols that were offered is one of ours (C1). */
export function wrongSubprotocol(ours: readonly string[]): Refusal {
  return { status: 400, code: 'MALFORMED', message: `offer one of the subprotocols ${ours.join(', ')}, or none` }
}

/** A refusal as an HTTP answer. */
export interface Answer {
  /** Status with its name, as in the first line. */
  readonly status: string
  readonly headers: Readonly<Record<string, string>>
  /** A problem document (RFC 9457). */
  readonly body: string
}

/** What a refusal answers, as HTTP does elsewhere. */
export function answerOf({ status, code, message }: Refusal): Answer {
  const requestId = newId()
  const title = STATUS_CODES[status] ?? ''
  return {
    status: `${status} ${title}`,
    headers: {
      'Content-Type': 'application/problem+json',
      'X-Request-Id': requestId,
      // RFC 9110 §15.5.22.
      ...(status === 426 && { Upgrade: 'websocket' }),
    },
    body: JSON.stringify({ type: `urn:tallyroom:error:${code}`, title, status, detail: message, code, requestId }),
  }
}
