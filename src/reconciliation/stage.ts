import type { BreakReason, JobNotice, MatchExplanation } from '../protocol/views.js'

/** What one chunk found. Indexes are positions in the tables in the order the records were appended. */
export interface MatchDraft {
  readonly left: number
  readonly right: number
  readonly rule: string
  /** Decided by the engine (`confirmed`) or waiting for a person (`proposed`). */
  readonly automatic: boolean
  /** Decimal(6,5) as text. */
  readonly confidence: string
  /** left − right as decimal text; null when a side has no amount. */
  readonly amountDifference: string | null
  readonly explanation: MatchExplanation
}

export interface BreakDraft {
  readonly side: 'left' | 'right'
  readonly record: number
  readonly reason: BreakReason
  /** `record` is a position in the table of the other side. */
  readonly nearestMiss: {
    readonly record: number
    readonly text: string
    readonly amountDifference: string | null
    readonly daysApart: number | null
  } | null
}

/**
 * A step of a job. All chunks of a stage are done before the next stage begins.
 * `match` works on one hash partition; `score` finds candidate pairs for a slice of the left side and leaves them as `output`;
 * `decide` reads all outputs of the `score` stage before it and commits a slice of the one global assignment; `breaks` explains a slice of
 * what is left over.
 */
export interface Stage {
  readonly kind: 'match' | 'score' | 'decide' | 'breaks'
  /** Shown as the job's phase. */
  readonly phase: string
  /** Index of the pass in the rule set; null for `breaks`. */
  readonly pass: number | null
  readonly chunks: number
}

/** What a stage begins with; equal for everybody who begins it. */
export interface StageInput {
  /** Records that have no part in the stage any more: people or earlier stages matched them. */
  readonly takenLeft: Uint32Array
  readonly takenRight: Uint32Array
  /** Pairs that a person has called no match; never proposed. */
  readonly barred: readonly (readonly [left: number, right: number])[]
  /** For `decide`: what the chunks of the `score` stage before it left. */
  readonly outputs: readonly Uint8Array[]
}

export interface ChunkResult {
  readonly matches: readonly MatchDraft[]
  readonly breaks: readonly BreakDraft[]
  /** For the stage after this one; null when there is nothing to hand over. */
  readonly output: Uint8Array | null
  readonly notices: readonly JobNotice[]
}
