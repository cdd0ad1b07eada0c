import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode, spliceDeliver, spliceEvent, spliceJoined, spliceJoinedTail, spliceLatest } from '../../src/protocol/codec.js'
import { continuity } from '../../src/protocol/position.js'

const at = '2026-01-01T00:00:00.000Z'
const data = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())
const event = fc.record({ seq: fc.nat(), id: fc.string({ unit: 'grapheme' }), actor: fc.option(fc.string({ unit: 'grapheme' })), data })
const latest = fc.record({ key: fc.string({ unit: 'grapheme' }), version: fc.nat(), data: fc.option(data) })

describe('spliced frames', () => {
  test('are what encoding the whole would give', () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(latest), (events, values) => {
        const eventTexts = events.map(({ seq, id, actor, data }) =>
          spliceEvent({ seq, id, at, type: 'demo.event', body: JSON.stringify({ actor, data }) }),
        )
        const latestTexts = values.map(({ key, version, data }) =>
          spliceLatest({ key, version, at, type: 'demo.value', body: JSON.stringify({ data }) }),
        )
        const whole = {
          events: events.map(({ seq, id, actor, data }) => ({ seq, id, at, type: 'demo.event', actor, data })),
          latest: values.map(({ key, version, data }) => ({ key, version, at, type: 'demo.value', data })),
        }
        expect(spliceDeliver('p', 'a', eventTexts, latestTexts)).toBe(
          JSON.stringify({ type: 'deliver', project: 'p', epoch: 'a', ...whole }),
        )
        const position = { epoch: 'a', seq: 7, id: 'x"y' }
        expect(spliceJoined(3, 'p', 'viewer', spliceJoinedTail(position, '{"jobs":[]}', latestTexts))).toBe(
          JSON.stringify({
            type: 'joined',
            ref: 3,
            project: 'p',
            role: 'viewer',
            position,
            mode: 'snapshot',
            snapshot: { jobs: [] },
            events: [],
            latest: whole.latest,
          }),
        )
      }),
    )
  })

  test('[C1] type comes first in a message, seq first in an event', () => {
    expect(encode({ type: 'ping', at })).toMatch(/^\{"type":/)
    expect(spliceEvent({ seq: 1, id: 'a', at, type: 't', body: '{"actor":null,"data":{}}' })).toMatch(/^\{"seq":1,/)
  })
})

describe('decoding', () => {
  test('[C6] reads any JSON that is not too deep as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 12 }), (value) => {
        const text = JSON.stringify(value)
        expect(decode(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  test('[C6] does not build what is too deep, nor what is no JSON', () => {
    expect(decode('['.repeat(1_000_000))).toBeUndefined()
    expect(decode(`${'['.repeat(17)}${']'.repeat(17)}`)).toBeUndefined()
    expect(decode('{"a":')).toBeUndefined()
    expect(decode('')).toBeUndefined()
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
