import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { TcpProxy } from '../support/proxy.js'
import { dataOf, event, Listener, latest, outbox } from './bus-contract.js'

const url = () => process.env.TEST_REDIS_URL!
/** Nobody else on a shared Redis has this prefix, and projects are random. */
const prefix = `test-${newId()}`
const heard = (check: () => unknown, timeout = 5_000) => vi.waitFor(check, { timeout, interval: 5 })

/** What may happen to a project's keys, and whether it shows only with the next publish. */
const LOSSES: readonly { readonly what: string; readonly keys: readonly string[]; readonly showsAt?: 'next publish' }[] = [
  { what: 'everything', keys: ['meta', 'stream', 'latest', 'ids'] },
  { what: 'meta', keys: ['meta'] },
  { what: 'stream', keys: ['stream'] },
  { what: 'latest values', keys: ['latest'] },
  // Nobody asks for ids but who publishes.
  { what: 'ids', keys: ['ids'], showsAt: 'next publish' },
]

describe('a Redis that loses or rewinds a history', () => {
  let redis: Redis
  let wire: TcpProxy
  let bus: RedisBus
  let others: RedisBus
  let begun: ProjectId[]

  beforeAll(() => {
    redis = new Redis(url())
  })
  afterAll(() => redis.disconnect())
  beforeEach(async () => {
    begun = []
    wire = await TcpProxy.open(url())
    bus = new RedisBus({ url: wire.url, prefix, onEpoch: (project) => void begun.push(project) })
    others = new RedisBus({ url: url(), prefix })
    await Promise.all([bus.start(), others.start()])
  })
  afterEach(async () => {
    await Promise.all([bus.stop(), others.stop()])
    await wire.pullOut()
  })

  const keysOf = (project: ProjectId) => redis.keys(`${prefix}:{${project}}:*`)

  /** A project with events `a` and `b`, of which an older copy has `a` alone. */
  async function room() {
    const project = newId<ProjectId>()
    const [one, other] = [new Listener(), new Listener()]
    await others.publish(project, [event('a', 'a'), latest('k', 1)])
    const copy = await Promise.all((await keysOf(project)).map(async (key) => ({ key, value: await redis.dumpBuffer(key) })))
    await others.publish(project, [event('b', 'b'), latest('k', 2)])
    const { head } = await bus.subscribe(project, one)
    return {
      project,
      head,
      one,
      other,
      async rewind() {
        for (const { key, value } of copy) await redis.restore(key, 3_600_000, value!, 'REPLACE')
      },
      async lose(keys: readonly string[]) {
        const gone = (await keysOf(project)).filter((key) => keys.some((name) => key.split('}:')[1]!.startsWith(name)))
        expect(gone.length).toBeGreaterThanOrEqual(keys.length)
        await redis.del(...gone)
      },
    }
  }

  /** Both processes stand in one new history, and go on in it together. */
  async function expectOneNewHistory({ project, head, one, other }: Awaited<ReturnType<typeof room>>): Promise<void> {
    await heard(() => expect(one.lost).toMatchObject([{ reason: 'epoch' }]), 4_000)
    await others.subscribe(project, other)
    const now = await others.head(project)
    expect(now.epoch).not.toBe(head.epoch)
    const before = one.messages.length
    const { epoch, results } = await others.publish(project, [event('next', 'next'), latest('k', 9)])
    expect({ epoch, results }).toEqual({
      epoch: now.epoch,
      results: [{ kind: 'sequenced', id: 'next', seq: now.seq + 1 }, expect.objectContaining({ kind: 'versioned' })],
    })
    await heard(() => expect(one.messages.length).toBeGreaterThan(before))
    await heard(() => expect(other.messages).toHaveLength(1))
    expect(one.messages.at(-1)).toEqual(other.messages[0])
    expect(one.lost).toHaveLength(1)
    // For the subscription, and for the history.
    expect(begun.filter((id) => id === project)).toHaveLength(2)
  }

  test('[D8] is in another one, seen by everybody within 4 s, whichever key is gone and though nobody publishes', async () => {
    await Promise.all([
      ...LOSSES.map(async ({ keys, showsAt }) => {
        const made = await room()
        await made.lose(keys)
        if (showsAt) await others.publish(made.project, [event('a', 'a')])
        await expectOneNewHistory(made)
      }),
      (async () => {
        const made = await room()
        await made.rewind()
        await expectOneNewHistory(made)
      })(),
    ])
  })

  test('[B5] keys that expire in their time are no loss', async () => {
    const short = new RedisBus({ url: url(), prefix, streamMaxAgeMs: 300 })
    await short.start()
    const project = newId<ProjectId>()
    const listener = new Listener()
    await short.subscribe(project, listener)
    const { epoch } = await short.publish(project, [event('a', 'a')])
    await heard(async () => expect(await redis.exists(`${prefix}:{${project}}:stream`)).toBe(0))
    expect(await short.publish(project, [event('b', 'b')])).toMatchObject({ epoch, results: [{ seq: 2 }] })
    expect(listener.lost).toEqual([])
    await short.stop()
  })

  test('[B5] of many who find the same loss one changes the epoch', async () => {
    const { project, head, rewind } = await room()
    const processes = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const [process, listener] = [new RedisBus({ url: url(), prefix }), new Listener()]
        await process.start()
        await process.subscribe(project, listener)
        return { process, listener }
      }),
    )
    await rewind()
    await others.publish(project, [event('other b', 'other b')])
    await heard(() => expect(processes.map(({ listener }) => listener.lost.length)).toEqual([1, 1, 1, 1]), 1_000)
    const now = await others.head(project)
    expect(now.epoch).not.toBe(head.epoch)
    expect(processes.map(({ listener }) => listener.lost[0]!.state.head)).toEqual(processes.map(() => now))
    await Promise.all(processes.map(({ process }) => process.stop()))
  })

  test('[B5] what is published into a history that went back, by a process that knows better, is in the new one', async () => {
    const made = await room()
    await made.rewind()
    const { epoch, results } = await bus.publish(made.project, [event('b', 'b'), event('c', 'c')])
    expect(epoch).not.toBe(made.head.epoch)
    expect(results).toMatchObject([
      { id: 'b', seq: 1 },
      { id: 'c', seq: 2 },
    ])
    expect(await others.head(made.project)).toMatchObject({ epoch, seq: 2, id: 'c' })
  })

  test('[B5] another event in a known place is seen at once, and also when it was missed', async () => {
    const [heardIt, missedIt] = [await room(), await room()]
    await heardIt.rewind()
    await others.publish(heardIt.project, [event('other b', 'other b')])
    await heard(() => expect(heardIt.one.lost).toMatchObject([{ reason: 'epoch' }]), 1_000)
    await wire.pullOut()
    await missedIt.rewind()
    await others.publish(missedIt.project, [event('other b', 'other b'), event('c', 'c')])
    await others.publish(missedIt.project, [event('d', 'd')])
    await wire.plugIn()
    await heard(() => expect(missedIt.one.lost).toMatchObject([{ reason: 'epoch' }]))
    expect(missedIt.one.events.map(dataOf)).toEqual([])
  })

  test('[B4] what the outbox had sent before is remembered, and nothing goes on as if it had been sent here', async () => {
    const made = await room()
    await others.publish(made.project, [outbox(1), outbox(2), outbox(3)])
    await made.lose(['stream'])
    expect((await others.publish(made.project, [outbox(4)])).results).toEqual([{ kind: 'not-begun', before: 3n }])
    expect(await others.outboxState(made.project)).toEqual({ taken: null, before: 3n })
    expect((await others.publish(made.project, [outbox(3, 'first'), outbox(4)])).results).toMatchObject([{ seq: 1 }, { seq: 2 }])
    await made.lose(['meta'])
    expect((await others.publish(made.project, [outbox(5)])).results).toEqual([{ kind: 'not-begun', before: null }])
  })
})
