import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BusEvent, BusLatest } from '../../src/bus/bus.js'
import { TOMBSTONE_BODY } from '../../src/protocol/events.js'
import type { DeliverMessage } from '../../src/protocol/messages.js'
import { CODECS } from '../../src/sessions/codecs.js'
import { deliverMessages } from '../../src/sessions/frames.js'
import { News } from '../../src/sessions/news.js'

const at = '2026-01-01T00:00:00.000Z'
const counters = () => ({ encodings: 0, flushes: 0, frames: 0 })
const sized = (bytes: fc.Arbitrary<number>) => fc.array(bytes, { maxLength: 40 })
/** From nothing to what the bus allows an event of the outbox. */
const bytes = fc.oneof(fc.nat(300), fc.integer({ min: 10_000, max: 196_608 }))
const pad = (size: number) => 'é'.repeat(size >> 1)
const events = (sizes: readonly number[]) =>
  sizes.map(
    (size, index): BusEvent => ({ seq: index + 1, id: `e${index}`, at, type: 't.e', body: `{"actor":null,"data":{"p":"${pad(size)}"}}` }),
  )
const latest = (sizes: readonly number[]) =>
  sizes.map((size, index): BusLatest => ({ key: `k${index}`, version: 1, at, type: 't.l', body: `{"data":{"p":"${pad(size)}"}}` }))
const news = <Source extends BusEvent | BusLatest>(sources: readonly Source[]) => sources.map((source) => new News(source, counters()))

describe.each(CODECS)('$subprotocol', (codec) => {
  test('[D5] everything that is due goes out in order, events before latest values, in frames of at most 256 KiB', () => {
    fc.assert(
      fc.property(sized(bytes), sized(bytes), (eventSizes, latestSizes) => {
        const [someEvents, someLatest] = [events(eventSizes), latest(latestSizes)]
        const messages = deliverMessages(codec, 'p', { epoch: 'a', events: news(someEvents), latest: news(someLatest) })
        for (const message of messages) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(256 * 1024)
        const parsed = messages.map((message) => codec.decode(message) as DeliverMessage)
        expect(parsed.flatMap((message) => message.events.map(({ seq }) => seq))).toEqual(someEvents.map(({ seq }) => seq))
        expect(parsed.flatMap((message) => message.latest.map(({ key }) => key))).toEqual(someLatest.map(({ key }) => key))
        const firstLatest = parsed.findIndex((message) => message.latest.length > 0)
        if (firstLatest >= 0) expect(parsed.slice(firstLatest + 1).every((message) => message.events.length === 0)).toBe(true)
        for (const message of parsed) expect(message.events.length + message.latest.length).toBeGreaterThan(0)
      }),
      { numRuns: 50 },
    )
  })

  test('[D5] what fits into one frame is one frame', () => {
    const due = { epoch: 'a', events: news(events([100, 100])), latest: news(latest([100])) }
    expect(deliverMessages(codec, 'p', due)).toHaveLength(1)
    expect(deliverMessages(codec, 'p', { epoch: 'a', events: [], latest: [] })).toEqual([])
  })
})

test('[B3] news are encoded once per codec, and only for a codec that is asked for', () => {
  const counted = counters()
  const event = new News(events([10])[0]!, counted)
  const [one, other] = CODECS
  expect(event.encoded(one!)).toBe(event.encoded(one!))
  expect(counted.encodings).toBe(1)
  expect(event.encoded(other!)).toBe(event.encoded(other!))
  expect(counted.encodings).toBe(2)
})

test('[D4] a tombstone is known by its body', () => {
  const [value] = latest([1])
  expect([new News(value!, counters()).isGone, new News({ ...value!, body: TOMBSTONE_BODY }, counters()).isGone]).toEqual([false, true])
})
