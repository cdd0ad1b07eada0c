// What the world sees of a project's things: the same view on HTTP, in events and in snapshots (PROTOCOL §6).
// Plain types and literals without imports: the browser reads this file too.

export const ROLES = ['viewer', 'analyst', 'approver', 'admin'] as const
export type Role = (typeof ROLES)[number]

export const SIDES = ['left', 'right'] as const
export type Side = (typeof SIDES)[number]

export const SOURCE_STATES = ['importing', 'ready', 'failed'] as const
export type SourceState = (typeof SOURCE_STATES)[number]

export const RECORD_STATES = ['open', 'suggested', 'matched', 'excluded'] as const
export type RecordState = (typeof RECORD_STATES)[number]

export const JOB_STATES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const
export type JobState = (typeof JOB_STATES)[number]

export const MATCH_STATUSES = ['proposed', 'confirmed', 'rejected', 'removed'] as const
export type MatchStatus = (typeof MATCH_STATUSES)[number]

export const CARDINALITIES = ['1:1', '1:N', 'N:1', 'N:M'] as const
export type Cardinality = (typeof CARDINALITIES)[number]

export const BREAK_REASONS = [
  'no-candidate',
  'amount-differs',
  'date-outside',
  'currency-differs',
  'ambiguous',
  'duplicate',
  'subset-multiple',
  'budget-exhausted',
  'oversize',
] as const
export type BreakReason = (typeof BREAK_REASONS)[number]

export const BREAK_STATUSES = ['open', 'resolved'] as const
export type BreakStatus = (typeof BREAK_STATUSES)[number]

/** RFC 3339 UTC with milliseconds. */
export type Timestamp = string
/** A civil date `YYYY-MM-DD`, as written in the file. */
export type CivilDate = string
/** A decimal number as text: money and confidences never touch a float. */
export type DecimalText = string

/** `id` is the token's `sub`, 1–128 printable characters. */
export interface UserRef {
  readonly id: string
  readonly name: string
}

export interface ProjectView {
  readonly id: string
  readonly name: string
  readonly currency: string | null
  readonly settings: Readonly<Record<string, unknown>>
  readonly createdAt: Timestamp
  readonly version: number
}

export interface MemberView {
  readonly project: string
  readonly user: UserRef
  /** null: removed. */
  readonly role: Role | null
  readonly version: number
}

export interface SourceView {
  readonly id: string
  readonly project: string
  readonly side: Side
  readonly name: string
  readonly format: string
  readonly hash: string
  readonly state: SourceState
  /** Disjoint; the sum is the number of data rows. */
  readonly rows: { readonly accepted: number; readonly warning: number; readonly rejected: number }
  readonly createdBy: UserRef | null
  readonly createdAt: Timestamp
  readonly version: number
}

export interface RecordView {
  readonly id: string
  readonly project: string
  readonly source: string
  readonly side: Side
  /** 1 = first data row. */
  readonly rowNo: number
  readonly externalId: string | null
  readonly reference: string | null
  readonly counterparty: string | null
  readonly memo: string | null
  readonly amount: DecimalText | null
  readonly currency: string | null
  readonly valueDate: CivilDate | null
  readonly state: RecordState
}

export interface ControlTotal {
  readonly currency: string
  readonly side: Side
  readonly total: DecimalText
  readonly matched: DecimalText
  /** Includes what is suggested. */
  readonly open: DecimalText
  readonly excluded: DecimalText
}

/** Something about a job's result that a person should know: `oversize`, `approximate`, … */
export interface JobNotice {
  readonly code: string
  readonly pass: string
  readonly count: number
}

export interface JobView {
  readonly id: string
  readonly project: string
  readonly kind: string
  readonly state: JobState
  readonly dryRun: boolean
  readonly ruleSet: string | null
  readonly phase: string
  readonly processed: number
  /** Fixed at the start. */
  readonly total: number
  readonly matched: number
  readonly suggested: number
  readonly breaks: number
  /** Integer; never falls; 100 only when completed. */
  readonly percent: number
  readonly rowsPerSecond: number | null
  readonly etaMs: number | null
  readonly controlTotals: readonly ControlTotal[] | null
  readonly notices: readonly JobNotice[]
  readonly resultHash: string | null
  readonly error: { readonly code: string; readonly message: string } | null
  readonly createdBy: UserRef | null
  readonly createdAt: Timestamp
  readonly startedAt: Timestamp | null
  readonly endedAt: Timestamp | null
  readonly version: number
}

/** Why the engine thinks that two records are the same money. */
export interface MatchExplanation {
  /** Name of the pass that found it. */
  readonly pass: string
  /** One sentence for people. */
  readonly summary: string
  /** Hard limits that both records met, with both values and what lies between them. */
  readonly gates: readonly {
    readonly field: string
    readonly left: string | null
    readonly right: string | null
    readonly difference: string | null
    readonly allowed: string
  }[]
  /** Graded comparisons, with the weight each added (bits, two decimals). */
  readonly levels: readonly {
    readonly field: string
    readonly level: string
    readonly left: string | null
    readonly right: string | null
    readonly weight: DecimalText
  }[]
  /** Bits before any comparison; null where the rule decides alone. */
  readonly prior: DecimalText | null
  /** Bits between this and the best alternative of either record; null without one. */
  readonly margin: DecimalText | null
  /** How many other records could have been meant. */
  readonly alternatives: number
}

export interface MatchView {
  readonly id: string
  readonly project: string
  readonly job: string | null
  readonly rule: string
  readonly cardinality: Cardinality
  readonly status: MatchStatus
  readonly automatic: boolean
  /** Record ids. */
  readonly left: readonly string[]
  readonly right: readonly string[]
  readonly confidence: DecimalText
  /** Of all its records; null where they differ or name none. */
  readonly currency: string | null
  readonly amountDifference: DecimalText | null
  readonly explanation: MatchExplanation
  readonly decidedBy: UserRef | null
  readonly decidedAt: Timestamp | null
  readonly version: number
}

/** The record of the other side that came closest, and what kept them apart. */
export interface NearestMiss {
  readonly record: string
  readonly externalId: string | null
  /** "amount equal, 9 days apart, window 3" */
  readonly text: string
  readonly amountDifference: DecimalText | null
  readonly daysApart: number | null
}

/** Characters (UTF-16) of what somebody writes about a match, a break or a decision. */
export const MAX_NOTE_CHARS = 2_000
/** Characters of why rows belong together though their amounts differ. */
export const MAX_REASON_CHARS = 500

export interface BreakView {
  readonly id: string
  readonly project: string
  readonly record: string
  readonly side: Side
  readonly reason: BreakReason
  readonly nearestMiss: NearestMiss | null
  readonly assignee: UserRef | null
  readonly dueAt: Timestamp | null
  /** What a person wrote about it last; null: nothing. */
  readonly note: string | null
  readonly status: BreakStatus
  readonly version: number
}

export interface Summary {
  readonly revision: number
  readonly totals: readonly {
    readonly side: Side
    readonly currency: string
    readonly state: RecordState
    readonly count: number
    readonly amount: DecimalText
  }[]
  readonly controlTotals: readonly ControlTotal[] | null
  readonly activeJobs: number
  /** Matches that wait for a person: pairs, where `totals` counts records. */
  readonly suggestions: number
  /** Open breaks: records that no match explains and nobody called resolved. */
  readonly breaks: number
  /** Records that no job has compared yet: they came after the last one. */
  readonly unmatched: number
}

/** What somebody who joins a project sees first. */
export interface Snapshot {
  readonly project: ProjectView
  readonly summary: Summary
  /** Active ones and the last 20. */
  readonly jobs: readonly JobView[]
}
