import { AppError } from '../errors.js'
import { type BreakId, newId, type ProjectId, type RecordId } from '../ids.js'
import { BREAK_FIELDS } from '../protocol/events.js'
import type { BreakReason, BreakStatus, BreakView, NearestMiss, Side } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'
import { membersOf } from './matches.js'
import { type Actor, appendOutbox } from './outbox.js'

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
  const after = page.after ? Prisma.sql`and b.id > ${page.after}::uuid` : Prisma.empty
  return queryBreaks(db, Prisma.sql`${conditionOf(project, filter)} ${after} order by b.id limit ${page.limit}`)
}

/** How many breaks of the project there are. */
export async function countBreaks(db: Db, project: ProjectId, filter: BreakFilter): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`select count(*)::int as count from breaks b where ${conditionOf(project, filter)}`
  return row?.count ?? 0
}

function conditionOf(project: ProjectId, filter: BreakFilter): Prisma.Sql {
  const conditions = [
    Prisma.sql`b.project_id = ${project}::uuid`,
    ...(filter.status ? [Prisma.sql`b.status = ${filter.status}`] : []),
    ...(filter.side ? [Prisma.sql`b.side = ${filter.side}`] : []),
    ...(filter.reason ? [Prisma.sql`b.reason = ${filter.reason}`] : []),
    ...(filter.assignee ? [Prisma.sql`b.assignee = ${filter.assignee}`] : []),
  ]
  return Prisma.join(conditions, ' and ')
}

/** The record's break, or null. */
export async function findBreakOf(db: Db, record: RecordId): Promise<BreakView | null> {
  const [view] = await queryBreaks(db, Prisma.sql`b.record_id = ${record}::uuid`)
  return view ?? null
}

/** What a person may say about a break; what is absent stays. */
export interface BreakChange {
  readonly version: number
  /** User id; null: nobody's. */
  readonly assignee?: string | null | undefined
  readonly status?: BreakStatus | undefined
  /** RFC 3339; null: never due. */
  readonly dueAt?: string | null | undefined
  /** Null or empty: taken away. */
  readonly note?: string | null | undefined
}

/**
 * Changes owner, status, due time or note of a break and tells the project.
 * @throws AppError `NOT_FOUND`; `CONFLICT` with `current` when the version is not the newest; `INVALID` for an owner who is no member.
 */
export async function updateBreak(db: Db, project: ProjectId, id: BreakId, change: BreakChange, actor: Actor): Promise<BreakView> {
  const { version, assignee, status, dueAt, note } = change
  return db.$transaction(async (tx) => {
    // Who works here by a token alone is no member, but may take what nobody else does.
    if (assignee != null && assignee !== actor.id && !(await isMember(tx, project, assignee)))
      throw new AppError('INVALID', { problems: [{ path: 'assignee', message: 'is no member of this project' }] })
    const updated = await tx.break.updateMany({
      where: { id, projectId: project, version },
      data: {
        version: { increment: 1 },
        ...(assignee === undefined ? {} : { assigneeId: assignee }),
        ...(status === undefined ? {} : { status }),
        ...(dueAt === undefined ? {} : { dueAt }),
        ...(note === undefined ? {} : { note: note || null }),
      },
    })
    const [view] = await queryBreaks(tx, Prisma.sql`b.id = ${id}::uuid and b.project_id = ${project}::uuid`)
    if (view === undefined) throw new AppError('NOT_FOUND', { message: 'no such break' })
    if (updated.count === 0) throw new AppError('CONFLICT', { details: { current: view } })
    const changed = BREAK_FIELDS.filter((field) => change[field] !== undefined)
    await appendOutbox(tx, project, [{ type: 'break.changed', actor: actor.id, trace: actor.requestId, data: { break: view, changed } }])
    return view
  })
}

async function isMember(tx: Tx, project: ProjectId, user: string): Promise<boolean> {
  return (await tx.member.count({ where: { projectId: project, userId: user } })) > 0
}

/** A break that a person's decision leaves behind. */
export interface NewBreak {
  readonly record: string
  readonly side: Side
  readonly reason: BreakReason
  readonly nearestMiss: NearestMiss
}

/**
 * Opens the breaks of these records for the act that left them behind; answers those that are new. A record that has one keeps it: a
 * person who called it resolved meant the record, not the suggestion.
 */
export async function openBreaks(tx: Tx, project: ProjectId, act: string | null, breaks: readonly NewBreak[]): Promise<BreakView[]> {
  if (breaks.length === 0) return []
  const opened = await tx.$queryRaw<{ id: string }[]>`
    insert into breaks (id, project_id, record_id, side, reason, nearest_miss, act_id)
    select b.id, ${project}::uuid, b.record_id, b.side, b.reason, b.nearest_miss, ${act}::uuid
    from rows from (
      unnest(
        ${breaks.map(() => newId())}::uuid[], ${breaks.map((item) => item.record)}::uuid[], ${breaks.map((item) => item.side)}::text[],
        ${breaks.map((item) => item.reason)}::text[]
      ),
      jsonb_array_elements(${JSON.stringify(breaks.map((item) => item.nearestMiss))}::jsonb)
    ) as b (id, record_id, side, reason, nearest_miss)
    on conflict (record_id) do nothing returning id::text`
  return breaksById(tx, opened)
}

/**
 * Removes the breaks of records that these matches now explain and keeps their rows in the matches' newest decisions; answers each as
 * its last, resolved version.
 */
export async function resolveBreaks(tx: Tx, matches: readonly string[]): Promise<BreakView[]> {
  const gone = await queryBreaks(tx, Prisma.sql`b.record_id in (select record from (${membersOf(matches)}) member) order by b.id`)
  if (gone.length === 0) return []
  await tx.$executeRaw`
    with gone as (
      delete from breaks b using (${membersOf(matches)}) member where b.record_id = member.record returning member.match, to_jsonb(b) as was
    ), kept as (
      select gone.match, jsonb_agg(gone.was) as breaks from gone group by gone.match
    )
    update decisions d set resolved_breaks = kept.breaks from kept join matches m on m.id = kept.match
    where d.match_id = m.id and d.version = m.version`
  return gone.map((view) => ({ ...view, status: 'resolved', version: view.version + 1 }))
}

/**
 * Puts back the breaks that these matches resolved when they came to stand, as they were; answers them. With `act` they go again when that
 * is undone.
 */
export async function restoreBreaks(tx: Tx, matches: readonly string[], act: string | null): Promise<BreakView[]> {
  // Their last version was said to be resolved, one above the row that was kept.
  const restored = await tx.$queryRaw<{ id: string }[]>`
    insert into breaks
    select (jsonb_populate_record(null::breaks, was || jsonb_build_object('version', (was ->> 'version')::int + 2, 'act_id', ${act}::text))).*
    from (
      select distinct on (match_id) resolved_breaks from decisions
      where match_id = any(${matches}::uuid[]) and decision in ('confirm', 'match') order by match_id, version desc
    ) d cross join lateral jsonb_array_elements(d.resolved_breaks) as was
    on conflict do nothing returning id::text`
  return breaksById(tx, restored)
}

/** Removes breaks that the act opened, of records that a match or a suggestion explains again; answers each as resolved. */
export async function closeBreaks(tx: Tx, act: string): Promise<BreakView[]> {
  const explained = Prisma.sql`b.act_id = ${act}::uuid and (
    exists (select 1 from matches m where m.left_id = b.record_id and m.status in ('confirmed', 'proposed'))
    or exists (select 1 from matches m where m.right_id = b.record_id and m.status in ('confirmed', 'proposed')))`
  const gone = await queryBreaks(tx, Prisma.sql`${explained} order by b.id`)
  if (gone.length > 0) await tx.$executeRaw`delete from breaks b where ${explained}`
  return gone.map((view) => ({ ...view, status: 'resolved', version: view.version + 1 }))
}

interface BreakRow extends Omit<BreakView, 'assignee' | 'dueAt'> {
  readonly assigneeId: string | null
  readonly assigneeName: string | null
  readonly dueAt: Date | null
}

async function breaksById(tx: Tx, ids: readonly { readonly id: string }[]): Promise<BreakView[]> {
  if (ids.length === 0) return []
  return queryBreaks(tx, Prisma.sql`b.id = any(${ids.map(({ id }) => id)}::uuid[]) order by b.id`)
}

async function queryBreaks(db: Db | Tx, where: Prisma.Sql): Promise<BreakView[]> {
  const rows = await db.$queryRaw<BreakRow[]>`
    select b.id::text, b.project_id::text as project, b.record_id::text as record, b.side, b.reason, b.nearest_miss as "nearestMiss",
      b.assignee as "assigneeId", u.name as "assigneeName", b.due_at as "dueAt", b.note, b.status, b.version
    from breaks b left join users u on u.id = b.assignee where ${where}`
  return rows.map(({ assigneeId, assigneeName, dueAt, ...row }) => ({
    ...row,
    assignee: assigneeId === null ? null : { id: assigneeId, name: assigneeName ?? assigneeId },
    dueAt: dueAt?.toISOString() ?? null,
  }))
}
