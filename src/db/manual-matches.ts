import { AppError } from '../errors.js'
import { type MatchId, newId } from '../ids.js'
import { subtract, sum } from '../money.js'
import type { Cardinality, MatchExplanation, MatchView, RecordView, Side } from '../protocol/views.js'
import { type Act, bookDecisions, breakNews, breakOrphans, inAct, newsOf, readMatches, settle } from './acts.js'
import { restoreBreaks } from './breaks.js'
import type { Db, Tx } from './client.js'
import { requireMatch } from './decisions.js'
import { appendOutbox } from './outbox.js'
import { getRecords } from './records.js'
import { sqlStateOf } from './sql-state.js'

/** `rule` of a match that a person made. */
export const MANUAL_RULE = 'manual'

export interface ManualMatch {
  /** Record ids, at least one of each side, no id twice. */
  readonly left: readonly string[]
  readonly right: readonly string[]
  readonly note: string | null
  /** Why the sums may differ. */
  readonly reason: string | null
}

/** What both sides come to in one currency. */
export interface Residual {
  readonly currency: string
  readonly left: string
  readonly right: string
  /** left − right; null when a record has no amount. */
  readonly difference: string | null
}

const UNIQUE_VIOLATION = '23505'

/**
 * Matches these records by hand in one transaction, with all consequences of a confirmation.
 * @throws AppError `NOT_FOUND` for a record that the project's side does not have; `CONFLICT` with `records` when some are matched already;
 *   `INVALID` with `residuals` when the sums differ and no reason says why.
 */
export async function createMatch(db: Db, act: Act, request: ManualMatch): Promise<MatchView> {
  try {
    return await inAct(db, act, (tx) => createOnce(tx, act, request))
  } catch (error) {
    // A job has matched one of the records: its commit does not wait for ours.
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error
    throw new AppError('CONFLICT', { message: 'a record was matched meanwhile' })
  }
}

/**
 * Takes a confirmed match apart: a decision of its own, nothing is erased. Breaks that it had resolved come back, its other records get one.
 * @throws AppError `NOT_FOUND`; `CONFLICT` with `current` when the version is not the newest or the match does not stand.
 */
export function removeMatch(
  db: Db,
  act: Act,
  request: { readonly match: MatchId; readonly version: number; readonly note: string | null },
): Promise<MatchView> {
  const { match, version, note } = request
  return inAct(db, act, async (tx) => {
    const before = await requireMatch(tx, act.project, match)
    const changed = await tx.$executeRaw`
      update matches set status = 'removed', decided_by = ${act.actor.id}, decided_at = now(), act_id = ${act.id}::uuid, version = version + 1
      where (id = ${match}::uuid or part_of = ${match}::uuid) and version = ${version} and status = 'confirmed'`
    if (changed === 0) {
      const why = before.version === version ? `the match is ${before.status}: only a confirmed one can be taken apart` : undefined
      throw new AppError('CONFLICT', { ...(why === undefined ? {} : { message: why }), details: { current: before } })
    }
    const current = await requireMatch(tx, act.project, match)
    await bookDecisions(tx, act, { word: 'remove', note }, [match])
    const restored = await restoreBreaks(tx, [match], act.id)
    const opened = await breakOrphans(tx, act, [match], 'unmatched')
    await appendOutbox(tx, act.project, [...newsOf(act, 'match.removed', [current]), ...breakNews(act, [...restored, ...opened])])
    return current
  })
}

async function createOnce(tx: Tx, act: Act, request: ManualMatch): Promise<MatchView> {
  const records = await requireRecords(tx, act, request)
  const taken = records.filter((record) => record.state !== 'open' && record.state !== 'suggested')
  if (taken.length > 0) {
    throw new AppError('CONFLICT', {
      message: `${taken.length} of the records ${taken.length === 1 ? 'is' : 'are'} matched already`,
      details: { records: taken },
    })
  }
  const residuals = residualsOf(records)
  const open = residuals.filter((residual) => residual.difference !== '0')
  if (open.length > 0 && request.reason === null) {
    throw new AppError('INVALID', {
      problems: open.map(({ currency, difference }) => ({
        path: 'reason',
        message: `must say why ${differenceText(difference, currency)}`,
      })),
      details: { residuals },
    })
  }
  const id = await insertManual(tx, act, request, residuals)
  await bookDecisions(tx, act, { word: 'match', note: request.note }, [id])
  const { removed, breaks } = await settle(tx, act, [id])
  const match = await requireMatch(tx, act.project, id)
  await appendOutbox(tx, act.project, [
    ...newsOf(act, 'match.created', [match]),
    ...newsOf(act, 'match.removed', await readMatches(tx, removed)),
    ...breakNews(act, breaks),
  ])
  return match
}

async function requireRecords(tx: Tx, act: Act, { left, right }: ManualMatch): Promise<RecordView[]> {
  const records = new Map((await getRecords(tx, [...left, ...right])).map((record) => [record.id, record]))
  const problems = (['left', 'right'] as const).flatMap((side) =>
    (side === 'left' ? left : right).flatMap((id, index) => {
      const record = records.get(id)
      return record?.project === act.project && record.side === side
        ? []
        : [{ path: `${side}.${index}`, message: `no such ${side} record` }]
    }),
  )
  if (problems.length > 0) throw new AppError('NOT_FOUND', { message: 'no such record; nothing was matched', problems })
  return [...records.values()]
}

/** Per currency, sorted; rows without an amount count for the currency `XXX` when they name none. */
export function residualsOf(records: readonly Pick<RecordView, 'side' | 'amount' | 'currency'>[]): Residual[] {
  const currencies = [...new Set(records.map(currencyOf))].toSorted()
  return currencies.map((currency) => {
    const own = records.filter((record) => currencyOf(record) === currency)
    const total = (side: Side) => sum(own.flatMap((record) => (record.side === side && record.amount !== null ? [record.amount] : [])))
    const [left, right] = [total('left'), total('right')]
    const isKnown = own.every((record) => record.amount !== null)
    return { currency, left, right, difference: isKnown ? subtract(left, right) : null }
  })
}

function currencyOf({ currency }: Pick<RecordView, 'currency'>): string {
  return currency ?? 'XXX'
}

function differenceText(difference: string | null, currency: string): string {
  if (difference === null) return 'records without an amount match'
  return `left and right differ by ${difference}${currency === 'XXX' ? '' : ` ${currency}`}`
}

/** One number for all: where several currencies differ there is none. */
function totalDifference(residuals: readonly Residual[]): string | null {
  if (residuals.every(({ difference }) => difference === '0')) return '0'
  return residuals.length === 1 ? residuals[0]!.difference : null
}

function explain({ left, right, reason }: ManualMatch, residuals: readonly Residual[]): MatchExplanation {
  const open = residuals.filter(({ difference }) => difference !== '0')
  const count = (ids: readonly string[]) => `${ids.length} ${ids.length === 1 ? 'record' : 'records'}`
  const difference = open.map((residual) => differenceText(residual.difference, residual.currency)).join('; ')
  return {
    pass: MANUAL_RULE,
    summary: `${count(left)} and ${count(right)} matched by hand, ${open.length === 0 ? 'sums equal' : `${difference}: ${reason}`}`,
    gates: residuals.map(({ currency, left: leftSum, right: rightSum, difference }) => ({
      field: currency === 'XXX' ? 'sum' : `sum ${currency}`,
      left: leftSum,
      right: rightSum,
      difference,
      allowed: difference === '0' ? 'equal' : (reason ?? ''),
    })),
    levels: [],
    prior: null,
    margin: null,
    alternatives: 0,
  }
}

/** The first records of both sides stand in the match's own row, the others in parts of it, which repeat what it says. */
async function insertManual(tx: Tx, act: Act, request: ManualMatch, residuals: readonly Residual[]): Promise<MatchId> {
  const { left, right } = request
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, index) => ({
    id: newId<MatchId>(),
    left: left[index] ?? null,
    right: right[index] ?? null,
  }))
  const [{ id }] = rows as [(typeof rows)[0]]
  const cardinality: Cardinality = left.length === 1 ? (right.length === 1 ? '1:1' : '1:N') : right.length === 1 ? 'N:1' : 'N:M'
  await tx.$executeRaw`
    insert into matches (id, project_id, part_of, rule, cardinality, left_id, right_id, confidence, amount_difference, explanation, status,
      automatic, decided_by, decided_at, act_id)
    select row.id, ${act.project}::uuid, case when row.id = ${id}::uuid then null else ${id}::uuid end, ${MANUAL_RULE}, ${cardinality}, row.left_id,
      row.right_id, 1, ${totalDifference(residuals)}::numeric, ${JSON.stringify(explain(request, residuals))}::jsonb,
      'confirmed', false, ${act.actor.id}, now(), ${act.id}::uuid
    from unnest(${rows.map((row) => row.id)}::uuid[], ${rows.map((row) => row.left)}::uuid[], ${rows.map((row) => row.right)}::uuid[])
      as row (id, left_id, right_id)`
  return id
}
