import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { RedisLevel } from '../../src/cache/redis-level.js'
import type { SharedLevel, SharedLevelListener, SharedWrite } from '../../src/cache/shared-level.js'
import { TieredCache } from '../../src/cache/tiered-cache.js'
import { newId } from '../../src/ids.js'
import { TcpProxy } from '../support/proxy.js'

const REDIS_URL = process.env.TEST_REDIS_URL!
const KEYS = ['a', 'b', 'c'] as const
type Key = (typeof KEYS)[number]

/** What a database would hold: a revision per key, which only grows. */
type Truth = Map<Key, number>

/** A process: its cache, the wire to Redis, and what it must not answer any more. */
class Process {
  readonly cache: TieredCache
  readonly proxy: TcpProxy
  readonly level: Observed
  /** The least revision that a question which begins now may be answered. */
  readonly least = new Map<Key, number>()
  now = 0

  constructor(proxy: TcpProxy, prefix: string) {
    this.proxy = proxy
    this.level = new Observed(new RedisLevel({ url: proxy.url, prefix }))
    this.cache = new TieredCache({ shared: this.level, maxEntries: 2, now: () => this.now })
  }

  mustKnow(key: Key, revision: number): void {
    this.least.set(key, Math.max(this.least.get(key) ?? 0, revision))
  }
}

/** The second level, with the messages that go out and come in. */
class Observed implements SharedLevel {
  readonly #level: SharedLevel
  onSent: (tags: readonly string[]) => void = () => undefined
  onReceived: (tags: readonly string[]) => void = () => undefined

  constructor(level: SharedLevel) {
    this.#level = level
  }
  get isAvailable() {
    return this.#level.isAvailable
  }
  start(listener: SharedLevelListener) {
    return this.#level.start({
      onMissed: () => listener.onMissed(),
      onReady: () => listener.onReady(),
      onInvalidated: (tags) => {
        listener.onInvalidated(tags)
        this.onReceived(tags)
      },
    })
  }
  invalidate(tags: readonly string[]) {
    this.onSent(tags)
    return this.#level.invalidate(tags)
  }
  stop = () => this.#level.stop()
  read = (key: string, tags: readonly string[]) => this.#level.read(key, tags)
  tokens = (tags: readonly string[]) => this.#level.tokens(tags)
  write = (key: string, write: SharedWrite) => this.#level.write(key, write)
  lock = (key: string, ttlMs: number) => this.#level.lock(key, ttlMs)
  unlock = (key: string) => this.#level.unlock(key)
}

const who = fc.constantFrom(0, 1)
const key = fc.constantFrom(...KEYS)
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('get'), who, key, waits: fc.boolean(), turns: fc.nat({ max: 3 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('set'), who, key, waits: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire'), who, key, waits: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut'), who, key, waits: fc.boolean() }) },
)
type Step = { readonly kind: string; readonly who: number; readonly key: Key; readonly waits?: boolean; readonly turns?: number }

describe('two processes, a Redis that comes and goes, and a model', () => {
  const prefix = `test-${newId()}`
  let redis: Redis
  let processes: readonly Process[]

  beforeAll(async () => {
    redis = new Redis(REDIS_URL)
    processes = [new Process(await TcpProxy.open(REDIS_URL), prefix), new Process(await TcpProxy.open(REDIS_URL), prefix)]
    for (const { cache } of processes) await cache.start()
  })
  afterAll(async () => {
    for (const { cache, proxy } of processes) {
      await cache.stop()
      await proxy.pullOut()
    }
    redis.disconnect()
  })

  test('nobody is answered what was invalidated before, or older than it was answered before; in the end all see the last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const project = newId()
        const truth: Truth = new Map(KEYS.map((name) => [name, 1]))
        const asked: Promise<unknown>[] = []
        const keyOf = (tag: string) => tag.split('/')[1] as Key
        for (const [no, process] of processes.entries()) {
          process.least.clear()
          const other = processes[1 - no]!
          const sent: { readonly tags: string; readonly revisions: readonly (readonly [Key, number])[] }[] = []
          const own = (tags: readonly string[]) => tags.filter((tag) => tag.startsWith(project))
          process.level.onSent = (tags) => {
            sent.push({ tags: own(tags).join(), revisions: own(tags).map((tag) => [keyOf(tag), truth.get(keyOf(tag))!]) })
          }
          // Messages keep their order, and some are lost: it is the first with these tags, or a later one, which says more.
          other.level.onReceived = (tags) => {
            const index = sent.findIndex((message) => message.tags === own(tags).join())
            const [message] = index < 0 ? [] : sent.splice(0, index + 1).slice(-1)
            for (const [name, revision] of message?.revisions ?? []) other.mustKnow(name, revision)
          }
        }
        const ask = async (process: Process, name: Key, turns = 0) => {
          const least = process.least.get(name) ?? 1
          const question = { tags: [`${project}/${name}`], ttlMs: 60_000, revisionOf: Number }
          const revision = await process.cache.getOrLoad(`${project}/${name}`, question, async () => {
            const read = truth.get(name)!
            for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
            return read
          })
          expect(revision).toBeGreaterThanOrEqual(least)
          process.mustKnow(name, revision)
          return revision
        }
        const act: Record<string, (process: Process, step: Step) => Promise<unknown>> = {
          get: (process, { key: name, turns }) => ask(process, name, turns),
          set(process, { key: name }) {
            truth.set(name, truth.get(name)! + 1)
            const told = process.cache.invalidate([`${project}/${name}`])
            process.mustKnow(name, truth.get(name)!)
            return told
          },
          async expire(process, { key: name }) {
            process.now += 70_000
            for (const found of await redis.keys(`${prefix}:{${project}}:*:entry:${name}`)) await redis.del(found)
          },
          // For a moment, or until the end.
          async cut({ proxy }, { waits }) {
            if (waits) proxy.cut()
            else await proxy.pullOut()
          },
        }
        for (const next of steps) {
          const done = act[next.kind]!(processes[next.who]!, next)
          if (next.waits === false) asked.push(done)
          else await done
        }
        await Promise.all(asked)
        for (const { proxy } of processes) await proxy.plugIn()
        for (const process of processes) {
          for (const name of KEYS) {
            await vi.waitFor(async () => expect(await ask(process, name)).toBe(truth.get(name)), { timeout: 5_000, interval: 10 })
          }
        }
        for (const { cache } of processes) {
          const { l1, l2, loads, loadFailures, waitsSaved, entries } = cache.statistics
          expect(l1.misses).toBe(loads + l2.hits + waitsSaved)
          expect(l1.sets).toBeLessThanOrEqual(loads + l2.hits)
          expect(l2.sets).toBeLessThanOrEqual(loads)
          expect({ loadFailures, isBounded: entries <= 2 }).toEqual({ loadFailures: 0, isBounded: true })
        }
      }),
      { numRuns: 8 },
    )
  })
})
