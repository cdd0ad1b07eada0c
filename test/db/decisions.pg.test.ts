import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type DecisionKind, decide, listDecisions } from '../../src/db/decisions.js'
import { getMatch } from '../../src/db/matches.js'
import { type MatchId, newId } from '../../src/ids.js'
import { ANA, BEN, Review } from './review-fixture.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

describe.each(DATABASES)('decisions on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  function say(decision: DecisionKind, match: MatchId, { actor = ANA, version = 1, note = null as string | null } = {}) {
    return decide(database.db, review.act(actor, 'r-1'), { match, version, decision, note })
  }

  test('confirming makes the next version of the match, the decision and the news', async () => {
    const match = await review.match(await review.record('left', { externalId: 'L1' }), await review.record('right', { externalId: 'R1' }))

    const { result, current } = await say('confirm', match, { note: 'seen on paper' })

    expect(result).toBe('done')
    expect(current).toMatchObject({ status: 'confirmed', automatic: false, version: 2, decidedBy: ANA })
    expect(await listDecisions(database.db, match)).toMatchObject([{ decision: 'confirm', user: ANA, note: 'seen on paper', version: 2 }])
    const news = await review.news()
    expect(news.map((item) => [item.type, item.actor])).toEqual([['match.decided', 'ana']])
    expect(news[0]!.data.match).toEqual(current)
  })

  test('confirming takes back the rivals, resolves the breaks of both records, and breaks what lost its last suggestion', async () => {
    const [left, right] = [await review.record('left', { externalId: 'L1' }), await review.record('right', { externalId: 'R1' })]
    const orphan = await review.record('right', { externalId: 'R2', date: '2026-03-05' })
    const kept = await review.record('left', { externalId: 'L3' })
    const match = await review.match(left, right)
    const rival = await review.match(left, orphan, { confidence: '0.8', difference: '-1.5' })
    const other = await review.match(kept, right, { confidence: '0.7' })
    const untouched = await review.match(kept, await review.record('right', { externalId: 'R3' }))
    await review.break(right, 'right')

    await say('confirm', match)

    expect((await getMatch(database.db, review.project, rival))!).toMatchObject({ status: 'removed', version: 2 })
    expect((await getMatch(database.db, review.project, other))!).toMatchObject({ status: 'removed', version: 2 })
    expect((await getMatch(database.db, review.project, untouched))!).toMatchObject({ status: 'proposed', version: 1 })
    const news = await review.news()
    expect(news.map((item) => item.type)).toEqual(['match.decided', 'match.removed', 'match.removed', 'break.changed', 'break.changed'])
    expect(news[3]!.data.break).toMatchObject({ record: right, status: 'resolved', version: 2 })
    expect(news[4]!.data.break).toMatchObject({
      record: orphan,
      side: 'right',
      status: 'open',
      reason: 'amount-differs',
      nearestMiss: {
        record: left,
        externalId: 'L1',
        amountDifference: '-1.5',
        daysApart: 3,
        text: 'amount differs by 1.5, 3 days apart, now matched with another record',
      },
    })
    expect(await database.db.break.findMany({ where: { projectId: review.project }, select: { recordId: true } })).toEqual([
      { recordId: orphan },
    ])
  })

  test('rejecting the last suggestion of a record opens its break with the rejected pair as nearest miss', async () => {
    const [left, right] = [await review.record('left', { externalId: 'L1' }), await review.record('right', { externalId: 'R1' })]
    const match = await review.match(left, right)
    const another = await review.match(left, await review.record('right', { externalId: 'R2' }))

    expect((await say('reject', match)).current).toMatchObject({ status: 'rejected', version: 2, decidedBy: ANA })

    // The left record still has another suggestion, so only the right one is broken.
    let breaks = await database.db.break.findMany({ where: { projectId: review.project } })
    expect(breaks).toMatchObject([
      { recordId: right, reason: 'no-candidate', nearestMiss: { record: left, text: 'amount equal, same day, rejected by a person' } },
    ])
    await say('reject', another)
    breaks = await database.db.break.findMany({ where: { projectId: review.project } })
    expect(breaks).toHaveLength(3)
  })

  test('a stale version is a conflict that shows who decided, and writes nothing', async () => {
    const match = await review.match(await review.record('left', { externalId: 'L1' }), await review.record('right', { externalId: 'R1' }))
    await say('confirm', match, { actor: BEN })

    const { result, current } = await say('reject', match)

    expect(result).toBe('conflict')
    expect(current).toMatchObject({ status: 'confirmed', decidedBy: BEN, version: 2 })
    expect(await review.news()).toHaveLength(1)
    expect((await say('reject', match, { version: 2 })).result).toBe('conflict')
  })

  test('of two people who decide one match at once the second sees the first', async () => {
    const match = await review.match(await review.record('left', { externalId: 'L1' }), await review.record('right', { externalId: 'R1' }))

    const outcomes = await Promise.all([say('confirm', match), say('reject', match, { actor: BEN })])

    expect(outcomes.map((outcome) => outcome.result).sort()).toEqual(['conflict', 'done'])
    const winner = outcomes.find((outcome) => outcome.result === 'done')!
    expect(outcomes.find((outcome) => outcome.result === 'conflict')!.current).toEqual(winner.current)
    expect(await database.db.decision.count({ where: { matchId: match } })).toBe(1)
  })

  test('of two people who confirm rivals at once one gets the record', async () => {
    const left = await review.record('left', { externalId: 'L1' })
    const one = await review.match(left, await review.record('right', { externalId: 'R1' }))
    const other = await review.match(left, await review.record('right', { externalId: 'R2' }))

    const outcomes = await Promise.all([say('confirm', one), say('confirm', other, { actor: BEN })])

    expect(outcomes.map((outcome) => outcome.result).sort()).toEqual(['conflict', 'done'])
    expect(outcomes.find((outcome) => outcome.result === 'conflict')!.current).toMatchObject({ status: 'removed' })
    expect(await database.db.match.count({ where: { leftId: left, status: 'confirmed' } })).toBe(1)
  })

  test('a record that a job matched meanwhile stays matched once: the database itself refuses', async () => {
    const left = await review.record('left', { externalId: 'L1' })
    const match = await review.match(left, await review.record('right', { externalId: 'R1' }))
    await review.match(left, await review.record('right', { externalId: 'R2' }), { status: 'confirmed' })

    const { result, current } = await say('confirm', match)

    expect(result).toBe('conflict')
    expect(current).toMatchObject({ status: 'proposed', version: 1 })
    expect(await review.news()).toEqual([])
    expect(await database.db.decision.count({ where: { matchId: match } })).toBe(0)
  })

  test('a match of another project is not found', async () => {
    const match = await review.match(await review.record('left', { externalId: 'L1' }), await review.record('right', { externalId: 'R1' }))
    review = await Review.open(database.db)
    await expect(say('confirm', match)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(say('confirm', newId<MatchId>())).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('whatever many people decide at once, no record is matched twice and no open record is without a break', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = mulberry32(seed)
    const lefts = await Promise.all(Array.from({ length: 6 }, (_, index) => review.record('left', { externalId: `L${index}` })))
    const rights = await Promise.all(Array.from({ length: 6 }, (_, index) => review.record('right', { externalId: `R${index}` })))
    const matches: MatchId[] = []
    for (const left of lefts) {
      for (const right of rights) if (random() < 0.5) matches.push(await review.match(left, right))
    }

    await Promise.all([ANA, BEN].flatMap((actor) => matches.map((match) => say(random() < 0.5 ? 'confirm' : 'reject', match, { actor }))))

    const [faults] = await database.db.$queryRaw<{ twice: number; silent: number; undecided: number }[]>`
      select
        (select count(*)::int from records r where r.project_id = ${review.project}::uuid
          and (select count(*) from matches m where (m.left_id = r.id or m.right_id = r.id) and m.status = 'confirmed') > 1) as twice,
        (select count(*)::int from records r where r.project_id = ${review.project}::uuid
          and exists (select 1 from matches m where m.left_id = r.id or m.right_id = r.id)
          and exists (select 1 from matches m where (m.left_id = r.id or m.right_id = r.id) and m.status = 'confirmed')
            = exists (select 1 from breaks b where b.record_id = r.id)) as silent,
        (select count(*)::int from matches where project_id = ${review.project}::uuid and status = 'proposed') as undecided`
    expect(faults, `seed ${seed}`).toEqual({ twice: 0, silent: 0, undecided: 0 })
  })
})

/** Seeded random numbers in [0, 1); Tommy Ettinger's mulberry32. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
