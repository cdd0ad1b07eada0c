import { afterEach, describe, expect, test } from 'vitest'
import type { CacheEvent, CacheQuestion } from '../../src/cache/cache.js'
import { TieredCache, type TieredCacheOptions } from '../../src/cache/tiered-cache.js'
import { cacheContract } from './cache-contract.js'

cacheContract('a cache alone', async () => ({ cache: new TieredCache({ shared: null }), stop: async () => undefined }))

describe('a cache alone, in time', () => {
  let now = 0
  let random = 0.5
  let cache: TieredCache
  const record: CacheEvent[] = []

  function open(options: Partial<TieredCacheOptions> = {}): TieredCache {
    now = 1_000
    random = 0.5
    record.length = 0
    cache = new TieredCache({ shared: null, now: () => now, random: () => random, ...options })
    return cache
  }
  afterEach(() => cache.stop())

  const get = (value: unknown, changes: Partial<CacheQuestion<unknown>> = {}, key = 'p/x') =>
    cache.getOrLoad(key, { tags: ['p/a'], ttlMs: 10_000, record, ...changes }, async () => value)
  const fail = (changes: Partial<CacheQuestion<unknown>> = {}) =>
    cache.getOrLoad('p/x', { tags: ['p/a'], ttlMs: 10_000, record, ...changes }, () => Promise.reject(new Error('away')))

  test.each([
    [0, 9_000],
    [0.5, 10_000],
    [0.999_999, 10_999],
  ])('an answer lives 10 % shorter or longer, as chance %d wants it', async (chance, livesMs) => {
    open()
    random = chance
    await get(1)
    now += livesMs - 1
    expect(await get(2)).toBe(1)
    now += 2
    expect(await get(3)).toBe(3)
  })

  test('that there is nothing is kept for five seconds, and nothing for longer than five minutes', async () => {
    open()
    await get(null)
    now += 5_001
    expect(await get(1, { ttlMs: 3_600_000 })).toBe(1)
    now += 299_999
    expect(await get(2)).toBe(1)
    now += 2
    expect(await get(3)).toBe(3)
  })

  test('while loading fails the last answer serves for its grace, and is said to be old', async () => {
    open()
    await get(1, { graceMs: 5_000 })
    now += 12_000
    expect(await fail({ graceMs: 5_000 })).toBe(1)
    expect(record.at(-1)).toMatchObject({ outcome: 'grace', ttlMs: -2_000, isStoredInL1: false })
    now += 3_001
    await expect(fail({ graceMs: 5_000 })).rejects.toThrow('away')
    expect(cache.statistics).toMatchObject({ graceServed: 1, loadFailures: 2, loads: 3 })
  })

  test('what was invalidated has no grace', async () => {
    open()
    await get(1, { graceMs: 5_000 })
    await cache.invalidate(['p/a'])
    await expect(fail({ graceMs: 5_000 })).rejects.toThrow('away')
  })

  test('what was used longest ago goes first, by number', async () => {
    open({ maxEntries: 2 })
    await get(1, {}, 'p/1')
    await get(2, {}, 'p/2')
    await get(0, {}, 'p/1')
    await get(3, {}, 'p/3')
    expect(await get(9, {}, 'p/1')).toBe(1)
    expect(await get(9, {}, 'p/2')).toBe(9)
    expect(cache.statistics).toMatchObject({ evictions: 2, entries: 2 })
  })

  test('and by bytes; what is larger than all is not kept', async () => {
    open({ maxBytes: 1_000 })
    await get('a'.repeat(400), {}, 'p/1')
    await get('b'.repeat(400), {}, 'p/2')
    expect(cache.statistics).toMatchObject({ evictions: 0, entries: 2 })
    await get('c'.repeat(400), {}, 'p/3')
    expect(cache.statistics).toMatchObject({ evictions: 1, entries: 2 })
    expect(cache.statistics.bytes).toBeLessThanOrEqual(1_000)
    await get('d'.repeat(1_001), {}, 'p/4')
    expect(record.at(-1)).toMatchObject({ outcome: 'miss', isStoredInL1: false })
    expect(await get('e', {}, 'p/4')).toBe('e')
  })

  test('of no entries keeps nothing, and still loads once for all who ask at once', async () => {
    open({ maxEntries: 0 })
    expect(await Promise.all([get(1), get(2)])).toEqual([1, 1])
    expect(await get(3)).toBe(3)
    expect(cache.statistics).toMatchObject({ loads: 2, entries: 0, l1: { sets: 0 } })
  })

  test('statistics are those of the trace', async () => {
    open({ maxEntries: 2 })
    await get(1, {}, 'p/1')
    now += 1_000
    await get(1, {}, 'p/1')
    await get(2, { tags: ['p/b'] }, 'p/2')
    await Promise.all([get(3, {}, 'p/3'), get(3, {}, 'p/3')])
    now += 500
    await cache.invalidate(['p/a', 'p/none'])
    await get(4, { tags: ['p/b'] }, 'p/2')
    await expect(fail()).rejects.toThrow()
    const { bytes, ...counts } = cache.statistics
    expect(counts).toEqual({
      // 1 again, 2 again; missed: 1, 2, 3 twice, x.
      l1: { hits: 2, misses: 5, sets: 3, deletes: 1 },
      l2: { hits: 0, misses: 0, sets: 0, deletes: 0 },
      loads: 4,
      loadFailures: 1,
      waitsSaved: 1,
      graceServed: 0,
      // 1, by 3.
      evictions: 1,
      errors: 0,
      entries: 1,
      ageMs: 500,
    })
    // [null, 2] as MessagePack.
    expect(bytes).toBe(3)
    expect(record.map(({ outcome }) => outcome)).toEqual(['miss', 'l1-hit', 'miss', 'miss', 'miss', 'l1-hit'])
  })

  test('each load is told, with its time and its end', async () => {
    const loads: (readonly [number, string])[] = []
    open({ onLoad: (elapsedMs, result) => loads.push([elapsedMs, result]) })
    await cache.getOrLoad('p/x', { tags: [], ttlMs: 1_000 }, async () => {
      now += 7
      return 1
    })
    await expect(fail({ tags: [] })).resolves.toBe(1)
    now += 2_000
    await expect(fail({ tags: [] })).rejects.toThrow()
    expect(loads).toEqual([
      [7, 'done'],
      [0, 'failed'],
    ])
  })
})
