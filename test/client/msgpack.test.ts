import fc from 'fast-check'
import { unpack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { msgpackCodec } from '../../src/client/msgpack.js'
import type { ClientMessage } from '../../src/protocol/messages.js'
import { msgpackCodec as serverCodec } from '../../src/protocol/msgpack-codec.js'
import { GOLDEN_MESSAGES } from '../protocol/golden-messages.js'

// What it writes has the shape of a message only for the types.
const encode = (value: unknown) => msgpackCodec.encode(value as ClientMessage) as Uint8Array

describe('MessagePack of the client', () => {
  test.each(GOLDEN_MESSAGES)('[C1] $name', ({ from, message }) => {
    if (from === 'server') {
      const bytes = Uint8Array.from(serverCodec.encode(message) as Uint8Array)
      expect(msgpackCodec.decode(bytes.buffer)).toEqual(message)
      expect(msgpackCodec.decode(bytes)).toEqual(message)
    } else expect(serverCodec.decode(encode(message))).toEqual(message)
  })

  test('[C1] whatever JSON can say is read by others as it was meant', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        // msgpackr reads this one name as another, to be safe from it.
        const meant = { value: JSON.parse(JSON.stringify(value).replaceAll('"__proto__":', '"__proto_":')) }
        expect(unpack(encode(meant))).toEqual(meant)
      }),
    )
  })

  test.each([0, 15, 16, 31, 32, 255, 256, 65_535, 65_536])('[C1] texts, lists and maps of %i', (size) => {
    const long = {
      text: 'x'.repeat(size),
      list: Array.from({ length: size }, () => 1),
      map: Object.fromEntries(Array.from({ length: size }, (_, n) => [n, n])),
    }
    // As text: to compare so many values one by one takes a second.
    expect(JSON.stringify(unpack(encode(long)))).toBe(JSON.stringify(long))
  })

  test('leaves out what JSON leaves out, and refuses to read what is none', () => {
    expect(unpack(encode({ a: undefined, b: [undefined, Number.NaN], c: -0 }))).toEqual({ b: [null, null], c: -0 })
    // A date, for one, is what it is in JSON.
    const at = new Date(0)
    expect(unpack(encode({ at, list: [at] }))).toEqual(JSON.parse(JSON.stringify({ at, list: [at] })))
    expect(() => msgpackCodec.decode(Uint8Array.of(0x81, 0xa1))).toThrow(TypeError)
  })
})
