import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/errors.js'
import { planStages } from '../../src/reconciliation/plan.js'
import { DEFAULT_RULES, parseRules, ruleSetHash } from '../../src/reconciliation/rules.js'

const PASS = { name: 'a', block: [{ field: 'reference' }, { field: 'amount' }], policy: 'auto' }

function problemsOf(rules: unknown): readonly string[] {
  try {
    parseRules(rules)
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID') return error.problems!.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

describe('rules', () => {
  test('come back with their defaults and hash alike however they are written', () => {
    const rules = parseRules({ name: 'mine', passes: [PASS] })
    expect(rules.passes[0]).toMatchObject({ cardinality: '1:1', ambiguous: 'suggest', minConfidence: '0.99' })
    expect(parseRules(JSON.parse(JSON.stringify(rules)))).toEqual(rules)
    expect(ruleSetHash(parseRules({ passes: [{ policy: 'auto', block: PASS.block, name: 'a' }], name: 'mine' }))).toBe(ruleSetHash(rules))
    expect(ruleSetHash(DEFAULT_RULES)).not.toBe(ruleSetHash(rules))
  })

  test('are refused with every problem and its place', () => {
    expect(problemsOf({ name: 'mine', passes: [{ ...PASS, cardinality: '1:N' }] })).toEqual([
      'ruleSet.passes.0.cardinality: only 1:1 is supported so far',
    ])
    expect(
      problemsOf({
        name: 'mine',
        passes: [
          { ...PASS, minConfidence: '1.5' },
          { ...PASS, name: 'b', colour: 'red' },
        ],
      }),
    ).toEqual([
      'ruleSet.passes.0.minConfidence: must be decimal text from 0 to 1 with at most five decimals',
      expect.stringContaining('ruleSet.passes.1'),
    ])
    expect(problemsOf({ name: 'mine', passes: [PASS, PASS] })).toEqual(['ruleSet.passes: have names that are not unique'])
    expect(problemsOf('nonsense')).toHaveLength(1)
  })

  test('never leave the amount open', () => {
    expect(problemsOf({ name: 'mine', passes: [{ ...PASS, block: [{ field: 'reference' }] }] })).toEqual([
      'ruleSet.passes.0.gates: must limit the amount, by a key or a gate',
    ])
  })

  test('make a plan in which every record belongs to a chunk of each stage', () => {
    const stages = planStages(DEFAULT_RULES, 20_000, 19_000, 2_000)
    expect(stages.map(({ kind, phase, chunks }) => `${kind} ${phase} ${chunks}`)).toEqual([
      'match exact reference 10',
      'match exact id 10',
      'score amount, date and text: comparing 10',
      'decide amount, date and text: deciding 10',
      'breaks breaks 20',
    ])
    expect(planStages(DEFAULT_RULES, 0, 0, 2_000).every(({ chunks }) => chunks === 1)).toBe(true)
  })
})
