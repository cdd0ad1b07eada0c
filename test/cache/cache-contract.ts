import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Cache, CacheEvent, CacheQuestion } from '../../src/cache/cache.js'
import { newId } from '../../src/ids.js'

export interface CacheUnderTest {
  readonly cache: Cache
  stop(): Promise<void>
}

/** A loading that ends when the test says so. */
export class Loader<Value> {
  readonly calls: { readonly resolve: (value: Value) => void; readonly reject: (error: Error) => void }[] = []
  readonly load = () => new Promise<Value>((resolve, reject) => this.calls.push({ resolve, reject }))

  /** Resolves when it was called that often. */
  async called(times: number): Promise<void> {
    while (this.calls.length < times) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What any cache does, whatever is behind it. */
export function cacheContract(name: string, makeCache: () => Promise<CacheUnderTest>) {
  describe(name, () => {
    let made: CacheUnderTest
    let cache: Cache
    let project: string
    let question: CacheQuestion<unknown>

    beforeEach(async () => {
      made = await makeCache()
      cache = made.cache
      await cache.start()
      project = newId()
      question = { tags: [`${project}/a`], ttlMs: 60_000 }
    })
    afterEach(async () => {
      await cache.stop()
      await made.stop()
    })

    const get = (value: unknown, changes: Partial<CacheQuestion<unknown>> = {}, key = 'x') =>
      cache.getOrLoad(`${project}/${key}`, { ...question, ...changes }, async () => value)

    test('a thousand who ask at once for what nobody has are one load', async () => {
      const loader = new Loader<string>()
      const record: CacheEvent[] = []
      const answers = Array.from({ length: 1_000 }, () => cache.getOrLoad(`${project}/x`, { ...question, record }, loader.load))
      await loader.called(1)
      loader.calls[0]!.resolve('one')
      expect(new Set(await Promise.all(answers))).toEqual(new Set(['one']))
      expect(loader.calls).toHaveLength(1)
      expect(cache.statistics).toMatchObject({ loads: 1, waitsSaved: 999, l1: { hits: 0, misses: 1_000, sets: 1 } })
      expect(record.filter(({ isCollapsed }) => isCollapsed)).toHaveLength(999)
    })

    test('an answer is kept until one of its tags is invalidated', async () => {
      const tags = [`${project}/a`, `${project}/b`]
      expect(await get(1, { tags })).toBe(1)
      expect(await get(2, { tags })).toBe(1)
      await cache.invalidate([`${project}/c`])
      expect(await get(3, { tags })).toBe(1)
      await cache.invalidate([`${project}/b`])
      expect(await get(4, { tags })).toBe(4)
    })

    test('an invalidation counts from the call on, not from its end', async () => {
      await get(1)
      const told = cache.invalidate(question.tags)
      expect(await get(2)).toBe(2)
      await told
      expect(await get(3)).toBe(2)
    })

    test('a load that began before an invalidation answers those who asked before, and is not kept', async () => {
      const loader = new Loader<string>()
      const old = cache.getOrLoad(`${project}/x`, question, loader.load)
      await loader.called(1)
      await cache.invalidate(question.tags)
      const fresh = cache.getOrLoad(`${project}/x`, question, loader.load)
      await loader.called(2)
      loader.calls[1]!.resolve('new')
      expect(await fresh).toBe('new')
      loader.calls[0]!.resolve('old')
      expect(await old).toBe('old')
      expect(await get('none')).toBe('new')
    })

    test('what cannot be loaded fails for all who wait, and is asked for again', async () => {
      const loader = new Loader<string>()
      const answers = [1, 2].map(() => cache.getOrLoad(`${project}/x`, question, loader.load))
      await loader.called(1)
      loader.calls[0]!.reject(new Error('away'))
      for (const answer of answers) await expect(answer).rejects.toThrow('away')
      expect(await get('there')).toBe('there')
      expect(cache.statistics).toMatchObject({ loads: 2, loadFailures: 1 })
    })

    test('that there is nothing is an answer', async () => {
      expect(await get(null)).toBeNull()
      expect(await get('something')).toBeNull()
    })

    test('plain data comes back as it was', async () => {
      const value = { text: 'é \u{1f600}', list: [1, -2.5, null, true], deep: { big: 2 ** 53 - 1, none: {} }, empty: '' }
      await get(value)
      expect(await get('other')).toEqual(value)
    })

    test('an answer below the revision that is asked for is made anew, also for those who wait for such a one', async () => {
      const revisionOf = (value: unknown) => Number(value)
      await get(1, { revisionOf })
      expect(await get(2, { revisionOf, minRevision: 1 })).toBe(1)
      expect(await get(3, { revisionOf, minRevision: 2 })).toBe(3)

      const loader = new Loader<number>()
      const ask = (minRevision: number) => cache.getOrLoad(`${project}/y`, { ...question, revisionOf, minRevision }, loader.load)
      const answers = [ask(1), ask(2), ask(2)]
      await loader.called(1)
      loader.calls[0]!.resolve(1)
      await loader.called(2)
      loader.calls[1]!.resolve(2)
      expect(await Promise.all(answers)).toEqual([1, 2, 2])
      expect(loader.calls).toHaveLength(2)
    })

    test('an answer is never below what was asked for, however many asked for less meanwhile', async () => {
      const revisionOf = (value: unknown) => Number(value)
      const ask = (minRevision: number) => get(minRevision, { revisionOf, minRevision })
      const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(ask))
      for (const [index, answer] of answers.entries()) expect(answer).toBeGreaterThanOrEqual(index + 1)
    })

    test('nobody is answered an older revision than somebody was before', async () => {
      const revisionOf = (value: unknown) => Number(value)
      const loader = new Loader<number>()
      const slow = cache.getOrLoad(`${project}/x`, { ...question, revisionOf }, loader.load)
      await loader.called(1)
      await cache.invalidate(question.tags)
      expect(await get(2, { revisionOf })).toBe(2)
      loader.calls[0]!.resolve(1)
      expect(await slow).toBe(2)
    })

    test('a revision that went back for good is believed after a few tries', async () => {
      const revisionOf = (value: unknown) => Number(value)
      await get(9, { revisionOf })
      await cache.invalidate(question.tags)
      expect(await get(3, { revisionOf })).toBe(3)
      expect(await get(4, { revisionOf })).toBe(3)
    })

    test('that there is nothing any more is asked for a few times, not a few times by everybody', async () => {
      const revisionOf = (value: unknown) => (value === null ? Number.NEGATIVE_INFINITY : Number(value))
      await get(9, { revisionOf })
      await cache.invalidate(question.tags)
      const { loads } = cache.statistics
      expect(new Set(await Promise.all(Array.from({ length: 100 }, () => get(null, { revisionOf }))))).toEqual(new Set([null]))
      expect(cache.statistics.loads - loads).toBeLessThanOrEqual(3)
    })

    test('who stops waits for what is being loaded', async () => {
      const loader = new Loader<string>()
      const answer = cache.getOrLoad(`${project}/x`, question, loader.load)
      await loader.called(1)
      const stopped = cache.stop()
      loader.calls[0]!.resolve('late')
      await stopped
      expect(await answer).toBe('late')
      expect(cache.statistics).toMatchObject({ entries: 0, bytes: 0 })
    })
  })
}
