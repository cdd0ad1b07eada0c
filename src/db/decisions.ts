import { AppError } from '../errors.js'
import { type MatchId, newId, type ProjectId } from '../ids.js'
import type { BreakView, MatchView, Side, UserRef } from '../protocol/views.js'
import { openBreak, resolveBreaks } from './breaks.js'
import { type Db, Prisma, type Tx } from './client.js'
import { getMatch, queryMatches } from './matches.js'
import { appendOutbox } from './outbox.js'
import { sqlStateOf } from './sql-state.js'

export const DECISIONS = ['confirm', 'reject'] as const
export type DecisionKind = (typeof DECISIONS)[number]

export interface DecisionRequest {
  readonly project: ProjectId
  readonly match: MatchId
  /** Version of the match that the person saw. */
  readonly version: number
  readonly decision: DecisionKind
  readonly note: string | null
  /** Stored as a user before. */
  readonly actor: UserRef
  readonly requestId: string | null
}

export interface DecisionOutcome {
  readonly result: 'done' | 'conflict'
  /** After a conflict: who decided what and when. */
  readonly current: MatchView
}

/** What a person said about a match, as its history shows it. */
export interface DecisionEntry {
  readonly decision: DecisionKind
  readonly user: UserRef
  readonly note: string | null
  readonly at: string
  /** Version of the match that the decision made. */
  readonly version: number
}

/** A deadlock with a job's commit is broken by Postgres at the cost of one of the two; the decision is simply taken again. */
const MAX_ATTEMPTS = 3
const UNIQUE_VIOLATION = '23505'
const DEADLOCK = '40P01'

/**
 * Confirms or rejects a suggestion in one transaction: the match, the decision, suggestions that it makes impossible, breaks that it
 * opens or resolves, the news of all that. Nothing is written unless the result is `done`.
 * @throws AppError `NOT_FOUND` when the project has no such match.
 */
export async function decide(db: Db, request: DecisionRequest): Promise<DecisionOutcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.$transaction((tx) => decideOnce(tx, request))
    } catch (error) {
      if (sqlStateOf(error) === UNIQUE_VIOLATION) return { result: 'conflict', current: await requireMatch(db, request) }
      if (attempt === MAX_ATTEMPTS || sqlStateOf(error) !== DEADLOCK) throw error
    }
  }
}

/** The match's decisions, oldest first. */
export async function listDecisions(db: Db, match: MatchId): Promise<DecisionEntry[]> {
  const rows = await db.$queryRaw<
    (Omit<DecisionEntry, 'user' | 'at'> & { readonly userId: string; readonly name: string | null; readonly at: Date })[]
  >`
    select d.decision, d.user_id as "userId", u.name, d.note, d.created_at as at, d.version
    from decisions d left join users u on u.id = d.user_id where d.match_id = ${match}::uuid order by d.version`
  return rows.map(({ userId, name, at, ...row }) => ({ ...row, user: { id: userId, name: name ?? userId }, at: at.toISOString() }))
}

async function decideOnce(tx: Tx, request: DecisionRequest): Promise<DecisionOutcome> {
  const { project, match, decision, actor } = request
  // Decisions of a project one after another: two that share a record would otherwise wait for each other's rows. `no key`: rows that
  // refer to the project may be written meanwhile.
  await tx.$queryRaw`select 1 from projects where id = ${project}::uuid for no key update`
  const before = await requireMatch(tx, request)
  if (before.version !== request.version || before.status !== 'proposed') return { result: 'conflict', current: before }

  const status = decision === 'confirm' ? 'confirmed' : 'rejected'
  const changed = await tx.$executeRaw`
    update matches set status = ${status}, decided_by = ${actor.id}, decided_at = now(), version = version + 1
    where id = ${match}::uuid and version = ${request.version} and status = 'proposed'`
  const current = await requireMatch(tx, request)
  // A job that clears the engine's suggestions does not wait for the project's lock.
  if (changed === 0) return { result: 'conflict', current }
  await tx.decision.create({
    data: {
      id: newId(),
      projectId: project,
      matchId: match,
      userId: actor.id,
      decision,
      note: request.note,
      version: current.version,
      requestId: request.requestId,
      // One act has one time: Prisma's own default is that of this process.
      createdAt: current.decidedAt!,
    },
  })
  const removed = decision === 'confirm' ? await removeRivals(tx, current) : []
  const resolved = decision === 'confirm' ? await resolveBreaks(tx, [...current.left, ...current.right]) : []
  const opened = decision === 'confirm' ? await openBreaks(tx, removed, 'taken') : await openBreaks(tx, [current], 'rejected')
  const by = { actor: actor.id, trace: request.requestId }
  await appendOutbox(tx, project, [
    { type: 'match.decided', ...by, data: { match: current } },
    ...removed.map((rival) => ({ type: 'match.removed', ...by, data: { match: rival } })),
    ...[...resolved, ...opened].map((changedBreak) => ({ type: 'break.changed', ...by, data: { break: changedBreak } })),
  ])
  return { result: 'done', current }
}

/** Takes back the other suggestions of records that the confirmed match explains. */
async function removeRivals(tx: Tx, confirmed: MatchView): Promise<MatchView[]> {
  const rivals = await tx.$queryRaw<{ id: string }[]>`
    update matches set status = 'removed', version = version + 1
    where status = 'proposed' and (left_id = any(${confirmed.left}::uuid[]) or right_id = any(${confirmed.right}::uuid[])) returning id::text`
  if (rivals.length === 0) return []
  return queryMatches(tx, Prisma.sql`m.id = any(${rivals.map((rival) => rival.id)}::uuid[]) order by m.confidence desc, m.id`)
}

interface Orphan {
  readonly record: string
  readonly side: Side
  readonly pair: MatchView
  readonly other: string
  readonly otherExternalId: string | null
  readonly daysApart: number | null
}

/** Opens a break for each record of the lost pairs that no match and no suggestion is left for; the lost pair is its nearest miss. */
async function openBreaks(tx: Tx, lost: readonly MatchView[], why: 'rejected' | 'taken'): Promise<BreakView[]> {
  const breaks = new Map<string, BreakView>()
  for (const { record, side, pair, other, otherExternalId, daysApart } of await findOrphans(tx, lost)) {
    // The first pair is the strongest: a record that lost several suggestions names that one.
    if (breaks.has(record)) continue
    const { amountDifference } = pair
    const view = await openBreak(tx, pair.project as ProjectId, {
      record,
      side,
      reason: amountDifference === null || amountDifference === '0' ? 'no-candidate' : 'amount-differs',
      nearestMiss: {
        record: other,
        externalId: otherExternalId,
        text: missText(amountDifference, daysApart, why),
        amountDifference,
        daysApart,
      },
    })
    breaks.set(record, view)
  }
  return [...breaks.values()]
}

async function findOrphans(tx: Tx, lost: readonly MatchView[]): Promise<Orphan[]> {
  if (lost.length === 0) return []
  const rows = await tx.$queryRaw<(Omit<Orphan, 'pair'> & { readonly match: string })[]>`
    select pair.id::text as match, pair.record::text, pair.side, pair.other::text, o.external_id as "otherExternalId",
      abs(r.value_date - o.value_date) as "daysApart"
    from (
      select id, left_id as record, 'left' as side, right_id as other from matches where id = any(${lost.map((match) => match.id)}::uuid[])
      union all
      select id, right_id, 'right', left_id from matches where id = any(${lost.map((match) => match.id)}::uuid[])
    ) pair
    join records r on r.id = pair.record
    join records o on o.id = pair.other
    where not exists (select 1 from matches m where m.left_id = pair.record and m.status in ('confirmed', 'proposed'))
      and not exists (select 1 from matches m where m.right_id = pair.record and m.status in ('confirmed', 'proposed'))
    order by pair.side`
  return lost.flatMap((pair) => rows.filter((row) => row.match === pair.id).map((row) => ({ ...row, pair })))
}

function missText(amountDifference: string | null, daysApart: number | null, why: 'rejected' | 'taken'): string {
  const amount =
    amountDifference === null
      ? 'no amount to compare'
      : amountDifference === '0'
        ? 'amount equal'
        : `amount differs by ${amountDifference.replace(/^-/, '')}`
  const days = daysApart === null ? '' : daysApart === 0 ? ', same day' : `, ${daysApart} ${daysApart === 1 ? 'day' : 'days'} apart`
  return `${amount}${days}, ${why === 'rejected' ? 'rejected by a person' : 'now matched with another record'}`
}

async function requireMatch(db: Db | Tx, { project, match }: DecisionRequest): Promise<MatchView> {
  const view = await getMatch(db, project, match)
  if (view === null) throw new AppError('NOT_FOUND', { message: `no such match (${match})` })
  return view
}
