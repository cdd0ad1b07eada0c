import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { confirmAll, countConfirmable, previewConfirmable } from '../../src/db/bulk-decisions.js'
import { decide, listDecisions } from '../../src/db/decisions.js'
import { getMatch } from '../../src/db/matches.js'
import type { MatchId } from '../../src/ids.js'
import { ANA, BEN, Review } from './review-fixture.js'
import { MAIN_DATABASE, type TestDatabase } from './test-databases.js'

describe.each(MAIN_DATABASE)('bulk decisions on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  const count = (filter: Parameters<typeof countConfirmable>[2]) => countConfirmable(database.db, review.project, filter)
  const confirm = (filter: Parameters<typeof countConfirmable>[2], expected: number, actor = ANA) =>
    confirmAll(database.db, review.act(actor, 'r-1'), filter, expected)
  const statusOf = async (match: MatchId) => (await getMatch(database.db, review.project, match))!.status
  const left = (no: number) => review.record('left', { externalId: `L${no}` })
  const right = (no: number) => review.record('right', { externalId: `R${no}` })

  test('what meets the filter is confirmed, the rest waits, and one event tells of all', async () => {
    const sure = await review.match(await left(1), await right(1), { confidence: '0.95' })
    const unsure = await review.match(await left(2), await right(2), { confidence: '0.94999' })
    const other = await review.match(await left(3), await right(3), { confidence: '1' })
    await database.db.match.update({ where: { id: other }, data: { rule: 'other' } })

    expect(await count({ minConfidence: '0.95' })).toBe(2)
    expect(await count({ minConfidence: '0.95', rule: 'reference' })).toBe(1)
    expect(await confirm({ minConfidence: '0.95', rule: 'reference' }, 1)).toBe(1)

    expect([await statusOf(sure), await statusOf(unsure), await statusOf(other)]).toEqual(['confirmed', 'proposed', 'proposed'])
    expect(await listDecisions(database.db, sure)).toMatchObject([{ decision: 'confirm', user: ANA, version: 2 }])
    expect(await review.news()).toMatchObject([
      {
        type: 'matches.decided',
        actor: 'ana',
        trace: 'r-1',
        data: { filter: { minConfidence: '0.95', rule: 'reference' }, count: 1, undone: false },
      },
    ])
  })

  test('of suggestions that share a record the most confident wins, of equal ones the first, and the preview counts the winners', async () => {
    const [l1, l2, l3, r1, r2] = [await left(1), await left(2), await left(3), await right(1), await right(2)]
    const best = await review.match(l1, r1, { confidence: '0.99' })
    const second = await review.match(l2, r1, { confidence: '0.98' })
    // Free, because what it shares its record with has lost.
    const third = await review.match(l2, r2, { confidence: '0.97' })
    const fourth = await review.match(l3, r2, { confidence: '0.97' })
    const below = await review.match(l3, await right(3), { confidence: '0.5' })

    const rows = [
      [l1, '100.10'],
      [l2, '7'],
      [l3, '0.05'],
      [r1, '100'],
      [r2, '7.5'],
    ] as const
    for (const [id, amount] of rows) await database.db.record.update({ where: { id }, data: { amount } })
    expect(await previewConfirmable(database.db, review.project, { minConfidence: '0.9' })).toEqual({
      count: 2,
      value: [{ currency: 'EUR', left: '107.1', right: '107.5' }],
    })
    expect(await confirm({ minConfidence: '0.9' }, 2)).toBe(2)

    expect(await Promise.all([best, second, third, fourth, below].map(statusOf))).toEqual([
      'confirmed',
      'removed',
      'confirmed',
      'removed',
      'proposed',
    ])
    expect(await database.db.break.count({ where: { projectId: review.project } })).toBe(0)
  })

  test('a record that loses its last suggestion gets a break, and the confirmed ones lose theirs', async () => {
    const [l1, r1, orphan] = [await left(1), await right(1), await right(2)]
    await review.match(l1, r1, { confidence: '0.99' })
    await review.match(l1, orphan, { confidence: '0.98' })
    await review.break(r1, 'right')

    await confirm({ minConfidence: '0.9' }, 1)

    const breaks = await database.db.break.findMany({ where: { projectId: review.project } })
    expect(breaks).toMatchObject([{ recordId: orphan, nearestMiss: { record: l1 } }])
  })

  test('a count that is not the one of now is refused with the one of now, and nothing is written', async () => {
    const match = await review.match(await left(1), await right(1))
    for (const expected of [0, 2]) {
      await expect(confirm({ minConfidence: '0.9' }, expected)).rejects.toMatchObject({ code: 'COUNT_CHANGED', details: { count: 1 } })
    }
    expect(await statusOf(match)).toBe('proposed')
    expect(await review.news()).toEqual([])
    // Nobody decides on nothing, but it is what they expected.
    expect(await confirm({ minConfidence: '1' }, 0)).toBe(0)
  })

  test('a suggestion whose record a job has matched meanwhile is not counted', async () => {
    const l1 = await left(1)
    const match = await review.match(l1, await right(1))
    await review.match(l1, await right(2), { status: 'confirmed' })
    const free = await review.match(await left(3), await right(3))

    expect(await count({ minConfidence: '0' })).toBe(1)
    await confirm({ minConfidence: '0' }, 1)
    expect([await statusOf(match), await statusOf(free)]).toEqual(['proposed', 'confirmed'])
  })

  test('against one decision at the same moment either comes first, and the other sees it', async () => {
    const match = await review.match(await left(1), await right(1))
    await review.match(await left(2), await right(2))

    const [bulk, single] = await Promise.allSettled([
      confirm({ minConfidence: '0.9' }, 2),
      decide(database.db, review.act(BEN), { match, version: 1, decision: 'reject', note: null }),
    ])

    const confirmed = bulk.status === 'fulfilled'
    expect(single).toMatchObject({
      status: 'fulfilled',
      value: confirmed
        ? { result: 'conflict', current: { status: 'confirmed', decidedBy: ANA } }
        : { result: 'done', current: { status: 'rejected' } },
    })
    if (!confirmed) expect(bulk).toMatchObject({ reason: { code: 'COUNT_CHANGED', details: { count: 1 } } })
    expect(await database.db.decision.count({ where: { matchId: match } })).toBe(1)
  })

  test('of two people who confirm all at once the second one is told that nothing is left', async () => {
    for (let no = 0; no < 5; no++) await review.match(await left(no), await right(no))
    const outcomes = await Promise.allSettled([confirm({ minConfidence: '0.9' }, 5), confirm({ minConfidence: '0.9' }, 5, BEN)])
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toMatchObject([{ value: 5 }])
    expect(outcomes.filter((outcome) => outcome.status === 'rejected')).toMatchObject([
      { reason: { code: 'COUNT_CHANGED', details: { count: 0 } } },
    ])
  })

  test('thousands are decided set by set', async () => {
    const pairs = 3_000
    const add = (side: 'left' | 'right') => database.db.$executeRaw`
      insert into records (id, project_id, source_id, side, row_no, external_id, amount, currency)
      select gen_random_uuid(), ${review.project}::uuid, ${review.sources[side]}::uuid, ${side}, n, ${side} || n, 10, 'EUR'
      from generate_series(1, ${pairs}::int) n`
    await add('left')
    await add('right')
    // Each left record with the right one of its number, and less surely with the next one.
    await database.db.$executeRaw`
      insert into matches (id, project_id, rule, cardinality, left_id, right_id, confidence, amount_difference, explanation, status, automatic)
      select gen_random_uuid(), ${review.project}::uuid, 'reference', '1:1', l.id, r.id, 0.99 - 0.01 * (r.row_no - l.row_no), 0, '{}', 'proposed', false
      from records l join records r on r.side = 'right' and r.project_id = l.project_id and r.row_no - l.row_no in (0, 1)
      where l.project_id = ${review.project}::uuid and l.side = 'left'`

    expect(await count({ minConfidence: '0.9' })).toBe(pairs)
    expect(await confirm({ minConfidence: '0.9' }, pairs)).toBe(pairs)
    const statuses = await database.db.match.groupBy({ by: ['status'], where: { projectId: review.project }, _count: true })
    expect(Object.fromEntries(statuses.map(({ status, _count }) => [status, _count]))).toEqual({ confirmed: pairs, removed: pairs - 1 })
  })
})
