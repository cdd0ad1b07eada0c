import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { OutboxPublisher } from '../../src/bus/outbox.js'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { appendOutbox, outboxStore } from '../../src/db/outbox.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { createOnServer, type TestDatabase } from '../db/test-databases.js'
import { dataOf, Listener } from './bus-contract.js'
import { outboxContract } from './outbox-contract.js'

outboxContract('the outbox and the bus on Redis', async () => ({
  bus: new RedisBus({ url: process.env.TEST_REDIS_URL!, prefix: `test-${newId()}` }),
  stop: async () => undefined,
}))

describe('an outbox whose Redis loses what it has taken', () => {
  const prefix = `test-${newId()}`
  let database: TestDatabase
  let redis: Redis
  let processes: { readonly bus: RedisBus; readonly outbox: OutboxPublisher }[]
  let project: ProjectId
  let listener: Listener
  /** What each process does when it hears of an epoch. */
  const recoveries: Promise<void>[] = []

  beforeAll(async () => {
    database = await createOnServer()
    redis = new Redis(process.env.TEST_REDIS_URL!)
    processes = [startProcess(), startProcess()]
    await Promise.all(processes.map(({ bus }) => bus.start()))
  })
  afterAll(async () => {
    await Promise.all(processes.map(({ outbox }) => outbox.stop()))
    await Promise.all(processes.map(({ bus }) => bus.stop()))
    redis.disconnect()
    await database.close()
  })
  beforeEach(async () => {
    project = newId<ProjectId>()
    await database.db.project.create({ data: { id: project, name: 'Outbox' } })
    listener = new Listener()
    await processes[0]!.bus.subscribe(project, listener)
    await processes[1]!.bus.subscribe(project, new Listener())
    // Otherwise what is published next may count as lost, and as published anew.
    await Promise.all(recoveries.splice(0))
  })

  function startProcess() {
    const bus: RedisBus = new RedisBus({
      url: process.env.TEST_REDIS_URL!,
      prefix,
      onEpoch: (id) => void recoveries.push(outbox.recover(id)),
    })
    const outbox: OutboxPublisher = new OutboxPublisher({ bus, log: { warn: () => undefined }, ...outboxStore(database.db) })
    return { bus, outbox }
  }

  const keyOf = (name: string) => `${prefix}:{${project}}:${name}`
  const numbers = () => listener.events.map((item) => (dataOf(item) as { readonly no: number }).no)
  const heard = (check: () => unknown) => vi.waitFor(check, { timeout: 5_000, interval: 5 })
  async function publish(...all: readonly number[]): Promise<void> {
    await database.db.$transaction((tx) =>
      appendOutbox(
        tx,
        project,
        all.map((no) => ({ type: 'fact.noted', actor: null, data: { no } })),
      ),
    )
    await processes[0]!.outbox.flush(project)
  }
  /** What was published so far is something that every process has heard by now. */
  const age = () => database.db.$executeRaw`
    update outbox set published_at = published_at - interval '2 minutes' where project_id = ${project}::uuid`

  test('[B4] what it sent lately goes out again under its old ids, once; what all have heard does not', async () => {
    await publish(1, 2)
    await age()
    await publish(3, 4)
    await heard(() => expect(numbers()).toEqual([1, 2, 3, 4]))
    const ids = listener.events.map(({ id }) => id)
    await redis.del(keyOf('meta'), keyOf('stream'))
    // Whoever notices first: by a publish of another project's process, or by silence.
    await processes[1]!.bus.head(project)
    await heard(() => expect(listener.lost).toHaveLength(1))
    await heard(async () => expect((await processes[1]!.bus.head(project)).seq).toBe(2))
    const { epoch } = await processes[1]!.bus.head(project)
    const read = await processes[1]!.bus.readEvents(project, { epoch, seq: 0, id: '' }, { maxEvents: 10, maxBytes: 10_000 })
    expect(read?.events.map(({ id }) => id)).toEqual(ids.slice(2))
    await publish(5)
    await heard(() => expect(numbers().at(-1)).toBe(5))
    expect((await processes[1]!.bus.head(project)).seq).toBe(3)
  })

  test('[P4] what Redis lost while nobody listened goes out again for the next one who does', async () => {
    project = newId<ProjectId>()
    await database.db.project.create({ data: { id: project, name: 'Quiet' } })
    await publish(1, 2)
    await redis.del(keyOf('meta'), keyOf('stream'))
    listener = new Listener()
    await processes[1]!.bus.subscribe(project, listener)
    await heard(() => expect(numbers()).toEqual([1, 2]))
  })

  test('[B4] after a rewind everything above what the older copy has taken goes out again, though nothing new does', async () => {
    await publish(1)
    const copy = await redis.hgetall(keyOf('meta'))
    const stream = await redis.dumpBuffer(keyOf('stream'))
    await publish(2, 3)
    await age()
    await heard(() => expect(numbers()).toEqual([1, 2, 3]))
    await redis.restore(keyOf('stream'), 60_000, stream!, 'REPLACE')
    await redis.del(keyOf('meta'))
    await redis.hset(keyOf('meta'), copy)
    await processes[0]!.bus.publish(project, [{ kind: 'event', type: 'order.paid', body: '{"actor":null,"data":{"no":4}}' }])
    await heard(async () => expect((await processes[1]!.bus.head(project)).seq).toBe(3))
    const { epoch } = await processes[1]!.bus.head(project)
    const read = await processes[1]!.bus.readEvents(project, { epoch, seq: 0, id: '' }, { maxEvents: 10, maxBytes: 10_000 })
    const told = read?.events.map((item) => (dataOf(item) as { readonly no: number }).no)
    expect([...(told ?? [])].sort()).toEqual([2, 3, 4])
    expect(told?.filter((no) => no < 4)).toEqual([2, 3])
  })

  test('[B5] what a rewind has lost does not go out again in its old place, where a position would fit that has heard another history', async () => {
    project = newId<ProjectId>()
    await database.db.project.create({ data: { id: project, name: 'Nobody knows' } })
    const { bus } = processes[0]!
    const tell = (no: number) => bus.publish(project, [{ kind: 'event', type: 'order.paid', body: `{"actor":null,"data":{"no":${no}}}` }])
    await publish(1)
    const copy = await redis.hgetall(keyOf('meta'))
    const stream = await redis.dumpBuffer(keyOf('stream'))
    await tell(2)
    await publish(3)
    const { epoch, seq, id } = await bus.head(project)
    await redis.restore(keyOf('stream'), 60_000, stream!, 'REPLACE')
    await redis.del(keyOf('meta'))
    await redis.hset(keyOf('meta'), copy)
    await tell(4)
    await publish(5)
    expect((await bus.head(project)).epoch).not.toBe(epoch)
    expect(await bus.readEvents(project, { epoch, seq, id }, { maxEvents: 10, maxBytes: 10_000 })).toBeNull()
  })
})
