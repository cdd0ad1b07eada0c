import { type JobId, newId, type ProjectId } from '../ids.js'
import type { BreakReason, MatchExplanation, NearestMiss, Side } from '../protocol/views.js'
import { breakOrphans } from './acts.js'
import type { Db, Tx } from './client.js'

export interface FoundMatch {
  readonly leftId: string
  readonly rightId: string
  readonly rule: string
  /** Decided by the engine (`confirmed`) or waiting for a person (`proposed`). */
  readonly automatic: boolean
  readonly confidence: string
  readonly amountDifference: string | null
  readonly explanation: MatchExplanation
}

export interface FoundBreak {
  readonly recordId: string
  readonly side: Side
  readonly reason: BreakReason
  /** Its external id is looked up here. */
  readonly nearestMiss: Omit<NearestMiss, 'externalId'> | null
}

interface Owner {
  readonly project: ProjectId
  readonly job: JobId
}

/**
 * Stores the 1:1 matches of a chunk in one statement. The explanations go as one JSON text: as an array of texts each of their quotes
 * would be escaped once more, which takes as long as half the insert (embedded, 1,200 rows: 70 ms, this way 40 ms).
 */
export async function insertMatches(tx: Tx, owner: Owner, matches: readonly FoundMatch[]): Promise<void> {
  if (matches.length === 0) return
  await tx.$executeRaw`
    insert into matches (id, project_id, job_id, rule, cardinality, left_id, right_id, confidence, amount_difference, explanation, status, automatic)
    select m.id, ${owner.project}::uuid, ${owner.job}::uuid, m.rule, '1:1', m.left_id, m.right_id, m.confidence::numeric, m.amount_difference::numeric,
      m.explanation, case when m.automatic then 'confirmed' else 'proposed' end, m.automatic
    from rows from (
      unnest(
        ${matches.map(() => newId())}::uuid[], ${matches.map((match) => match.rule)}::text[], ${matches.map((match) => match.leftId)}::uuid[],
        ${matches.map((match) => match.rightId)}::uuid[], ${matches.map((match) => match.confidence)}::text[],
        ${matches.map((match) => match.amountDifference)}::text[], ${matches.map((match) => match.automatic)}::bool[]
      ),
      jsonb_array_elements(${JSON.stringify(matches.map((match) => match.explanation))}::jsonb)
    ) as m (id, rule, left_id, right_id, confidence, amount_difference, automatic, explanation)`
}

/**
 * Stores the breaks of a chunk in one statement. A record that has one keeps it; one that somebody owns or wrote a note on, or that is due,
 * says what was found now, and is no less theirs.
 */
export async function insertBreaks(tx: Tx, owner: Owner, breaks: readonly FoundBreak[]): Promise<void> {
  if (breaks.length === 0) return
  await tx.$executeRaw`
    insert into breaks (id, project_id, job_id, record_id, side, reason, nearest_miss)
    select b.id, ${owner.project}::uuid, ${owner.job}::uuid, b.record_id, b.side, b.reason,
      nullif(b.nearest_miss, 'null') || jsonb_build_object('externalId', miss.external_id)
    from rows from (
      unnest(
        ${breaks.map(() => newId())}::uuid[], ${breaks.map((found) => found.recordId)}::uuid[], ${breaks.map((found) => found.side)}::text[],
        ${breaks.map((found) => found.reason)}::text[]
      ),
      jsonb_array_elements(${JSON.stringify(breaks.map((found) => found.nearestMiss))}::jsonb)
    ) as b (id, record_id, side, reason, nearest_miss)
    left join records miss on miss.id = (b.nearest_miss ->> 'record')::uuid
    on conflict (record_id) do update set reason = excluded.reason, nearest_miss = excluded.nearest_miss, version = breaks.version + 1
      where breaks.status = 'open' and (breaks.assignee is not null or breaks.due_at is not null or breaks.note is not null)`
}

/**
 * Deletes at most `limit` of what the engine found for the project before and nobody decided, took or noted: a new run finds it anew.
 * Answers how many rows went; 0 when nothing is left.
 */
export async function clearUndecided(tx: Tx, owner: Owner, limit: number): Promise<number> {
  const matches = await tx.$executeRaw`
    delete from matches where id in (
      select id from matches
      where project_id = ${owner.project}::uuid and decided_by is null and status in ('proposed', 'confirmed') and job_id is distinct from ${owner.job}::uuid
      limit ${limit})`
  const breaks = await tx.$executeRaw`
    delete from breaks where id in (
      select id from breaks
      where project_id = ${owner.project}::uuid and status = 'open' and job_id is distinct from ${owner.job}::uuid
        and assignee is null and due_at is null and note is null
      limit ${limit})`
  return matches + breaks
}

/**
 * Takes back what people have overtaken while the job ran: suggestions of records that they matched meanwhile, which it could not know of.
 * Records that lose their last suggestion get a break; open breaks of records that a match or a suggestion explains now go, also those that
 * were kept for their owners.
 */
export async function dropOvertaken(tx: Tx, { project }: Pick<Owner, 'project'>): Promise<void> {
  const lost = await tx.$queryRaw<{ id: string }[]>`
    update matches m set status = 'removed', version = version + 1
    where m.project_id = ${project}::uuid and m.status = 'proposed' and (
      exists (select 1 from matches taken where taken.left_id = m.left_id and taken.status = 'confirmed')
      or exists (select 1 from matches taken where taken.right_id = m.right_id and taken.status = 'confirmed'))
    returning m.id::text`
  await breakOrphans(
    tx,
    { project, id: null },
    lost.map(({ id }) => id),
    'taken',
  )
  await tx.$executeRaw`
    delete from breaks b where b.project_id = ${project}::uuid and b.status = 'open' and (
      exists (select 1 from matches m where m.left_id = b.record_id and m.status in ('confirmed', 'proposed'))
      or exists (select 1 from matches m where m.right_id = b.record_id and m.status in ('confirmed', 'proposed')))`
}

/** A match by its business keys: external id with its occurrence number, or the hash of the row. */
export interface ResultKey {
  readonly left: string
  readonly right: string
  readonly rule: string
  readonly confidence: string
}

/** The job's matches by business keys, in pages by id. */
export async function* readResultKeys(tx: Db | Tx, job: JobId): AsyncGenerator<ResultKey> {
  let last = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const page = await tx.$queryRaw<(ResultKey & { readonly id: string })[]>`
      select m.id::text, m.rule, m.confidence::text,
        coalesce(l.external_id, (select md5(payload::text) from record_payloads where record_id = l.id)) || '#' || l.occurrence_no as "left",
        coalesce(r.external_id, (select md5(payload::text) from record_payloads where record_id = r.id)) || '#' || r.occurrence_no as "right"
      from matches m join records l on l.id = m.left_id join records r on r.id = m.right_id
      where m.job_id = ${job}::uuid and m.id > ${last}::uuid order by m.id limit 5000`
    yield* page
    if (page.length < 5000) return
    last = page.at(-1)!.id
  }
}

/** How many open breaks the project has, by side and reason, most frequent first. */
export function countBreaksByReason(
  db: Db,
  project: ProjectId,
): Promise<{ readonly side: Side; readonly reason: BreakReason; readonly count: number }[]> {
  return db.$queryRaw`
    select side, reason, count(*)::int as count from breaks where project_id = ${project}::uuid and status = 'open'
    group by side, reason order by side, count desc, reason`
}
