import { describe, expect, test } from 'vitest'
import type { BusEvents, ReadLimits } from '../../src/bus/bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Position } from '../../src/protocol/position.js'
import { StreamPages } from '../../src/sessions/stream-pages.js'
import { FakeClock, settle } from './fake-clock.js'

const at = (seq: number): Position => ({ epoch: 'a', seq, id: `id${seq}` })
const events = (from: number, count: number): BusEvents => ({
  head: { epoch: 'a', seq: from + count, id: '', n: 1 },
  events: Array.from({ length: count }, (_, index) => ({ seq: from + index + 1, id: '', at: '', type: 't', body: '{}' })),
})

function open(answer: (after: Position) => Promise<BusEvents | null> = async ({ seq }) => events(seq, 3)) {
  const clock = new FakeClock()
  const reads: { readonly seq: number; readonly limits: ReadLimits }[] = []
  const pages = new StreamPages({
    project: newId<ProjectId>(),
    clock,
    counters: { encodings: 0, flushes: 0, frames: 0 },
    bus: {
      readEvents: (_, after, limits) => {
        reads.push({ seq: after.seq, limits })
        return answer(after)
      },
    },
  })
  return { clock, pages, reads }
}

describe('readings of the stream', () => {
  test('[J8] are shared by all who come to the same place within five seconds', async () => {
    const { clock, pages, reads } = open()
    const [one, other] = await Promise.all([pages.read(at(4)), pages.read(at(4))])
    expect(one?.map(({ source }) => source.seq)).toEqual([5, 6, 7])
    expect(other).toBe(one)
    await clock.advance(4_999)
    expect(await pages.read(at(4))).toBe(one)
    expect(pages.known(at(4))).toBe(one)
    await pages.read({ ...at(4), id: 'another' })
    expect(reads).toHaveLength(2)
    expect(reads[0]).toEqual({ seq: 4, limits: { maxEvents: 1_000, maxBytes: 256 * 1024 } })
    await clock.advance(1)
    await pages.read(at(4))
    expect(reads).toHaveLength(3)
  })

  test('are few in memory', async () => {
    const { pages } = open()
    for (let seq = 0; seq < 100; seq++) await pages.read(at(seq))
    expect(Array.from({ length: 100 }, (_, seq) => pages.known(at(seq))).filter((page) => page !== null)).toHaveLength(8)
    pages.clear()
    expect(pages.known(at(99))).toBeNull()
  })

  test('that found nothing new, or failed, are not remembered; that there is no such place is', async () => {
    const answers = [Promise.reject(new Error('away')), Promise.resolve(events(4, 0)), Promise.resolve(null)]
    const { pages, reads } = open(() => answers[Math.min(reads.length, 3) - 1]!)
    await expect(pages.read(at(4))).rejects.toThrow('away')
    await settle()
    expect(await pages.read(at(4))).toEqual([])
    await settle()
    expect(pages.known(at(4))).toBeNull()
    expect(await pages.read(at(4))).toBeNull()
    expect(await pages.read(at(4))).toBeNull()
    expect(reads).toHaveLength(3)
  })
})
