import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listBreaks } from '../../src/db/breaks.js'
import { type Database, openDatabase } from '../../src/db/client.js'
import { type IndexAdvice, IndexAdvisor } from '../../src/db/index-advisor.js'
import { listMatches, listMatchesOf } from '../../src/db/matches.js'
import { migrate } from '../../src/db/migrate.js'
import { listProjects } from '../../src/db/projects.js'
import { QueryWatch } from '../../src/db/query-watch.js'
import { listRecords } from '../../src/db/records.js'
import { readSummary } from '../../src/db/summary.js'
import type { ProjectId, RecordId } from '../../src/ids.js'
import { Random } from '../../src/sample/random.js'
import { fillWithRecords } from './many-records.js'
import { createServerDatabase } from './test-databases.js'

/** Indexes of the schema that a frequent statement needs, with the columns that it needs them for. */
const NEEDED = {
  records_project_side: ['project_id', 'side'],
  matches_by_confidence: ['project_id', 'status'],
  matches_left: ['left_id'],
  matches_right: ['right_id'],
  breaks_project: ['project_id', 'status'],
} as const
type Needed = keyof typeof NEEDED

const SEED = Number(process.env.TEST_SEED ?? Date.now() % 100_000)

describe(`the index advisor, seed ${SEED}`, () => {
  let database: Database
  let drop: () => Promise<void>
  let project: ProjectId
  let record: RecordId
  let watch = new QueryWatch()

  beforeAll(async () => {
    const server = await createServerDatabase()
    drop = server.drop
    database = await openDatabase({
      address: { url: server.url },
      poolSize: 1,
      applicationName: 'test',
      observer: { onQuery: (event) => watch.onQuery(event), onAcquire: () => undefined },
    })
    await migrate(database.db)
    await fillWithRecords(database.db, { projects: 20, records: 20_000 })
    const [row] = await database.db.$queryRaw<{ project: ProjectId; record: RecordId }[]>`
      select project_id::text as project, left_id::text as record from matches where status = 'proposed' limit 1`
    ;({ project, record } = row!)
  })
  afterAll(async () => {
    await database.close()
    await drop()
  })

  /** What a day of work asks, as often as counts. */
  async function work(): Promise<void> {
    const { db } = database
    const page = { limit: 51 }
    watch = new QueryWatch()
    for (let no = 0; no < 12; no++) {
      await listRecords(db, project, { side: 'left' }, page)
      await listMatches(db, project, { status: 'proposed' }, page)
      await listMatchesOf(db, record, 50)
      await listBreaks(db, project, { status: 'open' }, page)
      await listProjects(db, { user: { id: 'u77', name: 'U' }, admin: false, projects: {} }, page)
      // No index helps these: half of a table, and all of one.
      await db.$queryRaw`select count(*) from matches where status = ${'proposed'}`
      await db.$queryRaw`select max(amount) from records where side = ${'left'}`
      if (no === 0) await readSummary(db, project)
    }
  }

  const advise = () => new IndexAdvisor({ borrow: database.borrow, frequent: (minCount) => watch.hot.list(minCount) }).advise()
  const brief = ({ table, columns }: IndexAdvice) => `${table} (${columns.join(', ')})`

  test('is silent while every index is there', async () => {
    await work()
    const report = await advise()
    expect(report.advice.map(brief)).toEqual([])
    expect(report.checked).toBeGreaterThan(5)
    expect(report.pgStatStatements).toBe('absent')
  })

  test.each(chosen(SEED, 3))('names %s when it is gone, creates nothing, and is silent when it is back', async (name) => {
    const { db } = database
    const [known] = await db.$queryRaw<{ table: string; definition: string }[]>`
      select tablename as table, indexdef as definition from pg_indexes where indexname = ${name}`
    await db.$executeRawUnsafe(`drop index ${name}`)
    const before = await indexCount()
    await work()
    const { advice } = await advise()
    const found = advice.filter(
      ({ table, columns }) => table === known!.table && NEEDED[name].every((column, no) => columns[no] === column),
    )
    expect(found.map(brief), advice.map(brief).join('; ')).toHaveLength(1)
    const [{ statement, evidence, gain, sizeBytes, writeCost }] = found as [IndexAdvice]
    expect(statement).toMatch(/^create index concurrently on \w+ \([\w, ]+\)$/)
    expect(evidence.map(({ kind }) => kind)).toEqual(['observed', 'measured', 'planner-estimated'])
    expect(gain.rowsNow).toBeGreaterThan(10 * gain.rowsWith)
    expect(sizeBytes).toBeGreaterThan(10_000)
    expect(writeCost.indexesNow).toBeGreaterThan(0)
    expect(JSON.stringify(advice)).not.toContain(project)
    expect(await indexCount()).toBe(before)
    await db.$executeRawUnsafe(known!.definition)
    await db.$executeRawUnsafe('analyze')
    await work()
    expect((await advise()).advice.map(brief)).toEqual([])
  })

  async function indexCount(): Promise<number> {
    const [row] = await database.db.$queryRaw<
      { count: number }[]
    >`select count(*)::int as count from pg_indexes where schemaname = 'public'`
    return row!.count
  }
})

function chosen(seed: number, count: number): Needed[] {
  const random = new Random(seed)
  const names = Object.keys(NEEDED) as Needed[]
  return Array.from({ length: count }, () => names.splice(random.int(names.length), 1)[0]!)
}
