import { request } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Mapping } from '../../src/imports/statement-parser.js'
import type { RecordView, SourceView, Summary } from '../../src/protocol/views.js'
import { MAIN_DATABASE, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, type Page, type Problem, pathsOf } from './http-fixture.js'
import { FILE, UploadRoom } from './upload-room.js'

const LONG_ROW = `1,2024-01-31,1.50,${'x'.repeat(250)}\n`

describe.each(MAIN_DATABASE)('refused uploads on $name', ({ create }) => {
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
        const answer = await room.upload<Problem>(file as NonNullable<RequestInit['body']>, { ...mapping, dryRun })
        // A dry run reads only the first batch: it shows 20 rejected rows where an import would end so.
        if (dryRun === 'true' && 'mapping' in mapping) expect(answer.status).toBe(200)
        else {
          expectProblem(answer, 422, 'INVALID')
          expect(answer.body.detail).toBe(detail)
        }
      }
      await room.expectNothing()
    })

    test('amounts and dates with two readings, which are named', async () => {
      const answer = await room.upload<Problem & { mapping: Mapping }>('id,amount,date\n1,-3.000,03/04/2024\n')
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
      await room.expectNothing()
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
      const answer = await room.upload<Problem>(FILE, { mapping })
      expectProblem(answer, 422, 'INVALID')
      expect(pathsOf(answer)).toEqual(paths)
      await room.expectNothing()
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
        const answer = await room.upload<Problem>(FILE, query)
        expectProblem(answer, 422, 'INVALID')
        expect(pathsOf(answer)).toEqual([path])
      }
      expect((await room.upload(FILE, { name: `${'x'.repeat(251)}.csv` })).status).toBe(201)
    })

    test('a format that is not read', async () => {
      for (const query of [{ name: 'statement.xlsx' }, { name: 'statement.sta' }, { format: 'mt940' }]) {
        expectProblem(await room.upload<Problem>(FILE, query), 415, 'UNSUPPORTED')
      }
      await room.expectNothing()
      expect((await room.upload(FILE, { name: 'statement.sta', format: 'csv' })).status).toBe(201)
    })

    test('who may not', async () => {
      expectProblem(
        await room.upload<Problem>(FILE, {}, { token: await room.http.member(room.project, 'vic', 'viewer') }),
        403,
        'FORBIDDEN',
      )
      expectProblem(await room.upload<Problem>(FILE, {}, { token: await room.http.token('stranger') }), 403, 'FORBIDDEN')
      expectProblem(await room.upload<Problem>(FILE, { dryRun: 'true' }, { token: 'nonsense' }), 401, 'UNAUTHENTICATED')
      expect((await room.countAll()).sources).toBe(0)
      expect((await room.upload(FILE, {}, { token: await room.http.member(room.project, 'ann', 'analyst') })).status).toBe(201)
    })

    test('more bytes than are allowed, said beforehand or not', async () => {
      const maxUploadBytes = 30_000
      const small = await HttpFixture.open(room.db, { maxUploadBytes })
      const rows = `id,date,amount,memo\n${'1,2024-01-31,1.50,xxxxxxxxx\n'.repeat(1_000)}`
      const exact = rows + ' '.repeat(maxUploadBytes - rows.length)
      const send = (raw: RequestInit['body']) =>
        small.call<Problem>('POST', `/v1/projects/${room.project}/sources?side=left&name=bank.csv&again=true`, { token: room.token, raw })
      expect((await send(exact)).status).toBe(201)
      expectProblem(await send(`${exact} `), 413, 'TOO_LARGE')
      // Without a length the transfer is chunked.
      expect((await send(new Blob([exact]).stream())).status).toBe(201)
      expectProblem(await send(new Blob([`${exact} `]).stream()), 413, 'TOO_LARGE')
      expect(await room.countAll()).toMatchObject({ sources: 2, records: 2_000 })
      await small.close()
    })
  })

  test('an upload that breaks off leaves nothing', async () => {
    const sender = request(`${room.http.origin}/v1/projects/${room.project}/sources?side=left&name=broken.csv`, {
      method: 'POST',
      headers: { authorization: `Bearer ${room.token}` },
    })
    const failed = new Promise((resolve) => sender.once('error', resolve))
    // More than the head, so that rows are stored while it waits for the rest.
    sender.write(`id,date,amount,memo\n${LONG_ROW.repeat(5_000)}`)
    await waitForRows()
    expect((await room.get<Page<SourceView>>('sources')).body.items).toEqual([])
    expect((await room.get<Page<RecordView>>('records')).body.items).toEqual([])
    expect((await room.get<Summary>('summary')).body.totals).toEqual([])
    sender.destroy()
    await failed
    await vi.waitFor(() => room.expectNothing(), 10_000)
  })

  test.each([
    ['before its first row is read', 10, 403, 'FORBIDDEN'],
    ['while rows are stored', 5_000, 409, 'CONFLICT'],
  ])('a project that is deleted %s takes the upload along', async (_, rows, status, code) => {
    const sent = new TransformStream<Uint8Array, Uint8Array>()
    const writer = sent.writable.getWriter()
    const answer = room.upload<Problem>(sent.readable)
    await writer.write(Buffer.from(`id,date,amount,memo\n${LONG_ROW.repeat(rows)}`))
    if (rows > 10) await waitForRows()
    await room.http.call('DELETE', `/v1/projects/${room.project}?name=Project`, { token: room.token })
    await writer.write(Buffer.from(LONG_ROW.repeat(200)))
    await writer.close()
    expectProblem(await answer, status, code)
  })

  function waitForRows(): Promise<void> {
    return vi.waitFor(
      async () => expect(await room.db.source.count({ where: { projectId: room.project, acceptedRows: { gt: 0 } } })).toBe(1),
      10_000,
    )
  }
})
