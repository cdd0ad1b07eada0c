import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bus } from '../../src/bus/bus.js'
import { OutboxPublisher } from '../../src/bus/outbox.js'
import type { Db } from '../../src/db/client.js'
import { appendOutbox, type News, outboxStore, type QueuedEvent, queuePublications } from '../../src/db/outbox.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { TOMBSTONE_BODY } from '../../src/protocol/events.js'
import { createOnServer, type TestDatabase } from '../db/test-databases.js'
import { type BusUnderTest, dataOf, event, Listener, latest } from './bus-contract.js'

/** What a process makes of the outbox in Postgres, whatever the bus. */
export function outboxContract(name: string, makeBus: () => Promise<BusUnderTest>) {
  describe(name, () => {
    let database: TestDatabase
    let db: Db
    let bus: Bus
    let closeBus: () => Promise<void>
    let project: ProjectId
    let listener: Listener
    const publishers: OutboxPublisher[] = []
    const warnings: unknown[] = []

    beforeAll(async () => {
      database = await createOnServer()
      db = database.db
      const made = await makeBus()
      bus = made.bus
      closeBus = made.stop
      await bus.start()
    })
    afterAll(async () => {
      await bus.stop()
      await closeBus()
      await database.close()
    })
    beforeEach(async () => {
      project = newId<ProjectId>()
      await db.project.create({ data: { id: project, name: 'Outbox' } })
      listener = new Listener()
      await bus.subscribe(project, listener)
      warnings.length = 0
    })
    afterEach(async () => {
      await Promise.all(publishers.splice(0).map((publisher) => publisher.stop()))
    })

    const heard = (check: () => unknown) => vi.waitFor(check, { timeout: 5_000, interval: 5 })
    const book = (...news: readonly Partial<News>[]) =>
      db.$transaction((tx) =>
        appendOutbox(
          tx,
          project,
          news.map((item) => ({ type: 'fact.noted', actor: null, data: {}, ...item })),
        ),
      )
    const numbers = () => listener.events.map((item) => (dataOf(item) as { readonly no: number }).no)
    const unpublished = () => db.outbox.count({ where: { projectId: project, publishedAt: null } })
    const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1)

    function publisher(
      publish: Bus['publish'] = bus.publish.bind(bus),
      outboxState: Bus['outboxState'] = bus.outboxState.bind(bus),
      sweepMs = 20,
      at = project,
    ): OutboxPublisher {
      const made = new OutboxPublisher({
        bus: { publish, outboxState, endEpoch: (_, epoch) => bus.endEpoch(at, epoch) },
        log: { warn: (...said: unknown[]) => void warnings.push(said) },
        ...outboxStore(db),
        sweepMs,
      })
      publishers.push(made)
      return made
    }

    test('[B4] news goes out once and in the order of commits, whoever writes and however many processes publish', async () => {
      const processes = Array.from({ length: 3 }, () => publisher())
      for (const one of processes) one.start()
      await Promise.all(
        upTo(60).map(async (no) => {
          await book({ data: { no } })
          processes[no % 3]!.wake(project)
        }),
      )
      await heard(() => expect(listener.events).toHaveLength(60))
      const rows = await db.outbox.findMany({ where: { projectId: project }, orderBy: { no: 'asc' } })
      expect(listener.events.map(({ id, body }) => [id, body])).toEqual(rows.map((row) => [row.eventId, row.body]))
      await heard(async () => expect(await unpublished()).toBe(0))
    })

    test('[P4] an unknown outcome is repeated under the same id, and heard once', async () => {
      let calls = 0
      const flaky = publisher(async (id, items) => {
        calls++
        // Before it arrived, after it arrived, and then as it should be.
        if (calls === 1) throw new AppError('BUS_UNAVAILABLE')
        const reply = await bus.publish(id, items)
        if (calls === 2) throw new AppError('BUS_UNAVAILABLE')
        return reply
      })
      await book({ data: { no: 1 } }, { data: { no: 2 } })
      flaky.start()
      await heard(async () => expect(await unpublished()).toBe(0))
      expect(calls).toBe(3)
      await book({ data: { no: 3 } })
      await heard(() => expect(numbers()).toEqual([1, 2, 3]))
    })

    test('[D9] while the bus is away each sweep tries again, and says so once', async () => {
      let isAway = true
      let calls = 0
      publisher(async (id, items) => {
        calls++
        if (isAway) throw new AppError('BUS_UNAVAILABLE')
        return bus.publish(id, items)
      }).start()
      for (const outage of [1, 2]) {
        isAway = true
        await book({ data: { no: outage } })
        const goal = calls + 4
        await heard(() => expect(calls).toBeGreaterThanOrEqual(goal))
        expect(warnings).toHaveLength(outage)
        isAway = false
        await heard(async () => expect(await unpublished()).toBe(0))
      }
      await heard(() => expect(numbers()).toEqual([1, 2]))
    })

    test('[D9] when the bus is back what waits goes out, and not only at the next sweep', async () => {
      let isAway = true
      const publish: Bus['publish'] = async (id, items) => {
        if (isAway) throw new AppError('BUS_UNAVAILABLE')
        return bus.publish(id, items)
      }
      const made = publisher(publish, undefined, 3_600_000)
      made.start()
      await book({ data: { no: 1 } })
      await made.flush(project)
      expect(warnings).toHaveLength(1)
      isAway = false
      made.sweepNow()
      await heard(() => expect(numbers()).toEqual([1]))
    })

    test('the sweep of another process takes along what a dead one has booked', async () => {
      await book({ data: { no: 1 } })
      publisher().start()
      await heard(() => expect(numbers()).toEqual([1]))
      await book({ data: { no: 2 } })
      await heard(() => expect(numbers()).toEqual([1, 2]))
    })

    test('a job’s last word ends its progress in the same message, and progress that is late stays out', async () => {
      const key = 'job/1'
      await bus.publish(project, [latest(key, { percent: 40 }, 4)])
      await book({ type: 'job.completed', data: { no: 1 }, clears: { key, version: 5 } }, { data: { no: 2 } })
      await publisher().flush(project)
      await heard(() => expect(listener.messages).toHaveLength(2))
      expect(listener.messages[1]).toMatchObject({
        events: [{ type: 'job.completed' }, { type: 'fact.noted' }],
        latest: [{ key, version: 6, body: TOMBSTONE_BODY }],
      })
      // The very last state, sent before the end by a process that stalled.
      const { results } = await bus.publish(project, [latest(key, { percent: 99 }, 5)])
      expect(results).toMatchObject([{ kind: 'refused' }])
      expect((await bus.latest(project)).latest).toEqual([])
    })

    test('[B4] a row that another process published meanwhile is marked, not published again', async () => {
      await book({ data: { no: 1 } }, { data: { no: 2 } })
      const slow = publisher(async (id, items) => {
        if (listener.events.length === 0) await publisher().flush(project)
        return bus.publish(id, items)
      })
      await slow.flush(project)
      await book({ data: { no: 3 } })
      await slow.flush(project)
      await heard(() => expect(numbers()).toEqual([1, 2, 3]))
      expect(await unpublished()).toBe(0)
    })

    test('[B4] what the bus has lost by going back goes out again under its old ids', async () => {
      const one = publisher()
      for (const no of upTo(5)) await book({ data: { no } })
      await one.flush(project)
      await heard(() => expect(numbers()).toEqual(upTo(5)))
      const ids = listener.events.map(({ id }) => id)
      // As if the bus had taken two and forgotten the rest: another project's stream stands for the older copy.
      const copy = newId<ProjectId>()
      const again = new Listener()
      await bus.subscribe(copy, again)
      const rows = await readPendingAll()
      await bus.publish(copy, rows.slice(0, 2))
      await book({ data: { no: 6 } })
      await publisher((_, items) => bus.publish(copy, items), undefined, undefined, copy).flush(project)
      // Where a bus can go back it begins another history, with all of them.
      const told = () => [...new Set(again.events.map(({ id }) => id))]
      await heard(() => expect(told()).toHaveLength(6))
      expect(told().slice(0, 5)).toEqual(ids)
      expect(await unpublished()).toBe(0)
    })

    test('[B4] a history that has taken nothing gets what was sent lately, and no more of what all have heard', async () => {
      await book(...upTo(3).map((no) => ({ data: { no } })))
      await publisher().flush(project)
      await db.$executeRaw`update outbox set published_at = published_at - interval '2 minutes' where project_id = ${project}::uuid`
      await book({ data: { no: 4 } }, { data: { no: 5 } })
      await publisher().flush(project)
      await heard(() => expect(numbers()).toEqual(upTo(5)))
      // As if the bus had lost everything: another project's stream stands for the new history.
      const anew = newId<ProjectId>()
      const again = new Listener()
      await bus.subscribe(anew, again)
      await book({ data: { no: 6 } })
      await publisher((_, items) => bus.publish(anew, items)).flush(project)
      await heard(() => expect(again.events.map(({ id }) => id)).toHaveLength(3))
      expect(again.events.slice(0, 2).map(({ id }) => id)).toEqual(listener.events.slice(3).map(({ id }) => id))
      expect(await unpublished()).toBe(0)
    })

    test('[B4] what a lost history had taken goes out again, also when nobody could be asked at first and nothing new is booked', async () => {
      await book({ data: { no: 1 } }, { data: { no: 2 } })
      await publisher().flush(project)
      await heard(() => expect(numbers()).toEqual([1, 2]))
      // As if the bus had lost everything: another project's stream stands for the new history.
      const anew = newId<ProjectId>()
      const again = new Listener()
      await bus.subscribe(anew, again)
      let failures = 2
      const one = publisher(
        (_, items) => bus.publish(anew, items),
        async () => {
          if (failures-- > 0) throw new AppError('BUS_UNAVAILABLE')
          return bus.outboxState(anew)
        },
      )
      one.start()
      void one.recover(project)
      await heard(() => expect(again.events.map(({ id }) => id)).toEqual(listener.events.map(({ id }) => id)))
      await heard(async () => expect(await unpublished()).toBe(0))
    })

    async function readPendingAll() {
      const rows = await db.outbox.findMany({ where: { projectId: project }, orderBy: { no: 'asc' } })
      return rows.map(({ no, type, eventId, body }) => ({ kind: 'outbox' as const, no, type, id: eventId, body }))
    }

    test('more news than one message takes follows in several, and large bodies in their own', async () => {
      await book(...upTo(600).map((no) => ({ data: { no } })))
      await book(...[601, 602, 603, 604, 605, 606, 607].map((no) => ({ data: { no, text: 'x'.repeat(180_000) } })))
      await publisher().flush(project)
      await heard(() => expect(numbers()).toEqual(upTo(607)))
      expect(listener.messages.length).toBeGreaterThanOrEqual(4)
    })

    const queued = (no: number, fields: Partial<QueuedEvent> = {}): QueuedEvent => ({
      id: newId(),
      type: 'order.paid',
      body: JSON.stringify({ actor: 'feed', data: { no } }),
      origin: null,
      ...fields,
    })

    test('[P4] what was published before, or is published again, under the id of what waits is one event', async () => {
      await bus.publish(project, [event({ no: 1 }, 'before')])
      await queuePublications(db, project, [queued(1, { id: 'before', origin: 'given' }), queued(2, { id: 'waits', origin: 'given' })])
      await queuePublications(db, project, [queued(2, { id: 'waits', origin: 'given' }), queued(3)])
      await publisher().flush(project)
      expect(await unpublished()).toBe(0)
      expect((await bus.publish(project, [event({ no: 2 }, 'waits')])).results).toEqual([{ kind: 'duplicate', id: 'waits', seq: 2 }])
      await heard(() => expect(numbers()).toEqual([1, 2, 3]))
    })

    test('[P5] what was published together goes out as one message, behind what waited before it', async () => {
      await book(...upTo(245).map((no) => ({ data: { no } })))
      await queuePublications(
        db,
        project,
        [246, 247, 248, 249, 250, 251, 252].map((no) => queued(no)),
      )
      await queuePublications(
        db,
        project,
        Array.from({ length: 1_000 }, (_, at) => queued(253 + at)),
      )
      await queuePublications(db, project, [queued(1_253)])
      await publisher().flush(project)
      await heard(() => expect(numbers()).toEqual(upTo(1_253)))
      expect(listener.messages.map(({ events }) => events.length)).toEqual([245, 7, 1_000, 1])
    })

    test('[P4] more than is kept is refused', async () => {
      await book({ data: { no: 1 } })
      await db.project.update({ where: { id: project }, data: { outboxNo: 99_999 } })
      await queuePublications(db, project, [queued(2)])
      await expect(queuePublications(db, project, [queued(3)])).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' })
      expect(await unpublished()).toBe(2)
    })

    test('is still when stopped, and what it left the next one takes', async () => {
      const one = publisher()
      one.start()
      await one.stop()
      await book({ data: { no: 1 } })
      await one.flush(project)
      expect(await unpublished()).toBe(1)
      await publisher().flush(project)
      await heard(() => expect(numbers()).toEqual([1]))
    })
  })
}
