import { beforeEach, describe, expect, test } from 'vitest'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { EventPublisher, type Publisher } from '../../src/publishing/event-publisher.js'
import { PublicationQueue, type QueuedEvent } from '../../src/publishing/publication-queue.js'
import { Listener } from '../bus/bus-contract.js'

const FEED: Publisher = { user: { id: 'feed', name: 'Feed' }, admin: false, projects: {}, publish: '*' }

describe('publishing while the bus is away', () => {
  let publisher: EventPublisher
  let project: ProjectId
  let listener: Listener
  let isAway: boolean
  let outcome: 'lost' | 'published but not answered'
  let attempts: number
  let waiting: QueuedEvent[]
  let isStoreAway: boolean

  beforeEach(async () => {
    const bus = new MemoryBus()
    project = newId<ProjectId>()
    listener = new Listener()
    await bus.subscribe(project, listener)
    isAway = true
    outcome = 'lost'
    attempts = 0
    waiting = []
    isStoreAway = false
    publisher = new EventPublisher({
      bus: {
        async publish(to, items) {
          attempts++
          if (!isAway) return bus.publish(to, items)
          if (outcome !== 'lost') await bus.publish(to, items)
          throw new AppError('BUS_UNAVAILABLE')
        },
      },
      async mayPublish() {
        if (isStoreAway) throw new Error('no database')
        return true
      },
      findJobs: async () => new Set(),
      queue: new PublicationQueue({
        isBusAway: () => isAway && outcome === 'lost',
        hasPending: async () => waiting.length > 0,
        flush: async () => undefined,
        async store(_, events) {
          if (isStoreAway) throw new Error('no database')
          waiting.push(...events)
        },
      }),
    })
  })

  const publish = (...events: readonly unknown[]) => publisher.publish({ publisher: FEED, project, events })
  const refusal = (...events: readonly unknown[]) =>
    publish(...events).then(
      () => null,
      (error: AppError) => error,
    )
  const order = { type: 'order.paid', data: {} }
  const level = { type: 'stock.level', key: 'stock/1', data: {} }

  test('[P4] events are kept under their ids and answered `queued`; a latest value is refused; nothing is tried', async () => {
    const { epoch, results } = await publish({ ...order, id: 'mine' }, level, order)
    const made = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect({ epoch, results }).toEqual({
      epoch: null,
      results: [
        { id: 'mine', queued: true },
        { key: 'stock/1', version: 0, refused: true },
        { id: made, queued: true },
      ],
    })
    expect(waiting.map(({ id, origin }) => [id, origin])).toEqual([
      ['mine', 'given'],
      [made, null],
    ])
    expect(waiting[1]!.id).toBe(results.map((result) => 'id' in result && result.id)[2])
    expect(attempts).toBe(0)
  })

  test('[P4] latest values alone are not taken, and what is not valid is refused as ever', async () => {
    expect(await refusal(level)).toMatchObject({ code: 'BUS_UNAVAILABLE' })
    expect(await refusal(order, { ...order, type: 'x' })).toMatchObject({ code: 'INVALID' })
    expect(waiting).toEqual([])
  })

  test('[P4] an unknown outcome waits under the same id, and says that it may be published already', async () => {
    outcome = 'published but not answered'
    const { results } = await publish({ ...order, id: 'mine' }, order)
    expect(waiting.map(({ id, origin }) => [id, origin])).toEqual([
      ['mine', 'given'],
      [listener.events[1]!.id, 'doubtful'],
    ])
    expect(results).toEqual(waiting.map(({ id }) => ({ id, queued: true })))
  })

  test('[P4] what is published while others wait goes behind them, and past them when they are gone', async () => {
    await publish(order)
    isAway = false
    expect((await publish({ ...order, id: 'second' })).results).toEqual([{ id: 'second', queued: true }])
    expect(attempts).toBe(0)
    waiting = []
    expect((await publish({ ...order, id: 'third' })).results).toEqual([{ id: 'third', seq: 1 }])
  })

  test('[P4] neither the bus nor the database: BUS_UNAVAILABLE', async () => {
    isStoreAway = true
    expect(await refusal(order)).toMatchObject({ code: 'BUS_UNAVAILABLE' })
    isStoreAway = false
    waiting.push = () => {
      throw new Error('no database')
    }
    expect(await refusal(order)).toMatchObject({ code: 'BUS_UNAVAILABLE' })
  })
})
