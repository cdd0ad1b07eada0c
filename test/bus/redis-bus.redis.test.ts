import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Delivery } from '../../src/bus/probe.js'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { reconnectDelayMs } from '../../src/bus/redis-connection.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { BUSY_MS } from '../support/busy.js'
import { TcpProxy } from '../support/proxy.js'
import { startRedis } from '../support/redis.js'
import { busContract, dataOf, event, Listener, latest } from './bus-contract.js'
import { resumeContract } from './resume-contract.js'

const url = () => process.env.TEST_REDIS_URL!
/** Nobody else on a shared Redis has this prefix, and projects are random. */
const prefix = `test-${newId()}`
const SCRIPT = readFileSync(new URL('../../src/bus/publish.lua', import.meta.url), 'utf8')
const heard = (check: () => unknown, timeout = 5_000) => vi.waitFor(check, { timeout, interval: 5 })

busContract('the bus on Redis', async () => ({ bus: new RedisBus({ url: url(), prefix }), stop: async () => undefined }))

resumeContract('resuming on Redis', (retention) => ({
  bus: new RedisBus({ url: url(), prefix: `test-${newId()}`, ...retention }),
  stop: async () => undefined,
}))

test('[C2] a name taken through one process is taken for all, and its key expires', async () => {
  const [one, other] = [new RedisBus({ url: url(), prefix }), new RedisBus({ url: url(), prefix })]
  await Promise.all([one.start(), other.start()])
  const name = newId()
  const answers = await Promise.all([one, other, one, other].map((bus) => bus.takeOnce(name, 60_000)))
  expect(answers.filter((isFirst) => isFirst)).toHaveLength(1)
  const redis = new Redis(url())
  // [B6] Keys of no project have a tag of their own.
  expect(await redis.pttl(`${prefix}:{tallyroom}:once:${name}`)).toBeGreaterThan(50_000)
  redis.disconnect()
  await Promise.all([one.stop(), other.stop()])
})

describe('publish.lua, called from any language', () => {
  let redis: Redis
  let project: ProjectId
  let channel: string

  beforeAll(() => {
    redis = new Redis(url())
  })
  afterAll(() => redis.disconnect())
  beforeEach(() => {
    project = newId<ProjectId>()
    channel = `${prefix}:{${project}}:live`
  })

  const keysAt = (now: number) => {
    const bucket = Math.floor(now / 600_000)
    return ['meta', 'stream', 'latest', `ids:${bucket}`, `ids:${bucket - 1}`, 'live'].map((name) => `${prefix}:{${project}}:${name}`)
  }
  const call = (items: readonly (readonly string[])[], { now = Date.now(), command = 'publish' } = {}) =>
    redis.eval(SCRIPT, 6, ...keysAt(now), '1', String(now), command, String(items.length), ...items.flat()) as Promise<string[]>
  const stored = () => redis.keys(`${prefix}:{${project}}:*`)

  test('[D4] forgets tombstones that have stood for ten minutes, also for one of a key that never lived', async () => {
    await call([['l', 'a.b', 'known', '', '{"data":1}']])
    const old = Array.from({ length: 1_000 }, (_, at) => [`never/${at}`, `1 ${Date.now() - 601_000} a.b\n{"data":null}`]).flat()
    const young = [`never/young`, `1 ${Date.now() - 500_000} a.b\n{"data":null}`]
    await redis.hset(`${prefix}:{${project}}:latest`, ...old, ...young)
    await call([['l', 'a.b', 'another', '', '{"data":null}']])
    expect((await redis.hkeys(`${prefix}:{${project}}:latest`)).sort()).toEqual(['another', 'known', 'never/young'])
  })

  test('[B1] answers the epoch, n and a word per item; [B3] sends header lines and bodies, unparsed', async () => {
    const subscriber = new Redis(url())
    const texts: string[] = []
    subscriber.on('message', (_, text) => texts.push(text))
    await subscriber.subscribe(channel)
    const body = '{"actor":null,"data":{"empty":[],"digits":1234567890123456789.10}}'
    const [epoch, ...words] = await call([
      ['e', 'order.paid', 'first id', '', body],
      ['e', 'order.paid', 'first id', '', body],
      ['l', 'stock.level', 'stock/1', '7', '{"data":{"left":3}}'],
      ['l', 'stock.level', 'stock/1', '7', '{"data":{"left":2}}'],
      ['o12', 'job.started', 'fact', '', body],
      ['s12', 'job.started', 'fact', '', body],
      ['o14', 'job.started', 'other fact', '', body],
    ])
    expect(words).toEqual(['1', '1', 'd:1', 'v:7', 'r:7', 'b:', '2', 'o:12'])
    expect(epoch).toMatch(/^[0-9a-z]{8,32}$/)
    await heard(() => expect(texts).toHaveLength(1))
    const [head, ...lines] = texts[0]!.split('\n')
    expect(head).toMatch(new RegExp(`^${epoch} 1 1 \\d{13} 3$`))
    expect(lines).toEqual(['e order.paid first id', body, 'l 7 stock.level stock/1', '{"data":{"left":3}}', 'e job.started fact', body, ''])
    subscriber.disconnect()
  })

  test('[P2] a call by EVALSHA shows to everyone who is subscribed', async () => {
    const bus = new RedisBus({ url: url(), prefix })
    await bus.start()
    const listener = new Listener()
    await bus.subscribe(project, listener)
    const sha = (await redis.script('LOAD', SCRIPT)) as string
    const now = Date.now()
    await redis.evalsha(sha, 6, ...keysAt(now), '1', now, 'publish', 1, 'e', 'order.paid', 'x', '', '{"data":{"amount":"10.00"}}')
    await heard(() => expect(listener.events.map((item) => [item.seq, item.id, dataOf(item)])).toEqual([[1, 'x', { amount: '10.00' }]]))
    // [P3] Whatever the entrance.
    expect((await bus.publish(project, [event({}, 'x')])).results).toEqual([{ kind: 'duplicate', id: 'x', seq: 1 }])
    await bus.stop()
  })

  test('[B1] an error names the item by its index and leaves nothing behind', async () => {
    const good = ['e', 'a.b', 'x', '', '{"data":{}}']
    const bad: readonly (readonly [string, readonly string[]])[] = [
      ['kind', ['x', 'a.b', 'x', '', '{"data":{}}']],
      ['kind', ['o0', 'a.b', 'x', '', '{"data":{}}']],
      ['kind', ['o99999999999999999', 'a.b', 'x', '', '{"data":{}}']],
      ['type', ['e', 'A', 'x', '', '{"data":{}}']],
      ['id', ['e', 'a.b', '', '', '{"data":{}}']],
      ['id', ['l', 'a.b', 'a\nb', '', '{"data":{}}']],
      ['version', ['e', 'a.b', 'x', '1', '{"data":{}}']],
      ['version', ['l', 'a.b', 'x', '0', '{"data":{}}']],
      ['version', ['l', 'a.b', 'x', '1e3', '{"data":{}}']],
      ['version', ['l', 'a.b', 'x', '9007199254740992', '{"data":{}}']],
      ['body', ['e', 'a.b', 'x', '', '[1]']],
      ['body', ['e', 'a.b', 'x', '', '{"data":\n{}}']],
    ]
    for (const [why, item] of bad) await expect(call([good, item])).rejects.toThrow(new RegExp(`^ERR_INVALID 1 ${why}`))
    await expect(call([good], { command: 'set' })).rejects.toThrow('ERR_INVALID 0 command')
    const now = String(Date.now())
    const keys = keysAt(Date.now())
    await expect(redis.eval(SCRIPT, 6, ...keys, '2', now, 'publish', '0')).rejects.toThrow('ERR_VERSION')
    await expect(redis.eval(SCRIPT, 6, ...keys, '1', 'now', 'publish', '0')).rejects.toThrow('ERR_INVALID 0 now')
    await expect(redis.eval(SCRIPT, 6, ...keys, '1', now, 'publish', '1001')).rejects.toThrow('ERR_INVALID 0 count')
    await expect(redis.eval(SCRIPT, 6, ...keys, '1', now, 'publish', '1', ...good.slice(1))).rejects.toThrow('ERR_INVALID 0 each item')
    await expect(redis.eval(SCRIPT, 5, ...keys.slice(1), '1', now, 'publish', '1', ...good)).rejects.toThrow(
      'ERR_INVALID 0 there must be six',
    )
    await expect(redis.eval(SCRIPT, 6, ...keys)).rejects.toThrow('ERR_VERSION')
    expect(await stored()).toEqual([])
  })

  test('a count of 0 makes an epoch where there is none', async () => {
    const [epoch, n] = await call([])
    expect(await call([])).toEqual([epoch, n])
    expect(await stored()).toEqual([`${prefix}:{${project}}:meta`])
  })

  test('[P3] publishers whose clocks stand in two buckets know the same ids', async () => {
    const boundary = Math.ceil(Date.now() / 600_000) * 600_000
    const item = ['e', 'a.b', 'x', '', '{"data":{}}']
    expect((await call([item], { now: boundary + 1_000 }))[2]).toBe('1')
    expect((await call([item], { now: boundary - 1_000 }))[2]).toBe('d:1')
    expect((await call([item], { now: boundary + 600_000 }))[2]).toBe('d:1')
  })

  test('[P4] what may be published already is looked for: found, its number is taken, and it is not published again', async () => {
    const body = '{"data":{}}'
    await call([
      ['e', 'a.b', 'made', 'n', body],
      ['e', 'a.b', 'given', '', body],
    ])
    const [, ...words] = await call([
      ['o1', 'a.b', 'made', 'd', body],
      ['o2', 'a.b', 'given', 'i', body],
      ['o3', 'a.b', 'late', 'd', body],
      ['o4', 'a.b', 'late', 'i', body],
    ])
    expect(words).toEqual(['2', 'd:1', 'd:2', '3', 'd:3'])
    // Given up by its publisher, it arrives after all.
    expect((await call([['e', 'a.b', 'late', 'n', body]]))[2]).toBe('d:3')
    expect((await call([['o5', 'a.b', 'next', '', body]]))[2]).toBe('4')
  })

  test('[B5] an epoch is ended by who names it, once: who comes later ends nothing', async () => {
    const end = (epoch: string) =>
      redis.eval(SCRIPT, 6, ...keysAt(Date.now()), '1', String(Date.now()), 'publish', '0', epoch) as Promise<string[]>
    const [first] = await call([['e', 'a.b', 'x', '', '{"data":{}}']])
    const [second, n] = await end(first!)
    expect([second === first, n]).toEqual([false, '0'])
    expect(await end(first!)).toEqual([second, '0'])
    expect(await call([['e', 'a.b', 'x', '', '{"data":{}}']])).toEqual([second, '1', '1'])
  })

  test('[B5] every key expires, and a history without meta is another one with nothing of the old', async () => {
    const item = ['e', 'a.b', 'x', '', '{"data":{}}']
    const [epoch] = await call([item, ['l', 'a.b', 'k', '', '{"data":{}}']])
    for (const key of await stored()) expect(await redis.pttl(key)).toBeGreaterThan(0)
    await redis.del(`${prefix}:{${project}}:meta`)
    const [other, ...words] = await call([item])
    expect(other).not.toBe(epoch)
    expect(words).toEqual(['1', '1'])
    expect(await redis.exists(`${prefix}:{${project}}:latest`)).toBe(0)
  })

  test('[B1] spublish works as publish does', async () => {
    const subscriber = new Redis(url())
    const texts: string[] = []
    subscriber.on('smessage', (_, text) => texts.push(text))
    await subscriber.ssubscribe(channel)
    await call([['e', 'a.b', 'x', '', '{"data":{}}']], { command: 'spublish' })
    await heard(() => expect(texts).toHaveLength(1))
    subscriber.disconnect()
  })
})

describe('a process that misses something', () => {
  let server: { readonly url: string; stop(): Promise<void> }
  let wire: TcpProxy
  let direct: Redis
  let bus: RedisBus
  let others: RedisBus
  let project: ProjectId
  let listener: Listener
  let connections: string[]
  let deliveries: { readonly delivery: Delivery; readonly at: number }[]

  beforeAll(async () => {
    // Its own, to flush it, to count its commands.
    server = await startRedis()
    direct = new Redis(server.url)
    others = new RedisBus({ url: server.url })
    await others.start()
  })
  afterAll(async () => {
    await others.stop()
    direct.disconnect()
    await server.stop()
  })
  beforeEach(async () => {
    wire = await TcpProxy.open(server.url)
    const told: string[] = []
    deliveries = []
    bus = new RedisBus({
      url: wire.url,
      onConnection: (connection, state) => void told.push(`${connection} ${state}`),
      onDelivery: (delivery) => void deliveries.push({ delivery, at: performance.now() }),
    })
    await bus.start()
    expect(told.splice(0).sort()).toEqual(['commands ready', 'subscriptions ready'])
    connections = told
    project = newId<ProjectId>()
    listener = new Listener()
  })
  afterEach(async () => {
    await bus.stop()
    await wire.pullOut()
  })

  const key = (name: string) => `tallyroom:{${project}}:${name}`
  /** Publishes as another process would, but the message gets lost on its way. */
  const publishUnheard = async (...items: string[][]) => {
    const now = Date.now()
    const bucket = Math.floor(now / 600_000)
    const keys = [key('meta'), key('stream'), key('latest'), key(`ids:${bucket}`), key(`ids:${bucket - 1}`), `lost:{${project}}`]
    await direct.eval(SCRIPT, 6, ...keys, '1', now, 'publish', items.length, ...items.flat())
  }
  const seqs = () => listener.events.map(({ seq }) => seq)
  /** Readings of stream and latest values that Redis has answered. */
  const readings = async () => Number(/cmdstat_exec:calls=(\d+)/.exec(await direct.info('commandstats'))?.[1] ?? 0)

  test('[B2] finds a lost message at the next one and reads it once', async () => {
    await bus.subscribe(project, listener)
    await others.publish(project, [event()])
    await publishUnheard(['e', 'a.b', 'lost', '', '{"data":{}}'], ['l', 'a.b', 'k', '', '{"data":1}'])
    await others.publish(project, [event(), latest('k', 2)])
    await heard(() => expect(seqs()).toEqual([1, 2, 3]))
    expect(listener.events[1]?.id).toBe('lost')
    expect(listener.latest.map(({ key, version }) => [key, version])).toEqual([['k', 2]])
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1, 2, 3, 4]))
    expect(listener.lost).toEqual([])
  })

  test('[D7] finds the last message before silence within 4 s, a latest value and a tombstone too', async () => {
    await bus.publish(project, [latest('stays', 1), latest('ends', 1)])
    await bus.subscribe(project, listener)
    await publishUnheard(['e', 'a.b', 'last', '', '{"data":{}}'])
    await publishUnheard(['l', 'a.b', 'stays', '', '{"data":2}'], ['l', 'a.b', 'ends', '', '{"data":null}'])
    await heard(() => expect(listener.messages).toHaveLength(1), 4_000)
    expect(seqs()).toEqual([1])
    expect(new Map(listener.latest.map((value) => [value.key, dataOf(value)]))).toEqual(
      new Map<string, unknown>([
        ['stays', 2],
        ['ends', null],
      ]),
    )
  })

  test('[D7] a cut connection costs nothing: what was published meanwhile follows in order', async () => {
    await bus.subscribe(project, listener)
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1]))
    await wire.pullOut()
    await others.publish(project, [event(), latest('k', 1)])
    await others.publish(project, [event()])
    await wire.plugIn()
    await heard(() => expect(seqs()).toEqual([1, 2, 3]))
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1, 2, 3, 4]))
    expect(listener.latest).toHaveLength(1)
    expect(listener.lost).toEqual([])
  })

  test('[B6] while Redis is away commands fail at once and are not kept for later; reconnecting is no busy loop', async () => {
    await bus.subscribe(project, listener)
    wire.turnAway()
    await heard(() => expect([...connections].sort()).toEqual(['commands lost', 'subscriptions lost']))
    const [startedAt, before] = [performance.now(), wire.connections]
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => bus.publish(project, [event()])))
    for (const attempt of attempts) expect(attempt).toMatchObject({ status: 'rejected', reason: { code: 'BUS_UNAVAILABLE' } })
    await expect(bus.subscribe(newId<ProjectId>(), new Listener())).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' })
    expect(performance.now() - startedAt).toBeLessThan(500 + BUSY_MS)
    await heard(() => expect(wire.connections - before).toBeGreaterThanOrEqual(8))
    // The fourth attempt of two connections comes after 25 + 50 + 100 ms at the earliest.
    expect(performance.now() - startedAt).toBeGreaterThan(150)
    expect(connections).toHaveLength(2)
    await wire.plugIn()
    await heard(() => bus.head(project))
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1]))
  })

  test('[D9] a half-open Redis is found within three seconds, its connections are replaced, and all that was missed follows', async () => {
    await bus.subscribe(project, listener)
    wire.hold()
    const heldAt = performance.now()
    await heard(() => expect([...connections].sort()).toEqual(['commands lost', 'subscriptions lost']))
    expect(performance.now() - heldAt).toBeLessThan(3_000 + BUSY_MS)
    expect(deliveries.map(({ delivery }) => delivery)).toEqual(['unproven'])
    expect(bus.isAway).toBe(true)
    await others.publish(project, [event({}, 'meanwhile')])
    wire.release()
    const releasedAt = performance.now()
    await heard(() => expect(listener.events.map(({ id }) => id)).toEqual(['meanwhile']))
    await heard(() => expect(deliveries.map(({ delivery }) => delivery)).toEqual(['unproven', 'proven']))
    expect(performance.now() - releasedAt).toBeLessThan(2_000 + BUSY_MS)
    await bus.publish(project, [event({}, 'after')])
    await heard(() => expect(listener.events.map(({ id }) => id)).toEqual(['meanwhile', 'after']))
  })

  test('[D8] a Redis that lost its data is another history', async () => {
    const { head } = await bus.subscribe(project, listener)
    await others.publish(project, [event(), latest('k', 1)])
    await heard(() => expect(seqs()).toEqual([1]))
    await direct.flushall()
    await others.publish(project, [event({}, 'first'), latest('other', 1)])
    await heard(() => expect(listener.lost).toHaveLength(1))
    const { reason, state } = listener.lost[0]!
    expect(reason).toBe('epoch')
    expect(state.head).toMatchObject({ seq: 1, id: 'first', n: 1 })
    expect(state.head.epoch).not.toBe(head.epoch)
    expect(state.latest.map(({ key }) => key)).toEqual(['other'])
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1, 2]))
  })

  test('[D7] what the stream no longer holds is a gap', async () => {
    await bus.subscribe(project, listener)
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1]))
    await publishUnheard(['e', 'a.b', 'lost', '', '{"data":{}}'])
    await direct.xdel(key('stream'), '2-0')
    await others.publish(project, [event()])
    await heard(() => expect(listener.lost).toMatchObject([{ reason: 'gap', state: { head: { seq: 3 } } }]))
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1, 4]))
  })

  test('[J3] what Redis has lost cannot be resumed: an entry in the middle, the end, the stream, everything', async () => {
    const limits = { maxEvents: 100, maxBytes: 100_000 }
    await others.publish(
      project,
      Array.from({ length: 6 }, (_, no) => event({}, `${no + 1}`)),
    )
    const { epoch } = await others.head(project)
    const canResume = async (seq: number) =>
      (await others.readEvents(project, { epoch, seq, id: seq === 0 ? '' : `${seq}` }, limits)) !== null
    const resumable = async () => (await Promise.all([0, 1, 2, 3, 4, 5, 6].map(canResume))).map(Number).join('')
    expect(await resumable()).toBe('1111111')
    await direct.xdel(key('stream'), '3-0')
    expect(await resumable()).toBe('0000111')
    await direct.xdel(key('stream'), '6-0')
    expect(await resumable()).toBe('0000001')
    await direct.del(key('stream'))
    expect(await resumable()).toBe('0000001')
    await direct.flushall()
    expect(await resumable()).toBe('0000000')
    // Asking makes no history.
    expect(await direct.exists(key('meta'))).toBe(0)
  })

  test('a page of small events is two questions to Redis, and of the largest ones not much more is read than fits', async () => {
    await others.publish(
      project,
      Array.from({ length: 1_000 }, () => event({})),
    )
    const { epoch } = await others.head(project)
    const [before, limits] = [await readings(), { maxEvents: 1_000, maxBytes: 256 * 1024 }]
    const page = await others.readEvents(project, { epoch, seq: 0, id: '' }, limits)
    expect(page?.events).toHaveLength(1_000)
    expect((await readings()) - before).toBe(2)

    const large = newId<ProjectId>()
    for (let no = 0; no < 3; no++) {
      await others.publish(
        large,
        Array.from({ length: 40 }, () => event('x'.repeat(32_000))),
      )
    }
    const position = { epoch: (await others.head(large)).epoch, seq: 0, id: '' }
    const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await direct.info('stats'))?.[1])
    const sentBefore = await sent()
    expect((await others.readEvents(large, position, limits))?.events).toHaveLength(8)
    expect((await sent()) - sentBefore).toBeLessThan(3 * 256 * 1024)
  })

  test('[B6] a command without an answer fails after two seconds, a publication and a reading; when Redis is away at once', async () => {
    const { epoch } = await bus.head(project)
    const read = () => bus.readEvents(project, { epoch, seq: 0, id: '' }, { maxEvents: 1, maxBytes: 1 })
    wire.hold()
    const startedAt = performance.now()
    const commands = await Promise.allSettled([read(), bus.publish(project, [event()])])
    for (const command of commands) expect(command).toMatchObject({ status: 'rejected', reason: { code: 'BUS_UNAVAILABLE' } })
    expect(performance.now() - startedAt).toBeGreaterThan(1_900)
    expect(performance.now() - startedAt).toBeLessThan(2_000 + BUSY_MS)
    wire.release()
    wire.turnAway()
    await expect(read()).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' })
  })

  test('a message of another history or out of order costs one reading each, no endless loop', async () => {
    await bus.subscribe(project, listener)
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1]))
    const { epoch } = await bus.head(project)
    const before = await readings()
    const strays = [
      `${'0'.repeat(16)} 7 9 1800000000000 1\ne a.b x\n{"data":{}}\n`,
      `${epoch} 9 9 1800000000000 1\ne a.b x\n{"data":{}}\n`,
      'no message',
    ]
    for (const stray of strays) await direct.publish(key('live'), stray)
    // Repeated: dropped without a reading.
    await direct.publish(key('live'), `${epoch} 1 1 1800000000000 1\ne a.b x\n{"data":{}}\n`)
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1, 2]))
    await others.publish(project, [event()])
    await heard(() => expect(seqs()).toEqual([1, 2, 3]))
    expect((await readings()) - before).toBeLessThanOrEqual(strays.length + 1)
  })

  test('a Redis that cannot be reached at the start is named without its password', async () => {
    const lonely = new RedisBus({ url: 'redis://user:secret@127.0.0.1:1' })
    await expect(lonely.start()).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE', message: 'cannot reach Redis at 127.0.0.1:1' })
  })
})

test('[B6] reconnecting waits longer each time, up to a quarter of a second, never all processes at once', () => {
  const ranges = [1, 2, 3, 4, 5, 6, 50].map((attempt) => [reconnectDelayMs(attempt, 0), reconnectDelayMs(attempt, 1)])
  expect(ranges).toEqual([
    [25, 100],
    [50, 200],
    [63, 250],
    [63, 250],
    [63, 250],
    [63, 250],
    [63, 250],
  ])
})
