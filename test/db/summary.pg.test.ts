import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readControlTotals, readRevision, readSummary } from '../../src/db/summary.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { addSource, Review } from './review-fixture.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

describe.each(DATABASES)('the summary on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  test('counts and sums records by side, currency and state, exactly', async () => {
    const left = await review.record('left', { externalId: 'L1', amount: '0.1' })
    await review.match(left, await review.record('right', { externalId: 'R1', amount: '0.1' }), { status: 'confirmed' })
    const suggested = await review.record('left', { externalId: 'L2', amount: '0.2' })
    await review.match(suggested, await review.record('right', { externalId: 'R2', amount: '-12345678901234567890.12' }))
    await review.record('left', { externalId: 'L3', amount: '7', currency: 'USD' })

    const { totals, controlTotals } = await readSummary(database.db, review.project)

    expect(totals).toEqual([
      { side: 'left', currency: 'EUR', state: 'matched', count: 1, amount: '0.1' },
      { side: 'left', currency: 'EUR', state: 'suggested', count: 1, amount: '0.2' },
      { side: 'right', currency: 'EUR', state: 'matched', count: 1, amount: '0.1' },
      { side: 'right', currency: 'EUR', state: 'suggested', count: 1, amount: '-12345678901234567890.12' },
      { side: 'left', currency: 'USD', state: 'open', count: 1, amount: '7' },
    ])
    expect(controlTotals).toEqual([
      { currency: 'EUR', side: 'left', total: '0.3', matched: '0.1', open: '0.2', excluded: '0' },
      {
        currency: 'EUR',
        side: 'right',
        total: '-12345678901234567890.02',
        matched: '0.1',
        open: '-12345678901234567890.12',
        excluded: '0',
      },
      { currency: 'USD', side: 'left', total: '7', matched: '0', open: '7', excluded: '0' },
    ])
    expect(await readControlTotals(database.db, review.project)).toEqual(controlTotals)
  })

  test('a record is matched once however many suggestions it had, and open again after the last one was rejected', async () => {
    const left = await review.record('left', { externalId: 'L1' })
    const matches = [
      await review.match(left, await review.record('right', { externalId: 'R1' })),
      await review.match(left, await review.record('right', { externalId: 'R2' })),
    ]
    const stateOfLeft = async () => (await readSummary(database.db, review.project)).totals.find((total) => total.side === 'left')

    expect(await stateOfLeft()).toMatchObject({ state: 'suggested', count: 1 })
    await database.db.match.update({ where: { id: matches[0]! }, data: { status: 'confirmed' } })
    expect(await stateOfLeft()).toMatchObject({ state: 'matched', count: 1 })
    await database.db.match.updateMany({ where: { id: { in: matches } }, data: { status: 'rejected' } })
    expect(await stateOfLeft()).toMatchObject({ state: 'open', count: 1 })
  })

  test('breaks are counted while they are open', async () => {
    for (const externalId of ['L1', 'L2']) await review.break(await review.record('left', { externalId }), 'left')
    expect(await readSummary(database.db, review.project)).toMatchObject({ breaks: 2 })
    await database.db.break.updateMany({ where: { projectId: review.project }, data: { status: 'resolved' } })
    expect(await readSummary(database.db, review.project)).toMatchObject({ breaks: 0 })
  })

  test('rows of which no match and no break tells are those that no job has compared', async () => {
    const [left, right, alone] = [
      await review.record('left', { externalId: 'L1' }),
      await review.record('right', { externalId: 'R1' }),
      await review.record('right', { externalId: 'R2' }),
    ]
    const match = await review.match(left, right)
    const unmatched = async () => (await readSummary(database.db, review.project)).unmatched
    expect(await unmatched()).toBe(1)
    await review.break(alone, 'right')
    expect(await unmatched()).toBe(0)
    await database.db.break.updateMany({ where: { projectId: review.project }, data: { status: 'resolved' } })
    expect(await unmatched()).toBe(0)
    await database.db.match.update({ where: { id: match }, data: { status: 'removed' } })
    expect(await unmatched()).toBe(2)
  })

  test('rows without an amount are counted but have no part in control totals', async () => {
    await review.record('left', { externalId: 'L1', amount: null })
    const { totals, controlTotals } = await readSummary(database.db, review.project)
    expect(totals).toEqual([{ side: 'left', currency: 'XXX', state: 'open', count: 1, amount: '0' }])
    expect(controlTotals).toEqual([])
  })

  test('a file that is still being imported does not show', async () => {
    const source = await addSource(database.db, review.project, 'left', 'slow.csv', 'importing')
    await review.record('left', { externalId: 'L1' }, source)
    expect((await readSummary(database.db, review.project)).totals).toEqual([])
  })

  test('the revision grows with the news of the project, and an unknown project is empty', async () => {
    const before = await readSummary(database.db, review.project)
    await database.db.project.update({ where: { id: review.project }, data: { outboxNo: { increment: 3 } } })
    expect((await readSummary(database.db, review.project)).revision).toBe(before.revision + 3)
    // A job's chunks leave no news, but a new version of the job.
    const job = await database.db.job.create({ data: { id: newId(), projectId: review.project, kind: 'match', state: 'running' } })
    await database.db.job.update({ where: { id: job.id }, data: { version: { increment: 1 } } })
    expect(await readRevision(database.db, review.project)).toBe(before.revision + 5)
    expect(await readSummary(database.db, newId<ProjectId>())).toEqual({
      revision: 0,
      totals: [],
      controlTotals: [],
      activeJobs: 0,
      suggestions: 0,
      breaks: 0,
      unmatched: 0,
    })
  })
})
