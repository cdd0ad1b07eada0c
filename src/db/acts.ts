import type { ProjectId } from '../ids.js'
import type { BreakView, MatchView, Side, UserRef } from '../protocol/views.js'
import { openBreaks, resolveBreaks } from './breaks.js'
import { type Db, Prisma, type Tx } from './client.js'
import { membersOf, queryMatches } from './matches.js'
import type { News } from './outbox.js'
import { sqlStateOf } from './sql-state.js'

/** What a person does to matches in one request: it is undone at once. */
export interface Act {
  /** Stands on each match whose status the act made, as long as nothing else changes it. */
  readonly id: string
  readonly project: ProjectId
  /** Stored as a user before. */
  readonly actor: UserRef
  readonly requestId: string | null
}

/** What stands in a match's history. `match`: made by hand; `remove`: unmatched; `undo`: the decision before was taken back. */
export type DecisionWord = 'confirm' | 'reject' | 'match' | 'remove' | 'undo'

/** Why a pair is lost to its records. */
export type LossReason = 'rejected' | 'taken' | 'unmatched'

/** A deadlock with a job's commit is broken by Postgres at the cost of one of the two; the act is simply done again. */
const MAX_ATTEMPTS = 3
const DEADLOCK = '40P01'

/**
 * Runs one transaction of an act. Acts of a project go one after another: two that share a record would otherwise wait for each other's
 * rows. `no key`: rows that refer to the project may be written meanwhile.
 */
export async function inAct<Result>(db: Db, act: Act, run: (tx: Tx) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.$transaction(async (tx) => {
        await tx.$queryRaw`select 1 from projects where id = ${act.project}::uuid for no key update`
        return run(tx)
      })
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || sqlStateOf(error) !== DEADLOCK) throw error
    }
  }
}

/**
 * Books what the act said about these matches, whose new versions stand, as said when the transaction began, as in `decided_at`; or now,
 * after one that may have taken seconds: the time for an undo counts from here.
 */
export async function bookDecisions(
  tx: Tx,
  act: Act,
  said: { readonly word: DecisionWord; readonly note?: string | null; readonly at?: 'begin' | 'now' },
  matches: readonly string[],
): Promise<void> {
  const { word, note = null, at = 'begin' } = said
  // The ids name nothing outside, so they need no order.
  await tx.$executeRaw`
    insert into decisions (id, project_id, match_id, user_id, decision, note, version, request_id, created_at)
    select gen_random_uuid(), project_id, id, ${act.actor.id}, ${word}, ${note}, version, ${act.requestId},
      ${at === 'now' ? Prisma.sql`clock_timestamp()` : Prisma.sql`now()`}
    from matches where id = any(${matches}::uuid[])`
}

/** What changed around matches that came to stand. */
export interface Consequences {
  /** Ids of suggestions that it made impossible. */
  readonly removed: readonly string[]
  readonly breaks: readonly BreakView[]
}

/**
 * Draws the consequences of matches that stand from now on, decided and booked: takes back the other suggestions of their records,
 * resolves their records' breaks, opens one for each record that lost its last suggestion. `lost`: suggestions that the act has taken
 * back already. Set by set, whatever their number.
 */
export async function settle(tx: Tx, act: Act, standing: readonly string[], lost: readonly string[] = []): Promise<Consequences> {
  if (standing.length === 0) return { removed: [], breaks: [] }
  const rivals = await tx.$queryRaw<{ id: string }[]>`
    with member as (${membersOf(standing)}), rival as (
      select m.id from member join matches m on m.left_id = member.record where m.status = 'proposed'
      union
      select m.id from member join matches m on m.right_id = member.record where m.status = 'proposed'
    )
    update matches m set status = 'removed', act_id = ${act.id}::uuid, version = version + 1
    from rival where m.id = rival.id and m.status = 'proposed' returning m.id::text`
  const removed = rivals.map(({ id }) => id)
  const resolved = await resolveBreaks(tx, standing)
  return { removed, breaks: [...resolved, ...(await breakOrphans(tx, act, [...lost, ...removed], 'taken'))] }
}

/**
 * Opens a break for each record of the lost matches that no match and no suggestion is left for; the lost pair is its nearest miss. An act
 * without an id is a job's.
 */
export async function breakOrphans(
  tx: Tx,
  act: { readonly project: ProjectId; readonly id: string | null },
  lost: readonly string[],
  why: LossReason,
): Promise<BreakView[]> {
  if (lost.length === 0) return []
  const orphans = await tx.$queryRaw<Orphan[]>`
    select distinct on (member.record) member.record::text, member.side, other.id::text as other, other.external_id as "otherExternalId",
      trim_scale(m.amount_difference)::text as "amountDifference", abs(own.value_date - other.value_date) as "daysApart",
      m.cardinality = '1:1' as "isPair"
    from (${membersOf(lost)}) member
    join matches m on m.id = member.match
    join records own on own.id = member.record
    join records other on other.id = case member.side when 'left' then m.right_id else m.left_id end
    where not exists (select 1 from matches m where m.left_id = member.record and m.status in ('confirmed', 'proposed'))
      and not exists (select 1 from matches m where m.right_id = member.record and m.status in ('confirmed', 'proposed'))
    -- A record that lost several suggestions names the strongest.
    order by member.record, m.confidence desc, m.id`
  return openBreaks(
    tx,
    act.project,
    act.id,
    orphans.map(({ record, side, other, otherExternalId, amountDifference, daysApart, isPair }) => ({
      record,
      side,
      reason: amountDifference === null || amountDifference === '0' ? 'no-candidate' : 'amount-differs',
      nearestMiss: {
        record: other,
        externalId: otherExternalId,
        text: isPair ? missText(amountDifference, daysApart, why) : `was matched with several records, ${WHY[why]}`,
        amountDifference,
        daysApart,
      },
    })),
  )
}

interface Orphan {
  readonly record: string
  readonly side: Side
  readonly other: string
  readonly otherExternalId: string | null
  readonly amountDifference: string | null
  readonly daysApart: number | null
  readonly isPair: boolean
}

const WHY: Readonly<Record<LossReason, string>> = {
  rejected: 'rejected by a person',
  taken: 'now matched with another record',
  unmatched: 'unmatched by a person',
}

function missText(amountDifference: string | null, daysApart: number | null, why: LossReason): string {
  const amount =
    amountDifference === null
      ? 'no amount to compare'
      : amountDifference === '0'
        ? 'amount equal'
        : `amount differs by ${amountDifference.replace(/^-/, '')}`
  const days = daysApart === null ? '' : daysApart === 0 ? ', same day' : `, ${daysApart} ${daysApart === 1 ? 'day' : 'days'} apart`
  return `${amount}${days}, ${WHY[why]}`
}

/** The matches as they are now, highest confidence first. */
export function readMatches(tx: Tx, ids: readonly string[]): Promise<MatchView[]> {
  return queryMatches(tx, Prisma.sql`m.id = any(${ids}::uuid[]) order by m.confidence desc, m.id`)
}

/** News of the act about one thing each. */
export function newsOf(act: Act, type: 'match.created' | 'match.decided' | 'match.removed', matches: readonly MatchView[]): News[] {
  return matches.map((match) => ({ type, actor: act.actor.id, trace: act.requestId, data: { match } }))
}

/** News of the act about breaks. */
export function breakNews(act: Act, breaks: readonly BreakView[]): News[] {
  return breaks.map((changed) => ({ type: 'break.changed', actor: act.actor.id, trace: act.requestId, data: { break: changed } }))
}
