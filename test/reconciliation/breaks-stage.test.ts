import { describe, expect, test } from 'vitest'
import type { EngineRecord } from '../../src/reconciliation/records.js'
import { parseRules } from '../../src/reconciliation/rules.js'
import { record, runEngine } from './run-engine.js'

const RULES = parseRules({
  name: 'narrow',
  passes: [
    {
      name: 'reference',
      block: [{ field: 'reference' }, { field: 'amount' }],
      gates: [{ field: 'date', from: -3, to: 3 }],
      policy: 'auto',
      ambiguous: 'leave',
    },
    {
      name: 'counterparty',
      block: [{ field: 'counterparty' }],
      gates: [
        { field: 'amount', less: { abs: '1' }, more: { abs: '1' } },
        { field: 'date', from: -3, to: 3 },
      ],
      policy: 'auto',
      ambiguous: 'leave',
    },
  ],
})

/** Why the first left record is a break. */
function breakOf(left: Partial<EngineRecord>, right: readonly Partial<EngineRecord>[], more: readonly Partial<EngineRecord>[] = []) {
  const { breaks } = runEngine([left, ...more].map(record), right.map(record), { rules: RULES })
  const { reason, nearestMiss } = breaks.find((found) => found.side === 'left' && found.record === 0)!
  return { reason, record: nearestMiss?.record ?? null, text: nearestMiss?.text, ...nearestMiss }
}

describe('a break', () => {
  test('without anything like it on the other side has no candidate', () => {
    expect(breakOf({ amount: '10', memo: 'RENT' }, [{ amount: '99', memo: 'FUEL' }])).toMatchObject({
      reason: 'no-candidate',
      record: null,
    })
  })

  test('says by how many days the same amount is too far away', () => {
    expect(breakOf({ reference: 'A1' }, [{ reference: 'A1', day: 19_009 }, { day: 19_080 }])).toMatchObject({
      reason: 'date-outside',
      record: 0,
      amountDifference: '0',
      daysApart: 9,
      text: expect.stringMatching(/^amount equal, 9 days apart, window 3/),
    })
  })

  test('says by how much the amount of the same reference differs, left less right', () => {
    expect(breakOf({ reference: 'A1', amount: '-10' }, [{ reference: 'A-1', amount: '-12.5' }])).toMatchObject({
      reason: 'amount-differs',
      record: 0,
      amountDifference: '2.5',
      daysApart: 0,
    })
  })

  test('tells that the same figure is in another currency, and subtracts nothing', () => {
    expect(breakOf({ amount: '120.5' }, [{ amount: '120.5', currency: 'USD' }])).toMatchObject({
      reason: 'currency-differs',
      amountDifference: null,
      text: expect.stringContaining('EUR against USD'),
    })
  })

  test('is ambiguous when several records come equally near', () => {
    expect(breakOf({}, [{ day: 19_001 }, { day: 18_999 }])).toMatchObject({ reason: 'ambiguous' })
  })

  test('is a duplicate when a row like it has the partner already', () => {
    const twin = { reference: 'A1', memo: 'RENT MAY' }
    const found = breakOf({ ...twin, day: 19_005 }, [{ reference: 'A1', memo: 'RENT' }], [twin])
    expect(found).toMatchObject({ reason: 'duplicate', record: 0, text: expect.stringContaining('belongs to another row') })
  })

  test('of the right side is explained the same way', () => {
    const { breaks } = runEngine([record({ reference: 'A1', day: 19_009 })], [record({ reference: 'A1' })], { rules: RULES })
    expect(breaks.map(({ side, reason, nearestMiss }) => [side, reason, nearestMiss?.daysApart])).toEqual([
      ['left', 'date-outside', 9],
      ['right', 'date-outside', 9],
    ])
  })
})
