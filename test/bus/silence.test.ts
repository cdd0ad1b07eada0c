import type { ChainableCommander, Redis } from 'ioredis'
import { expect, test } from 'vitest'
import type { ProjectReading } from '../../src/bus/redis-subscription.js'
import { RedisSubscription } from '../../src/bus/redis-subscription.js'
import { Silence } from '../../src/bus/silence.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { FakeClock } from '../sessions/fake-clock.js'
import { fakeGlobals } from '../simulation/fake-globals.js'
import { Random } from '../simulation/random.js'
import { Listener } from './bus-contract.js'

test('[B8] [D7] a silent project whose slot has moved keeps none of its neighbours from being healed', async () => {
  const random = new Random(1)
  const clock = new FakeClock({ random: () => random.next() })
  const restore = fakeGlobals(clock, random)
  try {
    const [moved, missed] = [newId<ProjectId>(), newId<ProjectId>()]
    // Each has published one event that was never heard.
    const event = { seq: 1, id: 'e1', type: 'a.b', at: '2026-11-24T00:00:00.000Z', body: '{"data":{}}' }
    const before: ProjectReading = { head: { epoch: 'one', seq: 0, id: '', n: 0 }, events: [], latest: [] }
    const after: ProjectReading = { head: { epoch: 'one', seq: 1, id: 'e1', n: 1 }, events: [event], latest: [] }
    const listeners = new Map([moved, missed].map((project) => [project, new Listener()]))
    const subscriptions = new Map<string, ReadonlySet<RedisSubscription>>()
    let reading = before
    const silence = new Silence({ commands: answering(moved), key: (project, name) => `${project}:${name}`, subscriptions })
    for (const [project, listener] of listeners) {
      const subscription = new RedisSubscription(project, listener, { read: async () => reading, endEpoch: async () => undefined })
      subscriptions.set(project, new Set([subscription]))
      silence.heard(project)
      await subscription.begin()
    }
    reading = after
    await clock.advance(4_000)
    await silence.check()
    await clock.advance(1)
    expect(listeners.get(missed)?.events).toEqual([event])
    expect(listeners.get(moved)?.events).toEqual([])
  } finally {
    restore()
  }
})

/** A node that has given away one project's slot, and of every other says that it has published once. */
function answering(moved: ProjectId): Redis {
  const replies: [Error | null, unknown][] = []
  const reply = (key: string, found: unknown) =>
    void replies.push(key.startsWith(moved) ? [new Error('MOVED 1 127.0.0.1:7001'), null] : [null, found])
  const pipeline = {
    hmget: (key: string, ...fields: string[]) => reply(key, ['one', '1', ...fields.slice(2).map(() => '1')]),
    exists: (key: string) => reply(key, 2),
    exec: async () => replies,
  }
  // Nothing else of either is used.
  return { pipeline: () => pipeline as unknown as ChainableCommander } as Redis
}
