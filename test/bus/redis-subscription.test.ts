import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BusEvent, BusLatest, BusMessage } from '../../src/bus/bus.js'
import { type ProjectReading, type ProjectSource, RedisSubscription } from '../../src/bus/redis-subscription.js'
import { newId } from '../../src/ids.js'
import { TOMBSTONE_BODY } from '../../src/protocol/events.js'
import { Listener } from './bus-contract.js'

// Some stand twice: they are what mostly happens.
const STEPS = ['publish', 'publish', 'deliver', 'deliver', 'drop', 'repeat', 'answer old', 'answer new', 'fail', 'reconnect'] as const
const AT = '2026-11-24T00:00:00.000Z'

/** A Redis whose wire a test controls: each message and each answer arrives when the test says so, or not at all. */
class FakeRedis {
  readonly events: BusEvent[] = []
  readonly latest = new Map<string, BusLatest>()
  epoch = 'one'
  n = 0
  readonly wire: BusMessage[] = []
  lastDelivered: BusMessage | null = null
  readonly questions: {
    readonly asked: ProjectReading
    readonly fromSeq: number | null
    readonly resolve: (reading: ProjectReading) => void
    readonly reject: (error: Error) => void
  }[] = []

  publish(project: BusMessage['project']): void {
    const key = `k/${this.n % 2}`
    const events =
      this.n % 3 === 2 ? [] : [{ seq: this.events.length + 1, id: `e${this.events.length + 1}`, type: 'a.b', at: AT, body: '{"data":{}}' }]
    const version = (this.latest.get(key)?.version ?? 0) + 1
    const value = { key, version, type: 'a.b', at: AT, body: version % 4 === 0 ? TOMBSTONE_BODY : `{"data":${version}}` }
    this.events.push(...events)
    this.latest.set(key, value)
    this.wire.push({ project, epoch: 'one', n: ++this.n, events, latest: [value] })
  }

  /** Whose answers wait. */
  readonly asked: ProjectSource = { read: (fromSeq) => this.ask(fromSeq), endEpoch: (epoch) => this.endEpoch(epoch) }
  /** Who answers at once. */
  readonly answering: ProjectSource = { read: async (fromSeq) => this.read(fromSeq), endEpoch: (epoch) => this.endEpoch(epoch) }
  onEnd: (epoch: string) => void = () => undefined

  async endEpoch(epoch: string): Promise<void> {
    this.onEnd(epoch)
    this.epoch = 'two'
    this.events.length = 0
    this.latest.clear()
    this.n = 0
  }

  ask(fromSeq: number | null): Promise<ProjectReading> {
    return new Promise((resolve, reject) => void this.questions.push({ asked: this.read(fromSeq), fromSeq, resolve, reject }))
  }

  read(fromSeq: number | null): ProjectReading {
    const head = { epoch: this.epoch, seq: this.events.length, id: this.events.at(-1)?.id ?? '', n: this.n }
    return { head, events: fromSeq === null ? [] : this.events.slice(Math.max(0, fromSeq - 1)), latest: [...this.latest.values()] }
  }
}

test('[B2] whatever is lost, repeated or late, each event is heard once and in order, and the newest values arrive', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { minLength: 10, maxLength: 80, size: 'max' }), async (steps) => {
      const redis = new FakeRedis()
      const listener = new Listener()
      const project = newId<BusMessage['project']>()
      const subscription = new RedisSubscription(project, listener, redis.asked)
      const begun = subscription.begin()
      const settle = () => new Promise(setImmediate)
      const take = (step: (typeof STEPS)[number]) => {
        if (step === 'publish') redis.publish(project)
        if (step === 'drop') redis.wire.shift()
        if (step === 'reconnect') void subscription.heal()
        if (step === 'deliver' || step === 'repeat') {
          if (step === 'deliver') redis.lastDelivered = redis.wire.shift() ?? redis.lastDelivered
          if (redis.lastDelivered) subscription.receive(redis.lastDelivered)
        }
        if (step === 'answer old' || step === 'answer new') {
          const question = redis.questions.shift()
          question?.resolve(step === 'answer old' ? question.asked : redis.read(question.fromSeq))
        }
        // The first reading's failure is the caller's business.
        if (step === 'fail' && subscription.head) redis.questions.shift()?.reject(new Error('Redis is away'))
      }
      for (const step of steps) {
        take(step)
        await settle()
      }
      // Quiet at last: what is on its way arrives, and the sweep finds whoever fell behind.
      for (
        let round = 0;
        round < 200 && (redis.wire.length > 0 || redis.questions.length > 0 || subscription.head?.n !== redis.n);
        round++
      ) {
        take('deliver')
        take('answer new')
        await settle()
        if (redis.wire.length + redis.questions.length === 0 && subscription.head?.n !== redis.n) take('reconnect')
      }
      const { head, latest } = await begun
      expect(subscription.head).toEqual(redis.read(null).head)
      expect(listener.lost).toEqual([])
      expect(listener.events).toEqual(redis.events.slice(head.seq))
      const shown = new Map(latest.map((value) => [value.key, value]))
      for (const value of listener.latest) {
        expect(value.version).toBeGreaterThan(shown.get(value.key)?.version ?? 0)
        shown.set(value.key, value)
      }
      const live = (values: Iterable<BusLatest>) =>
        [...values].filter(({ body }) => body !== TOMBSTONE_BODY).sort((one, other) => (one.key < other.key ? -1 : 1))
      expect(live(shown.values())).toEqual(live(redis.latest.values()))
    }),
    { numRuns: 300 },
  )
})

test('[B2] of values that came and went nothing is said when a reading shows that they are gone', async () => {
  const redis = new FakeRedis()
  const listener = new Listener()
  const project = newId<BusMessage['project']>()
  const subscription = new RedisSubscription(project, listener, redis.answering)
  await subscription.begin()
  await new Promise(setImmediate)
  const tell = (version: number, body: string) => {
    const value = { key: 'k', version, type: 'a.b', at: AT, body }
    redis.latest.set('k', value)
    subscription.receive({ project, epoch: 'one', n: ++redis.n, events: [], latest: [value] })
  }
  tell(1, '{"data":1}')
  tell(2, TOMBSTONE_BODY)
  expect(listener.latest.map(({ version }) => version)).toEqual([1, 2])
  redis.latest.delete('k')
  redis.n++
  await subscription.heal()
  expect(listener.latest).toHaveLength(2)
  redis.latest.set('k', { key: 'k', version: 2, type: 'a.b', at: AT, body: TOMBSTONE_BODY })
  await subscription.heal()
  expect(listener.latest).toHaveLength(2)
  // Gone while nothing was heard: that is news.
  tell(3, '{"data":3}')
  redis.latest.set('k', { key: 'k', version: 4, type: 'a.b', at: AT, body: TOMBSTONE_BODY })
  redis.n++
  await subscription.heal()
  expect(listener.latest.map(({ version }) => version)).toEqual([1, 2, 3, 4])
})

test('a value whose tombstone was forgotten meanwhile is gone', async () => {
  const redis = new FakeRedis()
  const listener = new Listener()
  const subscription = new RedisSubscription(newId<BusMessage['project']>(), listener, redis.answering)
  redis.latest.set('k', { key: 'k', version: 3, type: 'a.b', at: AT, body: '{"data":3}' })
  await subscription.begin()
  await new Promise(setImmediate)
  redis.latest.delete('k')
  redis.n++
  await subscription.heal()
  expect(listener.latest).toMatchObject([{ key: 'k', version: 4, body: TOMBSTONE_BODY }])
  // A key that begins again after that is news, whatever its version.
  redis.latest.set('k', { key: 'k', version: 1, type: 'a.b', at: AT, body: '{"data":1}' })
  redis.n++
  await subscription.heal()
  expect(listener.latest.at(-1)).toMatchObject({ key: 'k', version: 1 })
})

test('[B5] an epoch that was left comes back with an older copy, and is ended', async () => {
  const redis = new FakeRedis()
  const listener = new Listener()
  const project = newId<BusMessage['project']>()
  const subscription = new RedisSubscription(project, listener, redis.answering)
  await subscription.begin()
  await new Promise(setImmediate)
  const ended: string[] = []
  redis.onEnd = (epoch) => ended.push(epoch)
  redis.epoch = 'between'
  await subscription.heal()
  expect(subscription.head?.epoch).toBe('between')
  redis.epoch = 'one'
  await subscription.heal()
  expect(ended).toEqual(['one'])
  expect(subscription.head?.epoch).toBe('two')
  expect(listener.lost).toHaveLength(2)
})

test.each([
  ['an older version', [{ version: 2, body: '{"data":2}' }]],
  ['another value under the same version', [{ version: 3, body: '{"data":"other"}', at: new Date(Date.now() + 1).toISOString() }]],
  ['no value', []],
])('[B5] a history that went back and then on, by as many messages as it has lost, is found by %s', async (_, stored) => {
  for (const heard of ['{"data":3}', TOMBSTONE_BODY]) {
    const redis = new FakeRedis()
    const listener = new Listener()
    const project = newId<BusMessage['project']>()
    const subscription = new RedisSubscription(project, listener, redis.answering)
    await subscription.begin()
    await new Promise(setImmediate)
    const value = { key: 'k', version: 3, type: 'a.b', at: new Date().toISOString(), body: heard }
    subscription.receive({ project, epoch: 'one', n: ++redis.n, events: [], latest: [value] })
    for (const other of stored) redis.latest.set('k', { ...value, ...other })
    redis.n++
    await subscription.heal()
    expect(subscription.head?.epoch).toBe('two')
    expect(listener.lost).toHaveLength(1)
  }
})

test('[B5] a history that went back and told the last event again, in its old place and under its id, is another one', async () => {
  const redis = new FakeRedis()
  const listener = new Listener()
  const subscription = new RedisSubscription(newId<BusMessage['project']>(), listener, redis.answering)
  await subscription.begin()
  await new Promise(setImmediate)
  for (const publish of [1, 2]) {
    redis.publish(subscription.project)
    subscription.receive(redis.wire.at(-1)!)
    expect(listener.events).toHaveLength(publish)
  }
  await subscription.heal()
  expect(listener.lost).toHaveLength(0)
  redis.events[0] = { ...redis.events[0]!, id: 'another' }
  redis.events[1] = { ...redis.events[1]!, at: new Date(Date.parse(AT) + 1).toISOString() }
  await subscription.heal()
  expect(subscription.head?.epoch).toBe('two')
  expect(listener.lost).toHaveLength(1)
})

test('nothing is heard after close, also of a reading that was under way', async () => {
  const redis = new FakeRedis()
  const listener = new Listener()
  const project = newId<BusMessage['project']>()
  const subscription = new RedisSubscription(project, listener, redis.asked)
  const begun = subscription.begin()
  redis.questions.shift()?.resolve(redis.read(null))
  await begun
  redis.publish(project)
  const healing = subscription.heal()
  subscription.close()
  redis.questions.shift()?.resolve(redis.read(0))
  await healing
  subscription.receive(redis.wire[0]!)
  expect(listener.messages).toEqual([])
})
