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
// Ids and keys are parts of a line of a bus message, a body is a line: a control character would end one early.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what we look for
const CONTROL_IN_NAME = /[\u0000-\u001f\u007f]/
// JSON may hold U+007F as it is, but no character below U+0020.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what we look for
const CONTROL_IN_BODY = /[\u0000-\u001f]/

const BODY_LIMITS = { event: MAX_EVENT_BODY_BYTES, outbox: MAX_OUTBOX_BODY_BYTES, latest: MAX_LATEST_BODY_BYTES }

interface ItemProblem {
  /** From 0. */
  readonly index: number
  readonly path: string
  readonly message: string
}

/**
 * Checks what publish.lua checks, in the same words, and names every bad item (P5).
 * @throws AppError `INVALID`; nothing was published.
 */
export function assertItems(items: readonly BusItem[]): void {
  if (items.length < 1) throw invalid([{ index: 0, path: 'events', message: 'nothing to publish' }])
  if (items.length > MAX_ITEMS) throw invalid([{ index: MAX_ITEMS, path: 'events', message: `at most ${MAX_ITEMS} items` }])
  const problems: ItemProblem[] = []
  let total = 0
  for (const [index, item] of items.entries()) {
    const bytes = Buffer.byteLength(item.body)
    const isFirstTooMany = total <= MAX_BATCH_BYTES && total + bytes > MAX_BATCH_BYTES
    total += bytes
    const message = problemOf(item, bytes) ?? (isFirstTooMany ? `bodies together must be at most ${MAX_BATCH_BYTES} bytes` : null)
    if (message !== null) problems.push({ index, path: `events[${index}]`, message })
  }
  if (problems.length > 0) throw invalid(problems)
}

/** The error for a bad item; `index` counts from 0. */
export function invalidItem(index: number, message: string): AppError {
  return invalid([{ index, path: `events[${index}]`, message }])
}

function invalid(items: readonly ItemProblem[]): AppError {
  return new AppError('INVALID', { message: `item ${items[0]?.index}: ${items[0]?.message}`, problems: items, details: { items } })
}

function problemOf(item: BusItem, bytes: number): string | null {
  if (item.type.length > MAX_TYPE_BYTES || !TYPE.test(item.type)) return 'type must be names joined by dots'
  const name = item.kind === 'latest' ? item.key : item.id
  if (name !== undefined && (name === '' || CONTROL_IN_NAME.test(name) || Buffer.byteLength(name) > MAX_NAME_BYTES)) {
    return `id or key must be 1 to ${MAX_NAME_BYTES} bytes without control characters`
  }
  if (item.kind === 'latest' && item.version !== undefined && (!Number.isSafeInteger(item.version) || item.version < 1)) {
    return 'version must be a positive integer'
  }
  const limit = BODY_LIMITS[item.kind]
  if (bytes > limit) return `body must be at most ${limit} bytes`
  if (!item.body.startsWith('{"') || !item.body.endsWith('}') || CONTROL_IN_BODY.test(item.body))
    return 'body must be a JSON object on one line'
  return null
}
