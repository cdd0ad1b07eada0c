import type { JobId, MatchId, ProjectId, RecordId } from '../ids.js'
import type { Cardinality, MatchExplanation, MatchStatus, MatchView } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'

export interface MatchFilter {
  readonly status?: MatchStatus | undefined
  /** Decimal text, 0–1. */
  readonly minConfidence?: string | undefined
  readonly rule?: string | undefined
  readonly job?: JobId | undefined
}

/** The project's matches, highest confidence first. `after`: confidence and id of the last one of the page before. */
export function listMatches(
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
    where not exists (select 1 from matches m where m.id = asked.id and m.project_id = ${project}::uuid)`
  return new Set(rows.map((row) => row.id))
}

/** All matches of a record, also decided and removed ones, highest confidence first, at most `limit`. */
export function listMatchesOf(db: Db, record: RecordId, limit: number): Promise<MatchView[]> {
  return queryMatches(
    db,
    Prisma.sql`(m.left_id = ${record}::uuid or m.right_id = ${record}::uuid) order by m.confidence desc, m.id limit ${limit}`,
  )
}

/** The other matches of the same records that stand or stood as suggestions, highest confidence first, at most `limit`. */
export function listAlternatives(db: Db, match: MatchView, limit: number): Promise<MatchView[]> {
  return queryMatches(
    db,
    Prisma.sql`m.id <> ${match.id}::uuid and (m.left_id = any(${match.left}::uuid[]) or m.right_id = any(${match.right}::uuid[]))
      order by m.confidence desc, m.id limit ${limit}`,
  )
}

interface MatchRow {
  readonly id: string
  readonly project: string
  readonly job: string | null
  readonly rule: string
  readonly cardinality: Cardinality
  readonly status: MatchStatus
  readonly automatic: boolean
  readonly left: string
  readonly right: string
  readonly confidence: string
  readonly amountDifference: string | null
  readonly explanation: MatchExplanation
  readonly decidedBy: string | null
  readonly decider: string | null
  readonly decidedAt: Date | null
  readonly version: number
}

/** The matches that `where` selects among `matches m`. */
export async function queryMatches(db: Db | Tx, where: Prisma.Sql): Promise<MatchView[]> {
  const rows = await db.$queryRaw<MatchRow[]>`
    select m.id::text, m.project_id::text as project, m.job_id::text as job, m.rule, m.cardinality, m.status, m.automatic, m.left_id::text as left,
      m.right_id::text as right, m.confidence::text, trim_scale(m.amount_difference)::text as "amountDifference", m.explanation,
      m.decided_by as "decidedBy", u.name as decider, m.decided_at as "decidedAt", m.version
    from matches m left join users u on u.id = m.decided_by where ${where}`
  return rows.map(({ left, right, decidedBy, decider, decidedAt, ...row }) => ({
    ...row,
    left: [left],
    right: [right],
    decidedBy: decidedBy === null ? null : { id: decidedBy, name: decider ?? decidedBy },
    decidedAt: decidedAt?.toISOString() ?? null,
  }))
}
