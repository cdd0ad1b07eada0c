import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listBreaks } from '../../src/db/breaks.js'
import { type Database, openDatabase } from '../../src/db/client.js'
import { listMatches } from '../../src/db/matches.js'
import { migrate } from '../../src/db/migrate.js'
import type { QueryEvent } from '../../src/db/pool.js'
import { listRecords } from '../../src/db/records.js'
import { readSummary } from '../../src/db/summary.js'
import type { ProjectId } from '../../src/ids.js'
import { isLong } from '../support/long.js'
import { fillWithRecords } from './many-records.js'
import { createServerDatabase } from './test-databases.js'

/** A million in test:long; fewer show the same plans. */
const RECORDS = isLong ? 1_000_000 : 20_000
const PAGE = { limit: 51 }

interface PlanNode {
  readonly 'Index Name'?: string
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly Plans?: readonly PlanNode[]
}

describe(`lists and summary over ${RECORDS} records in 10 projects`, () => {
  let database: Database
  let drop: () => Promise<void>
  let project: ProjectId
  const events: QueryEvent[] = []

  beforeAll(async () => {
    const server = await createServerDatabase()
    drop = server.drop
    database = await openDatabase({
      address: { url: server.url },
      poolSize: 1,
      statementTimeoutMs: 600_000,
      applicationName: 'test',
      observer: { onQuery: (event) => events.push(event), onAcquire: () => undefined },
    })
    await migrate(database.db)
    await fillWithRecords(database.db, { projects: 10, records: RECORDS })
    const [row] = await database.db.$queryRaw<{ id: ProjectId }[]>`select id::text from projects limit 1`
    project = row!.id
  }, 600_000)
  afterAll(async () => {
    await database.close()
    await drop()
  })

  /** Indexes that the statements of `work` use, and tables that they read from end to end. */
  async function plansOf(work: () => Promise<unknown>): Promise<{ readonly indexes: Set<string>; readonly wholeTables: Set<string> }> {
    events.length = 0
    await work()
    const asked = [...events].filter(({ sql }) => /^\s*(select|with)/i.test(sql))
    const [indexes, wholeTables] = [new Set<string>(), new Set<string>()]
    const visit = (node: PlanNode) => {
      if (node['Index Name']) indexes.add(node['Index Name'])
      if (node['Node Type'] === 'Seq Scan' && node['Relation Name']) wholeTables.add(node['Relation Name'])
      node.Plans?.forEach(visit)
    }
    for (const { sql, values } of asked) {
      const [row] = await database.borrow((connection) =>
        connection.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(`explain (format json) ${sql}`, values),
      )
      visit(row!['QUERY PLAN'][0]!.Plan)
    }
    return { indexes, wholeTables }
  }

  test('records, a first page and one after a cursor, come by project and side', async () => {
    for (const side of ['left', 'right'] as const) {
      let last: string | undefined
      const first = await plansOf(async () => {
        last = (await listRecords(database.db, project, { side }, PAGE)).at(-1)?.id
      })
      const next = await plansOf(() => listRecords(database.db, project, { side }, { ...PAGE, after: last! }))
      for (const { indexes, wholeTables } of [first, next]) {
        expect(indexes).toContain('records_project_side')
        expect(wholeTables).not.toContain('records')
        expect(wholeTables).not.toContain('matches')
      }
    }
  })

  test('matches come by confidence, breaks by project and status', async () => {
    const [last] = (await listMatches(database.db, project, { status: 'proposed' }, PAGE)).slice(-1)
    for (const after of [null, { confidence: last!.confidence, id: last!.id }]) {
      const { indexes, wholeTables } = await plansOf(() => listMatches(database.db, project, { status: 'proposed' }, { ...PAGE, after }))
      expect(indexes).toContain('matches_by_confidence')
      expect(wholeTables).not.toContain('matches')
    }
    const breaks = await plansOf(() => listBreaks(database.db, project, { status: 'open' }, PAGE))
    expect(breaks.indexes).toContain('breaks_project')
    expect(breaks.wholeTables).not.toContain('breaks')
  })

  test('the summary reads its own project only', async () => {
    const { indexes, wholeTables } = await plansOf(() => readSummary(database.db, project))
    expect([...indexes]).toEqual(expect.arrayContaining(['records_project_side', 'matches_by_confidence', 'breaks_project']))
    // Breaks are narrow: a tenth of them is read as fast from end to end, and the planner may say so.
    for (const table of ['records', 'matches']) expect(wholeTables).not.toContain(table)
  })
})
