import { createHash } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../errors.js'
import { canonical } from '../money.js'

const NAME = z.string().trim().min(1).max(60)
const AMOUNT = z
  .string()
  .refine((text) => canonical(text) !== null && !text.startsWith('-'), 'must be a decimal number of 0 or more, as text')
const CONFIDENCE = z.string().regex(/^(0(\.\d{1,5})?|1(\.0{1,5})?)$/, 'must be decimal text from 0 to 1 with at most five decimals')

/** Equal keys make a block. `exact`: as written; `text`: case, accents and punctuation do not count; `code`: letters and digits only. */
const KEY = z.discriminatedUnion('field', [
  z.strictObject({
    field: z.enum(['reference', 'externalId', 'counterparty', 'memo']),
    normalise: z.enum(['exact', 'text', 'code']).default('code'),
  }),
  z.strictObject({ field: z.enum(['amount', 'date']) }),
])

/** How far the right amount may lie from the left one: within `abs` or within `bps` (1/10,000) of the amount that `of` names. */
const TOLERANCE = z.strictObject({
  abs: AMOUNT.default('0'),
  bps: z.int().min(0).max(9_999).default(0),
  of: z.enum(['left', 'right', 'max', 'min']).default('max'),
})

const GATE = z.discriminatedUnion('field', [
  z.strictObject({
    field: z.literal('amount'),
    /** right < left, signs counted: a bank credits less than the ledger says, or pays more. */
    less: TOLERANCE.prefault({}),
    /** right > left. */
    more: TOLERANCE.prefault({}),
  }),
  z
    .strictObject({
      field: z.literal('date'),
      /** Allowed range of right − left in calendar days. */
      from: z.int().min(-3_660).max(3_660),
      to: z.int().min(-3_660).max(3_660),
      /** Whether a pair passes in which a side has no date. */
      missing: z.enum(['fail', 'pass']).default('fail'),
    })
    .refine((gate) => gate.from <= gate.to, { path: ['from'], message: 'must not be after `to`' }),
])

const PASS = z
  .strictObject({
    name: NAME,
    cardinality: z.literal('1:1', { error: 'only 1:1 is supported so far' }).default('1:1'),
    /** All keys must be equal; a record without one of them has no part in the pass. */
    block: z.array(KEY).max(6).default([]),
    gates: z.array(GATE).max(2).default([]),
    /** Graded comparisons, weighted by what the files themselves show; absent: the rule decides. */
    score: z
      .array(z.strictObject({ field: z.enum(['amount', 'date', 'words', 'numbers']) }))
      .min(1)
      .max(4)
      .optional(),
    policy: z.enum(['auto', 'suggest']),
    /** Probability that `auto` needs; for scored passes. */
    minConfidence: CONFIDENCE.default('0.99'),
    /** Bits between the decision and the best other one that `auto` needs; for scored passes. */
    margin: z
      .string()
      .regex(/^\d{1,3}(\.\d{1,6})?$/, 'must be decimal text, in bits')
      .default('4'),
    /** Below this probability a pair is not even suggested; for scored passes. */
    minSuggestion: CONFIDENCE.default('0.3'),
    /** What becomes of records that several others could be meant with; for passes that are not scored. */
    ambiguous: z.enum(['suggest', 'leave']).default('suggest'),
    /**
     * Share of the keys found once on each side that must also meet the gates, or the keys do not mean the same thing on both sides (row
     * numbers, say) and the pass is skipped with the notice `unrelated-keys`; for passes that are not scored.
     */
    minAgreement: CONFIDENCE.default('0'),
  })
  .superRefine((pass, context) => {
    const has = (field: string) => pass.block.some((key) => key.field === field) || pass.gates.some((gate) => gate.field === field)
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (!has('amount')) problem('gates', 'must limit the amount, by a key or a gate')
    for (const field of ['amount', 'date'] as const)
      if (pass.gates.filter((gate) => gate.field === field).length > 1) problem('gates', `has two limits of the ${field}`)
    if (pass.score === undefined && pass.block.length === 0) problem('block', 'must have a key where nothing is scored')
    if (pass.score !== undefined && new Set(pass.score.map((comparison) => comparison.field)).size < pass.score.length)
      problem('score', 'compares a field twice')
    if (pass.score !== undefined && pass.block.length > 0) problem('block', 'a scored pass finds its candidates without keys so far')
  })

const RULE_SET = z
  .strictObject({ name: NAME, version: z.literal(1).default(1), passes: z.array(PASS).min(1).max(20) })
  .refine((rules) => new Set(rules.passes.map((pass) => pass.name)).size === rules.passes.length, {
    path: ['passes'],
    message: 'have names that are not unique',
  })

/** Ordered passes: each works on what the ones before left over. Frozen once stored. */
export type RuleSetDefinition = z.infer<typeof RULE_SET>
export type Pass = RuleSetDefinition['passes'][number]
export type Key = z.infer<typeof KEY>
export type AmountGate = Extract<z.infer<typeof GATE>, { field: 'amount' }>
export type DateGate = Extract<z.infer<typeof GATE>, { field: 'date' }>
export type Tolerance = z.infer<typeof TOLERANCE>

/** @throws AppError `INVALID`, with every problem and its path. */
export function parseRules(value: unknown): RuleSetDefinition {
  const parsed = RULE_SET.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => ({ path: ['ruleSet', ...issue.path].join('.'), message: issue.message }))
  const [first] = problems
  throw new AppError('INVALID', { message: `the rules are not valid: ${first!.path} ${first!.message}`, problems })
}

/** The same for equal rules, however their fields are ordered. */
export function ruleSetHash(rules: RuleSetDefinition): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(rules)))
    .digest('hex')
}

/** Works on two files that nobody has described: keys that prove a pair first, then everything at once by what the files themselves show. */
export const DEFAULT_RULES: RuleSetDefinition = parseRules({
  name: 'default',
  passes: [
    {
      name: 'exact reference',
      block: [{ field: 'reference' }, { field: 'amount' }],
      policy: 'auto',
      ambiguous: 'leave',
      minAgreement: '0.5',
    },
    {
      name: 'exact id',
      block: [{ field: 'externalId' }, { field: 'amount' }],
      policy: 'auto',
      ambiguous: 'leave',
      minAgreement: '0.5',
    },
    {
      name: 'amount, date and text',
      gates: [
        // Bank fees and exchange rates take up to about 13 % off or put it on.
        { field: 'amount', less: { bps: 1_500 }, more: { bps: 1_500 } },
        // A month either way: which side comes first, and by how much, is learned from the files.
        { field: 'date', from: -31, to: 31, missing: 'pass' },
      ],
      score: [{ field: 'amount' }, { field: 'date' }, { field: 'words' }, { field: 'numbers' }],
      policy: 'auto',
      minConfidence: '0.99',
      margin: '4',
      minSuggestion: '0.4',
    },
  ],
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
