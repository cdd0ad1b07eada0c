import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { type PublishError, Publisher } from '../../src/publisher/index.js'
import { TcpProxy } from '../support/proxy.js'

const CALLS = 400

describe('a publisher straight to Redis', () => {
  let wire: TcpProxy
  let bus: RedisBus
  let publisher: Publisher
  let project: ProjectId

  beforeEach(async () => {
    // Names are the public ones; projects are random.
    wire = await TcpProxy.open(process.env.TEST_REDIS_URL!)
    bus = new RedisBus({ url: process.env.TEST_REDIS_URL! })
    await bus.start()
    publisher = new Publisher({ redisUrl: wire.url, actor: 'till-7', lingerMs: 1, retry: { minDelayMs: 1, maxDelayMs: 10 } })
    project = newId<ProjectId>()
  })
  afterEach(async () => {
    await publisher.close({ timeoutMs: 0 })
    await bus.stop()
    await wire.pullOut()
  })

  /** What whoever reads the project gets. */
  async function published() {
    const { epoch } = await bus.head(project)
    const read = await bus.readEvents(project, { epoch, seq: 0, id: '' }, { maxEvents: 10_000, maxBytes: 1e9 })
    return read!.events.map(({ seq, id, type, body }) => ({ seq, id, type, body }))
  }

  test('[P2] publishes what a server would publish, and is answered alike', async () => {
    const event = { type: 'order.paid', id: 'order 1', data: { text: 'naïve\n🧾' } }
    const { epoch, results } = await publisher.publish(project, [
      event,
      { type: 'till.state', key: 'till/7', version: 7, data: { open: true } },
      { type: 'till.state', key: 'till/7', version: 7, data: { open: false } },
      event,
    ])
    expect(results).toEqual([
      { id: 'order 1', seq: 1 },
      { key: 'till/7', version: 7 },
      { key: 'till/7', version: 7, refused: true },
      { id: 'order 1', seq: 1, duplicate: true },
    ])
    expect(await published()).toEqual([
      { seq: 1, id: 'order 1', type: 'order.paid', body: '{"actor":"till-7","data":{"text":"naïve\\n🧾"}}' },
    ])
    const { head, latest } = await bus.latest(project)
    expect(head.epoch).toBe(epoch)
    expect(latest).toMatchObject([{ key: 'till/7', version: 7, type: 'till.state', body: '{"data":{"open":true}}' }])
  })

  test('[P5] a call that the script refuses fails alone, of those that went along with it', async () => {
    const type = 'order.paid'
    const calls = [
      [{ type, id: 'a', data: {} }],
      [
        { type, id: 'b', data: {} },
        { type: 'Order', id: 'c', data: {} },
      ],
      [{ type, id: 'd', data: {} }],
    ]
    const outcomes = calls.map((call) => publisher.publish(project, call).catch((error: PublishError) => error))
    expect(await Promise.all(outcomes)).toMatchObject([
      { results: [{ id: 'a', seq: 1 }] },
      { code: 'INVALID', isRetryable: false, items: [{ index: 1, path: 'events[1]', message: 'type must be names joined by dots' }] },
      { results: [{ id: 'd', seq: 2 }] },
    ])
  })

  test('[P4] [P3] nothing is lost, repeated or reordered when its connection is cut again and again, and Redis is away', async () => {
    const calls: Promise<unknown>[] = []
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    for (let number = 0; number < CALLS; number++) {
      calls.push(
        publisher.publish(
          project,
          [`${number}.0`, `${number}.1`].map((id) => ({ type: 'order.paid', id, data: { number } })),
        ),
      )
      if (number === CALLS / 2) {
        await wire.pullOut()
        await turn()
        await wire.plugIn()
      }
      if (number % 20 !== 0) continue
      // A connection is cut ever later in its life: before, while and after Redis runs the script.
      const before = wire.connections
      await vi.waitUntil(() => wire.connections > before, { timeout: 10_000, interval: 1 })
      for (let turns = 0; turns < number / 20; turns++) await turn()
      wire.cut()
    }
    await Promise.all(calls)
    expect((await published()).map(({ id }) => id)).toEqual(
      Array.from({ length: CALLS }, (_, number) => [`${number}.0`, `${number}.1`]).flat(),
    )
  })
})
