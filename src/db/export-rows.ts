import type { ProjectId } from '../ids.js'
import type { BreakReason, MatchStatus, RecordState, Side } from '../protocol/views.js'
import { type Db, Prisma } from './client.js'

// Pages for exports, each one query by keyset: the memory is that of a page, and the embedded database's one connection is free between
// two of them. What changes while an export runs may show in its later pages.

/** A record as it stands in an export: where it comes from and what is compared. */
export interface ExportedRecord {
  readonly source: string
  readonly row: number
  readonly externalId: string | null
  readonly reference: string | null
  readonly counterparty: string | null
  readonly memo: string | null
  readonly amount: string | null
  readonly currency: string | null
  readonly date: string | null
}

export interface ExportedMatch {
  readonly id: string
  readonly match: string
  readonly status: MatchStatus
  readonly automatic: boolean
  readonly rule: string
  readonly confidence: string
  readonly amountDifference: string | null
  readonly summary: string | null
  readonly decidedBy: string | null
  readonly decidedAt: Date | null
  /** The last one that somebody wrote with a decision. */
  readonly note: string | null
  /** Of both sides: the match's own, or those that a part of it adds, of which one may be missing. */
  readonly left: ExportedRecord | null
  readonly right: ExportedRecord | null
}

export interface ExportedBreak {
  readonly id: string
  readonly side: Side
  readonly status: string
  readonly reason: BreakReason
  readonly record: ExportedRecord
  readonly nearestMiss: string | null
  readonly nearestExternalId: string | null
  readonly amountDifference: string | null
  readonly daysApart: number | null
  readonly owner: string | null
  /** Civil date. */
  readonly due: string | null
  readonly note: string | null
}

export interface ExportedRecordState {
  readonly id: string
  readonly side: Side
  readonly state: RecordState
  readonly record: ExportedRecord
}

/** A record with what became of it: its match or best suggestion, or its break. */
export interface ExportedResult extends ExportedRecordState {
  readonly rule: string | null
  readonly automatic: boolean | null
  readonly confidence: string | null
  readonly amountDifference: string | null
  readonly counterpart: ExportedRecord | null
  /** Why: the match's summary, or the break's nearest miss. */
  readonly explanation: string | null
  readonly breakReason: BreakReason | null
}

const PAGE_ROWS = 1000

/**
 * The matches that stand or wait for a person, in order of their ids. One of several records per side has a row for each of its parts too,
 * after it: each record comes up once. What differs between the sides stands in the first row.
 */
export function exportedMatches(db: Db, project: ProjectId): AsyncGenerator<ExportedMatch[]> {
  return pages(
    (after) => db.$queryRaw<ExportedMatch[]>`
      select m.id::text, coalesce(m.part_of, m.id)::text as match, m.status, m.automatic, m.rule, m.confidence::text,
        case when m.part_of is null then trim_scale(m.amount_difference)::text end as "amountDifference",
        m.explanation->>'summary' as summary, u.name as "decidedBy", m.decided_at as "decidedAt",
        case when m.decided_by is not null then (
          select d.note from decisions d where d.match_id = coalesce(m.part_of, m.id) and d.note is not null order by d.version desc limit 1
        ) end as note,
        case when l.id is not null then ${recordJson('l', 'ls')} end as left, case when r.id is not null then ${recordJson('r', 'rs')} end as right
      from matches m
      left join records l on l.id = m.left_id left join sources ls on ls.id = l.source_id
      left join records r on r.id = m.right_id left join sources rs on rs.id = r.source_id
      left join users u on u.id = m.decided_by
      where m.project_id = ${project}::uuid and m.status in ('confirmed', 'proposed') ${afterId('m', after)}
      order by m.id limit ${PAGE_ROWS}`,
  )
}

/** All breaks, in order of their ids. */
export function exportedBreaks(db: Db, project: ProjectId): AsyncGenerator<ExportedBreak[]> {
  return pages(
    (after) => db.$queryRaw<ExportedBreak[]>`
      select b.id::text, b.side, b.status, b.reason, ${recordJson('r', 's')} as record, b.nearest_miss->>'text' as "nearestMiss",
        b.nearest_miss->>'externalId' as "nearestExternalId", b.nearest_miss->>'amountDifference' as "amountDifference",
        (b.nearest_miss->>'daysApart')::int as "daysApart", u.name as owner, to_char(b.due_at at time zone 'UTC', 'YYYY-MM-DD') as due,
        b.note
      from breaks b join records r on r.id = b.record_id join sources s on s.id = r.source_id left join users u on u.id = b.assignee
      where b.project_id = ${project}::uuid ${afterId('b', after)}
      order by b.id limit ${PAGE_ROWS}`,
  )
}

/** All records of ready sources with their states, in order of import. */
export function exportedRecords(db: Db, project: ProjectId): AsyncGenerator<ExportedRecordState[]> {
  return pages(
    (after) => db.$queryRaw<ExportedRecordState[]>`
      select r.id::text, r.side, ${recordJson('r', 's')} as record,
        case when m.id is null then 'open' when m.status = 'confirmed' then 'matched' else 'suggested' end as state
      from records r join sources s on s.id = r.source_id and s.state = 'ready' ${BEST_MATCH}
      where r.project_id = ${project}::uuid ${afterId('r', after)}
      order by r.id limit ${PAGE_ROWS}`,
  )
}

/** All records of ready sources with what became of them, in order of import. */
export function exportedResults(db: Db, project: ProjectId): AsyncGenerator<ExportedResult[]> {
  return pages(
    (after) => db.$queryRaw<ExportedResult[]>`
      select r.id::text, r.side, ${recordJson('r', 's')} as record,
        case when m.id is null then 'open' when m.status = 'confirmed' then 'matched' else 'suggested' end as state,
        m.rule, m.automatic, m.confidence::text, trim_scale(m.amount_difference)::text as "amountDifference",
        case when c.id is null then null else ${recordJson('c', 'cs')} end as counterpart,
        coalesce(m.explanation->>'summary', b.nearest_miss->>'text') as explanation, b.reason as "breakReason"
      from records r join sources s on s.id = r.source_id and s.state = 'ready' ${BEST_MATCH}
      -- Of several records the first stands for all.
      left join matches whole on whole.id = m.part_of
      left join records c on c.id = case r.side when 'left' then coalesce(m.right_id, whole.right_id) else coalesce(m.left_id, whole.left_id) end
      left join sources cs on cs.id = c.source_id
      left join breaks b on b.record_id = r.id and m.id is null
      where r.project_id = ${project}::uuid ${afterId('r', after)}
      order by r.id limit ${PAGE_ROWS}`,
  )
}

/** The record's confirmed match, else its best suggestion. */
const BEST_MATCH = Prisma.sql`left join lateral (
  select * from (
    select * from matches where left_id = r.id and status in ('confirmed', 'proposed')
    union all
    select * from matches where right_id = r.id and status in ('confirmed', 'proposed')
  ) own
  order by own.status = 'confirmed' desc, own.confidence desc, own.id limit 1
) m on true`

function recordJson(record: 'l' | 'r' | 'c', source: 'ls' | 'rs' | 's' | 'cs'): Prisma.Sql {
  const [r, s] = [Prisma.raw(record), Prisma.raw(source)]
  return Prisma.sql`jsonb_build_object('source', ${s}.name, 'row', ${r}.row_no, 'externalId', ${r}.external_id, 'reference', ${r}.reference,
    'counterparty', ${r}.counterparty, 'memo', ${r}.memo, 'amount', trim_scale(${r}.amount)::text, 'currency', ${r}.currency,
    'date', to_char(${r}.value_date, 'YYYY-MM-DD'))`
}

function afterId(table: 'm' | 'b' | 'r', after: string | null): Prisma.Sql {
  return after === null ? Prisma.empty : Prisma.sql`and ${Prisma.raw(table)}.id > ${after}::uuid`
}

async function* pages<Row extends { readonly id: string }>(read: (after: string | null) => Promise<Row[]>): AsyncGenerator<Row[]> {
  let after: string | null = null
  for (;;) {
    const page: Row[] = await read(after)
    if (page.length > 0) yield page
    if (page.length < PAGE_ROWS) return
    after = page.at(-1)!.id
  }
}
