import { request } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Mapping } from '../../src/imports/statement-parser.js'
import type { RecordView, SourceView, Summary } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, type Page, type Problem, pathsOf } from './http-fixture.js'

interface Imported {
  readonly source: SourceView
  readonly mapping: Mapping
  readonly problems: readonly { readonly row: number; readonly column: string | null; readonly message: string }[]
}

interface Preview {
  readonly mapping: Mapping
  readonly doubts: readonly { readonly field: string; readonly message: string }[]
  readonly rows: readonly {
    readonly rowNo: number
    readonly outcome: string
    readonly record: { readonly amountMinor: string | null } | null
  }[]
}

const LONG_ROW = `1,2024-01-31,1.50,${'x'.repeat(250)}\n`
const FILE = 'id,date,amount,memo\n1,2024-01-31,12.50,rent\n2,2024-02-01,-3.00,fee\n'

describe.each(DATABASES)('sources on $name', ({ create }) => {
  let database: TestDatabase
  let http: HttpFixture
  let project: ProjectId
  let token: string

  beforeAll(async () => {
    database = await create()
    http = await HttpFixture.open(database.db)
    token = await http.token('ana')
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })
  beforeEach(async () => {
    project = await http.project('ana')
    http.woken.length = 0
  })
  // Whatever a test uploaded, refused or broke off: nothing half-done is left.
  afterEach(async () => {
    expect(await database.db.source.count({ where: { state: { not: 'ready' } } })).toBe(0)
  })

  function upload<Body = Imported>(
    raw: RequestInit['body'],
    query: Record<string, string> = {},
    as = token,
    headers: Record<string, string> = {},
  ) {
    const parameters = new URLSearchParams({ side: 'left', name: 'bank.csv', ...query })
    return http.call<Body>('POST', `/v1/projects/${project}/sources?${parameters}`, { token: as, raw, headers })
  }

  const get = <Body>(path: string, as = token) => http.call<Body>('GET', `/v1/projects/${project}/${path}`, { token: as })

  async function countAll() {
    const where = { source: { projectId: project } }
    const [sources, records, problems, news] = await Promise.all([
      database.db.source.count({ where: { projectId: project } }),
      database.db.record.count({ where: { projectId: project } }),
      database.db.sourceProblem.count({ where }),
      database.db.outbox.count({ where: { projectId: project } }),
    ])
    return { sources, records, problems, news }
  }

  /** Nothing of the refused upload is in the database, and nobody was told of it. */
  async function expectNothing(): Promise<void> {
    expect(await countAll()).toEqual({ sources: 0, records: 0, problems: 0, news: 0 })
    expect(http.woken).toEqual([])
  }

  describe('an upload', () => {
    test('becomes a source with its records, and the project is told', async () => {
      const answer = await upload(FILE)
      expect(answer.status).toBe(201)
      const { source, mapping, problems } = answer.body
      expect(source).toEqual({
        id: expect.any(String),
        project,
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
      expect(answer.headers.get('location')).toBe(`/v1/projects/${project}/sources/${source.id}`)
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
      expect((await get<Page<SourceView>>('sources')).body).toEqual({ items: [source], nextCursor: null })
      expect((await get(`sources/${source.id}`)).body).toEqual({ source })
      expect((await get<Page<RecordView>>('records')).body.items).toMatchObject([
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
      expect(http.woken).toEqual([`outbox ${project}`])
      const news = await database.db.outbox.findMany({ where: { projectId: project } })
      const trace = answer.headers.get('x-request-id')
      expect(news.map((row) => [row.type, JSON.parse(row.body)])).toEqual([['source.imported', { actor: 'ana', data: { source }, trace }]])
    })

    test('is a file whatever its content type says', async () => {
      for (const type of ['text/csv', 'application/json', 'multipart/form-data; boundary=x', 'application/octet-stream', 'nonsense']) {
        expect((await upload(FILE, { again: 'true' }, token, { 'content-type': type })).status, type).toBe(201)
      }
    })

    test('keeps each row as it stood and numbers equal ones', async () => {
      const source = (
        await upload('id,amount,memo,__proto__\nA,1.50,=1+1,x\nA,1.50,=1+1,x\nB,2.50,,y\n', { mapping: '{"externalId":{"column":"id"}}' })
      ).body.source
      const { items } = (await get<Page<RecordView>>(`records?source=${source.id}`)).body
      const detail = await get(`records/${items[0]!.id}`)
      expect(JSON.parse(detail.text, (key, value) => (key === '__proto__' ? undefined : value))).toMatchObject({
        record: items[0],
        payload: { id: 'A', amount: '1.50', memo: '=1+1' },
        matches: [],
        break: null,
      })
      expect(detail.text).toContain('"__proto__":"x"')
      const rows = await database.db.record.findMany({ where: { sourceId: source.id }, orderBy: { rowNo: 'asc' } })
      expect(rows.map((row) => row.occurrenceNo)).toEqual([0, 1, 0])
    })

    test('keeps money exactly', async () => {
      const amounts = ['0.1', '0.2', '-12345678901234567890.12', '99999999999999999999999999.999999999999', '-0.01']
      await upload(`id,amount\n${amounts.map((amount, no) => `${no},${amount}`).join('\n')}\n`)
      expect((await get<Page<RecordView>>('records')).body.items.map((record) => record.amount)).toEqual(amounts)
      expect((await get<Summary>('summary')).body.controlTotals).toEqual([
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
      const answer = await upload(`id,amount\n${lines.join('\n')}\n`)
      expect(answer.body.source.rows).toEqual({ accepted: 2_297, warning: 0, rejected: 24 })
      expect(answer.body.problems).toHaveLength(24)
      expect((await get<Summary>('summary')).body.totals).toEqual([
        { side: 'left', currency: 'EUR', state: 'open', count: 2_297, amount: '22.97' },
      ])
    })

    test('shows the first hundred problems', async () => {
      const answer = await upload(`id,amount\n0,1\n${'1,x\n'.repeat(150)}`, { mapping: '{"amount":{"column":"amount"}}' })
      expect(answer.body.problems).toHaveLength(100)
      expect(answer.body.problems[0]).toEqual({ row: 2, column: 'amount', message: '"x" is not an amount' })
      expect(answer.body.source.rows).toEqual({ accepted: 1, warning: 0, rejected: 150 })
    })

    test('of the same bytes is recognised on its side, unless it is meant', async () => {
      const first = (await upload(FILE)).body.source
      http.woken.length = 0
      const before = await countAll()
      const twin = await upload<Problem & { source: SourceView }>(FILE, { name: 'copy.csv' })
      expectProblem(twin, 409, 'DUPLICATE_SOURCE')
      expect(twin.body.source).toEqual(first)
      expect(twin.body.detail).toBe('these bytes were imported already as bank.csv')
      expect(await countAll()).toEqual(before)
      expect(http.woken).toEqual([])
      expect((await upload(FILE, { side: 'right' })).status).toBe(201)
      expect((await upload(FILE, { again: 'true' })).status).toBe(201)
      expect((await upload(`${FILE}3,2024-02-02,1.00,x\n`)).status).toBe(201)
      project = await http.project('ana')
      expect((await upload(FILE)).status).toBe(201)
    })

    test('of the same bytes at the same moment is one source', async () => {
      const answers = await Promise.all([upload(FILE), upload(FILE), upload(FILE)])
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409])
      expect(await countAll()).toMatchObject({ sources: 1, records: 2, news: 1 })
    })

    test('by a mapping that is given', async () => {
      const mapping: Mapping = {
        amount: { column: 'b', negate: true },
        date: { column: 2, format: 'MM/dd/yyyy' },
        currency: { constant: 'USD' },
      }
      const answer = await upload('a,b,c\nx,1.50,03/04/2024\n', { mapping: JSON.stringify(mapping) })
      expect(answer.body.mapping).toMatchObject(mapping)
      expect((await get<Page<RecordView>>('records')).body.items).toMatchObject([
        { amount: '-1.5', currency: 'USD', valueDate: '2024-03-04' },
      ])
      expect(await database.db.source.findFirst({ where: { projectId: project } })).toMatchObject({ mapping: answer.body.mapping })
    })
  })

  test('a dry run shows what an import would do and stores nothing', async () => {
    const file = `id,amount,memo\n${Array.from({ length: 30 }, (_, no) => `${no},${no === 1 ? 'x' : '1.50'},a`).join('\n')}\n`
    const { status, body } = await upload<Preview>(file, { dryRun: 'true' })
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
    await expectNothing()
  })

  describe('what cannot be imported is refused in one sentence and leaves nothing', () => {
    const BAD: readonly (readonly [string, string | Uint8Array, string])[] = [
      ['an empty file', '', 'the file is empty'],
      ['a file of blanks', '\ufeff \n\n', 'the file is empty'],
      ['a header only', 'id,amount\n', 'the file has a header and no rows'],
      [
        'a spreadsheet',
        Buffer.from('PK\u0003\u0004\u0000\u0000'),
        'the file is not text: it is a ZIP archive or a spreadsheet: save it as CSV',
      ],
      ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 1]), 'the file is not text: it has NUL characters'],
      ['an open quote', 'id,amount,memo\n1,1.50,"a\n', 'a quote that row 2 of the file opens is never closed'],
      [
        'rows that are all rejected',
        `id,date,amount\n${'1,31.02.2024,1.50\n'.repeat(2_500)}`,
        'every row was rejected; row 1, column date: "31.02.2024" is not a date of the form dd.MM.yyyy',
      ],
    ]
    test.each(BAD)('%s', async (_, file, detail) => {
      const mapping = String(file).includes('31.02') ? { mapping: '{"date":{"column":"date","format":"dd.MM.yyyy"}}' } : {}
      for (const dryRun of ['false', 'true']) {
        const answer = await upload<Problem>(file as NonNullable<RequestInit['body']>, { ...mapping, dryRun })
        // A dry run reads only the first batch: it shows 20 rejected rows where an import would end so.
        if (dryRun === 'true' && 'mapping' in mapping) expect(answer.status).toBe(200)
        else {
          expectProblem(answer, 422, 'INVALID')
          expect(answer.body.detail).toBe(detail)
        }
      }
      await expectNothing()
    })

    test('amounts and dates with two readings, which are named', async () => {
      const answer = await upload<Problem & { mapping: Mapping }>('id,amount,date\n1,-3.000,03/04/2024\n')
      expectProblem(answer, 422, 'INVALID')
      expect(answer.body.errors).toEqual([
        {
          path: 'mapping.decimal',
          message: 'the amounts in column amount can be read in two ways: state the decimal mark',
          readings: [
            { value: '.', example: '-3.000 is -3.000' },
            { value: ',', example: '-3.000 is -3000' },
          ],
        },
        {
          path: 'mapping.date.format',
          message: 'the dates in column date can be read in two ways: state the format',
          readings: [
            { value: 'dd/MM/yyyy', example: '03/04/2024 is 2024-04-03' },
            { value: 'MM/dd/yyyy', example: '03/04/2024 is 2024-03-04' },
          ],
        },
      ])
      expect(answer.body.mapping).toEqual({
        externalId: { column: 'id' },
        amount: { column: 'amount' },
        date: { column: 'date', format: 'dd/MM/yyyy' },
      })
      await expectNothing()
    })

    test.each([
      ['no JSON', '{"amount":', ['mapping']],
      ['no object', '[]', ['mapping']],
      ['a misspelled field', '{"ammount":{"column":"x"}}', ['mapping']],
      ['a column that is not there', '{"amount":{"column":"total"}}', ['mapping.amount.column']],
      ['a date without a format', '{"date":{"column":"date"}}', ['mapping.date.format']],
      ['a format of no day', '{"date":{"column":"date","format":"HH:mm"}}', ['mapping.date.format']],
      ['a currency that is none', '{"currency":{"constant":"Euro"}}', ['mapping.currency.constant']],
      ['an encoding that is none', '{"encoding":"constructor"}', ['mapping.encoding']],
      ['a separator that is none', '{"separator":"\\n"}', ['mapping.separator']],
      ['a header beyond the file', '{"headerRow":9}', ['mapping.headerRow']],
    ])('a mapping with %s', async (_, mapping, paths) => {
      const answer = await upload<Problem>(FILE, { mapping })
      expectProblem(answer, 422, 'INVALID')
      expect(pathsOf(answer)).toEqual(paths)
      await expectNothing()
    })

    test('a query that is not one', async () => {
      for (const [query, path] of [
        [{ side: 'middle' }, 'side'],
        [{ name: '' }, 'name'],
        [{ name: 'x'.repeat(256) }, 'name'],
        [{ again: 'yes' }, 'again'],
        [{ dryRun: '1' }, 'dryRun'],
        [{ mapping: 'x'.repeat(8_193) }, 'mapping'],
      ] as const) {
        const answer = await upload<Problem>(FILE, query)
        expectProblem(answer, 422, 'INVALID')
        expect(pathsOf(answer)).toEqual([path])
      }
      expect((await upload(FILE, { name: `${'x'.repeat(251)}.csv` })).status).toBe(201)
    })

    test('a format that is not read', async () => {
      for (const query of [{ name: 'statement.xlsx' }, { name: 'statement.sta' }, { format: 'mt940' }]) {
        expectProblem(await upload<Problem>(FILE, query), 415, 'UNSUPPORTED')
      }
      await expectNothing()
      expect((await upload(FILE, { name: 'statement.sta', format: 'csv' })).status).toBe(201)
    })

    test('who may not', async () => {
      expectProblem(await upload<Problem>(FILE, {}, await http.member(project, 'vic', 'viewer')), 403, 'FORBIDDEN')
      expectProblem(await upload<Problem>(FILE, {}, await http.token('stranger')), 403, 'FORBIDDEN')
      expectProblem(await upload<Problem>(FILE, { dryRun: 'true' }, 'nonsense'), 401, 'UNAUTHENTICATED')
      expect((await countAll()).sources).toBe(0)
      expect((await upload(FILE, {}, await http.member(project, 'ann', 'analyst'))).status).toBe(201)
    })

    test('more bytes than are allowed, said beforehand or not', async () => {
      const maxUploadBytes = 30_000
      const small = await HttpFixture.open(database.db, { maxUploadBytes })
      const rows = `id,date,amount,memo\n${'1,2024-01-31,1.50,xxxxxxxxx\n'.repeat(1_000)}`
      const exact = rows + ' '.repeat(maxUploadBytes - rows.length)
      const send = (raw: RequestInit['body']) =>
        small.call<Problem>('POST', `/v1/projects/${project}/sources?side=left&name=bank.csv&again=true`, { token, raw })
      expect((await send(exact)).status).toBe(201)
      expectProblem(await send(`${exact} `), 413, 'TOO_LARGE')
      // Without a length the transfer is chunked.
      expect((await send(new Blob([exact]).stream())).status).toBe(201)
      expectProblem(await send(new Blob([`${exact} `]).stream()), 413, 'TOO_LARGE')
      expect(await countAll()).toMatchObject({ sources: 2, records: 2_000 })
      await small.close()
    })
  })

  test('an upload that breaks off leaves nothing', async () => {
    const sender = request(`${http.origin}/v1/projects/${project}/sources?side=left&name=broken.csv`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    const failed = new Promise((resolve) => sender.once('error', resolve))
    // More than the head, so that rows are stored while it waits for the rest.
    sender.write(`id,date,amount,memo\n${LONG_ROW.repeat(5_000)}`)
    await waitForRows()
    expect((await get<Page<SourceView>>('sources')).body.items).toEqual([])
    expect((await get<Page<RecordView>>('records')).body.items).toEqual([])
    expect((await get<Summary>('summary')).body.totals).toEqual([])
    sender.destroy()
    await failed
    await vi.waitFor(expectNothing, 10_000)
  })

  describe('rejected rows', () => {
    test('can be downloaded as they stood, with the reasons in front', async () => {
      const { source } = (
        await upload(
          'zeta,date,amount,a memo\n1,2024-01-31,1.50,x\n2,31.01.2024,abc,"=1+1, ""y"""\n3,2024-01-31,1.50,a,b\n4,2024-01-31,,no amount\n',
          {
            mapping: '{"date":{"column":"date","format":"iso"},"amount":{"column":"amount"}}',
          },
        )
      ).body
      expect(source.rows).toEqual({ accepted: 1, warning: 1, rejected: 2 })
      const answer = await get(`sources/${source.id}/rejected`)
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="rejected-${source.id}.csv"`)
      expect(answer.text.split('\r\n')).toEqual([
        'row,reason,zeta,date,amount,a memo,column 5',
        '2,"date: ""31.01.2024"" is not a date of the form iso; amount: ""abc"" is not an amount",2,31.01.2024,abc,"\'=1+1, ""y"""',
        '3,"the row has 5 cells, the file has 4 columns",3,2024-01-31,1.50,a,b',
        '',
      ])
    })

    test('are none where all was accepted', async () => {
      const { source } = (await upload(FILE)).body
      expect((await get(`sources/${source.id}/rejected`)).text).toBe('row,reason\r\n')
    })

    test('come one after another however many there are', async () => {
      const { source } = (
        await upload(`id,amount\n0,1.50\n${Array.from({ length: 1_200 }, (_, no) => `${no + 1},x`).join('\n')}\n`, {
          mapping: '{"amount":{"column":"amount"}}',
        })
      ).body
      const lines = (await get(`sources/${source.id}/rejected`)).text.trimEnd().split('\r\n')
      expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(Array.from({ length: 1_200 }, (_, no) => String(no + 2)))
    })

    test('hold a cell that was cut in the middle of a character', async () => {
      const { source } = (await upload(`id,amount,memo\n1,1.50,x\n2,1.50,${'x'.repeat(32_766)}😀y\n`)).body
      expect(source.rows).toEqual({ accepted: 1, warning: 0, rejected: 1 })
      expect((await get(`sources/${source.id}/rejected`)).text).toContain(`${'x'.repeat(32_766)}\r\n`)
    })
  })

  describe('the list', () => {
    test('comes in pages in order of import', async () => {
      for (const name of ['a.csv', 'b.csv', 'c.csv']) await upload(FILE, { name, again: 'true' })
      const first = (await get<Page<SourceView>>('sources?limit=2')).body
      await upload(FILE, { name: 'd.csv', again: 'true' })
      const second = (await get<Page<SourceView>>(`sources?limit=2&cursor=${first.nextCursor}`)).body
      expect([...first.items, ...second.items].map((source) => source.name)).toEqual(['a.csv', 'b.csv', 'c.csv', 'd.csv'])
      expect(second.nextCursor).toBeNull()
      expect((await get('sources?limit=500')).status).toBe(200)
      expect((await get('sources?limit=501')).status).toBe(422)
    })
  })

  describe('removing one', () => {
    const remove = (source: string, as = token) => http.call('DELETE', `/v1/projects/${project}/sources/${source}`, { token: as })

    test('takes its records along and tells the project', async () => {
      const { source } = (await upload(FILE)).body
      expectProblem(await remove(source.id, await http.member(project, 'vic', 'viewer')), 403, 'FORBIDDEN')
      const removed = await remove(source.id)
      expect(removed.status).toBe(204)
      expect(await countAll()).toMatchObject({ sources: 0, records: 0 })
      const news = await database.db.outbox.findFirstOrThrow({ where: { projectId: project, type: 'source.removed' } })
      expect(JSON.parse(news.body)).toMatchObject({
        actor: 'ana',
        data: { source: { ...source, version: 3 } },
        trace: removed.headers.get('x-request-id'),
      })
      expectProblem(await remove(source.id), 404, 'NOT_FOUND')
      expect((await upload(FILE)).status).toBe(201)
    })

    test('what is not there, or belongs to another project, is not found', async () => {
      const { source } = (await upload(FILE)).body
      project = await http.project('ana')
      for (const id of [source.id, newId(), 'nonsense']) {
        expectProblem(await remove(id), 404, 'NOT_FOUND')
        expectProblem(await get(`sources/${id}`), 404, 'NOT_FOUND')
        expectProblem(await get(`sources/${id}/rejected`), 404, 'NOT_FOUND')
      }
    })

    test('not while a job runs over it, nor when people have decided on its records', async () => {
      const left = (await upload(FILE)).body.source
      const right = (await upload(FILE, { side: 'right' })).body.source
      const job = await database.db.job.create({ data: { id: newId(), projectId: project, kind: 'match', state: 'running' } })
      expectProblem(await remove(left.id), 409, 'CONFLICT')
      await database.db.job.update({ where: { id: job.id }, data: { state: 'completed' } })
      const [leftId, rightId] = await Promise.all(
        [left, right].map(async (source) => (await database.db.record.findFirstOrThrow({ where: { sourceId: source.id } })).id),
      )
      await database.db.match.create({
        data: {
          id: newId(),
          projectId: project,
          rule: 'r',
          cardinality: '1:1',
          leftId: leftId!,
          rightId: rightId!,
          confidence: '1',
          explanation: {},
          status: 'rejected',
          automatic: false,
          decidedById: 'ana',
        },
      })
      expectProblem(await remove(right.id), 409, 'CONFLICT')
      expect((await get<Page<SourceView>>('sources')).body.items).toHaveLength(2)
    })
  })

  test.each([
    ['before its first row is read', 10, 403, 'FORBIDDEN'],
    ['while rows are stored', 5_000, 409, 'CONFLICT'],
  ])('a project that is deleted %s takes the upload along', async (_, rows, status, code) => {
    const sent = new TransformStream<Uint8Array, Uint8Array>()
    const writer = sent.writable.getWriter()
    const answer = upload<Problem>(sent.readable)
    await writer.write(Buffer.from(`id,date,amount,memo\n${LONG_ROW.repeat(rows)}`))
    if (rows > 10) await waitForRows()
    await http.call('DELETE', `/v1/projects/${project}?name=Project`, { token })
    await writer.write(Buffer.from(LONG_ROW.repeat(200)))
    await writer.close()
    expectProblem(await answer, status, code)
  })

  function waitForRows(): Promise<void> {
    return vi.waitFor(
      async () => expect(await database.db.source.count({ where: { projectId: project, acceptedRows: { gt: 0 } } })).toBe(1),
      10_000,
    )
  }
})
