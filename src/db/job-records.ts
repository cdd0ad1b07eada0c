import type { JobId, ProjectId } from '../ids.js'
import { type Db, Prisma } from './client.js'

/** A record as the engine takes it, with its id. Amounts are exact text, dates civil days since 1970-01-01. */
export interface JobRecord {
  readonly id: string
  readonly rowNo: number
  readonly externalId: string | null
  readonly reference: string | null
  readonly counterparty: string | null
  readonly memo: string | null
  readonly amount: string | null
  readonly currency: string | null
  readonly day: number | null
}

/** Rows of a source after `rowNo`, in file order. */
export function readJobRecords(db: Db, source: string, rowNo: number, limit: number): Promise<JobRecord[]> {
  return db.$queryRaw<JobRecord[]>`
    select id::text, row_no as "rowNo", external_id as "externalId", reference, counterparty, memo, trim_scale(amount)::text as amount, currency,
      value_date - date '1970-01-01' as day
    from records where source_id = ${source}::uuid and row_no > ${rowNo} order by row_no limit ${limit}`
}

/** Pairs of record ids. */
export interface RecordPair {
  readonly left: string
  readonly right: string
}

/**
 * Pairs that a stage finds taken: confirmed by people, and what earlier stages of this job found. What the stage itself has found
 * is not in it, so every worker that begins the stage, whenever, begins it alike.
 */
export function readTakenPairs(db: Db, project: ProjectId, job: JobId, stageRule: string | null): Promise<RecordPair[]> {
  const notOwn = stageRule === null ? Prisma.empty : Prisma.sql`and rule <> ${stageRule}`
  // A part of a match may have a record of one side only: named for both, it is found on its own and is nobody on the other.
  return db.$queryRaw<RecordPair[]>`
    select coalesce(left_id, right_id)::text as "left", coalesce(right_id, left_id)::text as "right" from matches
    where project_id = ${project}::uuid and status = 'confirmed' and decided_by is not null and job_id is distinct from ${job}::uuid
    union all
    select left_id::text, right_id::text from matches
    where job_id = ${job}::uuid and status in ('confirmed', 'proposed') ${notOwn}`
}

/** Pairs that a person has called no match, or taken apart. */
export function readBarredPairs(db: Db, project: ProjectId): Promise<RecordPair[]> {
  return db.$queryRaw<RecordPair[]>`
    select left_id::text as "left", right_id::text as "right" from matches
    where project_id = ${project}::uuid and cardinality = '1:1' and (status = 'rejected' or (status = 'removed' and decided_by is not null))`
}
