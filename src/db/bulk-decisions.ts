import { AppError } from '../errors.js'
import type { ProjectId } from '../ids.js'
import { type Act, bookDecisions, inAct, settle } from './acts.js'
import { type Db, Prisma, type Tx } from './client.js'
import { appendOutbox } from './outbox.js'
import { sqlStateOf } from './sql-state.js'

/** Which suggestions are meant. */
export interface BulkFilter {
  /** Decimal text, 0–1. */
  readonly minConfidence: string
  readonly rule?: string | undefined
}

const UNIQUE_VIOLATION = '23505'

/** How many suggestions {@link confirmAll} would confirm now. */
export async function countConfirmable(db: Db, project: ProjectId, filter: BulkFilter): Promise<number> {
  return (await choose(db, project, filter)).count
}

/** What matches come to in one currency; `XXX`: their rows name none. */
export interface Value {
  readonly currency: string
  /** Sums of the rows that have an amount, decimal text. */
  readonly left: string
  readonly right: string
}

/** How many suggestions {@link confirmAll} would confirm now, and what they are worth. */
export async function previewConfirmable(
  db: Db,
  project: ProjectId,
  filter: BulkFilter,
): Promise<{ readonly count: number; readonly value: readonly Value[] }> {
  const { count, losers } = await choose(db, project, filter)
  const value = await db.$queryRaw<Value[]>`
    select coalesce(l.currency, r.currency, 'XXX') as currency, trim_scale(coalesce(sum(l.amount), 0))::text as left,
      trim_scale(coalesce(sum(r.amount), 0))::text as right
    from matches m left join records l on l.id = m.left_id left join records r on r.id = m.right_id
    where ${candidates(project, filter)} and m.id <> all(${losers}::uuid[])
    group by 1 order by 1`
  return { count, value }
}

/**
 * Confirms all suggestions of the filter in one transaction. Of several that share a record the most confident wins, of equal ones the
 * one found first; the others are taken back like every rival. One event tells of all.
 * @throws AppError `COUNT_CHANGED` with `count`, the number of now: it is not what the person agreed to.
 */
export async function confirmAll(db: Db, act: Act, filter: BulkFilter, expectedCount: number): Promise<number> {
  try {
    return await inAct(db, act, async (tx) => {
      const chosen = await choose(tx, act.project, filter)
      if (chosen.count !== expectedCount) throw countChanged(chosen.count)
      if (chosen.count === 0) return 0
      // First who loses, then who is left: as a condition of the second statement the losers would be compared with each suggestion.
      await tx.$executeRaw`
        update matches set status = 'removed', act_id = ${act.id}::uuid, version = version + 1
        where id = any(${chosen.losers}::uuid[]) and status = 'proposed'`
      const confirmed = await tx.$queryRaw<{ id: string }[]>`
        update matches m set status = 'confirmed', decided_by = ${act.actor.id}, decided_at = now(), act_id = ${act.id}::uuid, version = version + 1
        where ${candidates(act.project, filter)} returning m.id::text`
      const ids = confirmed.map(({ id }) => id)
      // A job that clears or finds suggestions does not wait for the project's lock.
      if (ids.length !== expectedCount) throw countChanged(ids.length)
      await bookDecisions(tx, act, { word: 'confirm', at: 'now' }, ids)
      await settle(tx, act, ids, chosen.losers)
      await appendOutbox(tx, act.project, [
        {
          type: 'matches.decided',
          actor: act.actor.id,
          trace: act.requestId,
          data: { filter: { ...filter, rule: filter.rule ?? null }, count: ids.length, undone: false },
        },
      ])
      return ids.length
    })
  } catch (error) {
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error
    throw countChanged(await countConfirmable(db, act.project, filter))
  }
}

/**
 * What the filter comes to: the suggestions whose records are free, without those that lose a record to a better one. Only suggestions
 * that share a record are looked at one by one; the others need no choice.
 */
async function choose(
  db: Db | Tx,
  project: ProjectId,
  filter: BulkFilter,
): Promise<{ readonly count: number; readonly losers: readonly string[] }> {
  const [row] = await db.$queryRaw<{ total: number; contested: readonly (readonly [string, string, string])[] }[]>`
    select count(*)::int as total,
      coalesce(json_agg(json_build_array(id, left_id, right_id) order by confidence desc, id) filter (where lefts > 1 or rights > 1), '[]') as contested
    from (
      select m.id, m.left_id, m.right_id, m.confidence, count(*) over (partition by m.left_id) as lefts, count(*) over (partition by m.right_id) as rights
      from matches m where ${candidates(project, filter)}
    ) candidate`
  const taken = new Set<string>()
  const losers: string[] = []
  for (const [id, left, right] of row?.contested ?? []) {
    if (taken.has(left) || taken.has(right)) losers.push(id)
    else taken.add(left).add(right)
  }
  return { count: (row?.total ?? 0) - losers.length, losers }
}

function candidates(project: ProjectId, { minConfidence, rule }: BulkFilter): Prisma.Sql {
  return Prisma.sql`m.project_id = ${project}::uuid and m.status = 'proposed' and m.confidence >= ${minConfidence}::numeric
    ${rule === undefined ? Prisma.empty : Prisma.sql`and m.rule = ${rule}`}
    and not exists (select 1 from matches taken where taken.left_id = m.left_id and taken.status = 'confirmed')
    and not exists (select 1 from matches taken where taken.right_id = m.right_id and taken.status = 'confirmed')`
}

function countChanged(count: number): AppError {
  return new AppError('COUNT_CHANGED', { message: `${count} suggestions meet this now`, details: { count } })
}
