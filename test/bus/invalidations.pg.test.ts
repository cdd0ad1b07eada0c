import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Invalidations, tagsOf } from '../../src/bus/invalidations.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { OutboxPublisher } from '../../src/bus/outbox.js'
import { updateBreak } from '../../src/db/breaks.js'
import { decide } from '../../src/db/decisions.js'
import { putMember } from '../../src/db/members.js'
import { outboxStore } from '../../src/db/outbox.js'
import { updateProject } from '../../src/db/projects.js'
import { readRevision } from '../../src/db/summary.js'
import type { BreakId, UserId } from '../../src/ids.js'
import { ANA, Review } from '../db/review-fixture.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { Listener } from './bus-contract.js'

describe.each(DATABASES)('what is stale after writes on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review
  let bus: MemoryBus
  let invalidations: Invalidations
  let outbox: OutboxPublisher
  let listener: Listener

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    const { db } = database
    review = await Review.open(db)
    bus = new MemoryBus()
    invalidations = new Invalidations({
      bus,
      log: { warn: () => undefined },
      forget: async () => undefined,
      readRevision: (project) => readRevision(db, project),
      intervalMs: 50,
    })
    outbox = new OutboxPublisher({
      bus,
      log: { warn: () => undefined },
      ...outboxStore(db),
      onPublished: (project, types) => invalidations.touch(project, tagsOf(types)),
    })
    listener = new Listener()
    await bus.subscribe(review.project, listener)
  })
  afterEach(async () => {
    await outbox.stop()
    await invalidations.stop()
  })

  test('[§6] is told by the news of each write, at the revision that it made', async () => {
    const { db } = database
    const [left, right] = [await review.record('left', { externalId: 'L1' }), await review.record('right', { externalId: 'R1' })]
    const match = await review.match(left, right)
    const broken = await review.record('left', { externalId: 'L2' })
    await review.break(broken, 'left')
    const { id } = await db.break.findUniqueOrThrow({ where: { recordId: broken } })
    const writes: readonly (readonly [string[], () => Promise<unknown>])[] = [
      [['matches', 'records'], () => decide(db, review.act(), { match, version: 1, decision: 'confirm', note: null })],
      [['breaks'], () => updateBreak(db, review.project, id as BreakId, { version: 1, status: 'resolved' }, ANA)],
      [['members'], () => putMember(db, review.project, { user: 'ben' as UserId, name: null, role: 'viewer' }, ANA)],
      [['project'], () => updateProject(db, review.project, { version: 1, name: 'July' }, ANA)],
    ]
    for (const [tags, write] of writes) {
      listener.messages.length = 0
      await write()
      const revision = await readRevision(db, review.project)
      await outbox.flush(review.project)
      await vi.waitFor(() => expect(listener.latest).toHaveLength(tags.length), { timeout: 5_000, interval: 5 })
      expect(listener.latest.map(({ key, version }) => [key, version]).toSorted()).toEqual(tags.map((tag) => [`cache/${tag}`, revision]))
    }
  })
})
