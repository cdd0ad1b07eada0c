import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Prisma } from '../../src/db/client.js'
import { readJobRecords } from '../../src/db/job-records.js'
import { insertBreaks, insertMatches } from '../../src/db/job-results.js'
import { listMatches } from '../../src/db/matches.js'
import { createProject, getProject, updateProject } from '../../src/db/projects.js'
import { getRecord, listRecords } from '../../src/db/records.js'
import { insertRows } from '../../src/db/sources.js'
import { readControlTotals } from '../../src/db/summary.js'
import { type JobId, newId, type ProjectId, type RecordId, type SourceId } from '../../src/ids.js'
import { ANA, addSource, Review } from './review-fixture.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

/** What a Decimal(38,12) holds, as the shortest exact text. */
const AMOUNT = fc
  .tuple(fc.bigInt(-(10n ** 38n) + 1n, 10n ** 38n - 1n), fc.integer({ min: 0, max: 26 }))
  .map(([units, shorter]) => plain(units / 10n ** BigInt(shorter)))

/** Units of 10⁻¹² as text without an exponent or trailing zeros. */
function plain(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(13, '0')
  const text = `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, '')
  return units < 0n ? `-${text}` : text
}

/** JSON that jsonb holds: it has no NUL character, and its numbers know no negative zero. */
const JSON_VALUE = fc.jsonValue({ maxDepth: 3 }).map((value): unknown => JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '')))

const EMPTY = {
  externalId: null,
  reference: null,
  counterparty: null,
  memo: null,
  amount: null,
  amountMinor: null,
  currency: null,
  valueDate: null,
}

describe.each(DATABASES)('on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  /** Writes the amounts through the bulk path of an import, in this order. */
  async function importAmounts(amounts: readonly string[]): Promise<SourceId> {
    const source = (await addSource(database.db, review.project, 'left', 'amounts.csv')) as SourceId
    const rows = amounts.map((amount, index) => ({
      rowNo: index + 1,
      outcome: 'accepted' as const,
      record: { ...EMPTY, externalId: `A${index}`, amount, currency: 'EUR' },
      payload: { amount },
      problems: [],
    }))
    await insertRows(database.db, { source, project: review.project, side: 'left' }, rows)
    return source
  }

  async function totalOf(amounts: readonly string[]): Promise<string | undefined> {
    review = await Review.open(database.db)
    await importAmounts(amounts)
    const totals = await readControlTotals(database.db, review.project)
    return totals.find((total) => total.side === 'left')?.total
  }

  describe('an amount', () => {
    test.each([
      '0.3',
      '-0.3',
      '0',
      '0.000000000001',
      '-0.000000000001',
      '12345678901234567890',
      '12345678901234567890.123456789012',
      '-99999999999999999999999999.999999999999',
      '9007199254740993',
    ])('%s comes back digit for digit on every path', async (amount) => {
      const source = await importAmounts([amount])

      const [listed] = await listRecords(database.db, review.project, { source }, { limit: 1 })
      expect(listed?.amount).toBe(amount)
      expect((await readJobRecords(database.db, source, 0, 1))[0]?.amount).toBe(amount)
      const row = await database.db.record.findUniqueOrThrow({ where: { id: listed!.id } })
      expect(row.amount?.toFixed()).toBe(amount)
      // And back in through Prisma.
      const copy = await review.record('right', { externalId: 'copy', amount })
      expect((await getRecord(database.db, review.project, copy as RecordId))?.record.amount).toBe(amount)
    })

    test('of any digits comes back (in bulk and by Prisma)', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(AMOUNT, { minLength: 1, maxLength: 50 }), async (amounts) => {
          const source = await importAmounts(amounts)
          const read = await readJobRecords(database.db, source, 0, amounts.length)
          expect(read.map((record) => record.amount)).toEqual(amounts)
          const rows = await database.db.record.findMany({ where: { sourceId: source }, orderBy: { rowNo: 'asc' } })
          expect(rows.map((row) => row.amount?.toFixed())).toEqual(amounts)
        }),
        { numRuns: 20 },
      )
    })

    test('is added exactly: 0.1 + 0.2 is 0.3', async () => {
      expect(await totalOf(['0.1', '0.2'])).toBe('0.3')
      expect(await totalOf(['12345678901234567890.1', '-12345678901234567890', '-0.1'])).toBe('0')
      expect(await totalOf(['9007199254740993', '0.000000000001'])).toBe('9007199254740993.000000000001')
    })

    test('with more digits than the column has is refused, not rounded to fit', async () => {
      await expect(importAmounts(['100000000000000000000000000'])).rejects.toThrow(/overflow/)
      expect(await listRecords(database.db, review.project, {}, { limit: 1 })).toEqual([])
    })

    test('without a currency is refused by the database itself', async () => {
      await expect(review.record('left', { externalId: 'L1', amount: '1', currency: null })).rejects.toThrow(/records_amount_has_currency/)
    })
  })

  test('a confidence and a difference of amounts come back as they were written', async () => {
    const pairs: readonly (readonly [string, string | null])[] = [
      ['0.99999', '-0.000000000001'],
      ['1', '12345678901234567890.12'],
      ['0', null],
    ]
    const job = await startedJob()
    await insertMatches(
      database.db,
      { project: review.project, job },
      await Promise.all(
        pairs.map(async ([confidence, amountDifference], index) => ({
          leftId: await review.record('left', { externalId: `L${index}` }),
          rightId: await review.record('right', { externalId: `R${index}` }),
          rule: 'reference',
          automatic: false,
          confidence,
          amountDifference,
          explanation: { pass: 'reference', summary: '', gates: [], levels: [], prior: null, margin: null, alternatives: 0 },
        })),
      ),
    )
    const found = await database.db.match.findMany({ where: { jobId: job } })
    expect(found.map((match) => [match.confidence.toFixed(), match.amountDifference?.toFixed() ?? null]).sort()).toEqual([...pairs].sort())
    const listed = await listMatches(database.db, review.project, {}, { limit: 10 })
    expect(listed.map((match) => match.amountDifference).sort()).toEqual(pairs.map(([, difference]) => difference).sort())
  })

  describe('JSON', () => {
    test('of any shape comes back equal, every digit of a double too', async () => {
      const project = await createProject(database.db, { name: 'Settings', currency: null, settings: {} }, ANA)
      let version = 1
      await fc.assert(
        fc.asyncProperty(JSON_VALUE, async (value) => {
          const view = await updateProject(database.db, project.id as ProjectId, { version: version++, settings: { value } }, ANA)
          expect(view.settings).toEqual({ value })
          expect((await getProject(database.db, project.id as ProjectId))?.settings).toEqual({ value })
        }),
        {
          numRuns: 50,
          examples: [[{ text: 'Ünïcødé "quoted" \\ \n 😀' }], [[0.1 + 0.2, -1e-7, 1e21, [], {}]], [''], [null], [{ a: null }]],
        },
      )
      const other = await createProject(database.db, { name: 'Settings', currency: null, settings: { sum: 0.1 + 0.2 } }, ANA)
      expect((await getProject(database.db, other.id as ProjectId))?.settings).toEqual({ sum: 0.1 + 0.2 })
    })

    test('of a row comes back as the file had it', async () => {
      const source = (await addSource(database.db, review.project, 'left', 'rows.csv')) as SourceId
      const payload = { Amount: '1.10', '': ' ', __proto__x: 'a', Text: 'Ünïcødé "quoted" \\ \n 😀' }
      const row = { rowNo: 1, outcome: 'accepted', record: { ...EMPTY, externalId: 'A' }, payload, problems: [] } as const
      await insertRows(database.db, { source, project: review.project, side: 'left' }, [row])
      const [record] = await listRecords(database.db, review.project, { source }, { limit: 1 })
      expect((await getRecord(database.db, review.project, record!.id as RecordId))?.payload).toEqual(payload)
    })

    test('null is a value; SQL null is no value: they stay apart', async () => {
      const [value, none] = [await review.record('left', { externalId: 'L1' }), await review.record('left', { externalId: 'L2' })]
      for (const record of [value, none]) await review.break(record, 'left')
      await database.db.break.update({ where: { recordId: value }, data: { nearestMiss: Prisma.JsonNull } })
      await database.db.break.update({ where: { recordId: none }, data: { nearestMiss: Prisma.DbNull } })

      const rows = await database.db.$queryRaw`
        select record_id::text as record, nearest_miss is null as "isNone", nearest_miss::text as text from breaks where project_id = ${review.project}::uuid`
      expect(rows).toHaveLength(2)
      expect(rows).toContainEqual({ record: value, isNone: false, text: 'null' })
      expect(rows).toContainEqual({ record: none, isNone: true, text: null })
      const where = { projectId: review.project, nearestMiss: { equals: Prisma.DbNull } }
      expect(await database.db.break.findMany({ where, select: { recordId: true } })).toEqual([{ recordId: none }])
    })

    test('that a bulk write does not have is SQL null, never the word', async () => {
      const record = await review.record('left', { externalId: 'L1' })
      const found = { recordId: record, side: 'left', reason: 'no-candidate', nearestMiss: null } as const
      await insertBreaks(database.db, { project: review.project, job: await startedJob() }, [found])
      expect(await database.db.$queryRaw`select nearest_miss is null as "isNone" from breaks where record_id = ${record}::uuid`).toEqual([
        { isNone: true },
      ])
    })
  })

  async function startedJob(): Promise<JobId> {
    const id = newId<JobId>()
    await database.db.job.create({ data: { id, projectId: review.project, kind: 'match', state: 'running' } })
    return id
  }
})
