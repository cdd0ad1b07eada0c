import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decide, listDecisions } from '../../src/db/decisions.js'
import { readBarredPairs, readTakenPairs } from '../../src/db/job-records.js'
import { createMatch, removeMatch } from '../../src/db/manual-matches.js'
import { getMatch, listAlternatives, listMatches, listMatchesOf } from '../../src/db/matches.js'
import { getRecords } from '../../src/db/records.js'
import { readControlTotals } from '../../src/db/summary.js'
import { type JobId, type MatchId, newId, type RecordId } from '../../src/ids.js'
import type { MatchView } from '../../src/protocol/views.js'
import { ANA, BEN, type RecordSeed, Review } from './review-fixture.js'
import { MAIN_DATABASE, type TestDatabase } from './test-databases.js'

describe.each(MAIN_DATABASE)('matches by hand on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  const left = (externalId: string, amount: string | null = '10', seed: Partial<RecordSeed> = {}) =>
    review.record('left', { externalId, amount, ...seed })
  const right = (externalId: string, amount: string | null = '10', seed: Partial<RecordSeed> = {}) =>
    review.record('right', { externalId, amount, ...seed })
  const make = (lefts: string[], rights: string[], { reason = null as string | null, note = null as string | null, actor = ANA } = {}) =>
    createMatch(database.db, review.act(actor), { left: lefts, right: rights, reason, note })
  const remove = (match: MatchView, { version = match.version, actor = ANA } = {}) =>
    removeMatch(database.db, review.act(actor), { match: match.id as MatchId, version, note: 'wrong month' })
  const statesOf = async (...records: string[]) => {
    const views = new Map((await getRecords(database.db, records)).map((record) => [record.id, record.state]))
    return records.map((record) => views.get(record))
  }

  test('a pair stands with the sums as its explanation, and everybody is told', async () => {
    const [l1, r1] = [await left('L1'), await right('R1')]
    await review.break(l1, 'left')

    const match = await make([l1], [r1], { note: 'seen on paper' })

    expect(match).toMatchObject({
      job: null,
      rule: 'manual',
      cardinality: '1:1',
      status: 'confirmed',
      automatic: false,
      left: [l1],
      right: [r1],
      confidence: '1.00000',
      amountDifference: '0',
      explanation: { summary: '1 record and 1 record matched by hand, sums equal' },
      decidedBy: ANA,
      version: 1,
    })
    expect(await listDecisions(database.db, match.id as MatchId)).toMatchObject([
      { decision: 'match', user: ANA, note: 'seen on paper', version: 1 },
    ])
    expect(await statesOf(l1, r1)).toEqual(['matched', 'matched'])
    const news = await review.news()
    expect(news.map(({ type }) => type)).toEqual(['match.created', 'break.changed'])
    expect(news[1]!.data.break).toMatchObject({ record: l1, status: 'resolved' })
  })

  test('several records per side are one match of which each is taken, wherever it is asked for', async () => {
    const lefts = [await left('L1', '7'), await left('L2', '5'), await left('L3', '-2')]
    const rights = [await right('R1', '4.5'), await right('R2', '5.5')]
    const outside = await left('L4')

    const match = await make(lefts, rights)

    expect(match).toMatchObject({ cardinality: 'N:M', left: lefts, right: rights, amountDifference: '0' })
    expect(await listMatches(database.db, review.project, {}, { limit: 10 })).toEqual([match])
    expect(await statesOf(...lefts, ...rights, outside)).toEqual([...Array(5).fill('matched'), 'open'])
    for (const record of [...lefts, ...rights]) expect(await listMatchesOf(database.db, record as RecordId, 10)).toEqual([match])
    expect(await readControlTotals(database.db, review.project)).toEqual([
      { currency: 'EUR', side: 'left', total: '20', matched: '10', open: '10', excluded: '0' },
      { currency: 'EUR', side: 'right', total: '10', matched: '10', open: '0', excluded: '0' },
    ])
    // A job leaves all of them alone.
    const taken = await readTakenPairs(database.db, review.project, newId<JobId>(), null)
    expect(new Set(taken.flatMap((pair) => [pair.left, pair.right]))).toEqual(new Set([...lefts, ...rights]))
  })

  test.each([
    [1, 1, '1:1'],
    [1, 2, '1:N'],
    [3, 1, 'N:1'],
  ] as const)('%i and %i records are %s', async (lefts, rights, cardinality) => {
    const ids = async (side: 'left' | 'right', count: number) =>
      Promise.all(Array.from({ length: count }, (_, no) => review.record(side, { externalId: `${side}${no}`, amount: '0' })))
    expect((await make(await ids('left', lefts), await ids('right', rights))).cardinality).toBe(cardinality)
  })

  test('sums that differ need a reason, which stands in the explanation beside the difference', async () => {
    const [l1, l2, r1] = [await left('L1', '10'), await left('L2', '0.05'), await right('R1', '9.8')]
    await expect(make([l1, l2], [r1])).rejects.toMatchObject({
      code: 'INVALID',
      problems: [{ path: 'reason', message: 'must say why left and right differ by 0.25 EUR' }],
      details: { residuals: [{ currency: 'EUR', left: '10.05', right: '9.8', difference: '0.25' }] },
    })
    expect(await statesOf(l1, l2, r1)).toEqual(['open', 'open', 'open'])

    expect(await make([l1, l2], [r1], { reason: 'bank fee' })).toMatchObject({
      amountDifference: '0.25',
      explanation: {
        summary: '2 records and 1 record matched by hand, left and right differ by 0.25 EUR: bank fee',
        gates: [{ field: 'sum EUR', left: '10.05', right: '9.8', difference: '0.25', allowed: 'bank fee' }],
      },
    })
  })

  test('each currency has to agree for itself', async () => {
    const usd = { currency: 'USD' }
    const [l1, l2] = [await left('L1', '1'), await left('L2', '2', usd)]
    const [r1, r2] = [await right('R1', '2'), await right('R2', '1', usd)]
    await expect(make([l1, l2], [r1, r2])).rejects.toMatchObject({
      details: {
        residuals: [
          { currency: 'EUR', difference: '-1' },
          { currency: 'USD', difference: '1' },
        ],
      },
    })
    // There is no one number for two currencies.
    expect((await make([l1, l2], [r1, r2], { reason: 'exchange' })).amountDifference).toBeNull()
  })

  test('a record without an amount needs a reason too', async () => {
    const [l1, r1] = [await left('L1', null), await right('R1', null)]
    await expect(make([l1], [r1])).rejects.toMatchObject({ code: 'INVALID', details: { residuals: [{ difference: null }] } })
    expect((await make([l1], [r1], { reason: 'same paper' })).amountDifference).toBeNull()
  })

  test('what shares a record is taken back, and whom it leaves alone gets a break', async () => {
    const [l1, l2, r1, r2, other] = [await left('L1'), await left('L2', '0'), await right('R1'), await right('R2', '0'), await right('R3')]
    const own = await review.match(l1, r1)
    const rival = await review.match(l2, other, { difference: '-10' })

    await make([l1, l2], [r1, r2])

    const news = await review.news()
    expect(news.map(({ type }) => type)).toEqual(['match.created', 'match.removed', 'match.removed', 'break.changed'])
    expect(new Set(news.slice(1, 3).map(({ data }) => data.match!.id))).toEqual(new Set([own, rival]))
    expect(news[3]!.data.break).toMatchObject({ record: other, status: 'open', reason: 'amount-differs' })
  })

  test('only open or suggested records of the project and the side can be matched', async () => {
    const [l1, l2, r1, r2] = [await left('L1'), await left('L2'), await right('R1'), await right('R2')]
    await make([l1], [r1])
    await expect(make([l1, l2], [r2], { reason: 'x' })).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { records: [{ id: l1, state: 'matched' }] },
    })
    await expect(make([l2, r2], [r2])).rejects.toMatchObject({ code: 'NOT_FOUND', problems: [{ path: 'left.1' }] })
    const theirs = await Review.open(database.db)
    const foreign = await theirs.record('right', { externalId: 'R' })
    await expect(make([l2], [r2, foreign])).rejects.toMatchObject({ code: 'NOT_FOUND', problems: [{ path: 'right.1' }] })
    expect(await statesOf(l2, r2, foreign)).toEqual(['open', 'open', 'open'])
  })

  test('of two people who take one record at once one gets it', async () => {
    const [l1, l2, l3, r1, r2] = [await left('L1', '5'), await left('L2', '5'), await left('L3', '5'), await right('R1'), await right('R2')]
    const outcomes = await Promise.allSettled([make([l1, l2], [r1]), make([l3, l2], [r2], { actor: BEN })])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } })
  })

  test('the database itself refuses a record in two matches that stand, also as one of several', async () => {
    const [l1, l2, r1, r2] = [await left('L1', '5'), await left('L2', '5'), await right('R1'), await right('R2')]
    const match = await make([l1, l2], [r1])
    const late = await review.match(l2, r2)
    // In transactions: an error outside of one costs the embedded database its connection.
    const confirm = database.db.$transaction((tx) => tx.match.update({ where: { id: late }, data: { status: 'confirmed' } }))
    await expect(confirm).rejects.toThrow(/unique/i)
    const other = await make([await left('L3')], [r2])
    const take = database.db.$transaction((tx) => tx.match.update({ where: { id: other.id }, data: { leftId: l2 } }))
    await expect(take).rejects.toThrow(/unique/i)
    expect(await getMatch(database.db, review.project, match.id as MatchId)).toEqual(match)
  })

  test('taken apart it is history: its records are open, its breaks come back as they were, the others get one', async () => {
    const [l1, l2, r1] = [await left('L1', '4'), await left('L2', '6'), await right('R1')]
    await review.break(l2, 'left')
    await database.db.break.updateMany({ where: { recordId: l2 }, data: { assigneeId: 'ben', reason: 'date-outside' } })
    const match = await make([l1, l2], [r1])

    const removed = await remove(match)

    expect(removed).toMatchObject({ status: 'removed', left: [l1, l2], right: [r1], decidedBy: ANA, version: 2 })
    expect(await getMatch(database.db, review.project, match.id as MatchId)).toEqual(removed)
    expect(await statesOf(l1, l2, r1)).toEqual(['open', 'open', 'open'])
    expect(await listDecisions(database.db, match.id as MatchId)).toMatchObject([
      { decision: 'match' },
      { decision: 'remove', note: 'wrong month' },
    ])
    const breaks = await database.db.break.findMany({
      where: { projectId: review.project },
      select: { recordId: true, reason: true, assigneeId: true },
    })
    expect(new Map(breaks.map((row) => [row.recordId, row]))).toEqual(
      new Map([
        [l1, { recordId: l1, reason: 'no-candidate', assigneeId: null }],
        [l2, { recordId: l2, reason: 'date-outside', assigneeId: 'ben' }],
        [r1, { recordId: r1, reason: 'no-candidate', assigneeId: null }],
      ]),
    )
    expect((await review.news()).slice(2).map(({ type }) => type)).toEqual(['match.removed', ...Array(3).fill('break.changed')])
    // And can be matched otherwise.
    expect((await make([l1, l2], [r1])).status).toBe('confirmed')
  })

  test("the engine's own match can be taken apart, and no job brings it back", async () => {
    const [l1, r1] = [await left('L1'), await right('R1')]
    const match = await review.match(l1, r1, { status: 'confirmed' })
    expect(await readBarredPairs(database.db, review.project)).toEqual([])
    await remove((await getMatch(database.db, review.project, match))!)
    expect(await readBarredPairs(database.db, review.project)).toEqual([{ left: l1, right: r1 }])
    expect(await database.db.break.findMany({ where: { recordId: l1 } })).toMatchObject([
      { nearestMiss: { record: r1, text: 'amount equal, same day, unmatched by a person' } },
    ])
  })

  test('only the newest version of a match that stands can be taken apart', async () => {
    const match = await make([await left('L1')], [await right('R1')])
    await expect(remove(match, { version: 2 })).rejects.toMatchObject({ code: 'CONFLICT', details: { current: match } })
    const outcomes = await Promise.allSettled([remove(match), remove(match, { actor: BEN })])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const proposed = await review.match(await left('L2'), await right('R2'))
    await expect(remove((await getMatch(database.db, review.project, proposed))!)).rejects.toMatchObject({ code: 'CONFLICT' })
    const { current } = await decide(database.db, review.act(), { match: proposed, version: 1, decision: 'reject', note: null })
    await expect(remove(current)).rejects.toMatchObject({ code: 'CONFLICT', details: { current: { status: 'rejected' } } })
    await expect(remove({ ...match, id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('it stands among the alternatives of its records', async () => {
    const [l1, l2, r1] = [await left('L1', '4'), await left('L2', '6'), await right('R1')]
    const rival = await review.match(l2, await right('R2'))
    const match = await make([l1, l2], [r1])
    expect((await listAlternatives(database.db, match, 10)).map(({ id }) => id)).toEqual([rival])
    expect((await listAlternatives(database.db, (await getMatch(database.db, review.project, rival))!, 10)).map(({ id }) => id)).toEqual([
      match.id,
    ])
  })
})
