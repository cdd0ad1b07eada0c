// `npm run bench:writes`: 10,000 rows as the import writes them, by `unnest` against row by row, on both databases. Ends with exit code 1
// below twice as fast (OPERATIONS, "Database") or when the rows are not identical. Postgres: TEST_DATABASE_URL, or one that the tests'
// support starts (without fsync, for both alike).
import { deepStrictEqual } from 'node:assert'
import { cpus, totalmem } from 'node:os'
import type { Db } from '../src/db/client.js'
import type { ImportedRow } from '../src/db/sources.js'
import { newId, type ProjectId } from '../src/ids.js'
import { DATABASES } from '../test/db/test-databases.js'
import { provide, stopAll } from '../test/support/services.js'
import { ROWS, readBatches, WRITES, writeAll } from './writes/ways.js'

const RUNS = 5
const MIN_RATIO = 2

async function measure(db: Db, batches: readonly (readonly ImportedRow[])[]): Promise<number> {
  const project = newId<ProjectId>()
  await db.project.create({ data: { id: project, name: 'bench' } })
  const ways = [
    { name: 'unnest', write: WRITES.unnest, totals: [] as number[], batchMs: [] as number[] },
    { name: 'row by row', write: WRITES.oneByOne, totals: [] as number[], batchMs: [] as number[] },
  ] as const
  // In turn, so that what disturbs the machine disturbs both; the first round only warms up.
  for (let round = 0; round <= RUNS; round++) {
    const written: unknown[][] = []
    for (const way of ways) {
      const { batchMs, totalMs, rows } = await writeAll(db, project, batches, way.write)
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
