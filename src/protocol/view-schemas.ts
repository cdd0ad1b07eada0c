import { z } from 'zod'
import {
  BREAK_REASONS,
  BREAK_STATUSES,
  type BreakView,
  CARDINALITIES,
  JOB_STATES,
  type JobView,
  MATCH_STATUSES,
  type MatchView,
  type MemberView,
  type ProjectView,
  RECORD_STATES,
  type RecordView,
  ROLES,
  SIDES,
  type Snapshot,
  SOURCE_STATES,
  type SourceView,
  type Summary,
} from './views.js'

// The views as zod schemas, for the server only; each is proved equal to its type at the end.

/** `true` when both types are the same. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** The type without `readonly`, as zod infers it. */
export type Plain<T> = T extends readonly (infer Item)[]
  ? Plain<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Plain<T[Key]> }
    : T

const text = z.string()
const maybeText = z.string().nullable()
const count = z.int().nonnegative()
const side = z.enum(SIDES)

export const userRef = z.object({ id: text, name: text })

export const projectView = z.object({
  id: text,
  name: text,
  currency: maybeText,
  settings: z.record(z.string(), z.unknown()),
  createdAt: text,
  version: count,
})

export const memberView = z.object({ project: text, user: userRef, role: z.enum(ROLES).nullable(), version: count })

export const sourceView = z.object({
  id: text,
  project: text,
  side,
  name: text,
  format: text,
  hash: text,
  state: z.enum(SOURCE_STATES),
  rows: z.object({ accepted: count, warning: count, rejected: count }),
  createdBy: userRef.nullable(),
  createdAt: text,
  version: count,
})

export const recordView = z.object({
  id: text,
  project: text,
  source: text,
  side,
  rowNo: count,
  externalId: maybeText,
  reference: maybeText,
  counterparty: maybeText,
  memo: maybeText,
  amount: maybeText,
  currency: maybeText,
  valueDate: maybeText,
  state: z.enum(RECORD_STATES),
})

const controlTotals = z.array(z.object({ currency: text, side, total: text, matched: text, open: text, excluded: text })).nullable()

export const jobView = z.object({
  id: text,
  project: text,
  kind: text,
  state: z.enum(JOB_STATES),
  dryRun: z.boolean(),
  ruleSet: maybeText,
  phase: text,
  processed: count,
  total: count,
  matched: count,
  suggested: count,
  breaks: count,
  percent: z.int().min(0).max(100),
  rowsPerSecond: z.number().nullable(),
  etaMs: z.number().nullable(),
  controlTotals,
  notices: z.array(z.object({ code: text, pass: text, count })),
  resultHash: maybeText,
  error: z.object({ code: text, message: text }).nullable(),
  createdBy: userRef.nullable(),
  createdAt: text,
  startedAt: maybeText,
  endedAt: maybeText,
  version: count,
})

export const matchView = z.object({
  id: text,
  project: text,
  job: maybeText,
  rule: text,
  cardinality: z.enum(CARDINALITIES),
  status: z.enum(MATCH_STATUSES),
  automatic: z.boolean(),
  left: z.array(text),
  right: z.array(text),
  confidence: text,
  currency: maybeText,
  amountDifference: maybeText,
  explanation: z.object({
    pass: text,
    summary: text,
    gates: z.array(z.object({ field: text, left: maybeText, right: maybeText, difference: maybeText, allowed: text })),
    levels: z.array(z.object({ field: text, level: text, left: maybeText, right: maybeText, weight: text })),
    prior: maybeText,
    margin: maybeText,
    alternatives: count,
  }),
  decidedBy: userRef.nullable(),
  decidedAt: maybeText,
  version: count,
})

export const breakView = z.object({
  id: text,
  project: text,
  record: text,
  side,
  reason: z.enum(BREAK_REASONS),
  nearestMiss: z
    .object({ record: text, externalId: maybeText, text, amountDifference: maybeText, daysApart: z.number().nullable() })
    .nullable(),
  assignee: userRef.nullable(),
  dueAt: maybeText,
  note: maybeText,
  status: z.enum(BREAK_STATUSES),
  version: count,
})

export const summaryView = z.object({
  revision: count,
  totals: z.array(z.object({ side, currency: text, state: z.enum(RECORD_STATES), count, amount: text })),
  controlTotals,
  activeJobs: count,
  suggestions: count,
  breaks: count,
  unmatched: count,
})

export const snapshotView = z.object({ project: projectView, summary: summaryView, jobs: z.array(jobView) })

true satisfies Equal<z.infer<typeof projectView>, Plain<ProjectView>>
true satisfies Equal<z.infer<typeof memberView>, Plain<MemberView>>
true satisfies Equal<z.infer<typeof sourceView>, Plain<SourceView>>
true satisfies Equal<z.infer<typeof recordView>, Plain<RecordView>>
true satisfies Equal<z.infer<typeof jobView>, Plain<JobView>>
true satisfies Equal<z.infer<typeof matchView>, Plain<MatchView>>
true satisfies Equal<z.infer<typeof breakView>, Plain<BreakView>>
true satisfies Equal<z.infer<typeof summaryView>, Plain<Summary>>
true satisfies Equal<z.infer<typeof snapshotView>, Plain<Snapshot>>
