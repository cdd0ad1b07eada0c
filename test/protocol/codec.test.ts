import fc from 'fast-check'
import { pack, unpack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import type { Codec, Encoded } from '../../src/protocol/codec.js'
import { jsonCodec } from '../../src/protocol/json-codec.js'
import type { ServerMessage } from '../../src/protocol/messages.js'
import { msgpackCodec } from '../../src/protocol/msgpack-codec.js'
import { continuity } from '../../src/protocol/position.js'

const at = '2026-01-01T00:00:00.000Z'
const text = fc.string({ unit: 'grapheme' })
// msgpackr's reader renames the key; a test of its own says what ours does with it.
const json = fc.jsonValue({ maxDepth: 12 }).filter((value) => !JSON.stringify(value).includes('__proto__'))
const data = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  json,
)
const event = fc.record(
  { seq: fc.nat(), id: text, actor: fc.option(text), data, trace: text },
  { requiredKeys: ['seq', 'id', 'actor', 'data'] },
)
const latest = fc.record({ key: text, version: fc.nat(), data: fc.option(data) })

const read: Record<string, (frame: Encoded) => unknown> = {
  [jsonCodec.subprotocol]: (frame) => JSON.parse(frame as string),
  // Another reader than our own.
  [msgpackCodec.subprotocol]: (frame) => unpack(frame as Uint8Array),
}
/** As it comes out of JSON: a zero has no sign. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
const nested = (depth: number): unknown => (depth === 0 ? 1 : depth % 2 === 0 ? [nested(depth - 1)] : { deep: nested(depth - 1) })

describe.each<[string, Codec]>([
  ['JSON', jsonCodec],
  ['MessagePack', msgpackCodec],
])('%s', (_, codec) => {
  const readFrame = read[codec.subprotocol]!

  test('spliced frames are what encoding the whole would give', () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(latest), fc.option(data), (events, values, snapshot) => {
        const eventPieces = events.map(({ seq, id, ...body }) =>
          codec.event({ seq, id, at, type: 'demo.event', body: JSON.stringify(body) }),
        )
        const latestPieces = values.map(({ key, version, data }) =>
          codec.latest({ key, version, at, type: 'demo.value', body: JSON.stringify({ data }) }),
        )
        const whole = {
          events: plain(events.map(({ seq, id, ...body }) => ({ seq, id, at, type: 'demo.event', ...body }))),
          latest: plain(values.map(({ key, version, data }) => ({ key, version, at, type: 'demo.value', data }))),
        }
        const deliver = readFrame(codec.deliver('p', 'a', eventPieces, latestPieces))
        expect(deliver).toEqual({ type: 'deliver', project: 'p', epoch: 'a', ...whole })
        const position = { epoch: 'a', seq: 7, id: 'x"y' }
        const mode = snapshot === null ? 'resumed' : 'snapshot'
        const tail = codec.joinedTail({
          position,
          mode,
          snapshot: snapshot && codec.value(snapshot),
          events: eventPieces,
          latest: latestPieces,
        })
        const joined = readFrame(codec.joined(3, 'p', 'viewer', tail))
        expect(joined).toEqual({
          type: 'joined',
          ref: 3,
          project: 'p',
          role: 'viewer',
          position,
          mode,
          snapshot: plain(snapshot),
          ...whole,
        })
      }),
    )
  })

  test('[C1] type comes first in a message, seq first in an event', () => {
    const [first] = Object.keys(readFrame(codec.encode({ type: 'ping', at })) as object)
    expect(first).toBe('type')
    const piece = codec.event({ seq: 1, id: 'a', at, type: 't', body: '{"actor":null,"data":{}}' })
    const frame = codec.deliver('p', 'a', [piece], []) as Encoded
    expect(Object.keys(readFrame(frame) as object)[0]).toBe('type')
    expect(Object.keys((readFrame(frame) as { readonly events: object[] }).events[0]!)[0]).toBe('seq')
  })

  test('[C6] reads what it wrote', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 12 }), (value) => {
        expect(codec.decode(codec.value(value))).toEqual(plain(value))
      }),
    )
  })

  test('[C6] nesting of 16 is read, of 17 is not, and nothing is built of what is deeper', () => {
    expect(codec.decode(codec.value(nested(16)))).toEqual(nested(16))
    expect(codec.decode(codec.value(nested(17)))).toBeUndefined()
    const endless = codec === jsonCodec ? '['.repeat(60_000) : Buffer.alloc(60_000, 0x91)
    expect(codec.decode(endless)).toBeUndefined()
  })

  test('[C6] a frame of the other kind cannot be read', () => {
    const other = codec === jsonCodec ? msgpackCodec : jsonCodec
    expect(codec.decode(other.encode({ type: 'pong', at }))).toBeUndefined()
  })

  test('[C6] a key __proto__ is a field like any other', () => {
    const read = codec.decode(codec.value(JSON.parse('{"__proto__":{"admin":true},"a":1}')))
    expect(Object.keys(read as object)).toEqual(['__proto__', 'a'])
    expect((read as { readonly admin?: boolean }).admin).toBeUndefined()
  })
})

describe('JSON', () => {
  test('[C6] what is none is not read', () => {
    for (const text of ['{"a":', '', 'nul', '{"a":1}}']) expect(jsonCodec.decode(text)).toBeUndefined()
  })
})

describe('MessagePack', () => {
  const decode = (...bytes: number[]) => msgpackCodec.decode(Uint8Array.from(bytes))

  test.each<[string, number[]]>([
    ['nothing', []],
    ['a string that ends too early', [0xa5, 0x61]],
    ['an array that says it has four billion elements', [0xdd, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a map that says it has more than there is', [0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x61, 0x01]],
    ['two values', [0x01, 0x02]],
    ['bytes', [0xc4, 0x01, 0x00]],
    ['an extension', [0xd4, 0x00, 0x00]],
    ['a timestamp', [0xd6, 0xff, 0, 0, 0, 0]],
    ['the type that is never used', [0xc1]],
    ['a key that is no string', [0x81, 0x01, 0x01]],
    ['not a number', [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
    ['an infinite number', [0xca, 0x7f, 0x80, 0, 0]],
    ['text that is not UTF-8', [0xa2, 0xc3, 0x28]],
  ])('[C6] %s is not read', (_, bytes) => expect(decode(...bytes)).toBeUndefined())

  test('[C1] integers of any width are read', () => {
    const eight = (first: number, last: number) => [first, ...Array(7).fill(first === 0xd3 && last > 127 ? 255 : 0), last]
    expect(decode(0x07)).toBe(7)
    expect(decode(0xe0)).toBe(-32)
    for (const bytes of [[0xcc, 7], [0xcd, 0, 7], [0xce, 0, 0, 0, 7], eight(0xcf, 7)]) expect(decode(...bytes)).toBe(7)
    for (const bytes of [[0xd0, 7], [0xd1, 0, 7], [0xd2, 0, 0, 0, 7], eight(0xd3, 7)]) expect(decode(...bytes)).toBe(7)
    for (const bytes of [[0xd0, 0xf9], [0xd1, 0xff, 0xf9], [0xd2, 0xff, 0xff, 0xff, 0xf9], eight(0xd3, 0xf9)])
      expect(decode(...bytes)).toBe(-7)
    expect(decode(0xca, 0x3f, 0xc0, 0, 0)).toBe(1.5)
  })

  test('[C1] 64-bit integers are never sent', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const [first] = msgpackCodec.value(value) as Uint8Array
        expect([0xcf, 0xd3]).not.toContain(first)
        expect(msgpackCodec.decode(msgpackCodec.value(value))).toBe(value)
      }),
    )
  })

  test('[C6] any bytes are read or refused, as another reader reads them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void msgpackCodec.decode(bytes)),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(json, (value) => {
        const bytes = pack(value)
        expect(msgpackCodec.decode(bytes)).toEqual(unpack(bytes))
      }),
    )
  })

  const eventOf = (body: string, id = 'a') =>
    unpack(msgpackCodec.deliver('p', 'a', [msgpackCodec.event({ seq: 1, id, at, type: 't', body })], []) as Uint8Array).events[0]

  test('what published data calls toJSON or constructor is data', () => {
    const body = '{"actor":null,"data":{"toJSON":1,"constructor":{"name":"Date"},"hasOwnProperty":0,"length":3}}'
    expect(eventOf(body)).toMatchObject(JSON.parse(body))
  })

  test('half of a surrogate pair, which only JSON can say, becomes U+FFFD; a whole one stays', () => {
    const body = String.raw`{"actor":null,"data":{"half":"\ud83d!","whole":"\ud83d\ude00","no escape":"\\ud83d","\udc00key":1}}`
    expect(eventOf(body, 'id\ud800')).toMatchObject({
      id: 'id\ufffd',
      data: { half: '\ufffd!', whole: '😀', 'no escape': '\\ud83d', '\ufffdkey': 1 },
    })
  })

  test('a body that cannot be read or packed leaves no hole', () => {
    const deep = `{"actor":null,"data":${'['.repeat(16_000)}${']'.repeat(16_000)}}`
    for (const body of ['{"actor":}', deep]) expect(eventOf(body)).toMatchObject({ seq: 1, actor: null, data: {} })
  })

  test('maps and lists of any length are spliced', () => {
    const wide = Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`k${index}`, index]))
    expect(Object.keys(eventOf(JSON.stringify({ actor: null, ...wide })))).toHaveLength(70_005)
    const piece = msgpackCodec.event({ seq: 1, id: 'a', at, type: 't', body: '{"actor":null,"data":{}}' })
    for (const count of [0, 15, 16, 65_535, 65_536]) {
      const frame = msgpackCodec.deliver('p', 'a', Array(count).fill(piece), []) as Uint8Array
      expect((unpack(frame) as ServerMessage & { readonly events: unknown[] }).events).toHaveLength(count)
    }
  })
})

test.each([
  ['a', 5, 'repeated'],
  ['a', 4, 'repeated'],
  ['a', 6, 'next'],
  ['a', 7, 'gap'],
  ['b', 6, 'gap'],
] as const)('[D2] after 5 of epoch a, %s %i is %s', (epoch, seq, expected) => {
  expect(continuity({ epoch: 'a', seq: 5, id: 'x' }, epoch, seq)).toBe(expected)
})
