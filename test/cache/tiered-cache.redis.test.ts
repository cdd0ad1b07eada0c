import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CacheEvent, CacheQuestion } from '../../src/cache/cache.js'
import { RedisLevel } from '../../src/cache/redis-level.js'
import { TieredCache, type TieredCacheOptions } from '../../src/cache/tiered-cache.js'
import { newId } from '../../src/ids.js'
import type { StartedService } from '../support/postgres.js'
import { TcpProxy } from '../support/proxy.js'
import { startRedis } from '../support/redis.js'
import { cacheContract, Loader } from './cache-contract.js'

const REDIS_URL = process.env.TEST_REDIS_URL!

function openCache(url: string, prefix: string, options: Partial<TieredCacheOptions> = {}): TieredCache {
  return new TieredCache({ shared: new RedisLevel({ url, prefix }), ...options })
}

cacheContract('a cache over Redis', async () => ({ cache: openCache(REDIS_URL, `test-${newId()}`), stop: async () => undefined }))

describe('caches of two processes', () => {
  let prefix: string
  let redis: Redis
  let proxy: TcpProxy
  let one: TieredCache
  let other: TieredCache
  const record: CacheEvent[] = []
  const question: CacheQuestion<unknown> = { tags: ['p/a', 'p/b'], ttlMs: 60_000, record }

  beforeAll(async () => {
    redis = new Redis(REDIS_URL)
    proxy = await TcpProxy.open(REDIS_URL)
  })
  afterAll(async () => {
    redis.disconnect()
    await proxy.pullOut()
  })
  beforeEach(async () => {
    record.length = 0
    prefix = `test-${newId()}`
    one = openCache(proxy.url, prefix)
    other = openCache(REDIS_URL, prefix)
    await Promise.all([one.start(), other.start()])
  })
  afterEach(async () => {
    await Promise.all([one.stop(), other.stop()])
    await proxy.plugIn()
  })

  const get = (cache: TieredCache, value: unknown, changes: Partial<CacheQuestion<unknown>> = {}) =>
    cache.getOrLoad('p/x', { ...question, ...changes }, async () => value)
  const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 5_000, interval: 5 })
  const keys = () => redis.keys(`${prefix}:*`)

  test('what one has loaded the other finds, and then has it itself', async () => {
    await get(one, { name: 'July' })
    expect(await get(other, 'none')).toEqual({ name: 'July' })
    expect(await get(other, 'none')).toEqual({ name: 'July' })
    expect(record.map(({ outcome, l2, isStoredInL1, isStoredInL2 }) => [outcome, l2, isStoredInL1, isStoredInL2])).toEqual([
      ['miss', 'miss', true, true],
      ['l2-hit', 'hit', true, false],
      ['l1-hit', 'none', false, false],
    ])
    expect(other.statistics).toMatchObject({ loads: 0, l1: { hits: 1, misses: 1, sets: 1 }, l2: { hits: 1, misses: 0, sets: 0 } })
  })

  test('in the first level nothing lives longer than in the second', async () => {
    await get(one, 1)
    const [entry] = await redis.keys(`${prefix}:*:entry:*`)
    await redis.pexpire(entry!, 2_000)
    await get(other, 2)
    expect(record.at(-1)!.ttlMs).toBeLessThanOrEqual(2_000)
    expect(record.at(-1)!.ttlMs).toBeGreaterThan(1_000)
  })

  test('every key ends within five minutes, whatever was asked for', async () => {
    await get(one, 1, { ttlMs: 3_600_000, lockMs: 1_000 })
    const found = await keys()
    expect(found.length).toBeGreaterThanOrEqual(3)
    for (const key of found) {
      const ttl = await redis.pttl(key)
      expect(ttl, key).toBeGreaterThan(0)
      expect(ttl, key).toBeLessThanOrEqual(300_000)
    }
  })

  test('an invalidation reaches the other process, which then loads', async () => {
    await get(one, 1)
    await get(other, 1)
    await one.invalidate(['p/b'])
    await soon(() => expect(other.statistics.entries).toBe(0))
    expect(await get(other, 2)).toBe(2)
    expect(record.at(-1)).toMatchObject({ outcome: 'miss' })
    expect(await get(one, 3)).toBe(2)
  })

  test('statistics of both are those of the trace', async () => {
    await get(one, 1)
    await get(one, 1)
    await get(other, 1)
    await one.invalidate(['p/a'])
    await soon(() => expect(other.statistics.entries).toBe(0))
    await Promise.all([get(other, 2), get(other, 2)])
    await get(one, 2)
    const counts = { waitsSaved: 0, loadFailures: 0, graceServed: 0, evictions: 0, errors: 0, entries: 1 }
    expect(one.statistics).toMatchObject({
      ...counts,
      l1: { hits: 1, misses: 2, sets: 2, deletes: 1 },
      l2: { hits: 1, misses: 1, sets: 1, deletes: 1 },
      loads: 1,
    })
    expect(other.statistics).toMatchObject({
      ...counts,
      l1: { hits: 0, misses: 3, sets: 2, deletes: 1 },
      l2: { hits: 1, misses: 1, sets: 1, deletes: 0 },
      loads: 1,
      waitsSaved: 1,
    })
    expect(record.map(({ outcome, l2 }) => `${outcome} ${l2}`)).toEqual([
      'miss miss',
      'l1-hit none',
      'l2-hit hit',
      'miss stale',
      'miss stale',
      'l2-hit hit',
    ])
  })

  test('who has stopped leaves no connection and no timer', async () => {
    const handles = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap' || kind === 'Timeout').length
    const before = handles()
    const short = openCache(REDIS_URL, prefix)
    await short.start()
    await get(short, 1)
    expect(handles()).toBeGreaterThan(before)
    await short.stop()
    // Without a timer of the test's own.
    while (handles() > before) await new Promise((resolve) => setImmediate(resolve))
  })

  test('what one began to load before the other invalidated it is kept nowhere', async () => {
    const loader = new Loader<string>()
    const slow = one.getOrLoad('p/x', question, loader.load)
    await loader.called(1)
    await other.invalidate(['p/a'])
    loader.calls[0]!.resolve('old')
    expect(await slow).toBe('old')
    expect(await get(other, 'new')).toBe('new')
    await soon(async () => expect(await get(one, 'none')).toBe('new'))
  })

  test('a flight that has not heard of the invalidation yet stores what nobody reads', async () => {
    const level = new RedisLevel({ url: REDIS_URL, prefix })
    await level.start({ onInvalidated: () => undefined, onMissed: () => undefined, onReady: () => undefined })
    const tokens = await level.tokens(['p/a'])
    await other.invalidate(['p/a'])
    await level.write('p/x', { tags: ['p/a'], tokens: tokens!, packed: Buffer.from([1]), ttlMs: 1_000 })
    expect(await level.read('p/x', ['p/a'])).toEqual({ entry: null, isStale: true })
    await level.stop()
  })

  test('with a lock one loads for both', async () => {
    const loader = new Loader<string>()
    const locked = { ...question, lockMs: 5_000 }
    const first = one.getOrLoad('p/x', locked, loader.load)
    await loader.called(1)
    const second = other.getOrLoad('p/x', locked, loader.load)
    await soon(() => expect(other.statistics.l1.misses).toBe(1))
    loader.calls[0]!.resolve('shared')
    expect(await Promise.all([first, second])).toEqual(['shared', 'shared'])
    expect(one.statistics.loads + other.statistics.loads).toBe(1)
    // It is given back: the next one does not wait.
    await one.invalidate(['p/a'])
    expect(await get(other, 'next', { lockMs: 5_000 })).toBe('next')
  })

  test('who waits for a lock that is not given back loads at the end', async () => {
    const loader = new Loader<string>()
    const first = one.getOrLoad('p/x', { ...question, lockMs: 100 }, loader.load)
    await loader.called(1)
    expect(await get(other, 'own', { lockMs: 100 })).toBe('own')
    loader.calls[0]!.resolve('late')
    await first
  })

  test('without Redis memory and loader serve, errors are counted, and it comes back by itself', async () => {
    await get(one, 1)
    await proxy.pullOut()
    await soon(async () => {
      await one.invalidate(['p/none'])
      expect(await get(one, 2)).toBe(1)
    })
    await one.invalidate(['p/a'])
    expect(await get(one, 3)).toBe(3)
    expect(await get(one, 4)).toBe(3)
    expect(record.at(-2)).toMatchObject({ outcome: 'miss', l2: 'away', isStoredInL1: true, isStoredInL2: false })
    expect(one.statistics.errors).toBeGreaterThan(0)
    await proxy.plugIn()
    await soon(async () => {
      await one.invalidate(['p/b'])
      await get(one, 5)
      expect(record.at(-1)).toMatchObject({ isStoredInL2: true })
    })
  })

  test('what was invalidated while Redis was away is told when it is back', async () => {
    await get(other, 'old')
    await proxy.pullOut()
    await one.invalidate(['p/a'])
    expect(await get(other, 'none')).toBe('old')
    await proxy.plugIn()
    await soon(() => expect(other.statistics.entries).toBe(0))
    expect(await get(other, 'new')).toBe('new')
  })

  test('what was invalidated on a wire that swallows everything is told by the next one', async () => {
    await get(other, 'old')
    proxy.hold()
    await one.invalidate(['p/a'])
    proxy.cut()
    proxy.release()
    await soon(() => expect(other.statistics.entries).toBe(0))
    expect(await get(other, 'new')).toBe('new')
  })

  test('whose connection was cut forgets what it had when it hears again', async () => {
    await get(one, 'old')
    proxy.turnAway()
    await other.invalidate(['p/a'])
    await proxy.plugIn()
    await soon(() => expect(one.statistics.entries).toBe(0))
    expect(await get(one, 'new')).toBe('new')
  })

  test('a wire that swallows everything is noticed, and costs nobody more than a moment', async () => {
    await get(one, 'old')
    proxy.hold()
    await soon(async () => {
      await one.invalidate(['p/c'])
      const startedAt = performance.now()
      await get(one, 'none', { tags: ['p/c'] })
      expect(performance.now() - startedAt).toBeLessThan(100)
      expect(one.statistics.errors).toBeGreaterThan(0)
    })
    await other.invalidate(['p/a'])
    proxy.cut()
    proxy.release()
    await soon(async () => expect(await get(one, 'new')).toBe('new'))
  })
})

describe('a Redis of its own', () => {
  let service: StartedService
  let cache: TieredCache

  beforeEach(async () => {
    service = await startRedis()
  })
  afterEach(async () => {
    await cache.stop()
    await service.stop()
  })

  test('that is full is not written to, and invalidations still count', async () => {
    const admin = new Redis(service.url)
    const prefix = 'full'
    cache = openCache(service.url, prefix)
    const other = openCache(service.url, prefix)
    await Promise.all([cache.start(), other.start()])
    const get = (from: TieredCache, value: unknown, key = 'p/x') => from.getOrLoad(key, { tags: ['p/a'], ttlMs: 60_000 }, async () => value)
    await get(cache, 1)
    await get(other, 1)
    await admin.config('SET', 'maxmemory', '1')
    expect(await get(cache, 1, 'p/y')).toBe(1)
    const { errors } = cache.statistics
    expect(errors).toBe(1)
    for (let no = 0; no < 5; no++) expect(await get(cache, no, `p/${no}`)).toBe(no)
    expect(cache.statistics).toMatchObject({ errors, l2: { sets: 1 } })
    await cache.invalidate(['p/a'])
    await vi.waitFor(() => expect(other.statistics.entries).toBe(0), { timeout: 5_000, interval: 5 })
    expect(await get(other, 2)).toBe(2)
    admin.disconnect()
    await other.stop()
  })

  test('that comes back with an older memory is not believed', async () => {
    const admin = new Redis(service.url)
    admin.on('error', () => undefined)
    cache = openCache(service.url, 'older')
    await cache.start()
    const get = (value: unknown) => cache.getOrLoad('p/x', { tags: ['p/a'], ttlMs: 60_000 }, async () => value)
    await get('old')
    const copy = await Promise.all((await admin.keys('*')).map(async (key) => [key, await admin.dumpBuffer(key)] as const))
    await cache.invalidate(['p/a'])
    const { port } = new URL(service.url)
    await service.stop()
    service = await startRedis(Number(port))
    await vi.waitFor(() => admin.ping(), { timeout: 5_000, interval: 20 })
    for (const [key, dump] of copy) await admin.restore(key, 60_000, dump)
    await vi.waitFor(
      async () => {
        await cache.invalidate(['p/b'])
        expect(cache.statistics.l2.deletes).toBeGreaterThan(1)
      },
      { timeout: 5_000, interval: 20 },
    )
    expect(await get('new')).toBe('new')
    admin.disconnect()
  })
})
