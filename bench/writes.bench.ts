// `npm run bench:writes`: 10,000 rows as the import writes them, by `unnest` against row by row, on both databases. Ends with exit code 1
// below twice as fast (OPERATIONS, "Database") or when the rows are not identical. Postgres: TEST_DATABASE_URL, or one that the tests'
// support starts (without fsync, for both alike).
import { deepStrictEqual } from 'node:assert'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Db } from '../src/db/client.js'
import { abandonSource, createSource, type ImportedRow, insertRows } from '../src/db/sources.js'
import { newId, type ProjectId, type SourceId } from '../src/ids.js'
import { CsvParser } from '../src/imports/csv-parser.js'
import { writeSample } from '../src/sample/write-sample.js'
import { DATABASES } from '../test/db/test-databases.js'
import { provide, stopAll } from '../test/support/services.js'

const ROWS = 10_000
const RUNS = 5
const MIN_RATIO = 2

interface Target {
  readonly source: SourceId
  readonly project: ProjectId
  readonly side: 'left'
}

type Write = (db: Db, target: Target, batch: readonly ImportedRow[]) => Promise<void>

/** The best that can be done one by one: the same transactions, two statements a row, no counting. */
async function insertOneByOne(db: Db, { source, project, side }: Target, batch: readonly ImportedRow[]): Promise<void> {
  await db.$transaction(async (tx) => {
    for (const { rowNo, record, payload } of batch) {
      const id = newId()
      await tx.$executeRaw`
        insert into records (id, project_id, source_id, side, row_no, external_id, reference, counterparty, memo, amount, amount_minor, currency, value_date)
        values (${id}::uuid, ${project}::uuid, ${source}::uuid, ${side}, ${rowNo}, ${record!.externalId}, ${record!.reference},
          ${record!.counterparty}, ${record!.memo}, ${record!.amount}::text::numeric, ${record!.amountMinor}, ${record!.currency},
          ${record!.valueDate}::text::date)`
      await tx.$executeRaw`insert into record_payloads (record_id, payload) values (${id}::uuid, ${JSON.stringify(payload)}::jsonb)`
    }
  })
}

/** What the table holds of a source, but for the ids. */
function readRows(db: Db, source: SourceId): Promise<unknown[]> {
  return db.$queryRaw`
    select r.side, r.row_no, r.external_id, r.reference, r.counterparty, r.memo, r.amount::text, r.amount_minor, r.currency, r.value_date::text, p.payload
    from records r join record_payloads p on p.record_id = r.id where r.source_id = ${source}::uuid order by r.row_no`
}

/** Writes all batches into a source of its own and removes it again, so that every run meets the same tables. */
async function run(db: Db, project: ProjectId, batches: readonly (readonly ImportedRow[])[], write: Write) {
  const side = 'left'
  const source = await createSource(db, { project, side, name: 'bench', format: 'csv', mapping: {}, createdBy: null })
  const batchMs: number[] = []
  for (const batch of batches) {
    const startedAt = performance.now()
    await write(db, { source, project, side }, batch)
    batchMs.push(performance.now() - startedAt)
  }
  const rows = await readRows(db, source)
  await abandonSource(db, source)
  return { batchMs, totalMs: batchMs.reduce((sum, ms) => sum + ms, 0), rows }
}

async function measure(db: Db, batches: readonly (readonly ImportedRow[])[]): Promise<number> {
  const project = newId<ProjectId>()
  await db.project.create({ data: { id: project, name: 'bench' } })
  const ways = [
    { name: 'unnest', write: insertRows as Write, totals: [] as number[], batchMs: [] as number[] },
    { name: 'row by row', write: insertOneByOne, totals: [] as number[], batchMs: [] as number[] },
  ] as const
  // In turn, so that what disturbs the machine disturbs both; the first round only warms up.
  for (let round = 0; round <= RUNS; round++) {
    const written: unknown[][] = []
    for (const way of ways) {
      const { batchMs, totalMs, rows } = await run(db, project, batches, way.write)
      written.push(rows)
      if (round === 0) continue
      way.totals.push(totalMs)
      way.batchMs.push(...batchMs)
    }
    deepStrictEqual(written[0]!.length, ROWS)
    deepStrictEqual(written[0], written[1])
  }
  for (const { name, totals, batchMs } of ways) {
    const median = quantile(totals, 0.5)
    const perSecond = Math.round((ROWS * 1000) / median).toLocaleString('en-US')
    console.log(
      `  ${name.padEnd(12)} median ${fixed(median)} ms  ${perSecond.padStart(8)} rows/s   a batch of 2,000: p50 ${fixed(quantile(batchMs, 0.5))} ms, p99 ${fixed(quantile(batchMs, 0.99))} ms`,
    )
  }
  return quantile(ways[1].totals, 0.5) / quantile(ways[0].totals, 0.5)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(Math.ceil(share * sorted.length), sorted.length) - 1]!
}

function fixed(ms: number): string {
  return ms.toFixed(0).padStart(6)
}

async function readBatches(): Promise<(readonly ImportedRow[])[]> {
  const dir = await mkdtemp(join(tmpdir(), 'tallyroom-bench-'))
  try {
    const { right } = await writeSample(dir, { seed: 1, rows: ROWS })
    const statement = await new CsvParser().open(createReadStream(right), {})
    const batches: (readonly ImportedRow[])[] = []
    for await (const batch of statement.rows()) batches.push(batch)
    return batches
  } finally {
    await rm(dir, { recursive: true })
  }
}

const batches = await readBatches()
console.log(`${cpus().length} × ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`)
console.log(`${ROWS.toLocaleString('en-US')} rows of a sample ledger in batches of 2,000, ${RUNS} runs after one to warm up`)
const missing = await provide('postgres')
if (missing !== null) console.log(`NOT RUN: Postgres (${missing})`)
try {
  for (const { name, create } of DATABASES.filter(({ name }) => missing === null || name !== 'Postgres')) {
    const { db, close } = await create()
    try {
      const [version] = await db.$queryRaw<{ server_version: string }[]>`show server_version`
      console.log(`\n${name}, version ${version!.server_version}`)
      const ratio = await measure(db, batches)
      console.log(`  ratio ${ratio.toFixed(1)} (at least ${MIN_RATIO})`)
      if (ratio < MIN_RATIO) process.exitCode = 1
    } finally {
      await close()
    }
  }
} finally {
  await stopAll()
}
