import type { ProjectId, RecordId, SourceId } from '../ids.js'
import type { RecordState, RecordView, Side } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'

export interface RecordFilter {
  readonly side?: Side | undefined
  readonly state?: RecordState | undefined
  readonly source?: SourceId | undefined
  /** Text that stands in the external id, reference, counterparty or memo, in whatever case. */
  readonly q?: string | undefined
}

/** The project's records of ready sources in order of import. `after`: the last id of the page before. */
export function listRecords(
  db: Db,
  project: ProjectId,
  filter: RecordFilter,
  page: { readonly limit: number; readonly after?: string | null },
): Promise<RecordView[]> {
  const conditions = [
    Prisma.sql`r.project_id = ${project}::uuid`,
    ...(filter.side ? [Prisma.sql`r.side = ${filter.side}`] : []),
    ...(filter.source ? [Prisma.sql`r.source_id = ${filter.source}::uuid`] : []),
    ...(filter.state ? [Prisma.sql`${STATE} = ${filter.state}`] : []),
    ...(filter.q ? [contains(filter.q)] : []),
    ...(page.after ? [Prisma.sql`r.id > ${page.after}::uuid`] : []),
  ]
  return queryRecords(db, Prisma.sql`${Prisma.join(conditions, ' and ')} order by r.id limit ${page.limit}`)
}

/** The record with the row as it stood in its file, or null. */
export async function getRecord(
  db: Db,
  project: ProjectId,
  record: RecordId,
): Promise<{ readonly record: RecordView; readonly payload: Readonly<Record<string, unknown>> } | null> {
  const [view] = await queryRecords(db, Prisma.sql`r.id = ${record}::uuid and r.project_id = ${project}::uuid`)
  if (view === undefined) return null
  const row = await db.recordPayload.findUnique({ where: { recordId: record } })
  // The column is written only from objects.
  return { record: view, payload: (row?.payload ?? {}) as Record<string, unknown> }
}

/** The records with these ids, in order of import. */
export function getRecords(db: Db | Tx, ids: readonly string[]): Promise<RecordView[]> {
  return queryRecords(db, Prisma.sql`r.id = any(${ids}::uuid[]) order by r.id`)
}

/**
 * State of the record `r`: it follows from its matches, two look-ups in their indexes by record. Not `exists`: of that the planner makes a
 * hash of all matches there are, because it does not know that a page takes 50 rows of 1,000,000.
 */
const STATE = Prisma.sql`case
  when (select true from matches m where m.left_id = r.id and m.status = 'confirmed' limit 1) then 'matched'
  when (select true from matches m where m.right_id = r.id and m.status = 'confirmed' limit 1) then 'matched'
  when (select true from matches m where m.left_id = r.id and m.status = 'proposed' limit 1) then 'suggested'
  when (select true from matches m where m.right_id = r.id and m.status = 'proposed' limit 1) then 'suggested'
  else 'open' end`

/** Whether the record `r` has the text in one of its four, or an amount that begins with it. */
export function contains(text: string): Prisma.Sql {
  const pattern = `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
  // As it is read on the screen: without its sign, with or without separators, and as much of it as was typed.
  const amount = /^[-+\u2212]?(\d[\d,']*(?:\.\d*)?)$/.exec(text)?.[1]?.replaceAll(/[,']/g, '')
  const byAmount = amount === undefined ? Prisma.empty : Prisma.sql`or abs(r.amount)::text like ${`${amount}%`}`
  return Prisma.sql`(r.external_id ilike ${pattern} or r.reference ilike ${pattern} or r.counterparty ilike ${pattern} or r.memo ilike ${pattern}
    ${byAmount})`
}

function queryRecords(db: Db | Tx, where: Prisma.Sql): Promise<RecordView[]> {
  return db.$queryRaw<RecordView[]>`
    select r.id::text, r.project_id::text as project, r.source_id::text as source, r.side, r.row_no as "rowNo", r.external_id as "externalId",
      r.reference, r.counterparty, r.memo, trim_scale(r.amount)::text as amount, r.currency, to_char(r.value_date, 'YYYY-MM-DD') as "valueDate",
      ${STATE} as state
    from records r join sources s on s.id = r.source_id and s.state = 'ready' where ${where}`
}
