import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { updateBreak } from '../../src/db/breaks.js'
import { confirmAll } from '../../src/db/bulk-decisions.js'
import { type DecisionKind, decide, listDecisions } from '../../src/db/decisions.js'
import { createMatch, removeMatch } from '../../src/db/manual-matches.js'
import { getMatch } from '../../src/db/matches.js'
import { getRecords } from '../../src/db/records.js'
import { undo } from '../../src/db/undo.js'
import { type BreakId, type MatchId, newId } from '../../src/ids.js'
import { ANA, BEN, Review } from './review-fixture.js'
import { MAIN_DATABASE, type TestDatabase } from './test-databases.js'

describe.each(MAIN_DATABASE)('undo on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  const left = (no: number, amount = '10') => review.record('left', { externalId: `L${no}`, amount })
  const right = (no: number, amount = '10') => review.record('right', { externalId: `R${no}`, amount })
  const view = async (match: MatchId) => (await getMatch(database.db, review.project, match))!
  /** Decides and answers the act. */
  async function say(decision: DecisionKind, match: MatchId, version = 1, actor = ANA): Promise<string> {
    const act = review.act(actor)
    expect((await decide(database.db, act, { match, version, decision, note: null })).result).toBe('done')
    return act.id
  }
  const takeBack = (act: string, actor = ANA) => undo(database.db, review.act(actor, 'r-2'), act)
  /** Everything that review shows, but for versions: what an undo has to leave as it was. */
  async function picture() {
    const breaks = await database.db.break.findMany({
      where: { projectId: review.project },
      orderBy: { recordId: 'asc' },
      omit: { version: true },
    })
    const matches = await database.db.match.findMany({
      where: { projectId: review.project },
      orderBy: { id: 'asc' },
      omit: { version: true },
    })
    return { breaks, matches }
  }
  const typesSince = async (count: number) => (await review.news()).slice(count).map(({ type }) => type)

  test('of a confirmation: the suggestion waits again with its rivals, and the breaks are as they were', async () => {
    const [l1, l2, r1, r2] = [await left(1), await left(2), await right(1), await right(2)]
    const match = await review.match(l1, r1)
    const rival = await review.match(l1, r2, { confidence: '0.8' })
    await review.match(l2, r1, { confidence: '0.7' })
    await review.break(r1, 'right')
    await database.db.break.updateMany({
      where: { recordId: r1 },
      data: { assigneeId: 'ben', status: 'resolved', dueAt: new Date(86_400_000), note: 'paid twice' },
    })
    const before = await picture()
    const act = await say('confirm', match)
    const told = (await review.news()).length

    expect(await takeBack(act)).toBe(1)

    expect(await picture()).toEqual(before)
    expect(await view(match)).toMatchObject({ status: 'proposed', decidedBy: null, decidedAt: null, version: 3 })
    expect(await view(rival)).toMatchObject({ status: 'proposed', version: 3 })
    expect(await listDecisions(database.db, match)).toMatchObject([{ decision: 'confirm' }, { decision: 'undo', user: ANA, version: 3 }])
    expect(await typesSince(told)).toEqual([...Array(3).fill('match.decided'), ...Array(3).fill('break.changed')])
    // The record's own break goes on where its last version ended.
    const own = (await review.news()).filter(({ data }) => (data.break as { record?: string } | undefined)?.record === r1)
    expect(own.map(({ data }) => data.break)).toMatchObject([
      { status: 'resolved', version: 2 },
      { status: 'resolved', version: 3, assignee: BEN },
    ])
    // And again.
    expect(await takeBack(await say('confirm', match, 3))).toBe(1)
    expect(await picture()).toEqual(before)
  })

  test('of a rejection: the suggestion waits again, the breaks that it opened are gone', async () => {
    const match = await review.match(await left(1), await right(1))
    const before = await picture()
    const act = await say('reject', match)
    expect(await takeBack(act)).toBe(1)
    expect(await picture()).toEqual(before)
  })

  test('of a match by hand: its records are open with their breaks, what it took back is suggested again', async () => {
    const [l1, l2, r1, r2] = [await left(1, '4'), await left(2, '6'), await right(1), await right(2)]
    await review.break(l1, 'left')
    await review.match(l2, r2)
    const before = await picture()
    const act = review.act()
    const match = await createMatch(database.db, act, { left: [l1, l2], right: [r1], note: null, reason: null })
    const told = (await review.news()).length

    expect(await takeBack(act.id)).toBe(1)

    expect(await picture()).toMatchObject({ breaks: before.breaks })
    expect(await view(match.id as MatchId)).toMatchObject({ status: 'removed', decidedBy: null, version: 2 })
    expect((await getRecords(database.db, [l1, l2, r1, r2])).map(({ state }) => state)).toEqual(['open', 'suggested', 'open', 'suggested'])
    expect(await typesSince(told)).toEqual(['match.decided', 'match.removed', 'break.changed', 'break.changed'])
  })

  test.each([true, false])('of taking a match apart: it stands as before, who decided it included (automatic: %s)', async (automatic) => {
    const [l1, l2, r1] = [await left(1, '4'), await left(2, '6'), await right(1)]
    await review.break(l2, 'left')
    const match = automatic
      ? await view(await review.match(l1, r1, { status: 'confirmed', difference: '-6' }))
      : await createMatch(database.db, review.act(BEN), { left: [l1, l2], right: [r1], note: null, reason: null })
    const act = review.act()
    await removeMatch(database.db, act, { match: match.id as MatchId, version: 1, note: null })

    expect(await takeBack(act.id)).toBe(1)

    expect(await view(match.id as MatchId)).toEqual({ ...match, version: 3 })
    expect(await database.db.break.count({ where: { projectId: review.project } })).toBe(automatic ? 1 : 0)
    expect((await getRecords(database.db, [...match.left, ...match.right])).map(({ state }) => state)).toEqual(
      Array(match.left.length + 1).fill('matched'),
    )
  })

  test('of a bulk decision takes back all that nobody touched since, and one event tells of many', async () => {
    const matches: MatchId[] = []
    const shared = await left(0)
    matches.push(await review.match(shared, await right(0)), await review.match(shared, await right(-1), { confidence: '0.95' }))
    for (let no = 1; no <= 120; no++) matches.push(await review.match(await left(no), await right(no)))
    const before = await picture()
    const act = review.act()
    await confirmAll(database.db, act, { minConfidence: '0.9' }, 121)

    expect(await takeBack(act.id)).toBe(121)
    expect(await picture()).toEqual(before)
    expect((await review.news()).at(-1)).toMatchObject({
      type: 'matches.decided',
      actor: 'ana',
      data: { filter: { act: act.id }, count: 121, undone: true },
    })

    const again = review.act()
    await confirmAll(database.db, again, { minConfidence: '0.9' }, 121)
    const touched = matches.at(-1)!
    await removeMatch(database.db, review.act(BEN), { match: touched, version: 4, note: null })
    expect(await takeBack(again.id)).toBe(120)
    expect(await view(touched)).toMatchObject({ status: 'removed', decidedBy: BEN })
  })

  test('a suggestion comes back only where its records are still free', async () => {
    const [l1, r1, r2] = [await left(1), await right(1), await right(2)]
    const [match, rival] = [await review.match(l1, r1), await review.match(l1, r2, { confidence: '0.8' })]
    const act = await say('confirm', match)
    // The rival's other record is taken by somebody else meanwhile.
    await createMatch(database.db, review.act(BEN), { left: [await left(3)], right: [r2], note: null, reason: null })
    expect(await takeBack(act)).toBe(1)
    expect(await view(match)).toMatchObject({ status: 'proposed' })
    expect(await view(rival)).toMatchObject({ status: 'removed' })

    const rejected = await say('reject', match, 3)
    await createMatch(database.db, review.act(BEN), { left: [l1], right: [r1], note: null, reason: null })
    await expect(takeBack(rejected)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await view(match)).toMatchObject({ status: 'rejected' })
  })

  test('what was taken apart stands again only while all its records are free', async () => {
    const [l1, l2, r1] = [await left(1, '4'), await left(2, '6'), await right(1)]
    const match = await createMatch(database.db, review.act(), { left: [l1, l2], right: [r1], note: null, reason: null })
    const act = review.act()
    await removeMatch(database.db, act, { match: match.id as MatchId, version: 1, note: null })
    await createMatch(database.db, review.act(BEN), { left: [l2], right: [await right(2, '6')], note: null, reason: null })
    await expect(takeBack(act.id)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await view(match.id as MatchId)).toMatchObject({ status: 'removed', version: 2 })
  })

  test('only who decided may, once, and not after somebody changed it', async () => {
    const match = await review.match(await left(1), await right(1))
    const act = await say('confirm', match)
    await expect(takeBack(act, BEN)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const outcomes = await Promise.allSettled([takeBack(act), takeBack(act)])
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } })
    const second = await say('confirm', match, 3)
    await removeMatch(database.db, review.act(BEN), { match, version: 4, note: null })
    await expect(takeBack(second)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(takeBack(newId())).rejects.toMatchObject({ code: 'CONFLICT' })
    const theirs = await Review.open(database.db)
    await expect(undo(database.db, theirs.act(), second)).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('it takes ten seconds, and two for the way', async () => {
    const age = (act: string, seconds: number) => database.db.$executeRaw`
      update decisions d set created_at = now() - make_interval(secs => ${seconds}::float8) from matches m where m.id = d.match_id and m.act_id = ${act}::uuid`
    const late = await say('confirm', await review.match(await left(1), await right(1)))
    await age(late, 12.5)
    await expect(takeBack(late)).rejects.toMatchObject({ code: 'CONFLICT', message: 'it can be undone for ten seconds only' })
    const early = await say('confirm', await review.match(await left(2), await right(2)))
    await age(early, 10)
    expect(await takeBack(early)).toBe(1)
  })

  test('a break that somebody took meanwhile goes all the same: its record is suggested again', async () => {
    const [l1, r1] = [await left(1), await right(1)]
    const act = await say('reject', await review.match(l1, r1))
    const opened = await database.db.break.findUniqueOrThrow({ where: { recordId: l1 } })
    await updateBreak(database.db, review.project, opened.id as BreakId, { version: 1, assignee: 'ben' }, BEN)
    await takeBack(act)
    expect(await database.db.break.count({ where: { projectId: review.project } })).toBe(0)
  })
})
