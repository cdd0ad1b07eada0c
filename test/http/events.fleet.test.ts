import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OutboxPublisher } from '../../src/bus/outbox.js'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { hasPendingOutbox, outboxStore, queuePublications } from '../../src/db/outbox.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { PublishReply } from '../../src/protocol/publications.js'
import { PublicationQueue } from '../../src/publishing/publication-queue.js'
import { dataOf, Listener } from '../bus/bus-contract.js'
import { createOnServer, type TestDatabase } from '../db/test-databases.js'
import { TcpProxy } from '../support/proxy.js'
import { eventsContract } from './events-contract.js'
import { expectProblem, HttpFixture } from './http-fixture.js'

eventsContract('events over HTTP and the bus on Redis', () => {
  const options = { url: process.env.TEST_REDIS_URL!, prefix: `test-${newId()}` }
  return [new RedisBus(options), new RedisBus(options)]
})

describe('publishing at two processes, of which one may lose Redis', () => {
  const prefix = `test-${newId()}`
  const closing: (() => Promise<unknown>)[] = []
  let database: TestDatabase
  let wire: TcpProxy
  let bus: RedisBus
  let http: HttpFixture
  let other: HttpFixture
  let project: ProjectId
  let token: string

  beforeAll(async () => {
    database = await createOnServer()
    wire = await TcpProxy.open(process.env.TEST_REDIS_URL!)
    ;({ bus, http } = await startProcess(wire.url))
    const second = await startProcess(process.env.TEST_REDIS_URL!)
    other = second.http
    closing.push(() => database.close())
    project = await http.project('ana')
    token = await http.token('ana')
  })
  afterAll(async () => {
    for (const close of closing) await close()
    await wire.pullOut()
  })

  async function startProcess(url: string): Promise<{ readonly bus: RedisBus; readonly http: HttpFixture }> {
    const { db } = database
    const own = new RedisBus({ url, prefix })
    await own.start()
    const outbox = new OutboxPublisher({ bus: own, log: { warn: () => undefined }, ...outboxStore(db), sweepMs: 100 })
    outbox.start()
    const queue = new PublicationQueue({
      isBusAway: () => own.isAway,
      hasPending: (id) => hasPendingOutbox(db, id),
      flush: (id) => outbox.flush(id),
      store: (id, events) => queuePublications(db, id, events),
    })
    const fixture = await HttpFixture.open(db, { bus: own, queue })
    closing.push(
      () => fixture.close(),
      () => outbox.stop(),
      () => own.stop(),
    )
    return { bus: own, http: fixture }
  }

  const publish = (through: HttpFixture, ...events: readonly { readonly no: number; readonly id?: string }[]) =>
    through.call<PublishReply>('POST', `/v1/projects/${project}/events`, {
      token,
      body: { events: events.map(({ no, ...id }) => ({ type: 'order.paid', data: { no }, ...id })) },
    })

  test('[P4] what is published while Redis is silent and away is kept and heard once, in order, whoever repeats it where', async () => {
    const listener = new Listener()
    await bus.subscribe(project, listener)
    expect((await publish(http, { no: 1, id: 'one' })).body.results).toEqual([{ id: 'one', seq: 1 }])
    // The answer is lost: nobody knows what became of it.
    wire.hold()
    const lost = await publish(http, { no: 2 }, { no: 3, id: 'three' })
    expect(lost.body).toEqual({
      epoch: null,
      results: [
        { id: expect.any(String), queued: true },
        { id: 'three', queued: true },
      ],
    })
    // The other process reaches Redis, publishes what waits, and then this.
    const { epoch, results } = (await publish(other, { no: 4, id: 'four' }, { no: 3, id: 'three' })).body
    expect(results).toMatchObject([{ id: 'four' }, { id: 'three', duplicate: true }])
    wire.turnAway()
    await expect.poll(() => bus.isAway).toBe(true)
    const queued = [await publish(http, { no: 5, id: 'five' }), await publish(http, { no: 5, id: 'five' }, { no: 6 })]
    for (const { body } of queued) expect(body.results.every((result) => 'queued' in result)).toBe(true)
    await wire.plugIn()
    wire.release()
    await expect.poll(() => listener.events.length, { timeout: 5_000, interval: 5 }).toBe(6)
    expect(listener.events.map((event) => (dataOf(event) as { readonly no: number }).no)).toEqual([1, 2, 3, 4, 5, 6])
    expect(listener.events.map(({ id }) => id)).toEqual([
      'one',
      'id' in lost.body.results[0]! && lost.body.results[0].id,
      'three',
      'four',
      'five',
      expect.any(String),
    ])
    await expect
      .poll(async () => (await publish(http, { no: 5, id: 'five' })).body)
      .toEqual({
        epoch,
        results: [{ id: 'five', seq: 5, duplicate: true }],
      })
    expect(listener.lost).toEqual([])
  })

  test('[P4] neither Redis nor Postgres: BUS_UNAVAILABLE', async () => {
    wire.turnAway()
    await expect.poll(() => bus.isAway).toBe(true)
    await database.db.$executeRaw`alter table outbox rename to outbox_of_before`
    expectProblem(
      await http.call('POST', `/v1/projects/${project}/events`, { token, body: { events: [{ type: 'a.b', data: {} }] } }),
      503,
      'BUS_UNAVAILABLE',
    )
    await database.db.$executeRaw`alter table outbox_of_before rename to outbox`
  })
})
