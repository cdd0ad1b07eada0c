import { newId, type ProjectId, type RecordId } from '../ids.js'
import type { BreakReason, BreakStatus, BreakView, NearestMiss, Side } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'

export interface BreakFilter {
  readonly side?: Side | undefined
  readonly reason?: BreakReason | undefined
  readonly status?: BreakStatus | undefined
  /** User id. */
  readonly assignee?: string | undefined
}

/** The project's breaks in the order in which they were found. `after`: the last id of the page before. */
export function listBreaks(
  db: Db,
  project: ProjectId,
  filter: BreakFilter,
  page: { readonly limit: number; readonly after?: string | null },
): Promise<BreakView[]> {
  const conditions = [
    Prisma.sql`b.project_id = ${project}::uuid`,
    ...(filter.status ? [Prisma.sql`b.status = ${filter.status}`] : []),
    ...(filter.side ? [Prisma.sql`b.side = ${filter.side}`] : []),
    ...(filter.reason ? [Prisma.sql`b.reason = ${filter.reason}`] : []),
    ...(filter.assignee ? [Prisma.sql`b.assignee = ${filter.assignee}`] : []),
    ...(page.after ? [Prisma.sql`b.id > ${page.after}::uuid`] : []),
  ]
  return queryBreaks(db, Prisma.sql`${Prisma.join(conditions, ' and ')} order by b.id limit ${page.limit}`)
}

/** The record's break, or null. */
export async function findBreakOf(db: Db, record: RecordId): Promise<BreakView | null> {
  const [view] = await queryBreaks(db, Prisma.sql`b.record_id = ${record}::uuid`)
  return view ?? null
}

/** A break that a person's decision leaves behind. */
export interface NewBreak {
  readonly record: string
  readonly side: Side
  readonly reason: BreakReason
  readonly nearestMiss: NearestMiss
}

/** Opens the break of a record, again if it had one, and answers its view. */
export async function openBreak(tx: Tx, project: ProjectId, { record, side, reason, nearestMiss }: NewBreak): Promise<BreakView> {
  await tx.$executeRaw`
    insert into breaks (id, project_id, record_id, side, reason, nearest_miss)
    values (${newId()}::uuid, ${project}::uuid, ${record}::uuid, ${side}, ${reason}, ${JSON.stringify(nearestMiss)}::jsonb)
    on conflict (record_id) do update
      set reason = excluded.reason, nearest_miss = excluded.nearest_miss, status = 'open', version = breaks.version + 1`
  const [view] = await queryBreaks(tx, Prisma.sql`b.record_id = ${record}::uuid`)
  return view!
}

/** Removes the breaks of records that a match now explains; answers each as its last, resolved version. */
export async function resolveBreaks(tx: Tx, records: readonly string[]): Promise<BreakView[]> {
  const gone = await queryBreaks(tx, Prisma.sql`b.record_id = any(${records}::uuid[])`)
  if (gone.length === 0) return []
  await tx.$executeRaw`delete from breaks where id = any(${gone.map((view) => view.id)}::uuid[])`
  return gone.map((view) => ({ ...view, status: 'resolved', version: view.version + 1 }))
}

interface BreakRow extends Omit<BreakView, 'assignee' | 'dueAt'> {
  readonly assigneeId: string | null
  readonly assigneeName: string | null
  readonly dueAt: Date | null
}

async function queryBreaks(db: Db | Tx, where: Prisma.Sql): Promise<BreakView[]> {
  const rows = await db.$queryRaw<BreakRow[]>`
    select b.id::text, b.project_id::text as project, b.record_id::text as record, b.side, b.reason, b.nearest_miss as "nearestMiss",
      b.assignee as "assigneeId", u.name as "assigneeName", b.due_at as "dueAt", b.status, b.version
    from breaks b left join users u on u.id = b.assignee where ${where}`
  return rows.map(({ assigneeId, assigneeName, dueAt, ...row }) => ({
    ...row,
    assignee: assigneeId === null ? null : { id: assigneeId, name: assigneeName ?? assigneeId },
    dueAt: dueAt?.toISOString() ?? null,
  }))
}
