import { listBreaks } from '../../src/db/breaks.js'
import { type Db, openDatabase } from '../../src/db/client.js'
import { listMatches } from '../../src/db/matches.js'
import { listRecords } from '../../src/db/records.js'
import type { ProjectId } from '../../src/ids.js'
import { fillWithRecords } from '../../test/db/many-records.js'
import { createOnServer } from '../../test/db/test-databases.js'
import { ROWS, readBatches, WRITES, writeAll } from '../writes/ways.js'
import { type Expectation, inTurn } from './expectation.js'
import { newProject } from './sample-projects.js'

const CALLERS = 8
const ASKED_EACH = 25
const RECORDS = 100_000
const PROJECTS = 10
const PAGE = { limit: 51 }
const PAGES = 10
/** What the lists below are read by. */
const INDEXES = ['records_project_side', 'matches_by_confidence', 'breaks_project']

/** Pool, indexes and batches, on the Postgres of TEST_DATABASE_URL. */
export async function database(): Promise<Expectation[]> {
  const { db, close } = await createOnServer()
  try {
    return [await acquiring(), await batchWrites(db), await indexedQueries(db)]
  } finally {
    await close()
  }
}

async function acquiring(): Promise<Expectation> {
  const waits: number[] = []
  const open = (lifetime: { readonly lifetimeSeconds?: number }) =>
    openDatabase({
      address: { url: process.env.TEST_DATABASE_URL! },
      applicationName: 'bench',
      observer: { onQuery: () => undefined, onAcquire: (ms) => waits.push(ms) },
      ...lifetime,
    })
  // A millisecond: a connection has outlived it when it is given back.
  const [short, lasting] = [await open({ lifetimeSeconds: 0.001 }), await open({})]
  const measure = async ({ borrow }: typeof short) => {
    waits.length = 0
    const caller = async () => {
      for (let asked = 0; asked < ASKED_EACH; asked++) await borrow((connection) => connection.query('select 1'))
    }
    await Promise.all(Array.from({ length: CALLERS }, caller))
    return { ms: waits.reduce((sum, ms) => sum + ms, 0) / waits.length }
  }
  try {
    const { off, on } = await inTurn({ off: () => measure(short), on: () => measure(lasting) })
    return {
      figure: 'acquiring a pooled connection',
      promised: { kind: 'less', least: 0.2, most: 0.5 },
      unit: 'ms',
      off: { what: 'connections live for 1 ms, so most callers open one', value: off.ms },
      on: { what: `they stay, warm, for the next of ${CALLERS} callers`, value: on.ms },
    }
  } finally {
    await short.close()
    await lasting.close()
  }
}

async function batchWrites(db: Db): Promise<Expectation> {
  const project = await newProject(db)
  const batches = await readBatches()
  const measure = async (way: keyof typeof WRITES) => {
    const { totalMs, rows } = await writeAll(db, project, batches, WRITES[way])
    if (rows.length !== ROWS) throw new Error(`${rows.length} rows were written`)
    return { perSecond: (ROWS * 1_000) / totalMs }
  }
  const { off, on } = await inTurn({ off: () => measure('oneByOne'), on: () => measure('unnest') })
  return {
    figure: 'batch writes',
    promised: { kind: 'times', least: 2, most: null },
    unit: 'rows/s',
    off: { what: `${ROWS.toLocaleString('en')} imported rows one by one`, value: off.perSecond },
    on: { what: 'by `unnest`, 2,000 at once', value: on.perSecond },
  }
}

async function indexedQueries(db: Db): Promise<Expectation> {
  await fillWithRecords(db, { projects: PROJECTS, records: RECORDS })
  const [row] = await db.$queryRaw<{ id: ProjectId }[]>`select project_id::text as id from matches limit 1`
  const project = row!.id
  const definitions = await db.$queryRaw<{ name: string; sql: string }[]>`
    select indexname as name, indexdef as sql from pg_indexes where indexname = any(${INDEXES})`
  if (definitions.length !== INDEXES.length) throw new Error(`of ${INDEXES.join(', ')} there are ${definitions.length}`)
  const measure = async () => {
    const startedAt = performance.now()
    for (let page = 0; page < PAGES; page++) {
      await listRecords(db, project, { side: 'left' }, PAGE)
      await listMatches(db, project, { status: 'proposed' }, PAGE)
      await listBreaks(db, project, { status: 'open' }, PAGE)
    }
    return { ms: (performance.now() - startedAt) / PAGES / INDEXES.length }
  }
  const without = async () => {
    for (const { name } of definitions) await db.$executeRawUnsafe(`drop index ${name}`)
    try {
      return await measure()
    } finally {
      for (const { sql } of definitions) await db.$executeRawUnsafe(sql)
    }
  }
  const { off, on } = await inTurn({ off: without, on: measure })
  return {
    figure: 'indexed queries',
    promised: { kind: 'less', least: 0.3, most: 0.5 },
    unit: 'ms',
    off: {
      what: `first pages of records, matches and breaks, their three indexes dropped (${RECORDS.toLocaleString('en')} records)`,
      value: off.ms,
    },
    on: { what: 'with the indexes of the schema', value: on.ms },
  }
}
