import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bus, BusItem } from '../../src/bus/bus.js'
import { Invalidations } from '../../src/bus/invalidations.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { CacheTag } from '../../src/protocol/cache-tags.js'
import { type BusUnderTest, dataOf, Listener } from './bus-contract.js'

const INTERVAL_MS = 150

/** How processes tell what is stale, whatever the bus. */
export function invalidationsContract(name: string, makeBus: () => Promise<BusUnderTest>) {
  describe(name, () => {
    let bus: Bus
    let closeBus: () => Promise<void>
    let project: ProjectId
    let listener: TimedListener
    /** What a database would count. */
    let revision: number
    const processes: Invalidations[] = []

    beforeAll(async () => {
      const made = await makeBus()
      bus = made.bus
      closeBus = made.stop
      await bus.start()
    })
    afterAll(async () => {
      await bus.stop()
      await closeBus()
    })
    beforeEach(async () => {
      project = newId<ProjectId>()
      listener = new TimedListener()
      revision = 1
      await bus.subscribe(project, listener)
    })
    afterEach(async () => {
      await Promise.all(processes.splice(0).map((process) => process.stop()))
    })

    function start(publish: Bus['publish'] = bus.publish.bind(bus)): Invalidations {
      const made = new Invalidations({
        bus: { publish, takeOnce: bus.takeOnce.bind(bus) },
        log: { warn: () => undefined },
        forget: async () => undefined,
        readRevision: async () => revision,
        intervalMs: INTERVAL_MS,
      })
      processes.push(made)
      return made
    }
    const heard = (check: () => unknown) => vi.waitFor(check, { timeout: 5_000, interval: 5 })
    const revisionsOf = (tag: CacheTag) => listener.latest.filter(({ key }) => key === `cache/${tag}`).map(({ version }) => version)

    test('[§6] the first change is told at once, with the revision as version', async () => {
      start().touch(project, ['matches', 'records'])
      await heard(() => expect(listener.latest).toHaveLength(2))
      expect(listener.messages).toHaveLength(1)
      expect(listener.latest).toMatchObject([
        { key: 'cache/matches', type: 'cache.invalidated', version: 1 },
        { key: 'cache/records', type: 'cache.invalidated', version: 1 },
      ])
      expect(listener.latest.map(dataOf)).toEqual([
        { tag: 'matches', revision: 1 },
        { tag: 'records', revision: 1 },
      ])
    })

    test('[§6] whatever many change at however many processes, a tag is told once an interval, and the last change always', async () => {
      const [one, other] = [start(), start()]
      const until = performance.now() + 4 * INTERVAL_MS
      await vi.waitFor(
        () => {
          revision += 1
          one.touch(project, ['matches'])
          other.touch(project, revision % 2 === 0 ? ['matches'] : ['breaks', 'matches'])
          expect(performance.now()).toBeGreaterThan(until)
        },
        { timeout: 5_000, interval: 5 },
      )
      await heard(() => {
        expect(revisionsOf('matches').at(-1)).toBe(revision)
        expect(revisionsOf('breaks').at(-1)).toBeGreaterThanOrEqual(revision - 1)
      })
      for (const tag of ['matches', 'breaks'] as const) {
        const times = listener.timesOf(`cache/${tag}`)
        expect(times.length).toBeGreaterThan(2)
        for (const [index, at] of times.slice(1).entries()) {
          // Two messages take different times to arrive.
          expect(at - times[index]!).toBeGreaterThan(INTERVAL_MS - 50)
        }
      }
    })

    test('[§6] the same revision is not told twice', async () => {
      const process = start()
      process.touch(project, ['jobs'])
      await heard(() => expect(revisionsOf('jobs')).toEqual([1]))
      // Read by the first telling already.
      process.touch(project, ['jobs'])
      await process.stop()
      expect(revisionsOf('jobs')).toEqual([1])
    })

    test('[§6] what could not be told is told when the bus is back', async () => {
      let isAway = true
      const process = start(async (id: ProjectId, items: readonly BusItem[]) => {
        if (isAway) throw new AppError('BUS_UNAVAILABLE')
        return bus.publish(id, items)
      })
      process.touch(project, ['matches'])
      isAway = false
      await heard(() => expect(revisionsOf('matches')).toEqual([1]))
    })

    test('[§6] who stops tells what is due', async () => {
      const process = start()
      process.touch(project, ['matches'])
      await heard(() => expect(revisionsOf('matches')).toEqual([1]))
      revision = 7
      process.touch(project, ['matches'])
      await process.stop()
      await heard(() => expect(revisionsOf('matches')).toEqual([1, 7]))
      process.touch(project, ['matches'])
      revision = 8
      expect(revisionsOf('matches')).toEqual([1, 7])
    })

    test('[§6] nobody is told of a project that is gone', async () => {
      revision = 0
      const process = start()
      process.touch(project, ['matches'])
      await process.stop()
      expect(listener.messages).toEqual([])
    })
  })
}

/** Keeps when it heard what. */
class TimedListener extends Listener {
  readonly #times: { readonly key: string; readonly at: number }[] = []

  override onMessage(message: Parameters<Listener['onMessage']>[0]): void {
    super.onMessage(message)
    for (const { key } of message.latest) this.#times.push({ key, at: performance.now() })
  }

  timesOf(key: string): number[] {
    return this.#times.filter((item) => item.key === key).map(({ at }) => at)
  }
}
