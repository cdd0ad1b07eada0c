import type { BusEvent, BusHead, BusLatest, BusResult, OutboxState } from './bus.js'
import { timestampOf } from './bus-message.js'

// What Redis answers, as publish.lua stores it. The client types replies of scripts and transactions as unknown; their shapes are those of
// the commands.

/** What publish.lua says of one item; `name` is its id or key. */
export function resultOf(text: string, name: string): BusResult {
  const [kind, value] = text.includes(':') ? text.split(':') : ['', text]
  if (kind === 'd') return { kind: 'duplicate', id: name, seq: Number(value) }
  if (kind === 'v') return { kind: 'versioned', key: name, version: Number(value) }
  if (kind === 'r') return { kind: 'refused', key: name, version: Number(value) }
  if (kind === 'o') return { kind: 'out-of-turn', no: BigInt(value ?? 0) }
  if (kind === 'b') return { kind: 'not-begun', before: numberOf(value ?? null) }
  return { kind: 'sequenced', id: name, seq: Number(value) }
}

/** Fields of meta that say which keys there must be: latest values, and a stream until a time. */
export const MUST_BE = ['l', 'x'] as const

/**
 * Whether fewer of a project's keys were found than there must be. `meta`: the reply of HMGET that ends with {@link MUST_BE}; `found`: that of
 * EXISTS of both keys.
 */
export function hasLost(meta: unknown, found: unknown): boolean {
  const [latest, streamUntil] = ((meta ?? []) as (string | null)[]).slice(-MUST_BE.length)
  return Number(found) < (latest ? 1 : 0) + (Number(streamUntil ?? 0) > Date.now() ? 1 : 0)
}

/** Whether what publish.lua answered shows a history that stands behind what was seen of it before: with a place given twice, or a message. */
export function isBehind({ n, results }: { readonly n: number; readonly results: readonly string[] }, before: BusHead): boolean {
  const isTold = results.some((result) => /^(v:)?[0-9]/.test(result))
  return n < before.n + (isTold ? 1 : 0) || results.some((result) => /^[0-9]/.test(result) && Number(result) <= before.seq)
}

/** The reply of HMGET of `o` and `p`. */
export function outboxStateOf(reply: readonly (string | null)[]): OutboxState {
  const [taken = null, before = null] = reply
  return { taken: numberOf(taken), before: numberOf(before) }
}

function numberOf(text: string | null): bigint | null {
  return text === null || text === '' ? null : BigInt(text)
}

/** The reply of HMGET of `epoch`, `seq`, `id` and `n`; an epoch of "": there is no meta. */
export function headOf(reply: unknown): BusHead {
  const [epoch, seq, id, n] = (reply ?? []) as (string | null)[]
  return { epoch: epoch ?? '', seq: Number(seq ?? 0), id: id ?? '', n: Number(n ?? 0) }
}

/** The reply of XRANGE. */
export function entriesOf(reply: unknown): BusEvent[] {
  return ((reply ?? []) as [string, string[]][]).map(([entryId, fields]) => eventOf(entryId, fields))
}

/** The reply of HGETALL of the latest values. */
export function latestValuesOf(reply: unknown): BusLatest[] {
  return Object.entries((reply ?? {}) as Record<string, string>).map(([key, value]) => latestOf(key, value))
}

/** A stream entry: `<seq>-0` and pairs of field and value. */
function eventOf(entryId: string, fields: readonly string[]): BusEvent {
  const values: Record<string, string> = {}
  for (let at = 0; at + 1 < fields.length; at += 2) values[fields[at] ?? ''] = fields[at + 1] ?? ''
  return {
    seq: Number.parseInt(entryId, 10),
    id: values.i ?? '',
    type: values.t ?? '',
    at: timestampOf(Number(values.a)),
    body: values.b ?? '',
  }
}

/** A stored latest value: `<version> <at> <type>`, a line end, the body. */
export function latestOf(key: string, value: string): BusLatest {
  const end = value.indexOf('\n')
  const [version, at, type] = value.slice(0, end).split(' ')
  return { key, version: Number(version), at: timestampOf(Number(at)), type: type ?? '', body: value.slice(end + 1) }
}
