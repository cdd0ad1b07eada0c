import { AppError } from '../errors.js'
import { type Act, bookDecisions, breakNews, type DecisionWord, inAct, newsOf, readMatches, settle } from './acts.js'
import { closeBreaks, restoreBreaks } from './breaks.js'
import { type Db, Prisma, type Tx } from './client.js'
import { membersOf } from './matches.js'
import { appendOutbox, type News } from './outbox.js'
import { sqlStateOf } from './sql-state.js'

/** Ten seconds on the screen, and two for the ways there and back. */
const UNDO_SECONDS = 12
/** Changes told one by one; more are one event. */
const MAX_TOLD_SINGLY = 100
const UNIQUE_VIOLATION = '23505'

/**
 * Takes back what the act `done` decided and nobody touched since, in one transaction: suggestions wait again, what was matched by hand is
 * not, what was taken apart stands; suggestions and breaks around them come back where they still can. Answers how many decisions it were.
 * @throws AppError `FORBIDDEN` for the act of somebody else; `CONFLICT` when it was too long ago, or nothing of it is left.
 */
export async function undo(db: Db, act: Act, done: string): Promise<number> {
  try {
    return await inAct(db, act, (tx) => undoOnce(tx, act, done))
  } catch (error) {
    // A job has matched one of the records: its commit does not wait for ours.
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error
    throw new AppError('CONFLICT', { message: 'a record was matched meanwhile' })
  }
}

async function undoOnce(tx: Tx, act: Act, done: string): Promise<number> {
  const decided = await tx.$queryRaw<{ id: string; word: DecisionWord; user: string; isLate: boolean }[]>`
    select m.id::text, d.decision as word, d.user_id as user,
      max(d.created_at) over () < now() - make_interval(secs => ${UNDO_SECONDS}::float8) as "isLate"
    from matches m join decisions d on d.match_id = m.id and d.version = m.version
    where m.act_id = ${done}::uuid and m.project_id = ${act.project}::uuid and m.part_of is null`
  if (decided.some(({ user }) => user !== act.actor.id)) throw new AppError('FORBIDDEN', { message: 'only who decided may undo it' })
  if (decided.some(({ isLate }) => isLate)) throw new AppError('CONFLICT', { message: 'it can be undone for ten seconds only' })
  const of = (...words: readonly DecisionWord[]) => decided.filter(({ word }) => words.includes(word)).map(({ id }) => id)

  const reopened = await reopen(tx, of('confirm', 'reject'))
  const withdrawn = await withdraw(tx, of('match'))
  const standing = await restand(tx, of('remove'))
  const undone = [...reopened, ...withdrawn, ...standing]
  if (undone.length === 0) throw new AppError('CONFLICT', { message: 'nothing of it is left to undo: it was changed since' })
  await bookDecisions(tx, act, { word: 'undo' }, undone)

  const offered = await offerAgain(tx, done)
  const closed = await closeBreaks(tx, done)
  const restored = await restoreBreaks(tx, [...reopened, ...withdrawn], null)
  const { removed, breaks } = await settle(tx, act, standing)
  const count = undone.length + offered.length + removed.length
  await appendOutbox(
    tx,
    act.project,
    count > MAX_TOLD_SINGLY
      ? [manyUndone(act, done, undone.length)]
      : [
          ...newsOf(act, 'match.decided', await readMatches(tx, [...reopened, ...standing, ...offered])),
          ...newsOf(act, 'match.removed', await readMatches(tx, [...withdrawn, ...removed])),
          ...breakNews(act, [...closed, ...restored, ...breaks]),
        ],
  )
  return undone.length
}

/** Suggestions wait for a person again, as the engine left them, where no other match has their records. */
async function reopen(tx: Tx, matches: readonly string[]): Promise<string[]> {
  if (matches.length === 0) return []
  const rows = await tx.$queryRaw<Row[]>`
    update matches m set status = 'proposed', decided_by = null, decided_at = null, act_id = null, version = version + 1
    where m.id = any(${matches}::uuid[]) and ${areRecordsFree} returning m.id::text`
  return idsOf(rows)
}

async function withdraw(tx: Tx, matches: readonly string[]): Promise<string[]> {
  if (matches.length === 0) return []
  const rows = await tx.$queryRaw<Row[]>`
    update matches m set status = 'removed', decided_by = null, decided_at = null, act_id = null, version = version + 1
    where m.id = any(${matches}::uuid[]) or m.part_of = any(${matches}::uuid[]) returning coalesce(m.part_of, m.id)::text as id`
  return idsOf(rows)
}

/** Matches stand again as they did, whole, where no other match has one of their records. */
async function restand(tx: Tx, matches: readonly string[]): Promise<string[]> {
  if (matches.length === 0) return []
  const rows = await tx.$queryRaw<Row[]>`
    with free as (
      select member.match from (${membersOf(matches)}) member group by member.match
      having not bool_or(
        exists (select 1 from matches other where other.left_id = member.record and other.status = 'confirmed')
        or exists (select 1 from matches other where other.right_id = member.record and other.status = 'confirmed'))
    ), before as (
      -- What the engine had confirmed has no decision before the one that took it apart.
      select free.match, said.user_id, said.created_at
      from free left join lateral (
        select user_id, created_at from decisions d where d.match_id = free.match and d.decision in ('confirm', 'match') order by version desc limit 1
      ) said on true
    )
    update matches m set status = 'confirmed', decided_by = before.user_id, decided_at = before.created_at, act_id = null, version = version + 1
    from before where m.id = before.match or m.part_of = before.match returning coalesce(m.part_of, m.id)::text as id`
  return idsOf(rows)
}

/** Suggestions that the act took back by its way wait again, where no match has their records and no job has found them anew. */
async function offerAgain(tx: Tx, done: string): Promise<string[]> {
  const rows = await tx.$queryRaw<Row[]>`
    update matches m set status = 'proposed', act_id = null, version = version + 1
    where m.act_id = ${done}::uuid and m.status = 'removed' and m.decided_by is null and ${areRecordsFree}
      and not exists (select 1 from matches twin where twin.left_id = m.left_id and twin.right_id = m.right_id and twin.status = 'proposed')
    returning m.id::text`
  return idsOf(rows)
}

const areRecordsFree = Prisma.sql`
  not exists (select 1 from matches other where other.left_id = m.left_id and other.status = 'confirmed' and other.id <> m.id)
  and not exists (select 1 from matches other where other.right_id = m.right_id and other.status = 'confirmed' and other.id <> m.id)`

interface Row {
  readonly id: string
}

/** A match with parts comes as several rows. */
function idsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(({ id }) => id))]
}

function manyUndone(act: Act, done: string, count: number): News {
  return { type: 'matches.decided', actor: act.actor.id, trace: act.requestId, data: { filter: { act: done }, count, undone: true } }
}
