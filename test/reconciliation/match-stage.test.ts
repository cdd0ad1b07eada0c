import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EngineRecord } from '../../src/reconciliation/records.js'
import { parseRules } from '../../src/reconciliation/rules.js'
import { record, runEngine } from './run-engine.js'

const BY_REFERENCE = parseRules({
  name: 'by reference',
  passes: [{ name: 'reference', block: [{ field: 'reference' }, { field: 'amount' }], policy: 'auto' }],
})
const TOLERANT = parseRules({
  name: 'tolerant',
  passes: [
    {
      name: 'reference in time',
      block: [{ field: 'reference', normalise: 'text' }],
      gates: [
        { field: 'amount', less: { abs: '0.5' }, more: { bps: 1_000 } },
        { field: 'date', from: -2, to: 5 },
      ],
      policy: 'auto',
    },
  ],
})

/** Few values, so that keys meet, repeat, are missing. */
const RECORD = fc.record({
  reference: fc.constantFrom('R1', 'r1', 'R-1', 'R2', 'R3', '-', null),
  amount: fc.constantFrom('10', '10.4', '10.5', '11', '-10', '-10.4', '12345678901234567890.12', null),
  currency: fc.constantFrom('EUR', 'EUR', 'USD'),
  day: fc.constantFrom(100, 101, 104, null),
})
const SIDE = fc.array(RECORD, { maxLength: 14 })

function sideOf(rows: readonly Partial<EngineRecord>[], prefix: string): EngineRecord[] {
  return rows.map((row, index) => record({ ...row, externalId: `${prefix}${index}`, ...(row.amount === null ? { currency: null } : {}) }))
}

describe('a pass on equal keys', () => {
  test('matches what is unique on both sides with certainty', () => {
    const { matches } = runEngine([record({ reference: 'INV-1' })], [record({ reference: 'inv 1', day: 19_005 })], { rules: BY_REFERENCE })
    expect(matches).toMatchObject([{ left: 0, right: 0, automatic: true, confidence: '1.00000', amountDifference: '0' }])
    expect(matches[0]!.explanation.gates).toEqual([
      { field: 'reference', left: 'INV-1', right: 'inv 1', difference: null, allowed: 'equal' },
      { field: 'amount', left: '10', right: '10', difference: '0', allowed: 'equal' },
    ])
  })

  test('pairs rows that cannot be told apart in order when both sides have as many', () => {
    const rows = (ids: readonly string[]) => ids.map((externalId) => record({ externalId, reference: 'A' }))
    const { confirmed } = runEngine(rows(['3', '1', '2']), rows(['b', 'c', 'a']), { rules: BY_REFERENCE })
    expect(confirmed.map(({ left, right }) => [left, right])).toEqual([
      [1, 2],
      [2, 0],
      [0, 1],
    ])
    expect(confirmed.every(({ confidence }) => confidence === '0.99999')).toBe(true)
  })

  test('suggests every alternative where it cannot know, or leaves it to a later pass', () => {
    const right = [record({ reference: 'A', externalId: 'x' }), record({ reference: 'A', externalId: 'y', day: 19_001 })]
    const { matches, breaks } = runEngine([record({ reference: 'A' })], right, { rules: BY_REFERENCE })
    expect(matches).toMatchObject([
      { right: 0, automatic: false, confidence: '0.50000', explanation: { alternatives: 1 } },
      { right: 1, automatic: false, confidence: '0.50000' },
    ])
    expect(breaks).toEqual([])
    const leaving = parseRules({ ...BY_REFERENCE, passes: [{ ...BY_REFERENCE.passes[0], ambiguous: 'leave' }] })
    expect(runEngine([record({ reference: 'A' })], right, { rules: leaving }).matches).toEqual([])
  })

  test('is skipped when its keys do not mean the same on both sides', () => {
    const rules = parseRules({ ...BY_REFERENCE, passes: [{ ...BY_REFERENCE.passes[0], minAgreement: '0.5' }] })
    const rows = (factor: number) => Array.from({ length: 9 }, (_, no) => record({ reference: `${no}`, amount: `${(no * factor) % 9}` }))
    const { matches, notices } = runEngine(rows(1), rows(2), { rules })
    expect(matches).toEqual([])
    expect(notices).toEqual(['unrelated-keys 9'])
    expect(runEngine(rows(1), rows(1), { rules }).confirmed).toHaveLength(9)
  })

  test('confirms exactly what comparing every record with every other one says', () => {
    const barredPairs = fc.array(fc.tuple(fc.nat(13), fc.nat(13)), { maxLength: 3 })
    for (const rules of [BY_REFERENCE, TOLERANT]) {
      fc.assert(
        fc.property(SIDE, SIDE, barredPairs, fc.constantFrom(1, 3, 100), (leftRows, rightRows, pairs, chunkRows) => {
          const [left, right] = [sideOf(leftRows, 'l'), sideOf(rightRows, 'r')]
          const barred = pairs.filter(([one, other]) => one < left.length && other < right.length)
          const isCandidate = (l: number, r: number) =>
            (rules === TOLERANT ? isTolerated : hasEqualKeys)(left[l]!, right[r]!) &&
            !barred.some(([one, other]) => one === l && other === r)
          const { matches, confirmed } = runEngine(left, right, { rules, chunkRows, barred })
          expect(confirmed.map((match) => `${match.left}-${match.right}`).sort()).toEqual(oracle(left, right, barred, isCandidate).sort())
          for (const match of matches) expect(isCandidate(match.left, match.right)).toBe(true)
          // Who has candidates is matched or suggested, never forgotten.
          for (const l of left.keys())
            if (right.some((_, r) => isCandidate(l, r))) expect(matches.some((match) => match.left === l)).toBe(true)
        }),
        { numRuns: 300 },
      )
    }
  })

  test('is not moved by a record that has nothing to do with the others', () => {
    fc.assert(
      fc.property(SIDE, SIDE, (leftRows, rightRows) => {
        const [left, right] = [sideOf(leftRows, 'l'), sideOf(rightRows, 'r')]
        const stranger = record({ reference: 'STRANGER', amount: '77', externalId: 's' })
        expect(runEngine([...left, stranger], right, { rules: TOLERANT }).hash).toBe(runEngine(left, right, { rules: TOLERANT }).hash)
      }),
      { numRuns: 50 },
    )
  })
})

/** Independent of the engine: pairs by the definition, O(n²). */
function oracle(
  left: readonly EngineRecord[],
  right: readonly EngineRecord[],
  barred: readonly (readonly [number, number])[],
  isCandidate: (l: number, r: number) => boolean,
): string[] {
  const rightsOf = left.map((_, l) => [...right.keys()].filter((r) => isCandidate(l, r)))
  const leftsOf = right.map((_, r) => [...left.keys()].filter((l) => isCandidate(l, r)))
  const pairs: string[] = []
  for (const [l, rights] of rightsOf.entries()) {
    if (rights.length === 0) continue
    const lefts = leftsOf[rights[0]!]!
    const isClosed =
      rights.every((r) => String(leftsOf[r]) === String(lefts)) && lefts.every((one) => String(rightsOf[one]) === String(rights))
    const isAlike = alike(lefts.map((one) => left[one]!)) && alike(rights.map((r) => right[r]!))
    const isJudged = lefts.length > 1 && barred.some(([one, other]) => lefts.includes(one) || rights.includes(other))
    if (!isClosed || !isAlike || isJudged || lefts.length !== rights.length) continue
    const order = (side: readonly EngineRecord[], positions: readonly number[]) =>
      positions.toSorted((one, other) => (side[one]!.externalId! < side[other]!.externalId! ? -1 : 1))
    pairs.push(`${l}-${order(right, rights)[order(left, lefts).indexOf(l)]}`)
  }
  return pairs
}

function alike(records: readonly EngineRecord[]): boolean {
  return new Set(records.map(({ amount, day }) => `${amount} ${day}`)).size === 1
}

function hasEqualKeys(one: EngineRecord, other: EngineRecord): boolean {
  const code = (text: string | null) => text?.toUpperCase().replace(/[^A-Z0-9]/g, '') || null
  return code(one.reference) !== null && code(one.reference) === code(other.reference) && isEqualAmount(one, other)
}

function isEqualAmount(one: EngineRecord, other: EngineRecord): boolean {
  return one.amount !== null && one.amount === other.amount && one.currency === other.currency
}

function isTolerated(one: EngineRecord, other: EngineRecord): boolean {
  const text = (value: string | null) =>
    value
      ?.toUpperCase()
      .replace(/[^A-Z0-9]+/g, ' ')
      .trim() || null
  if (text(one.reference) === null || text(one.reference) !== text(other.reference)) return false
  if (one.day === null || other.day === null || other.day - one.day < -2 || other.day - one.day > 5) return false
  if (one.amount === null || other.amount === null || one.currency !== other.currency) return false
  const cents = (amount: string) => {
    const [whole = '', fraction = ''] = amount.split('.')
    return BigInt(whole + fraction.padEnd(2, '0'))
  }
  const size = (value: bigint) => (value < 0n ? -value : value)
  const [a, b] = [cents(one.amount), cents(other.amount)]
  const isShare = (base: bigint) => (b - a) * 10_000n <= 1_000n * size(base)
  return b < a ? a - b <= 50n : isShare(a) || isShare(b)
}
