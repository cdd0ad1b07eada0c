import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MatchId } from '../../src/ids.js'
import { newId } from '../../src/ids.js'
import type { BreakView, MatchView, Role } from '../../src/protocol/views.js'
import { ANA, Review } from '../db/review-fixture.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { type Answer, expectProblem, HttpFixture, type Problem, pathsOf } from './http-fixture.js'

interface Acted {
  readonly act: string
  readonly match: MatchView
}

describe('the workflow of a review', () => {
  let database: TestDatabase
  let http: HttpFixture
  let review: Review
  let token: string

  beforeAll(async () => {
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db)
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })
  beforeEach(async () => {
    review = await Review.open(database.db)
    token = await as('analyst')
    http.woken.length = 0
  })

  /** A token of Ana with the role in the project. */
  function as(role: Role, user = ANA.id): Promise<string> {
    return http.token(user, { projects: { [review.project]: role } })
  }

  /** A call inside the project. */
  function call<Body = Problem>(method: string, path: string, body?: unknown, by = token): Promise<Answer<Body>> {
    return http.call<Body>(method, `/v1/projects/${review.project}/${path}`, { token: by, ...(body === undefined ? {} : { body }) })
  }

  async function pair(no: number, options: Parameters<Review['match']>[2] = {}) {
    const left = await review.record('left', { externalId: `L${no}` })
    const right = await review.record('right', { externalId: `R${no}` })
    return { left, right, match: await review.match(left, right, options) }
  }

  /** Each of the bodies is refused, at this path. */
  async function expectInvalid(method: string, path: string, bodies: readonly (readonly [body: unknown, path: string])[]): Promise<void> {
    for (const [body, at] of bodies) {
      const refused = await call(method, path, body)
      expectProblem(refused, 422, 'INVALID')
      expect(pathsOf(refused), JSON.stringify(body).slice(0, 100)).toContain(at)
    }
  }

  describe('bulk decisions', () => {
    test('are counted first and refused when the count has changed', async () => {
      for (const no of [1, 2]) await pair(no, { confidence: '0.95' })
      const filter = { minConfidence: '0.95' }
      const preview = await call<{ count: number }>('POST', 'decisions/bulk', { filter, dryRun: true })
      expect([preview.status, preview.body]).toEqual([200, { count: 2, value: [{ currency: 'EUR', left: '20', right: '20' }] }])
      await pair(3, { confidence: '0.96' })

      const stale = await call<Problem & { count: number }>('POST', 'decisions/bulk', { filter, expectedCount: 2 })
      expectProblem(stale, 409, 'COUNT_CHANGED')
      expect(stale.body.count).toBe(3)
      expect(http.woken).toEqual([])

      const done = await call<{ count: number }>('POST', 'decisions/bulk', { filter, expectedCount: 3 })
      expect([done.status, done.body]).toEqual([200, { act: expect.any(String), count: 3 }])
      expect(http.woken).toEqual([`outbox ${review.project}`])
    })

    test('say what is wrong with them', async () => {
      const filter = { minConfidence: '0.9' }
      for (const minConfidence of ['0', '1', '0.12345', '1.00000']) {
        expect((await call('POST', 'decisions/bulk', { filter: { minConfidence, rule: 'x'.repeat(200) }, expectedCount: 0 })).status).toBe(
          200,
        )
      }
      await expectInvalid('POST', 'decisions/bulk', [
        [{ filter: { minConfidence: '1.00001' }, expectedCount: 0 }, 'filter.minConfidence'],
        [{ filter: { minConfidence: 0.9 }, expectedCount: 0 }, 'filter.minConfidence'],
        [{ filter: {}, expectedCount: 0 }, 'filter.minConfidence'],
        [{ filter: { ...filter, rule: 'x'.repeat(201) }, expectedCount: 0 }, 'filter.rule'],
        [{ filter, expectedCount: -1 }, 'expectedCount'],
        [{ filter, expectedCount: 1.5 }, 'expectedCount'],
        [{ filter }, ''],
        [{ filter, expectedCount: 1, dryRun: true }, ''],
      ])
    })
  })

  describe('matches by hand', () => {
    test('are made, shown with all their members, taken apart and shown again', async () => {
      const lefts = [
        await review.record('left', { externalId: 'L1', amount: '4' }),
        await review.record('left', { externalId: 'L2', amount: '6.5' }),
      ]
      const right = await review.record('right', { externalId: 'R1', amount: '10' })
      const short = await call<Problem & { residuals: object[] }>('POST', 'matches', { left: lefts, right: [right] })
      expectProblem(short, 422, 'INVALID')
      expect(short.body.detail).toBe('reason: must say why left and right differ by 0.5 EUR')
      expect(short.body.residuals).toEqual([{ currency: 'EUR', left: '10.5', right: '10', difference: '0.5' }])
      // White space is no reason.
      expectProblem(await call('POST', 'matches', { left: lefts, right: [right], reason: '  ' }), 422, 'INVALID')
      expect(http.woken).toEqual([])

      const made = await call<Acted>('POST', 'matches', { left: lefts, right: [right], reason: 'fee', note: 'asked the bank' })
      expect(made.status).toBe(201)
      expect(made.headers.get('location')).toBe(`/v1/projects/${review.project}/matches/${made.body.match.id}`)
      expect(made.body).toMatchObject({
        act: expect.any(String),
        match: { cardinality: 'N:1', left: lefts, right: [right], amountDifference: '0.5' },
      })
      const { body } = await call<Record<string, unknown>>('GET', `matches/${made.body.match.id}`)
      expect(body).toMatchObject({
        match: made.body.match,
        leftRecords: lefts.map((id) => ({ id, state: 'matched' })),
        rightRecords: [{ id: right, state: 'matched' }],
        members: [
          { record: lefts[0], allocated: '4' },
          { record: lefts[1], allocated: '6.5' },
          { record: right, allocated: '10' },
        ],
        alternatives: [],
        history: [{ decision: 'match', user: ANA, note: 'asked the bank', version: 1 }],
      })
      const { status: again, body: taken } = await call<Problem & { records: object[] }>('POST', 'matches', { left: lefts, right: [right] })
      expect([again, taken.code, taken.records.length]).toEqual([409, 'CONFLICT', 3])

      const removed = await call<Acted>('DELETE', `matches/${made.body.match.id}`, { version: 1, note: 'wrong month' })
      expect(removed.status).toBe(200)
      expect(removed.body.match).toMatchObject({ status: 'removed', left: lefts, right: [right], version: 2 })
      const stale = await call<Problem & { current: MatchView }>('DELETE', `matches/${made.body.match.id}`, { version: 1 })
      expectProblem(stale, 409, 'CONFLICT')
      expect(stale.body.current).toEqual(removed.body.match)
      expect(http.woken).toEqual([`outbox ${review.project}`, `outbox ${review.project}`])
    })

    test('have 1 to 500 records a side, each once, a note of 2,000 and a reason of 500 characters', async () => {
      const many = async (side: 'left' | 'right', count: number) => {
        const ids = Array.from({ length: count }, () => newId())
        await database.db.record.createMany({
          data: ids.map((id, no) => ({
            id,
            projectId: review.project,
            sourceId: review.sources[side],
            side,
            rowNo: 1_000 + no,
            amount: '1',
            currency: 'EUR',
          })),
        })
        return ids
      }
      const [left, right] = [await many('left', 500), await many('right', 500)]
      const made = await call<Acted>('POST', 'matches', { left, right, note: 'x'.repeat(2000), reason: 'x'.repeat(500) })
      expect(made.status).toBe(201)
      expect((await call<{ members: object[] }>('GET', `matches/${made.body.match.id}`)).body.members).toHaveLength(1000)
      const [one, other] = [await review.record('left', { externalId: 'L' }), await review.record('right', { externalId: 'R' })]
      await expectInvalid('POST', 'matches', [
        [{ left: [...left, one], right: [other] }, 'left'],
        [{ left: [one], right: [...right, other] }, 'right'],
        [{ left: [], right: [other] }, 'left'],
        [{ left: [one] }, 'right'],
        [{ left: [one, one], right: [other] }, 'left'],
        [{ left: ['x'], right: [other] }, 'left.0'],
        [{ left: [one], right: [other], note: 'x'.repeat(2001) }, 'note'],
        [{ left: [one], right: [other], reason: 'x'.repeat(501) }, 'reason'],
      ])
      const unknown = await call('POST', 'matches', { left: [one], right: [newId()] })
      expectProblem(unknown, 404, 'NOT_FOUND')
      expect(pathsOf(unknown)).toEqual(['right.0'])
      await expectInvalid('DELETE', `matches/${made.body.match.id}`, [
        [{}, 'version'],
        [{ version: 0 }, 'version'],
        [{ version: 1, note: 'x'.repeat(2001) }, 'note'],
      ])
      expectProblem(await call('DELETE', `matches/${newId()}`, { version: 1 }), 404, 'NOT_FOUND')
      expectProblem(await call('DELETE', 'matches/nonsense', { version: 1 }), 404, 'NOT_FOUND')
    })
  })

  describe('an undo', () => {
    test('takes back all that one request did, for who did it', async () => {
      const [one, two] = [await pair(1), await pair(2)]
      const items = [
        { match: one.match, version: 1, decision: 'confirm' },
        { match: two.match, version: 1, decision: 'reject' },
      ]
      const { act } = (await call<Acted>('POST', 'decisions', { items })).body
      expectProblem(await call('POST', 'decisions/undo', { act }, await as('admin', 'ben')), 403, 'FORBIDDEN')
      const undone = await call<{ count: number }>('POST', 'decisions/undo', { act })
      expect([undone.status, undone.body]).toEqual([200, { count: 2 }])
      const { items: waiting } = (await call<{ items: MatchView[] }>('GET', 'matches?status=proposed')).body
      expect(waiting.map(({ id, version }) => [id, version])).toEqual([
        [one.match, 3],
        [two.match, 3],
      ])
      expectProblem(await call('POST', 'decisions/undo', { act }), 409, 'CONFLICT')
      await expectInvalid('POST', 'decisions/undo', [
        [{}, 'act'],
        [{ act: 'x' }, 'act'],
      ])
    })
  })

  describe('a break', () => {
    const broken = async () => {
      const record = await review.record('left', { externalId: 'L1' })
      await review.break(record, 'left')
      return (await database.db.break.findUniqueOrThrow({ where: { recordId: record } })).id
    }

    test('gets an owner, a due time and a status, and a late change is shown what came first', async () => {
      const id = await broken()
      await http.member(review.project, 'ben', 'viewer')
      const taken = await call<{ break: BreakView }>('PATCH', `breaks/${id}`, {
        version: 1,
        assignee: 'ben',
        dueAt: '2026-08-01T09:00:00+02:00',
      })
      expect(taken.status).toBe(200)
      expect(taken.body.break).toMatchObject({
        assignee: { id: 'ben', name: 'Ben' },
        dueAt: '2026-08-01T07:00:00.000Z',
        status: 'open',
        version: 2,
      })
      expect(http.woken).toEqual([`outbox ${review.project}`])
      expect((await review.news()).at(-1)).toMatchObject({
        type: 'break.changed',
        actor: ANA.id,
        data: { break: taken.body.break, changed: ['assignee', 'dueAt'] },
      })

      const stale = await call<Problem & { current: BreakView }>('PATCH', `breaks/${id}`, { version: 1, assignee: ANA.id })
      expectProblem(stale, 409, 'CONFLICT')
      expect(stale.body.current).toEqual(taken.body.break)

      // Nothing but what is named changes; null takes away.
      const resolved = await call<{ break: BreakView }>('PATCH', `breaks/${id}`, { version: 2, status: 'resolved' })
      expect(resolved.body.break).toMatchObject({ ...taken.body.break, status: 'resolved', version: 3 })
      const freed = await call<{ break: BreakView }>('PATCH', `breaks/${id}`, { version: 3, assignee: null, dueAt: null, status: 'open' })
      expect(freed.body.break).toMatchObject({ assignee: null, dueAt: null, status: 'open', version: 4 })
    })

    test('is resolved with a note that says why; it stays until somebody takes it away', async () => {
      const id = await broken()
      const change = async (news: object) => (await call<{ break: BreakView }>('PATCH', `breaks/${id}`, news)).body.break
      const resolved = await change({ version: 1, status: 'resolved', note: ' the bank’s fee,\nbooked in April ' })
      expect(resolved).toMatchObject({ status: 'resolved', note: 'the bank’s fee,\nbooked in April', version: 2 })
      expect((await review.news()).at(-1)).toMatchObject({ data: { break: resolved, changed: ['status', 'note'] } })

      // Who reads it later need not be allowed to write.
      const viewer = await as('viewer')
      expect((await call<{ items: BreakView[] }>('GET', 'breaks', undefined, viewer)).body.items).toEqual([resolved])
      expectProblem(await call('PATCH', `breaks/${id}`, { version: 2, note: 'x' }, viewer), 403, 'FORBIDDEN')

      expect(await change({ version: 2, status: 'open' })).toMatchObject({ status: 'open', note: resolved.note })
      expect(await change({ version: 3, note: null })).toMatchObject({ note: null, version: 4 })
      expect(await change({ version: 4, note: 'x' })).toMatchObject({ note: 'x' })
      expect(await change({ version: 5, note: ' ' })).toMatchObject({ note: null })
    })

    test('belongs to a member, or to who takes it', async () => {
      const id = await broken()
      await http.project('stranger')
      const refused = await call('PATCH', `breaks/${id}`, { version: 1, assignee: 'stranger' })
      expectProblem(refused, 422, 'INVALID')
      expect(pathsOf(refused)).toEqual(['assignee'])
      expectProblem(await call('PATCH', `breaks/${id}`, { version: 1, assignee: 'nobody' }), 422, 'INVALID')
      expect((await call<{ break: BreakView }>('PATCH', `breaks/${id}`, { version: 1, assignee: ANA.id })).body.break.assignee).toEqual(ANA)
    })

    test('says what is wrong with a change', async () => {
      const id = await broken()
      await expectInvalid('PATCH', `breaks/${id}`, [
        [{ version: 1 }, ''],
        [{ status: 'open' }, 'version'],
        [{ version: 1, status: 'gone' }, 'status'],
        [{ version: 1, status: null }, 'status'],
        [{ version: 1, assignee: 'x'.repeat(129) }, 'assignee'],
        [{ version: 1, note: 'x'.repeat(2001) }, 'note'],
        [{ version: 1, note: 'x\u0000' }, 'note'],
        [{ version: 1, dueAt: '2026-08-01' }, 'dueAt'],
        [{ version: 1, dueAt: '2026-02-30T00:00:00Z' }, 'dueAt'],
        [{ version: 1, dueAt: '1970-01-01T00:00:00+01:00' }, 'dueAt'],
        [{ version: 1, dueAt: '9999-12-31T23:00:00-01:00' }, 'dueAt'],
      ])
      expectProblem(await call('PATCH', `breaks/${newId()}`, { version: 1, status: 'open' }), 404, 'NOT_FOUND')
      expectProblem(await call('PATCH', 'breaks/nonsense', { version: 1, status: 'open' }), 404, 'NOT_FOUND')
      const theirs = await Review.open(database.db)
      const foreign = await theirs.record('left', { externalId: 'L' })
      await theirs.break(foreign, 'left')
      const other = await database.db.break.findUniqueOrThrow({ where: { recordId: foreign } })
      expectProblem(await call('PATCH', `breaks/${other.id}`, { version: 1, status: 'resolved' }), 404, 'NOT_FOUND')
    })

    test('of two people who take it at once one has it', async () => {
      const id = await broken()
      const ben = await as('analyst', 'ben')
      const answers = await Promise.all([
        call<{ break: BreakView }>('PATCH', `breaks/${id}`, { version: 1, assignee: ANA.id }),
        call<{ break: BreakView }>('PATCH', `breaks/${id}`, { version: 1, assignee: 'ben' }, ben),
      ])
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409])
    })
  })

  test('all of it needs the role analyst', async () => {
    const viewer = await as('viewer')
    const { left, right, match } = await pair(1)
    const calls = [
      ['POST', 'decisions/bulk', { filter: { minConfidence: '0' }, dryRun: true }],
      ['POST', 'decisions/undo', { act: newId() }],
      ['POST', 'matches', { left: [left], right: [right] }],
      ['DELETE', `matches/${match}`, { version: 1 }],
      ['PATCH', `breaks/${newId<MatchId>()}`, { version: 1, status: 'open' }],
    ] as const
    for (const [method, path, body] of calls) expectProblem(await call(method, path, body, viewer), 403, 'FORBIDDEN')
  })
})
