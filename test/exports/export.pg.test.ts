import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decide } from '../../src/db/decisions.js'
import { createMatch } from '../../src/db/manual-matches.js'
import { type ExportFormat, type ExportWhat, exportRows } from '../../src/exports/export.js'
import { Review } from '../db/review-fixture.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'

describe.each(DATABASES)('exports on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  async function chunksOf(what: ExportWhat, format: ExportFormat): Promise<string[]> {
    const chunks: string[] = []
    for await (const chunk of exportRows({ db: database.db, project: review.project, what, format })) chunks.push(chunk)
    return chunks
  }

  async function rowsOf(what: ExportWhat): Promise<Record<string, string>[]> {
    return parse((await chunksOf(what, 'csv')).join(''), { columns: true })
  }

  test('a match has both sides with file, row, external id, amount and date, and why', async () => {
    const left = await review.record('left', { externalId: 'L1', amount: '-12.50', memo: '=HYPERLINK("x")' })
    const match = await review.match(left, await review.record('right', { externalId: 'R1', amount: '-12.5' }))
    await decide(database.db, review.act(), { match, version: 1, decision: 'confirm', note: 'said so on the phone' })

    expect(await rowsOf('matches')).toMatchObject([
      {
        match,
        status: 'confirmed',
        automatic: 'false',
        confidence: '0.90000',
        leftSource: 'bank.csv',
        leftRow: '1',
        leftExternalId: 'L1',
        leftAmount: '-12.5',
        leftCurrency: 'EUR',
        leftDate: '2026-03-02',
        leftMemo: '\'=HYPERLINK("x")',
        rightSource: 'ledger.csv',
        rightExternalId: 'R1',
        amountDifference: '0',
        explanation: 'same reference, amount equal',
        decidedBy: 'Ana',
        note: 'said so on the phone',
      },
    ])
  })

  test('a match of several records has a line for each, in which no record stands twice', async () => {
    const lefts = [
      await review.record('left', { externalId: 'L1', amount: '4' }),
      await review.record('left', { externalId: 'L2', amount: '6.5' }),
    ]
    const right = await review.record('right', { externalId: 'R1', amount: '10' })
    const match = await createMatch(database.db, review.act(), { left: lefts, right: [right], note: null, reason: 'fee' })

    const rows = await rowsOf('matches')
    expect(rows).toMatchObject([
      { match: match.id, rule: 'manual', leftExternalId: 'L1', rightExternalId: 'R1', amountDifference: '0.5' },
      { match: match.id, rule: 'manual', leftExternalId: 'L2', rightExternalId: '', rightRow: '', amountDifference: '' },
    ])
    const results = await rowsOf('results')
    expect(results.map((row) => [row.externalId, row.state, row.counterpartExternalId])).toEqual([
      ['L1', 'matched', 'R1'],
      ['L2', 'matched', 'R1'],
      ['R1', 'matched', 'L1'],
    ])
    expect(new Set(results.map((row) => row.explanation))).toEqual(new Set([match.explanation.summary]))
  })

  test('rejected and removed matches do not stand, so they are not exported', async () => {
    const left = await review.record('left', { externalId: 'L1' })
    const match = await review.match(left, await review.record('right', { externalId: 'R1' }))
    await decide(database.db, review.act(), { match, version: 1, decision: 'reject', note: null })

    expect(await rowsOf('matches')).toEqual([])
    const mine = { assigneeId: review.act().actor.id, dueAt: '2026-04-01T00:00:00.000Z', note: '=SUM(A1)\n"paid" twice' }
    await database.db.break.updateMany({ where: { recordId: left }, data: mine })
    expect(await rowsOf('breaks')).toMatchObject([
      {
        side: 'left',
        externalId: 'L1',
        owner: 'Ana',
        due: '2026-04-01',
        note: `'${mine.note}`,
        reason: 'no-candidate',
        nearestExternalId: 'R1',
        daysApart: '0',
        status: 'open',
      },
      { side: 'right', externalId: 'R1', nearestExternalId: 'L1', owner: '', due: '', note: '' },
    ])
    expect(JSON.parse((await chunksOf('breaks', 'ndjson'))[0]!.split('\n')[0]!)).toMatchObject({ note: mine.note })
  })

  test('results hold every record once, with its match or its break', async () => {
    const left = await review.record('left', { externalId: 'L1', amount: '3' })
    await review.match(left, await review.record('right', { externalId: 'R1', amount: '3' }), { status: 'confirmed', confidence: '1' })
    const open = await review.record('left', { externalId: 'L2', amount: null, date: null })
    await review.break(open, 'left')

    expect(await rowsOf('results')).toMatchObject([
      { state: 'matched', externalId: 'L1', counterpartExternalId: 'R1', counterpartAmount: '3', confidence: '1.00000', breakReason: '' },
      { state: 'matched', externalId: 'R1', counterpartExternalId: 'L1', automatic: 'true' },
      { state: 'open', externalId: 'L2', amount: '', date: '', counterpartExternalId: '', breakReason: 'no-candidate' },
    ])
  })

  test('NDJSON has the same names with the values as they are', async () => {
    await review.record('left', { externalId: '=1', amount: '0.10' })
    const [line] = (await chunksOf('records', 'ndjson')).join('').trim().split('\n')
    expect(JSON.parse(line!)).toMatchObject({ state: 'open', side: 'left', row: 1, externalId: '=1', amount: '0.1', reference: null })
  })

  test('many rows come page by page, each once and in order of import', async () => {
    await database.db.$executeRaw`
      insert into records (id, project_id, source_id, side, row_no, external_id)
      select gen_random_uuid(), ${review.project}::uuid, ${review.sources.left}::uuid, 'left', n, 'L' || n from generate_series(1, 2000) n`
    const chunks = await chunksOf('records', 'ndjson')
    expect(chunks).toHaveLength(2)
    const ids = chunks
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).externalId)
    expect(new Set(ids).size).toBe(2000)
    expect(ids).toHaveLength(2000)
  })

  test('an empty project has a header and nothing else', async () => {
    expect(await chunksOf('breaks', 'csv')).toEqual([expect.stringMatching(/^break,status,reason,.*\r\n$/)])
    expect(await chunksOf('breaks', 'ndjson')).toEqual([])
  })
})
