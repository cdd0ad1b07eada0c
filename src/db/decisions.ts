import { AppError } from '../errors.js'
import type { MatchId, ProjectId } from '../ids.js'
import type { MatchView, UserRef } from '../protocol/views.js'
import { type Act, bookDecisions, breakNews, breakOrphans, type DecisionWord, inAct, newsOf, readMatches, settle } from './acts.js'
import type { Db, Tx } from './client.js'
import { getMatch } from './matches.js'
import { appendOutbox } from './outbox.js'
import { sqlStateOf } from './sql-state.js'

/** What a person may say about a suggestion. */
export const DECISIONS = ['confirm', 'reject'] as const
export type DecisionKind = (typeof DECISIONS)[number]

export interface DecisionRequest {
  readonly match: MatchId
  /** Version of the match that the person saw. */
  readonly version: number
  readonly decision: DecisionKind
  readonly note: string | null
}

export interface DecisionOutcome {
  readonly result: 'done' | 'conflict'
  /** After a conflict: who decided what and when. */
  readonly current: MatchView
}

/** What a person said about a match, as its history shows it. */
export interface DecisionEntry {
  readonly decision: DecisionWord
  readonly user: UserRef
  readonly note: string | null
  readonly at: string
  /** Version of the match that the decision made. */
  readonly version: number
}

const UNIQUE_VIOLATION = '23505'

/**
 * Confirms or rejects a suggestion in one transaction: the match, the decision, suggestions that it makes impossible, breaks that it
 * opens or resolves, the news of all that. Nothing is written unless the result is `done`.
 * @throws AppError `NOT_FOUND` when the project has no such match.
 */
export async function decide(db: Db, act: Act, request: DecisionRequest): Promise<DecisionOutcome> {
  try {
    return await inAct(db, act, (tx) => decideOnce(tx, act, request))
  } catch (error) {
    // A job has matched one of the records: its commit does not wait for ours.
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error
    return { result: 'conflict', current: await requireMatch(db, act.project, request.match) }
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

/** The match. @throws AppError `NOT_FOUND`. */
export async function requireMatch(db: Db | Tx, project: ProjectId, match: MatchId): Promise<MatchView> {
  const view = await getMatch(db, project, match)
  if (view === null) throw new AppError('NOT_FOUND', { message: `no such match (${match})` })
  return view
}

async function decideOnce(tx: Tx, act: Act, { match, version, decision, note }: DecisionRequest): Promise<DecisionOutcome> {
  const before = await requireMatch(tx, act.project, match)
  if (before.version !== version || before.status !== 'proposed') return { result: 'conflict', current: before }

  const status = decision === 'confirm' ? 'confirmed' : 'rejected'
  const changed = await tx.$executeRaw`
    update matches set status = ${status}, decided_by = ${act.actor.id}, decided_at = now(), act_id = ${act.id}::uuid, version = version + 1
    where id = ${match}::uuid and version = ${version} and status = 'proposed'`
  const current = await requireMatch(tx, act.project, match)
  // A job that clears the engine's suggestions does not wait for the project's lock.
  if (changed === 0) return { result: 'conflict', current }
  await bookDecisions(tx, act, { word: decision, note }, [match])
  const { removed, breaks } =
    decision === 'confirm' ? await settle(tx, act, [match]) : { removed: [], breaks: await breakOrphans(tx, act, [match], 'rejected') }
  await appendOutbox(tx, act.project, [
    ...newsOf(act, 'match.decided', [current]),
    ...newsOf(act, 'match.removed', await readMatches(tx, removed)),
    ...breakNews(act, breaks),
  ])
  return { result: 'done', current }
}
