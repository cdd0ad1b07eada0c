import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bus, BusEvent } from '../../src/bus/bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Position } from '../../src/protocol/position.js'
import { type BusUnderTest, event, Listener, latest } from './bus-contract.js'

export interface Retention {
  readonly streamMaxEvents: number
  readonly streamMaxAgeMs: number
}

const PLENTY = { maxEvents: 10_000, maxBytes: 10_000_000 }
const HOUR_MS = 3_600_000

/** What every bus has to do for who comes back with a position (J3). */
export function resumeContract(name: string, makeBus: (retention: Retention) => BusUnderTest) {
  describe(name, () => {
    let bus: Bus
    let stop: () => Promise<void>
    let project: ProjectId
    let listener: Listener

    const open = async (retention: Retention) => {
      const made = makeBus(retention)
      bus = made.bus
      stop = made.stop
      await bus.start()
      project = newId<ProjectId>()
      listener = new Listener()
      await bus.subscribe(project, listener)
    }
    beforeEach(() => open({ streamMaxEvents: 10_000, streamMaxAgeMs: HOUR_MS }))
    afterEach(async () => {
      await bus.stop()
      await stop()
    })

    /** Every event that was published, when it has been heard. */
    const history = async (): Promise<BusEvent[]> => {
      const { seq } = await bus.head(project)
      await vi.waitFor(() => expect(listener.events).toHaveLength(seq), { timeout: 5_000, interval: 5 })
      return listener.events
    }
    /** The position after `seq` events. */
    const at = async (seq: number): Promise<Position> => {
      const { epoch } = await bus.head(project)
      return { epoch, seq, id: (await history())[seq - 1]?.id ?? '' }
    }
    const publishMany = async (count: number, size = 0) => {
      for (let left = count; left > 0; left -= 1_000) {
        await bus.publish(
          project,
          Array.from({ length: Math.min(left, 1_000) }, () => event('x'.repeat(size))),
        )
      }
    }
    const seqs = (read: { readonly events: readonly BusEvent[] } | null) => read?.events.map(({ seq }) => seq)

    test('[J3] after each position come exactly the events between it and the head, whatever was published', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(fc.constantFrom('event', 'same id', 'latest'), { minLength: 1, maxLength: 40 }), { maxLength: 4 }),
          async (batches) => {
            project = newId<ProjectId>()
            listener = new Listener()
            await bus.subscribe(project, listener)
            for (const batch of batches) {
              await bus.publish(
                project,
                batch.map((kind, no) => (kind === 'latest' ? latest('k', no) : event({ no }, kind === 'event' ? undefined : 'same'))),
              )
            }
            const [all, head] = [await history(), await bus.head(project)]
            for (let seq = 0; seq <= all.length; seq++) {
              expect(await bus.readEvents(project, await at(seq), PLENTY)).toEqual({ head, events: all.slice(seq) })
            }
          },
        ),
        { numRuns: 25 },
      )
    })

    test('[J3] nothing was published: the beginning is a position, for latest values too', async () => {
      const { epoch } = await bus.head(project)
      expect(await bus.readEvents(project, { epoch, seq: 0, id: '' }, PLENTY)).toMatchObject({ head: { seq: 0 }, events: [] })
      await bus.publish(project, [latest('k', 1)])
      expect(await bus.readEvents(project, { epoch, seq: 0, id: '' }, PLENTY)).toMatchObject({ head: { epoch, seq: 0, n: 1 }, events: [] })
    })

    test('[J3] [J4] another epoch, another id at that place and a place beyond the head cannot be resumed', async () => {
      await bus.publish(project, [event({}, 'a'), event({}, 'b'), event({}, 'c')])
      const { epoch } = await bus.head(project)
      for (const wrong of [
        { epoch: '0'.repeat(16), seq: 0, id: '' },
        { epoch: '0'.repeat(16), seq: 2, id: 'b' },
        { epoch: '', seq: 3, id: 'c' },
        { epoch, seq: 2, id: 'a' },
        { epoch, seq: 2, id: '' },
        { epoch, seq: 3, id: 'b' },
        { epoch, seq: 4, id: 'c' },
        { epoch, seq: 4, id: '' },
        { epoch, seq: Number.MAX_SAFE_INTEGER, id: 'c' },
      ]) {
        expect(await bus.readEvents(project, wrong, PLENTY), JSON.stringify(wrong)).toBeNull()
      }
      // [J4] What a client claims changes nothing.
      expect((await bus.head(project)).epoch).toBe(epoch)
      expect(await bus.readEvents(newId<ProjectId>(), { epoch, seq: 0, id: '' }, PLENTY)).toBeNull()
    })

    test('a page ends at the limit of events', async () => {
      await publishMany(50)
      for (const maxEvents of [1, 16, 17, 49, 50, 51]) {
        const read = await bus.readEvents(project, await at(0), { ...PLENTY, maxEvents })
        expect(seqs(read)).toEqual(Array.from({ length: Math.min(maxEvents, 50) }, (_, index) => index + 1))
        expect(read?.head.seq).toBe(50)
      }
    })

    test('a page ends before its bodies are too many bytes; the first event is answered whatever its size', async () => {
      await bus.publish(
        project,
        Array.from({ length: 40 }, () => event('é'.repeat(100))),
      )
      const [first] = await history()
      const bytes = Buffer.byteLength(first!.body)
      for (const [maxBytes, count] of [
        [1, 1],
        [2 * bytes - 1, 1],
        [2 * bytes, 2],
        [16 * bytes, 16],
        [17 * bytes - 1, 16],
        [17 * bytes, 17],
        [40 * bytes - 1, 39],
        [40 * bytes, 40],
      ] as const) {
        expect(seqs(await bus.readEvents(project, await at(0), { ...PLENTY, maxBytes }))).toHaveLength(count)
      }
    })

    test('[J3] page by page everything is read once and in order, also while others publish', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            sizes: fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 60 }),
            maxEvents: fc.integer({ min: 1, max: 30 }),
            maxBytes: fc.integer({ min: 1, max: 20_000 }),
          }),
          async ({ sizes, ...limits }) => {
            project = newId<ProjectId>()
            listener = new Listener()
            await bus.subscribe(project, listener)
            let position = await at(0)
            const read: BusEvent[] = []
            const publishing = (async () => {
              for (const size of sizes) {
                await bus.publish(project, [event('x'.repeat(size))])
                // In memory nobody else would get a turn.
                await new Promise(setImmediate)
              }
            })()
            while (read.length < sizes.length) {
              const page = await bus.readEvents(project, position, limits)
              const last = page!.events.at(-1)
              if (last) position = { ...position, seq: last.seq, id: last.id }
              else await new Promise(setImmediate)
              read.push(...page!.events)
            }
            await publishing
            expect(read).toEqual(await history())
          },
        ),
        { numRuns: 15 },
      )
    })

    test('[J3] at least as many events are kept as the bus was told to, and not many more', async () => {
      await bus.stop()
      await stop()
      await open({ streamMaxEvents: 100, streamMaxAgeMs: HOUR_MS })
      await publishMany(1_000)
      const canResume: boolean[] = []
      for (let seq = 0; seq <= 1_000; seq++) {
        const read = await bus.readEvents(project, await at(seq), PLENTY)
        if (read) expect(seqs(read)).toEqual(Array.from({ length: 1_000 - seq }, (_, index) => seq + 1 + index))
        canResume.push(read !== null)
      }
      const first = canResume.indexOf(true)
      expect(canResume.slice(first)).not.toContain(false)
      // The event at the position itself is one of those that are kept. Redis drops them a hundred at a time.
      expect(first).toBeLessThanOrEqual(901)
      expect(first).toBeGreaterThan(700)
    })

    test('[J3] long after the last publish only the head is left, and what comes then follows it', async () => {
      await bus.stop()
      await stop()
      await open({ streamMaxEvents: 100, streamMaxAgeMs: 100 })
      await publishMany(5)
      const [before, head] = [await at(4), await at(5)]
      await vi.waitFor(async () => expect(await bus.readEvents(project, before, PLENTY)).toBeNull(), { timeout: 5_000, interval: 10 })
      expect(await bus.readEvents(project, await at(0), PLENTY)).toBeNull()
      expect(seqs(await bus.readEvents(project, head, PLENTY))).toEqual([])
      await publishMany(1)
      const latecomer = await bus.readEvents(project, head, PLENTY)
      // Its own event is gone, so nothing proves that this is the history it knows.
      expect(latecomer).toBeNull()
      expect(await bus.readEvents(project, before, PLENTY)).toBeNull()
      expect(seqs(await bus.readEvents(project, await at(6), PLENTY))).toEqual([])
    })
  })
}
