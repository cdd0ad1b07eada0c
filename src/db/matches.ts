import type { JobId, MatchId, ProjectId, RecordId } from '../ids.js'
import type { Cardinality, MatchExplanation, MatchStatus, MatchView } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'
import { contains } from './records.js'

export interface MatchFilter {
  readonly status?: MatchStatus | undefined
  /** Decimal text, 0–1. */
  readonly minConfidence?: string | undefined
  readonly rule?: string | undefined
  readonly job?: JobId | undefined
  /** Text or amount of one of its records, as in a search for records. */
  readonly q?: string | undefined
}

/** Records that a rare text stands in. */
const MAX_RARE = 2_000

/** The project's matches, highest confidence first. `after`: confidence and id of the last one of the page before. */
export async function listMatches(
  db: Db,
  project: ProjectId,
  filter: MatchFilter,
  page: { readonly limit: number; readonly after?: { readonly confidence: string; readonly id: string } | null },
): Promise<MatchView[]> {
  const { after } = page
  const conditions = [
    Prisma.sql`m.project_id = ${project}::uuid`,
    ...(filter.status ? [Prisma.sql`m.status = ${filter.status}`] : []),
    ...(filter.minConfidence ? [Prisma.sql`m.confidence >= ${filter.minConfidence}::numeric`] : []),
    ...(filter.rule ? [Prisma.sql`m.rule = ${filter.rule}`] : []),
    ...(filter.job ? [Prisma.sql`m.job_id = ${filter.job}::uuid`] : []),
    ...(filter.q ? [await saying(db, project, filter.q)] : []),
    // The first comparison is what the index can use; the second one tells equal confidences apart.
    ...(after
      ? [
          Prisma.sql`m.confidence <= ${after.confidence}::numeric
            and (m.confidence < ${after.confidence}::numeric or m.id > ${after.id}::uuid)`,
        ]
      : []),
  ]
  return queryMatches(db, Prisma.sql`${Prisma.join(conditions, ' and ')} order by m.confidence desc, m.id limit ${page.limit}`)
}

/** The match, or null. */
export async function getMatch(db: Db | Tx, project: ProjectId, match: MatchId): Promise<MatchView | null> {
  const [view] = await queryMatches(db, Prisma.sql`m.id = ${match}::uuid and m.project_id = ${project}::uuid`)
  return view ?? null
}

/** Which of these ids are no matches of the project. */
export async function findMissingMatches(db: Db, project: ProjectId, matches: readonly MatchId[]): Promise<ReadonlySet<MatchId>> {
  const rows = await db.$queryRaw<{ id: MatchId }[]>`
    select id::text from unnest(${matches}::uuid[]) as asked (id)
    where not exists (select 1 from matches m where m.id = asked.id and m.project_id = ${project}::uuid and m.part_of is null)`
  return new Set(rows.map((row) => row.id))
}

/** All matches of a record, also decided and removed ones, highest confidence first, at most `limit`. */
export function listMatchesOf(db: Db, record: RecordId, limit: number): Promise<MatchView[]> {
  return queryMatches(db, Prisma.sql`m.id in (${matchesOf([record])}) order by m.confidence desc, m.id limit ${limit}`)
}

/** The other matches of the same records that stand or stood as suggestions, highest confidence first, at most `limit`. */
export function listAlternatives(db: Db, match: MatchView, limit: number): Promise<MatchView[]> {
  return queryMatches(
    db,
    Prisma.sql`m.id <> ${match.id}::uuid and m.id in (${matchesOf([...match.left, ...match.right])})
      order by m.confidence desc, m.id limit ${limit}`,
  )
}

/** The records of these matches, parts included: `match`, `side`, `record`. */
export function membersOf(matches: readonly string[]): Prisma.Sql {
  return Prisma.sql`
    select coalesce(m.part_of, m.id) as match, member.side, member.record
    from (
      select * from matches where id = any(${matches}::uuid[])
      union all select * from matches where part_of = any(${matches}::uuid[])
    ) m cross join lateral (values ('left', m.left_id), ('right', m.right_id)) as member (side, record)
    where member.record is not null`
}

/** Ids of the matches that have one of the records, also as a part; a record may come up more than once. */
function matchesOf(records: readonly string[]): Prisma.Sql {
  return Prisma.sql`
    select coalesce(part_of, id) from matches where left_id = any(${records}::uuid[])
    union all select coalesce(part_of, id) from matches where right_id = any(${records}::uuid[])`
}

interface MatchRow {
  readonly id: string
  readonly project: string
  readonly job: string | null
  readonly rule: string
  readonly cardinality: Cardinality
  readonly status: MatchStatus
  readonly automatic: boolean
  readonly left: readonly string[]
  readonly right: readonly string[]
  readonly confidence: string
  readonly currency: string | null
  readonly amountDifference: string | null
  readonly explanation: MatchExplanation
  readonly decidedBy: string | null
  readonly decider: string | null
  readonly decidedAt: Date | null
  readonly version: number
}

/** The matches that `where` selects among `matches m`; parts are no matches. */
export async function queryMatches(db: Db | Tx, where: Prisma.Sql): Promise<MatchView[]> {
  const rows = await db.$queryRaw<MatchRow[]>`
    select m.id::text, m.project_id::text as project, m.job_id::text as job, m.rule, m.cardinality, m.status, m.automatic,
      ${recordsOf('left_id')} as left, ${recordsOf('right_id')} as right, m.confidence::text, ${CURRENCY} as currency,
      trim_scale(m.amount_difference)::text as "amountDifference", m.explanation,
      m.decided_by as "decidedBy", u.name as decider, m.decided_at as "decidedAt", m.version
    from matches m left join users u on u.id = m.decided_by where m.part_of is null and ${where}`
  return rows.map(({ decidedBy, decider, decidedAt, ...row }) => ({
    ...row,
    decidedBy: decidedBy === null ? null : { id: decidedBy, name: decider ?? decidedBy },
    decidedAt: decidedAt?.toISOString() ?? null,
  }))
}

/** Whether `r` is a record of the match `m`: by id, so that nothing is searched. */
const IS_MEMBER = Prisma.sql`r.id = any(array[m.left_id, m.right_id] || case when m.cardinality <> '1:1' then
  array(select member from matches p cross join lateral (values (p.left_id), (p.right_id)) as part (member) where p.part_of = m.id) end)`

/** What all records of the match `m` are in. */
const CURRENCY = Prisma.sql`(
  select case when count(distinct coalesce(r.currency, '')) = 1 then min(r.currency) end from records r where ${IS_MEMBER})`

/**
 * Which matches have a record with the text. The records of a rare text lead to their matches; a common one is met soon on the way down
 * the list. Of 200,000 records and 100,000 matches either is found within a second, where a join of all that have a common text took six.
 */
async function saying(db: Db, project: ProjectId, text: string): Promise<Prisma.Sql> {
  const found = await db.$queryRaw<{ id: string }[]>`
    select r.id::text from records r where r.project_id = ${project}::uuid and ${contains(text)} limit ${MAX_RARE + 1}`
  return found.length <= MAX_RARE
    ? Prisma.sql`m.id in (${matchesOf(found.map(({ id }) => id))})`
    : Prisma.sql`exists (select 1 from records r where ${IS_MEMBER} and ${contains(text)})`
}

/** The match's records of one side, in the order of the rows. Of a pair, which most are, nothing is looked up. */
function recordsOf(column: 'left_id' | 'right_id'): Prisma.Sql {
  const id = Prisma.raw(column)
  return Prisma.sql`case when m.cardinality = '1:1' then array[m.${id}::text] else
    array[m.${id}::text] || array(select p.${id}::text from matches p where p.part_of = m.id and p.${id} is not null order by p.id) end`
}
