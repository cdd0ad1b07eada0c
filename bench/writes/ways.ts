import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Db } from '../../src/db/client.js'
import { abandonSource, createSource, type ImportedRow, insertRows } from '../../src/db/sources.js'
import { newId, type ProjectId, type SourceId } from '../../src/ids.js'
import { CsvParser } from '../../src/imports/csv-parser.js'
import { writeSample } from '../../src/sample/write-sample.js'

export const ROWS = 10_000

interface Target {
  readonly source: SourceId
  readonly project: ProjectId
  readonly side: 'left'
}

export type Write = (db: Db, target: Target, batch: readonly ImportedRow[]) => Promise<void>

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

/** Both ways to write a batch. */
export const WRITES = { unnest: insertRows as Write, oneByOne: insertOneByOne } as const

/** Writes all batches into a source of its own and removes it again, so that every run meets the same tables. */
export async function writeAll(db: Db, project: ProjectId, batches: readonly (readonly ImportedRow[])[], write: Write) {
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

/** {@link ROWS} rows of a sample ledger, in batches of 2,000. */
export async function readBatches(): Promise<(readonly ImportedRow[])[]> {
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
