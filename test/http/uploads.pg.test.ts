import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Mapping } from '../../src/imports/statement-parser.js'
import type { RecordView, SourceView, Summary } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, type Page, type Problem } from './http-fixture.js'
import { FILE, UploadRoom } from './upload-room.js'

interface Preview {
  readonly mapping: Mapping
  readonly doubts: readonly { readonly field: string; readonly message: string }[]
  readonly rows: readonly object[]
}

describe.each(DATABASES)('uploads on $name', ({ create }) => {
  let database: TestDatabase
  let room: UploadRoom

  beforeAll(async () => {
    database = await create()
    room = await UploadRoom.open(database.db)
  })
  afterAll(async () => {
    await room.close()
    await database.close()
  })
  beforeEach(() => room.newProject())
  // Whatever a test uploaded, refused or broke off: nothing half-done is left.
  afterEach(() => room.expectNothingHalfDone())

  describe('an upload', () => {
    test('becomes a source with its records, and the project is told', async () => {
      const answer = await room.upload(FILE)
      expect(answer.status).toBe(201)
      const { source, mapping, problems } = answer.body
      expect(source).toEqual({
        id: expect.any(String),
        project: room.project,
        side: 'left',
        name: 'bank.csv',
        format: 'csv',
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        state: 'ready',
        rows: { accepted: 2, warning: 0, rejected: 0 },
        createdBy: { id: 'ana', name: 'Ana' },
        createdAt: expect.stringMatching(/Z$/),
        version: 2,
      })
      expect(answer.headers.get('location')).toBe(`/v1/projects/${room.project}/sources/${source.id}`)
      expect(mapping).toEqual({
        externalId: { column: 'id' },
        memo: { column: 'memo' },
        amount: { column: 'amount' },
        date: { column: 'date', format: 'iso' },
        decimal: '.',
        thousands: ',',
        separator: ',',
        encoding: 'utf-8',
        headerRow: 0,
      })
      expect(problems).toEqual([])
      expect((await room.get<Page<SourceView>>('sources')).body).toEqual({ items: [source], nextCursor: null })
      expect((await room.get(`sources/${source.id}`)).body).toEqual({ source })
      expect((await room.get<Page<RecordView>>('records')).body.items).toMatchObject([
        {
          source: source.id,
          side: 'left',
          rowNo: 1,
          externalId: '1',
          amount: '12.5',
          currency: 'EUR',
          valueDate: '2024-01-31',
          memo: 'rent',
          state: 'open',
        },
        { rowNo: 2, externalId: '2', amount: '-3' },
      ])
      expect(room.http.woken).toEqual([`outbox ${room.project}`])
      const news = await room.db.outbox.findMany({ where: { projectId: room.project } })
      const trace = answer.headers.get('x-request-id')
      expect(news.map((row) => [row.type, JSON.parse(row.body)])).toEqual([['source.imported', { actor: 'ana', data: { source }, trace }]])
    })

    test('is a file whatever its content type says', async () => {
      for (const type of ['text/csv', 'application/json', 'multipart/form-data; boundary=x', 'application/octet-stream', 'nonsense']) {
        expect((await room.upload(FILE, { again: 'true' }, { headers: { 'content-type': type } })).status, type).toBe(201)
      }
    })

    test('keeps each row as it stood and numbers equal ones', async () => {
      const source = (
        await room.upload('id,amount,memo,__proto__\nA,1.50,=1+1,x\nA,1.50,=1+1,x\nB,2.50,,y\n', {
          mapping: '{"externalId":{"column":"id"}}',
        })
      ).body.source
      const { items } = (await room.get<Page<RecordView>>(`records?source=${source.id}`)).body
      const detail = await room.get(`records/${items[0]!.id}`)
      expect(JSON.parse(detail.text, (key, value) => (key === '__proto__' ? undefined : value))).toMatchObject({
        record: items[0],
        payload: { id: 'A', amount: '1.50', memo: '=1+1' },
        matches: [],
        break: null,
      })
      expect(detail.text).toContain('"__proto__":"x"')
      const rows = await room.db.record.findMany({ where: { sourceId: source.id }, orderBy: { rowNo: 'asc' } })
      expect(rows.map((row) => row.occurrenceNo)).toEqual([0, 1, 0])
    })

    test('keeps money exactly', async () => {
      const amounts = ['0.1', '0.2', '-12345678901234567890.12', '99999999999999999999999999.999999999999', '-0.01']
      await room.upload(`id,amount\n${amounts.map((amount, no) => `${no},${amount}`).join('\n')}\n`)
      expect((await room.get<Page<RecordView>>('records')).body.items.map((record) => record.amount)).toEqual(amounts)
      expect((await room.get<Summary>('summary')).body.controlTotals).toEqual([
        {
          currency: 'EUR',
          side: 'left',
          total: '99999987654321098765432110.169999999999',
          matched: '0',
          open: '99999987654321098765432110.169999999999',
          excluded: '0',
        },
      ])
    })

    test('of more than one batch is whole', async () => {
      const lines = Array.from({ length: 2_321 }, (_, no) => `${no},${no % 97 === 0 ? 'x' : '0.01'}`)
      const answer = await room.upload(`id,amount\n${lines.join('\n')}\n`)
      expect(answer.body.source.rows).toEqual({ accepted: 2_297, warning: 0, rejected: 24 })
      expect(answer.body.problems).toHaveLength(24)
      expect((await room.get<Summary>('summary')).body.totals).toEqual([
        { side: 'left', currency: 'EUR', state: 'open', count: 2_297, amount: '22.97' },
      ])
    })

    test('shows the first hundred problems', async () => {
      const answer = await room.upload(`id,amount\n0,1\n${'1,x\n'.repeat(150)}`, { mapping: '{"amount":{"column":"amount"}}' })
      expect(answer.body.problems).toHaveLength(100)
      expect(answer.body.problems[0]).toEqual({ row: 2, column: 'amount', message: '"x" is not an amount' })
      expect(answer.body.source.rows).toEqual({ accepted: 1, warning: 0, rejected: 150 })
    })

    test('of the same bytes is recognised on its side, unless it is meant', async () => {
      const first = (await room.upload(FILE)).body.source
      room.http.woken.length = 0
      const before = await room.countAll()
      const twin = await room.upload<Problem & { source: SourceView }>(FILE, { name: 'copy.csv' })
      expectProblem(twin, 409, 'DUPLICATE_SOURCE')
      expect(twin.body.source).toEqual(first)
      expect(twin.body.detail).toBe('these bytes were imported already as bank.csv')
      expect(await room.countAll()).toEqual(before)
      expect(room.http.woken).toEqual([])
      expect((await room.upload(FILE, { side: 'right' })).status).toBe(201)
      expect((await room.upload(FILE, { again: 'true' })).status).toBe(201)
      expect((await room.upload(`${FILE}3,2024-02-02,1.00,x\n`)).status).toBe(201)
      room.project = await room.http.project('ana')
      expect((await room.upload(FILE)).status).toBe(201)
    })

    test('of the same bytes at the same moment is one source', async () => {
      const answers = await Promise.all([room.upload(FILE), room.upload(FILE), room.upload(FILE)])
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409])
      expect(await room.countAll()).toMatchObject({ sources: 1, records: 2, news: 1 })
    })

    test('by a mapping that is given', async () => {
      const mapping: Mapping = {
        amount: { column: 'b', negate: true },
        date: { column: 2, format: 'MM/dd/yyyy' },
        currency: { constant: 'USD' },
      }
      const answer = await room.upload('a,b,c\nx,1.50,03/04/2024\n', { mapping: JSON.stringify(mapping) })
      expect(answer.body.mapping).toMatchObject(mapping)
      expect((await room.get<Page<RecordView>>('records')).body.items).toMatchObject([
        { amount: '-1.5', currency: 'USD', valueDate: '2024-03-04' },
      ])
      expect(await room.db.source.findFirst({ where: { projectId: room.project } })).toMatchObject({ mapping: answer.body.mapping })
    })
  })

  test('a dry run shows what an import would do and stores nothing', async () => {
    const file = `id,amount,memo\n${Array.from({ length: 30 }, (_, no) => `${no},${no === 1 ? 'x' : '1.50'},a`).join('\n')}\n`
    const { status, body } = await room.upload<Preview>(file, { dryRun: 'true' })
    expect(status).toBe(200)
    expect(body.mapping).toMatchObject({ amount: { column: 'amount' }, externalId: { column: 'id' } })
    expect(body.doubts).toEqual([{ field: 'date', message: 'no column was recognised as the date: rows have none' }])
    expect(body.rows).toHaveLength(20)
    expect(body.rows[0]).toEqual({
      rowNo: 1,
      outcome: 'accepted',
      record: { externalId: '0', reference: null, counterparty: null, memo: 'a', amount: '1.5', currency: 'EUR', valueDate: null },
      payload: { id: '0', amount: '1.50', memo: 'a' },
      problems: [],
    })
    expect(body.rows[1]).toMatchObject({
      outcome: 'rejected',
      record: null,
      problems: [{ row: 2, column: 'amount', message: '"x" is not an amount' }],
    })
    await room.expectNothing()
  })
})
