import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonCodec } from '../../src/protocol/json-codec.js'
import type { DeliverMessage } from '../../src/protocol/messages.js'
import { deliverMessages } from '../../src/sessions/frames.js'

const sized = (bytes: fc.Arbitrary<number>) => fc.array(bytes, { maxLength: 40 })
/** From nothing to what the bus allows an event of the outbox. */
const bytes = fc.oneof(fc.nat(300), fc.integer({ min: 10_000, max: 196_608 }))
const texts = (kind: string, sizes: readonly number[]) => sizes.map((size, n) => JSON.stringify({ kind, n, pad: 'é'.repeat(size >> 1) }))

test('[D5] everything that is due goes out in order, events before latest values, in frames of at most 256 KiB', () => {
  fc.assert(
    fc.property(sized(bytes), sized(bytes), (eventSizes, latestSizes) => {
      const [events, latest] = [texts('event', eventSizes), texts('latest', latestSizes)]
      const messages = deliverMessages(jsonCodec, 'p', 'a', events, latest)
      for (const message of messages) expect(Buffer.byteLength(message as string)).toBeLessThanOrEqual(256 * 1024)
      const parsed = messages.map((message) => JSON.parse(message as string) as DeliverMessage)
      expect(parsed.flatMap((message) => message.events.map((event) => JSON.stringify(event)))).toEqual(events)
      expect(parsed.flatMap((message) => message.latest.map((value) => JSON.stringify(value)))).toEqual(latest)
      const firstLatest = parsed.findIndex((message) => message.latest.length > 0)
      if (firstLatest >= 0) expect(parsed.slice(firstLatest + 1).every((message) => message.events.length === 0)).toBe(true)
      for (const message of parsed) expect(message.events.length + message.latest.length).toBeGreaterThan(0)
    }),
    { numRuns: 50 },
  )
})

test('[D5] what fits into one frame is one frame', () => {
  expect(deliverMessages(jsonCodec, 'p', 'a', texts('event', [100, 100]), texts('latest', [100]))).toHaveLength(1)
  expect(deliverMessages(jsonCodec, 'p', 'a', [], [])).toEqual([])
})
