import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId, type ProjectId } from '../../src/ids.js'
import type { BreakView, MatchView, RecordView, Role } from '../../src/protocol/views.js'
import { ANA, addSource, Review } from '../db/review-fixture.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, type Page, pathsOf } from './http-fixture.js'

interface Decided {
  readonly items: readonly { readonly match: string; readonly result: string; readonly current: MatchView }[]
}

interface MatchDetail {
  readonly match: MatchView
  readonly leftRecords: readonly RecordView[]
  readonly rightRecords: readonly RecordView[]
  readonly members: readonly object[]
  readonly alternatives: readonly MatchView[]
  readonly history: readonly object[]
}

describe('review', () => {
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
  function as(role: Role, project: ProjectId = review.project): Promise<string> {
    return http.token(ANA.id, { projects: { [project]: role } })
  }

  const get = <Body>(path: string) => http.call<Body>('GET', `/v1/projects/${review.project}/${path}`, { token })
  const decide = <Body = Decided>(body: unknown, by = token) =>
    http.call<Body>('POST', `/v1/projects/${review.project}/decisions`, { token: by, body })

  /** All pages of a list, one after another. `between` happens after the first page. */
  async function walk<Item>(path: string, limit: number, between: () => Promise<unknown> = async () => undefined): Promise<Item[]> {
    const items: Item[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Page<Item> = (
        await get<Page<Item>>(`${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${cursor}`}`)
      ).body
      expect(page.items.length).toBeLessThanOrEqual(limit)
      items.push(...page.items)
      if (cursor === '') await between()
      cursor = page.nextCursor
    }
    return items
  }

  async function pair(no: number, options: Parameters<Review['match']>[2] = {}) {
    const left = await review.record('left', { externalId: `L${no}` })
    const right = await review.record('right', { externalId: `R${no}` })
    return { left, right, match: await review.match(left, right, options) }
  }

  describe('records', () => {
    test('are filtered by side, state, source and words', async () => {
      await pair(1, { status: 'confirmed' })
      await pair(2)
      const late = await addSource(database.db, review.project, 'left', 'late.csv')
      await review.record('left', { externalId: 'L3', memo: '50% off_now', reference: 'INV-9', amount: '-2100.8' }, late)
      await review.record('left', { externalId: 'hidden' }, await addSource(database.db, review.project, 'left', 'slow.csv', 'importing'))
      const ids = async (query: string) => (await get<Page<RecordView>>(`records${query}`)).body.items.map((record) => record.externalId)
      expect(await ids('')).toEqual(['L1', 'R1', 'L2', 'R2', 'L3'])
      expect(await ids('?side=right')).toEqual(['R1', 'R2'])
      expect(await ids('?state=matched')).toEqual(['L1', 'R1'])
      expect(await ids('?state=suggested&side=left')).toEqual(['L2'])
      expect(await ids('?state=open')).toEqual(['L3'])
      expect(await ids(`?source=${late}`)).toEqual(['L3'])
      expect(await ids('?q=l')).toEqual(['L1', 'L2', 'L3'])
      expect(await ids('?q=inv-9')).toEqual(['L3'])
      expect(await ids('?q=50%25')).toEqual(['L3'])
      expect(await ids('?q=%25')).toEqual(['L3'])
      expect(await ids('?q=f_n')).toEqual(['L3'])
      for (const amount of ['2,100.80', '-2100.8', '2100']) expect(await ids(`?q=${amount}`), amount).toEqual(['L3'])
      expect(await ids('?q=100.8')).toEqual([])
      expect(await ids("?q=';drop table records;--")).toEqual([])
      expect(await ids(`?q=${'x'.repeat(200)}`)).toEqual([])
      for (const query of ['?side=top', '?state=gone', '?source=x', `?q=${'x'.repeat(201)}`, '?q=%00']) {
        expect((await get(`records${query}`)).status, query).toBe(422)
      }
    })

    test('come in pages, and one imported meanwhile moves nothing', async () => {
      for (let no = 0; no < 5; no++) await review.record('left', { externalId: `L${no}` })
      const walked = await walk<RecordView>('records', 2, () => review.record('left', { externalId: 'late' }))
      expect(walked.map((record) => record.externalId)).toEqual(['L0', 'L1', 'L2', 'L3', 'L4', 'late'])
    })

    test('one shows its row, its matches and its break', async () => {
      const { left, match } = await pair(1)
      const other = await review.match(left, await review.record('right', { externalId: 'R2' }), { confidence: '0.95' })
      await review.break(left, 'left')
      const { body } = await get<{ record: RecordView; payload: object; matches: MatchView[]; break: BreakView }>(`records/${left}`)
      expect(body).toMatchObject({
        record: { id: left, externalId: 'L1', state: 'suggested' },
        payload: { id: 'L1' },
        break: { record: left, status: 'open' },
      })
      expect(body.matches.map((item) => item.id)).toEqual([other, match])
      expectProblem(await get(`records/${newId()}`), 404, 'NOT_FOUND')
      expectProblem(await get('records/nonsense'), 404, 'NOT_FOUND')
    })
  })

  describe('matches', () => {
    test('are filtered, highest confidence first', async () => {
      const one = await pair(1, { confidence: '0.5' })
      const two = await pair(2, { confidence: '0.99999' })
      const three = await pair(3, { status: 'confirmed', confidence: '1' })
      const ids = async (query: string) => (await get<Page<MatchView>>(`matches${query}`)).body.items.map((match) => match.id)
      expect(await ids('')).toEqual([three.match, two.match, one.match])
      expect(await ids('?status=proposed')).toEqual([two.match, one.match])
      expect(await ids('?minConfidence=0.99999')).toEqual([three.match, two.match])
      expect(await ids('?minConfidence=1')).toEqual([three.match])
      expect(await ids('?minConfidence=0')).toHaveLength(3)
      expect(await ids('?rule=reference')).toHaveLength(3)
      expect(await ids('?rule=other')).toEqual([])
      expect(await ids(`?job=${newId()}`)).toEqual([])
      for (const query of [
        '?status=gone',
        '?minConfidence=1.1',
        '?minConfidence=-1',
        '?minConfidence=0.123456',
        '?minConfidence=.5',
        '?job=x',
        '?limit=501',
      ]) {
        expect((await get(`matches${query}`)).status, query).toBe(422)
      }
    })

    test('are found by what their records say, few or many, also those of several records', async () => {
      const one = await pair(1, { confidence: '0.8' })
      const two = await pair(2, { confidence: '0.7' })
      const fee = await review.record('left', { externalId: 'FEE-7', amount: '2.5' })
      const part = { id: newId(), projectId: review.project, partOfId: one.match, leftId: fee, rule: 'manual', cardinality: 'N:1' }
      const said = { confidence: '0.8', explanation: {}, status: 'proposed', automatic: false }
      await database.db.match.create({ data: { ...part, ...said } })
      await database.db.match.update({ where: { id: one.match }, data: { cardinality: 'N:1' } })
      const found = async (query: string) => (await get<Page<MatchView>>(`matches?status=proposed&${query}`)).body.items
      const ids = async (query: string) => (await found(query)).map(({ id }) => id)
      expect(await ids('q=l2')).toEqual([two.match])
      expect(await ids('q=fee-7')).toEqual([one.match])
      expect(await ids('q=2.5')).toEqual([one.match])
      expect(await ids('q=10')).toEqual([one.match, two.match])
      expect(await ids('q=nowhere')).toEqual([])
      expect((await found('q=10')).map(({ currency }) => currency)).toEqual(['EUR', 'EUR'])
      await database.db.$executeRaw`
        insert into records (id, project_id, source_id, side, row_no, external_id)
        select gen_random_uuid(), ${review.project}::uuid, ${review.sources.left}::uuid, 'left', 1000 + no, 'L2 and fee-7 ' || no
        from generate_series(1, 2001) as no`
      expect(await ids('q=l2')).toEqual([two.match])
      expect(await ids('q=fee-7&limit=1')).toEqual([one.match])
      expect((await get(`matches?q=${'x'.repeat(201)}`)).status).toBe(422)
    })

    test('of equal confidence come in pages too, whatever is found meanwhile', async () => {
      const made = new Set<string>()
      for (let no = 0; no < 7; no++) made.add((await pair(no, { confidence: no < 5 ? '0.9' : '0.8' })).match)
      const walked = await walk<MatchView>('matches?status=proposed', 2, () => pair(8, { confidence: '0.95' }))
      expect(walked.map((match) => match.confidence)).toEqual([...Array(5).fill('0.90000'), '0.80000', '0.80000'])
      expect(new Set(walked.map((match) => match.id))).toEqual(made)
    })

    test('one shows both records, its alternatives and what was said about it', async () => {
      const { left, right, match } = await pair(1)
      const rival = await review.match(left, await review.record('right', { externalId: 'R2' }), { confidence: '0.4' })
      await pair(3)
      await decide({ items: [{ match, version: 1, decision: 'confirm', note: 'seen on paper' }] })
      const { body } = await get<MatchDetail>(`matches/${match}`)
      expect(body.match).toMatchObject({
        id: match,
        project: review.project,
        status: 'confirmed',
        automatic: false,
        cardinality: '1:1',
        left: [left],
        right: [right],
        confidence: '0.90000',
        amountDifference: '0',
        explanation: { summary: 'same reference, amount equal' },
        decidedBy: ANA,
        version: 2,
      })
      expect(body.leftRecords).toMatchObject([{ id: left, side: 'left' }])
      expect(body.rightRecords).toMatchObject([{ id: right, side: 'right' }])
      expect(body.members).toEqual([
        { record: left, allocated: '10' },
        { record: right, allocated: '10' },
      ])
      expect(body.alternatives).toMatchObject([{ id: rival, status: 'removed' }])
      expect(body.history).toEqual([{ decision: 'confirm', user: ANA, note: 'seen on paper', at: body.match.decidedAt, version: 2 }])
      expectProblem(await get(`matches/${newId()}`), 404, 'NOT_FOUND')
      expectProblem(await get('matches/nonsense'), 404, 'NOT_FOUND')
    })
  })

  describe('decisions', () => {
    test('confirm and reject, each by itself, and the project is told once', async () => {
      const one = await pair(1)
      const two = await pair(2)
      const answer = await decide({
        items: [
          { match: one.match, version: 1, decision: 'confirm' },
          { match: two.match, version: 1, decision: 'reject', note: null },
          { match: one.match, version: 1, decision: 'reject' },
        ],
      })
      expect(answer.status).toBe(200)
      expect(answer.body.items).toMatchObject([
        { match: one.match, result: 'done', current: { status: 'confirmed', decidedBy: ANA } },
        { match: two.match, result: 'done', current: { status: 'rejected' } },
        // It shows who decided what and when.
        { match: one.match, result: 'conflict', current: { status: 'confirmed', decidedBy: ANA, version: 2 } },
      ])
      expect(http.woken).toEqual([`outbox ${review.project}`])
      const stored = await database.db.decision.findMany({ where: { projectId: review.project } })
      expect(new Set(stored.map((decision) => decision.requestId))).toEqual(new Set([answer.headers.get('x-request-id')]))
      const items = (await get<Page<BreakView>>('breaks')).body.items
      expect(items.map((item) => item.record).toSorted()).toEqual([two.left, two.right].toSorted())
    })

    test('that change nothing tell nobody', async () => {
      const { match } = await pair(1, { status: 'confirmed' })
      expect((await decide({ items: [{ match, version: 1, decision: 'reject' }] })).body.items).toMatchObject([{ result: 'conflict' }])
      expect((await decide({ items: [{ match, version: 7, decision: 'reject' }] })).body.items).toMatchObject([{ result: 'conflict' }])
      expect(http.woken).toEqual([])
    })

    test('of which one is unknown decide nothing', async () => {
      const { match } = await pair(1)
      const theirs = await Review.open(database.db)
      const foreign = await theirs.match(
        await theirs.record('left', { externalId: 'L' }),
        await theirs.record('right', { externalId: 'R' }),
      )
      for (const unknown of [newId(), foreign]) {
        const answer = await http.call('POST', `/v1/projects/${review.project}/decisions`, {
          token,
          body: {
            items: [
              { match, version: 1, decision: 'confirm' },
              { match: unknown, version: 1, decision: 'confirm' },
            ],
          },
        })
        expectProblem(answer, 404, 'NOT_FOUND')
        expect(pathsOf(answer)).toEqual(['items.1.match'])
      }
      expect((await get<MatchDetail>(`matches/${match}`)).body.match).toMatchObject({ status: 'proposed', version: 1 })
    })

    test('need the role analyst', async () => {
      const { match } = await pair(1)
      const body = { items: [{ match, version: 1, decision: 'confirm' }] }
      const refused = await http.call('POST', `/v1/projects/${review.project}/decisions`, { token: await as('viewer'), body })
      expectProblem(refused, 403, 'FORBIDDEN')
      expect(refused.body.detail).toBe('this needs the role analyst; yours is viewer')
      expect((await decide(body, await as('approver'))).body.items).toMatchObject([{ result: 'done' }])
    })

    test('are 1 to 1,000 at once, a note has at most 2,000 characters', async () => {
      const { match } = await pair(1)
      const item = { match, version: 9, decision: 'confirm' }
      expect((await decide({ items: Array(1000).fill(item) })).body.items).toHaveLength(1000)
      expect((await decide({ items: [{ ...item, note: 'x'.repeat(2000) }] })).status).toBe(200)
      const bad = [
        [{ items: Array(1001).fill(item) }, 'items'],
        [{ items: [] }, 'items'],
        [{}, 'items'],
        [{ items: [{ ...item, note: 'x'.repeat(2001) }] }, 'items.0.note'],
        [{ items: [{ ...item, note: 'a\u0000' }] }, 'items.0.note'],
        [{ items: [{ ...item, match: 'x' }] }, 'items.0.match'],
        [{ items: [{ ...item, version: 1.5 }] }, 'items.0.version'],
        [{ items: [{ ...item, version: 2 ** 31 }] }, 'items.0.version'],
        [{ items: [{ ...item, decision: 'maybe' }] }, 'items.0.decision'],
      ] as const
      for (const [body, path] of bad) {
        const refused = await http.call('POST', `/v1/projects/${review.project}/decisions`, { token, body })
        expectProblem(refused, 422, 'INVALID')
        expect(pathsOf(refused)).toEqual([path])
      }
    })

    test('of two people at once one is done and the other is shown it', async () => {
      const { match } = await pair(1)
      const ben = await http.token('ben', { projects: { [review.project]: 'analyst' } })
      const answers = await Promise.all([
        decide({ items: [{ match, version: 1, decision: 'confirm' }] }),
        decide({ items: [{ match, version: 1, decision: 'reject' }] }, ben),
      ])
      const items = answers.flatMap((answer) => answer.body.items)
      expect(items.map((item) => item.result).sort()).toEqual(['conflict', 'done'])
      expect(items[0]!.current).toEqual(items[1]!.current)
    })
  })

  describe('breaks', () => {
    test('are filtered and come in pages', async () => {
      for (let no = 0; no < 3; no++) await review.break(await review.record('left', { externalId: `L${no}` }), 'left')
      const right = await review.record('right', { externalId: 'R1' })
      await review.break(right, 'right')
      await database.db.break.updateMany({
        where: { recordId: right },
        data: { reason: 'date-outside', assigneeId: 'ben', status: 'resolved' },
      })
      const records = async (query: string) => {
        const { items, records: rows } = (await get<Page<BreakView> & { records: RecordView[] }>(`breaks${query}`)).body
        // The rows that they are come along.
        expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(items.map(({ record }) => record)))
        return items.map((item) => item.record)
      }
      expect(await walk<BreakView>('breaks', 2)).toHaveLength(4)
      expect(await records('?side=right')).toEqual([right])
      expect(await records('?reason=date-outside')).toEqual([right])
      expect(await records('?status=resolved')).toEqual([right])
      expect(await records('?status=open')).toHaveLength(3)
      expect(await records('?assignee=ben')).toEqual([right])
      expect(await records('?assignee=ben&side=left')).toEqual([])
      const counted = (await get<Page<BreakView> & { count?: number }>('breaks?status=open&limit=1&count=true')).body
      expect([counted.items.length, counted.count]).toEqual([1, 3])
      expect((await get('breaks?status=open&limit=1')).body).not.toHaveProperty('count')
      expect((await get<Page<BreakView>>('breaks?side=right')).body.items).toMatchObject([
        {
          project: review.project,
          side: 'right',
          reason: 'date-outside',
          nearestMiss: null,
          assignee: { id: 'ben', name: 'Ben' },
          dueAt: null,
          status: 'resolved',
          version: 1,
        },
      ])
      for (const query of ['?side=top', '?reason=bad-luck', '?status=gone', `?assignee=${'x'.repeat(129)}`, '?cursor=x']) {
        expect((await get(`breaks${query}`)).status, query).toBe(422)
      }
    })
  })

  describe('the export', () => {
    test('is a file of what was asked', async () => {
      await pair(1, { status: 'confirmed' })
      await review.break(await review.record('left', { externalId: '=1+1', memo: '@x', amount: '-5' }), 'left')
      const csv = await get('export?what=records')
      expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      expect(csv.headers.get('content-disposition')).toBe('attachment; filename="records.csv"')
      expect(csv.text.split('\r\n')).toHaveLength(5)
      expect(csv.text).toMatch(/,'=1\+1,2026-03-02,-5,EUR,,,'@x\r\n/)
      const ndjson = await get('export?what=breaks&format=ndjson')
      expect(ndjson.headers.get('content-type')).toBe('application/x-ndjson')
      expect(JSON.parse(ndjson.text)).toMatchObject({ side: 'left', externalId: '=1+1', memo: '@x', amount: '-5', reason: 'no-candidate' })
      expect((await get('export?what=matches')).text).toContain(',L1,')
      for (const query of ['', '?what=users', '?what=results', '?what=matches&format=xlsx'])
        expect((await get(`export${query}`)).status, query).toBe(422)
    })
  })
})
