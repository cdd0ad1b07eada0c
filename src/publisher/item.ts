import { newId } from '../ids.js'
import { isTooDeep } from '../protocol/json-codec.js'
import type { Publication } from '../protocol/messages.js'
import { MAX_DATA_DEPTH } from '../protocol/publications.js'

/** A publication as it waits: what the caller changes afterwards is not published. */
export interface Item {
  readonly kind: 'event' | 'latest'
  readonly type: string
  /** Id of an event, key of a latest value. */
  readonly name: string
  /** Of a latest value; null: the next. */
  readonly version: number | null
  /** JSON, made once. */
  readonly data: string
  /** At least what it takes in a request. */
  readonly bytes: number
}

/** What is wrong with a publication that cannot even be sent; `path` begins inside it. */
export interface ItemFault {
  readonly path: string
  readonly message: string
}

/** Punctuation and field names around an item, in every entrance. */
const ENVELOPE_BYTES = 64

/** Encodes a publication. An event without an id gets one here, before its first attempt: it is repeated under it (P4). */
export function makeItem(publication: Publication): Item | ItemFault {
  const { type, data, key } = publication
  const isLatest = key !== undefined
  const version = publication.key === undefined ? null : (publication.version ?? null)
  if (typeof type !== 'string') return { path: 'type', message: 'must be text' }
  if (version !== null && typeof version !== 'number') return { path: 'version', message: 'must be a number' }
  // Of what has no JSON, a function for one, there is none.
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (error) {
    return { path: 'data', message: `has no JSON: ${(error as Error).message}` }
  }
  if (text === undefined || !(text.startsWith('{') || (isLatest && text === 'null'))) {
    return { path: 'data', message: isLatest ? 'must be an object, or null for gone' : 'must be an object' }
  }
  if (isTooDeep(text, MAX_DATA_DEPTH)) return { path: 'data', message: `must be nested at most ${MAX_DATA_DEPTH} deep, itself included` }
  const name = isLatest ? key : (publication.id ?? newId())
  if (typeof name !== 'string') return { path: isLatest ? 'key' : 'id', message: 'must be text' }
  const bytes = Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify([type, name])) + ENVELOPE_BYTES
  return { kind: isLatest ? 'latest' : 'event', type, name, version, data: text, bytes }
}
