import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProject } from '../../src/db/projects.js'
import { readSummary } from '../../src/db/summary.js'
import { ensureUser } from '../../src/db/users.js'
import type { ProjectId } from '../../src/ids.js'
import type { Mapping } from '../../src/imports/statement-parser.js'
import { importStatement } from '../../src/jobs/import.js'
import type { Side } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'

// Real files that are not part of the project: where they are absent the suite says so.
const DATA_DIR = fileURLToPath(new URL('../../../shared/data/', import.meta.url))
const isPresent = existsSync(DATA_DIR)
if (!isPresent) console.log('NOT RUN: imports of public data needs ../shared/data')

const ANA = { id: 'ana', name: 'Ana' }

describe.skipIf(!isPresent)('imports of public data', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await DATABASES[0].create()
    await ensureUser(database.db, ANA)
  })
  afterAll(() => database.close())

  async function newProject(currency: string): Promise<ProjectId> {
    // The id of a row that was just stored.
    return (await createProject(database.db, { name: 'Public data', currency, settings: {} }, ANA)).id as ProjectId
  }

  function load(project: ProjectId, currency: string, side: Side, path: string) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    return importStatement({ db: database.db, project, currency, side, name, bytes: createReadStream(DATA_DIR + path), actor: ANA })
  }

  const COLUMNS = { externalId: 'Trans No', amount: 'Amount', date: 'Paid Date', counterparty: 'Supplier Name' }
  const SNAKE = { externalId: 'trans_no', amount: 'amount', date: 'paid_date', counterparty: 'supplier_name' }
  const SPEND = [
    // Its `Paid Date` is 00:00:00 in every row.
    { name: 'apr-jun-2014', columns: { ...COLUMNS, date: null } },
    { name: 'apr-jun-2017', columns: COLUMNS },
    { name: 'jan-mar-2016', columns: SNAKE },
    { name: 'jul-sep-2017', columns: COLUMNS },
  ]

  test('four quarters of a council, each with another header, are read by the guess to the last penny', async () => {
    const project = await newProject('GBP')
    let rows = 0
    let totalPence = 0n
    for (const { name, columns } of SPEND) {
      const path = `spend/expenditure-over-500-${name}.csv`
      const { source, mapping } = await load(project, 'GBP', 'left', path)
      expect(mapping, name).toMatchObject({
        externalId: { column: columns.externalId },
        amount: { column: columns.amount },
        counterparty: { column: columns.counterparty },
        ...(columns.date === null ? {} : { date: { column: columns.date, format: 'dd/MM/yyyy' } }),
      })
      const expected = readSpend(DATA_DIR + path)
      const { accepted, warning, rejected } = source.rows
      expect({ name, rows: accepted + warning + rejected, rejected }).toEqual({ name, rows: expected.rows, rejected: 0 })
      rows += expected.rows
      totalPence += expected.totalPence
    }
    // Three of the four files do not end their last line, so `wc -l` counts 15,052 rows below the headers.
    expect(rows).toBe(15_055)
    const pounds = `${totalPence / 100n}.${(totalPence % 100n).toString().padStart(2, '0')}`
    expect(pounds).toBe('54480266.24')
    expect((await readSummary(database.db, project)).totals).toEqual([
      { side: 'left', currency: 'GBP', state: 'open', count: rows, amount: pounds },
    ])
  })

  test('bank payments and the receipts that they became are read by the guess', async () => {
    const project = await newProject('EUR')
    for (const [side, id, path] of [
      ['left', 'payment_id', 'transactions/payments.csv'],
      ['right', 'receipt_id', 'transactions/receipts.csv'],
    ] as const) {
      const { source, mapping } = await load(project, 'EUR', side, path)
      const columns: Mapping = {
        externalId: { column: id },
        memo: { column: 'memo' },
        amount: { column: 'amount' },
        date: { column: 'date', format: 'iso' },
      }
      expect(mapping).toMatchObject(columns)
      expect(source.rows).toEqual({ accepted: 45_326, warning: 0, rejected: 0 })
    }
  })
})

/** Rows and total of a file of the council by other means than ours: cells by one expression, amounts as whole pence. */
function readSpend(path: string): { readonly rows: number; readonly totalPence: bigint } {
  const [header = [], ...rows] = [...readFileSync(path, 'utf8').matchAll(/(?:"(?:[^"]|"")*"|[^"\r\n])+/g)].map(([line]) =>
    [...line.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^,]*)/g)].map(([, cell]) => cell!.replaceAll('"', '').trim()),
  )
  const at = header.findIndex((name) => name.toLowerCase() === 'amount')
  let totalPence = 0n
  for (const cells of rows) {
    const [, sign, pounds = '', pence = ''] = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(cells[at]!)!
    const amount = BigInt(pounds) * 100n + BigInt(pence.padEnd(2, '0'))
    totalPence += sign === '-' ? -amount : amount
  }
  return { rows: rows.length, totalPence }
}
