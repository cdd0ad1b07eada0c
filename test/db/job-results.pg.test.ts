import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dropOvertaken } from '../../src/db/job-results.js'
import { createMatch } from '../../src/db/manual-matches.js'
import { getMatch } from '../../src/db/matches.js'
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
})
