import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clearUndecided, dropOvertaken, insertBreaks } from '../../src/db/job-results.js'
import { createMatch } from '../../src/db/manual-matches.js'
import { getMatch } from '../../src/db/matches.js'
import { type JobId, newId } from '../../src/ids.js'
import { Review } from './review-fixture.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

describe.each(DATABASES)('the end of a job on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  test('takes back suggestions and breaks of records that people matched while it ran, and leaves nobody without a break', async () => {
    const [l1, l2, r1, r2] = [
      await review.record('left', { externalId: 'L1', amount: '4' }),
      await review.record('left', { externalId: 'L2', amount: '6' }),
      await review.record('right', { externalId: 'R1' }),
      await review.record('right', { externalId: 'R2' }),
    ]
    await createMatch(database.db, review.act(), { left: [l1, l2], right: [r1], note: null, reason: null })
    // What a chunk that had begun before commits after it.
    const late = await review.match(l2, r2)
    await review.break(l1, 'left')
    const untouched = await review.match(
      await review.record('left', { externalId: 'L3' }),
      await review.record('right', { externalId: 'R3' }),
    )

    await database.db.$transaction((tx) => dropOvertaken(tx, { project: review.project }))

    expect((await getMatch(database.db, review.project, late))!.status).toBe('removed')
    expect((await getMatch(database.db, review.project, untouched))!.status).toBe('proposed')
    const breaks = await database.db.break.findMany({ where: { projectId: review.project } })
    expect(breaks).toMatchObject([{ recordId: r2, actId: null, nearestMiss: { record: l2 } }])
  })

  test.each([
    ['somebody owns', { assigneeId: 'ben' }],
    ['somebody wrote a note on', { note: 'asked the bank' }],
    ['is due', { dueAt: new Date('2026-04-01') }],
  ])('a break that %s outlives the next run and says what that one found', async (_, said) => {
    const { db } = database
    const [owned, nobodys, matched, right] = [
      await review.record('left', { externalId: 'L1' }),
      await review.record('left', { externalId: 'L2' }),
      await review.record('left', { externalId: 'L3' }),
      await review.record('right', { externalId: 'R1' }),
    ]
    for (const record of [owned, nobodys, matched]) await review.break(record, 'left')
    await db.break.updateMany({ where: { recordId: { in: [owned, matched] } }, data: said })
    const job = await db.job.create({ data: { id: newId<JobId>(), projectId: review.project, kind: 'match', state: 'running' } })
    const owner = { project: review.project, job: job.id as JobId }

    await db.$transaction((tx) => clearUndecided(tx, owner, 100))
    expect(await recordsWithBreaks()).toEqual([owned, matched].toSorted())

    const miss = { record: right, text: 'amount equal, 9 days apart, window 3', amountDifference: '0', daysApart: 9 }
    const found = [owned, nobodys].map((recordId) => ({ recordId, side: 'left', reason: 'date-outside', nearestMiss: miss }) as const)
    await db.$transaction((tx) => insertBreaks(tx, owner, found))
    await review.match(matched, right, { status: 'confirmed' })
    await db.$transaction((tx) => dropOvertaken(tx, owner))

    expect(await recordsWithBreaks()).toEqual([owned, nobodys].toSorted())
    expect(await db.break.findUnique({ where: { recordId: owned } })).toMatchObject({
      ...said,
      reason: 'date-outside',
      nearestMiss: { ...miss, externalId: 'R1' },
      version: 2,
    })
  })

  async function recordsWithBreaks(): Promise<string[]> {
    const rows = await database.db.break.findMany({ where: { projectId: review.project } })
    return rows.map(({ recordId }) => recordId).toSorted()
  }
})
