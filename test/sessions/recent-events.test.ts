import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BusEvent } from '../../src/bus/bus.js'
import { News } from '../../src/sessions/news.js'
import { RecentEvents } from '../../src/sessions/recent-events.js'

const counters = { encodings: 0, flushes: 0, frames: 0 }
const event = (seq: number, bytes: number): BusEvent => ({ seq, id: `id${seq}`, at: '', type: 't', body: 'x'.repeat(bytes) })

test('[J3] keeps the last events within its bounds, and says what it does not keep', () => {
  const batch = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 8 })
  fc.assert(
    fc.property(fc.nat(50), fc.array(batch, { maxLength: 30 }), (floor, batches) => {
      const limits = { maxEvents: 10, maxBytes: 100 }
      const recent = new RecentEvents({ epoch: 'a', seq: floor, id: `id${floor}` }, limits)
      let all: BusEvent[] = []
      let head = floor
      for (const sizes of batches) {
        const events = sizes.map((bytes) => event(++head, bytes))
        recent.push(events.map((one) => new News(one, counters)))
        all.push(...events)
        const bytes = () => all.reduce((sum, { body }) => sum + body.length, 0)
        while (all.length > limits.maxEvents || bytes() > limits.maxBytes) all = all.slice(1)
        const first = head - all.length
        for (let seq = 0; seq <= head + 2; seq++) {
          expect(recent.idAt(seq)).toBe(seq >= first && seq <= head ? `id${seq}` : null)
          const after = recent.after(seq)?.map(({ source }) => source.seq) ?? null
          const expected = seq >= first && seq <= head ? Array.from({ length: head - seq }, (_, index) => seq + index + 1) : null
          expect(after).toEqual(expected)
        }
      }
    }),
  )
})
