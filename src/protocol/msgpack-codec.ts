import { Packr } from 'msgpackr'
import type { Codec, Encoded, EncodedEvent, EncodedLatest, JoinedTail } from './codec.js'
import { MAX_FRAME_DEPTH } from './messages.js'
import { readMsgpack } from './msgpack-reader.js'
import { MSGPACK_SUBPROTOCOL } from './version.js'

// Plain maps of the smallest size; what published data calls `toJSON` is data. Numbers of JSON that are no 32-bit integers become doubles.
const packr = new Packr({ useRecords: false, variableMapSize: true, useToJSON: false })

/** Messages as MessagePack maps in binary frames. */
export const msgpackCodec: Codec = {
  subprotocol: MSGPACK_SUBPROTOCOL,
  encode: (message) => packr.pack(message),
  decode: (frame) => (typeof frame === 'string' ? undefined : readMsgpack(frame, MAX_FRAME_DEPTH)),
  value: (value) => packr.pack(value),
  event: ({ seq, id, at, type, body }: EncodedEvent) => mapOf({ seq, id: wellFormed(id), at, type }, packedBody(body, EMPTY_EVENT)),
  latest: ({ key, version, at, type, body }: EncodedLatest) =>
    mapOf({ key: wellFormed(key), version, at, type }, packedBody(body, EMPTY_LATEST)),
  deliver: (project, epoch, events, latest) =>
    concat([mapHeader(5), entriesOf(packr.pack({ type: 'deliver', project, epoch })), ...lists(events, latest)]),
  joinedTail: ({ position, mode, snapshot, events, latest }: JoinedTail) =>
    concat([entriesOf(packr.pack({ position, mode })), packr.pack('snapshot'), snapshot ?? NIL, ...lists(events, latest)]),
  joined: (ref, project, role, tail) => concat([mapHeader(9), entriesOf(packr.pack({ type: 'joined', ref, project, role })), tail]),
}

const NIL = packr.pack(null)
const EMPTY_EVENT = packr.pack({ actor: null, data: {} })
const EMPTY_LATEST = packr.pack({ data: {} })

/**
 * The body of an event or a latest value. One that is no JSON, or nested so deep that it cannot be packed, comes from a publisher
 * that wrote to Redis past our checks: `empty` stands in its place, for an event left out would be a hole.
 */
function packedBody(body: string, empty: Uint8Array): Uint8Array {
  try {
    return packr.pack(JSON.parse(HALF_PAIR.test(body) ? body.replace(ESCAPE, withoutHalfPair) : body))
  } catch {
    return empty
  }
}

/** JSON may escape half of a surrogate pair, MessagePack has no way to say that. */
const HALF_PAIR = /\\ud[89a-f]/i
const ESCAPE = /\\(?:u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(d[89a-f][0-9a-f]{2})|[0-9a-f]{4})|.)/gi

function withoutHalfPair(written: string, half: string | undefined): string {
  return half === undefined ? written : '\\ufffd'
}

function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** One map of the entries of `head` and those of a packed map. */
function mapOf(head: Readonly<Record<string, unknown>>, packed: Uint8Array): Uint8Array {
  const entries = entriesOf(packr.pack(head))
  return concat([mapHeader(Object.keys(head).length + sizeOf(packed)), entries, entriesOf(packed)])
}

/** Entries of a packed map (fixmap, map 16 or map 32). */
function sizeOf(map: Uint8Array): number {
  const [first = 0, ...rest] = map.subarray(0, 5)
  if (first < 0x90) return first & 0x0f
  return rest.slice(0, first === 0xde ? 2 : 4).reduce((size, byte) => size * 256 + byte, 0)
}

/** A packed map without its header. */
function entriesOf(map: Uint8Array): Uint8Array {
  return map.subarray(map[0]! < 0x90 ? 1 : map[0] === 0xde ? 3 : 5)
}

function lists(events: readonly Encoded[], latest: readonly Encoded[]): Encoded[] {
  return [packr.pack('events'), arrayHeader(events.length), ...events, packr.pack('latest'), arrayHeader(latest.length), ...latest]
}

function mapHeader(size: number): Uint8Array {
  return header(size, 0x80, 0xde)
}

function arrayHeader(size: number): Uint8Array {
  return header(size, 0x90, 0xdc)
}

/** `fix` holds up to 15 in itself; the two bytes behind `wide` say how long they are, and those behind the next one, four. */
function header(size: number, fix: number, wide: number): Uint8Array {
  if (size < 16) return Uint8Array.of(fix | size)
  if (size < 65_536) return Uint8Array.of(wide, size >> 8, size & 255)
  return Uint8Array.of(wide + 1, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255)
}

/** Pieces of this codec, which are all bytes. */
function concat(pieces: readonly Encoded[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces as readonly Uint8Array[]) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
