import type { MatchStatus, MatchView, UserRef } from '../protocol/views.js'

export type Decision = 'confirm' | 'reject'

/** One side of a match as a line of the list: what the engine compared, without another request. */
export interface RowSide {
  readonly date: string | null
  readonly amount: string | null
  readonly text: string
}

/**
 * A match as the list keeps it. A hundred thousand stay in memory, so it has what a row shows and no more: the explanation comes again
 * with the detail.
 */
export interface MatchRow {
  readonly id: string
  readonly version: number
  readonly status: MatchStatus
  readonly automatic: boolean
  readonly confidence: string
  readonly rule: string
  readonly cardinality: string
  readonly currency: string | null
  /** Left − right; null when a side has no amount. */
  readonly difference: string | null
  readonly left: RowSide
  readonly right: RowSide
  readonly alternatives: number
  readonly decidedBy: UserRef | null
  readonly decidedAt: string | null
}

/** A row with what this page knows of it. It keeps its place when it is decided, so that nothing moves under the pointer. */
export interface Entry {
  readonly row: MatchRow
  /** Our own act that the server has not answered yet. */
  readonly pending: Decision | 'undo' | null
  /** What the server answered instead of doing it. */
  readonly refusal: Refusal | null
}

export interface Refusal {
  /** For a row of the list. */
  readonly brief: string
  readonly text: string
}

/** The rule of a match that a person made. */
export const MANUAL_RULE = 'manual'

export function ruleName(rule: string): string {
  return rule === MANUAL_RULE ? 'By hand' : rule
}

export function rowOf(match: MatchView): MatchRow {
  const { id, version, status, automatic, confidence, rule, cardinality, decidedBy, decidedAt, currency, explanation } = match
  return {
    id,
    version,
    status,
    automatic,
    confidence,
    rule,
    cardinality,
    currency,
    difference: match.amountDifference,
    left: sideOf(match, 'left'),
    right: sideOf(match, 'right'),
    alternatives: explanation.alternatives,
    decidedBy,
    decidedAt,
  }
}

/** What became of a match, in the one word that is used everywhere. */
export function statusWord({ status, decidedBy }: Pick<MatchRow, 'status' | 'decidedBy'>): string {
  switch (status) {
    case 'proposed':
      return 'Suggested'
    case 'confirmed':
      return 'Confirmed'
    case 'rejected':
      return 'Rejected'
    case 'removed':
      // Nobody took it apart: its rows were matched otherwise, or the one who made it took it back.
      return decidedBy === null ? 'Withdrawn' : 'Taken apart'
  }
}

export function isOpen({ row, pending }: Entry): boolean {
  return row.status === 'proposed' && pending === null
}

/** Whether a confidence is at least the other; both decimal text from 0 to 1, with at most five decimals. */
export function reaches(confidence: string, least: string): boolean {
  return fiveDecimals(confidence) >= fiveDecimals(least)
}

/** The next undecided entry after `from`, then from the beginning; `from` when there is none. */
export function nextOpen(list: readonly Entry[], from: number): number {
  const below = list.findIndex((entry, index) => index > from && isOpen(entry))
  if (below >= 0) return below
  const any = list.findIndex(isOpen)
  return any < 0 ? from : any
}

// Of the same length, texts of one digit before the point have the order of their numbers.
function fiveDecimals(text: string): string {
  return (text.includes('.') ? text : `${text}.`).padEnd(7, '0')
}

function sideOf({ explanation, rule, left, right }: MatchView, side: 'left' | 'right'): RowSide {
  const { gates, levels } = explanation
  if (rule === MANUAL_RULE) {
    // Its limits are the sums, one per currency; what its rows are called comes with the detail.
    const count = side === 'left' ? left.length : right.length
    const only = gates.length === 1 ? gates[0] : undefined
    return { date: null, amount: only?.[side] ?? null, text: `${count} ${count === 1 ? 'row' : 'rows'}` }
  }
  const compared = [...levels, ...gates]
  const valueIn = (field: string) => compared.find((one) => one.field === field && one[side] !== null)?.[side] ?? null
  const texts = ['words', 'counterparty', 'memo', 'reference', 'externalId', 'numbers'].map(valueIn).filter((text) => text !== null)
  const records = side === 'left' ? left : right
  const text = texts.length > 0 ? [...new Set(texts)].join(' · ') : records.length === 1 ? explanation.summary : `${records.length} rows`
  return { date: valueIn('date'), amount: valueIn('amount'), text }
}
