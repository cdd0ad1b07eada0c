import { type BusItem, MAX_NAME_BYTES, MAX_TYPE_BYTES } from '../bus/bus.js'
import type { ErrorCode } from '../errors.js'
import { TOMBSTONE_BODY } from '../protocol/events.js'
import { isTooDeep } from '../protocol/json-codec.js'
import { MAX_DATA_DEPTH, MAX_EVENT_DATA_BYTES, MAX_ID_CHARS, MAX_LATEST_DATA_BYTES } from '../protocol/publications.js'
import { jobView } from '../protocol/view-schemas.js'
import type { JobView } from '../protocol/views.js'
import { isReservedKey, isReservedType, JOB_EVENT_TYPES, JOB_PROGRESS_TYPE, jobOfKey } from './reserved-names.js'

/** Who publishes, where, and because of which request. */
export interface PublicationOrigin {
  readonly project: string
  /** Id of the user. */
  readonly actor: string
  /** Id of the request; none for what has none. */
  readonly trace?: string | undefined
}

/** Why a publication is not taken. `path` begins inside it; "" is the whole. */
export interface Refusal {
  readonly code: Extract<ErrorCode, 'INVALID' | 'RESERVED_TYPE' | 'EVENT_TOO_LARGE'>
  readonly path: string
  readonly message: string
}

/** A publication that may go, if `job`, when there is one, is no job of the server. */
export interface Accepted {
  readonly item: BusItem
  readonly job: string | null
}

const JOB_LISTS = [
  ['notices', jobView.shape.notices.element],
  ['controlTotals', jobView.shape.controlTotals.unwrap().element],
] as const
const TYPE = /^[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+$/
/** What is no text in a line of a bus message, or becomes another text on its way: control characters, halves of surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what we look for
const NOT_IN_NAMES = /[\u0000-\u001f\u007f\p{Cs}]/u

/** Judges one publication by everything that can be seen of it alone (P1, P6, D4). */
export function readPublication(value: unknown, origin: PublicationOrigin): Accepted | Refusal {
  if (!isObject(value)) return invalid('', 'must be an object')
  const { type, data, id, key, version } = value
  if (typeof type !== 'string') return invalid('type', 'must be text')
  if (key === undefined) return readEvent(type, data, id, version, origin)
  if (id !== undefined) return invalid('id', 'an event has an id, a latest value has a key: not both')
  return readLatest(type, data, key, version, origin)
}

function readEvent(type: string, data: unknown, id: unknown, version: unknown, origin: PublicationOrigin): Accepted | Refusal {
  if (version !== undefined) return invalid('version', 'belongs to a latest value, which has a key')
  const isJob = JOB_EVENT_TYPES.has(type)
  const badType = isJob ? null : refusalOfType(type)
  if (badType) return badType
  if (id !== undefined && !isName(id, MAX_ID_CHARS)) {
    return invalid('id', `must be 1 to ${MAX_ID_CHARS} characters, none of them a control character`)
  }
  if (!isObject(data)) return invalid('data', 'must be an object')
  const job = isJob ? readJob(data, origin.project) : null
  if (job && 'code' in job) return job
  const text = encodeData(data, MAX_EVENT_DATA_BYTES)
  if (typeof text !== 'string') return text
  const trace = origin.trace === undefined ? '' : `,"trace":${JSON.stringify(origin.trace)}`
  const body = `{"actor":${JSON.stringify(origin.actor)},"data":${text}${trace}}`
  return { item: { kind: 'event', type, body, ...(id !== undefined && { id }) }, job: job?.id ?? null }
}

function readLatest(type: string, data: unknown, key: unknown, version: unknown, origin: PublicationOrigin): Accepted | Refusal {
  const isJob = type === JOB_PROGRESS_TYPE
  const badType = isJob ? null : refusalOfType(type)
  if (badType) return badType
  if (!isName(key, MAX_NAME_BYTES) || Buffer.byteLength(key) > MAX_NAME_BYTES) {
    return invalid('key', `must be 1 to ${MAX_NAME_BYTES} bytes without control characters`)
  }
  if (isReservedKey(key)) return { code: 'RESERVED_TYPE', path: 'key', message: 'this key belongs to the server' }
  if (version !== undefined && !isVersion(version)) return invalid('version', 'must be a positive integer')
  if (data !== null && !isObject(data)) return invalid('data', 'must be an object, or null for gone')
  const ofKey = jobOfKey(key)
  if (isJob) {
    const job = data === null ? null : readJob(data, origin.project)
    if (job && 'code' in job) return job
    if (ofKey === null || (job && job.id !== ofKey)) return invalid('key', 'must be job/ and the id of the job')
  }
  const text = data === null ? null : encodeData(data, MAX_LATEST_DATA_BYTES)
  if (text !== null && typeof text !== 'string') return text
  const body = text === null ? TOMBSTONE_BODY : `{"data":${text}}`
  return { item: { kind: 'latest', type, key, body, ...(version !== undefined && { version }) }, job: ofKey }
}

function refusalOfType(type: string): Refusal | null {
  // Before the pattern, which `presence` does not match.
  if (isReservedType(type)) return { code: 'RESERVED_TYPE', path: 'type', message: `${type} belongs to the server` }
  if (type.length <= MAX_TYPE_BYTES && TYPE.test(type)) return null
  return invalid('type', `must be lower-case names joined by dots, like order.paid, at most ${MAX_TYPE_BYTES} characters`)
}

/** Whoever listens takes a job of any service for one of the server, so it must have that shape. */
function readJob(data: Readonly<Record<string, unknown>>, project: string): { readonly id: string } | Refusal {
  const { job } = data
  const path = badEntryOf(job) ?? jobView.safeParse(job).error?.issues[0]?.path
  if (path) return invalid(['data', 'job', ...path].join('.'), 'must be as in a JobView')
  // It has the shape by now.
  const { id, project: own } = job as JobView
  return own === project ? { id } : invalid('data.job.project', 'must be the project that it is published in')
}

/** Where the first bad entry of a job's lists is bad. The whole schema makes an issue of each: of half a million in one request, for seconds. */
function badEntryOf(job: unknown): readonly PropertyKey[] | null {
  if (!isObject(job)) return null
  for (const [name, entrySchema] of JOB_LISTS) {
    const list = job[name]
    if (!Array.isArray(list)) continue
    for (const [index, entry] of list.entries()) {
      const { error } = entrySchema.safeParse(entry)
      if (error) return [name, index, ...(error.issues[0]?.path ?? [])]
    }
  }
  return null
}

/** The JSON of the data, made here once in its life. */
function encodeData(data: Readonly<Record<string, unknown>>, maxBytes: number): string | Refusal {
  const tooDeep = invalid('data', `must be nested at most ${MAX_DATA_DEPTH} deep, itself included`)
  let text: string
  try {
    text = JSON.stringify(data)
  } catch {
    // Nested so deep that it has no end on the stack.
    return tooDeep
  }
  const bytes = Buffer.byteLength(text)
  if (bytes > maxBytes) return { code: 'EVENT_TOO_LARGE', path: 'data', message: `has ${bytes} bytes as JSON, may have ${maxBytes}` }
  return isTooDeep(text, MAX_DATA_DEPTH) ? tooDeep : text
}

function invalid(path: string, message: string): Refusal {
  return { code: 'INVALID', path, message }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Characters are code points: a letter outside the first plane is one. */
function isName(value: unknown, maxChars: number): value is string {
  if (typeof value !== 'string' || value === '' || value.length > 2 * maxChars) return false
  return [...value].length <= maxChars && !NOT_IN_NAMES.test(value)
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}
