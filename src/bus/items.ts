import { AppError } from '../errors.js'
import {
  type BusItem,
  MAX_BATCH_BYTES,
  MAX_EVENT_BODY_BYTES,
  MAX_ITEMS,
  MAX_LATEST_BODY_BYTES,
  MAX_NAME_BYTES,
  MAX_OUTBOX_BODY_BYTES,
  MAX_TYPE_BYTES,
} from './bus.js'

const TYPE = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/
// Ids, keys and bodies are lines of a bus message: a control character would end one early.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what we look for
const CONTROL = /[\u0000-\u001f\u007f]/

const BODY_LIMITS = { event: MAX_EVENT_BODY_BYTES, outbox: MAX_OUTBOX_BODY_BYTES, latest: MAX_LATEST_BODY_BYTES }

/**
 * Checks what publish.lua checks, in the same order and words, for a bus without Redis.
 * @throws AppError `INVALID`; nothing was published.
 */
export function assertItems(items: readonly BusItem[]): void {
  if (items.length < 1 || items.length > MAX_ITEMS) {
    throw invalidItem(0, items.length === 0 ? 'nothing to publish' : `count must be at most ${MAX_ITEMS}`)
  }
  let total = 0
  for (const [index, item] of items.entries()) {
    const problem = problemOf(item)
    if (problem !== null) throw invalidItem(index, problem)
    total += Buffer.byteLength(item.body)
    if (total > MAX_BATCH_BYTES) throw invalidItem(index, `bodies together must be at most ${MAX_BATCH_BYTES} bytes`)
  }
}

/** The error for a bad item; `index` counts from 0. */
export function invalidItem(index: number, message: string): AppError {
  return new AppError('INVALID', {
    message: `item ${index}: ${message}`,
    details: { items: [{ index, path: `events[${index}]`, message }] },
  })
}

function problemOf(item: BusItem): string | null {
  if (item.type.length > MAX_TYPE_BYTES || !TYPE.test(item.type)) return 'type must be names joined by dots'
  const name = item.kind === 'latest' ? item.key : item.id
  if (name !== undefined && (name === '' || CONTROL.test(name) || Buffer.byteLength(name) > MAX_NAME_BYTES)) {
    return `id or key must be 1 to ${MAX_NAME_BYTES} bytes without control characters`
  }
  if (item.kind === 'latest' && item.version !== undefined && (!Number.isSafeInteger(item.version) || item.version < 1)) {
    return 'version must be a positive integer'
  }
  const limit = BODY_LIMITS[item.kind]
  if (Buffer.byteLength(item.body) > limit) return `body must be at most ${limit} bytes`
  if (!item.body.startsWith('{"') || !item.body.endsWith('}') || CONTROL.test(item.body)) return 'body must be a JSON object on one line'
  return null
}
