import type { BusEvent, BusHead, BusLatest, BusResult } from './bus.js'
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
  return { kind: 'sequenced', id: name, seq: Number(value) }
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
