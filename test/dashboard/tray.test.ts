import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { differenceOf, emptyTray, isBalanced, residualsOf, setPicked, trayOf } from '../../src/dashboard/tray.js'
import type { RecordView, Side } from '../../src/protocol/views.js'

const record = (id: string, side: Side, amount: string | null, currency = 'EUR', project = 'p'): RecordView => ({
  id,
  project,
  source: 's',
  side,
  rowNo: 1,
  externalId: null,
  reference: null,
  counterparty: null,
  memo: null,
  amount,
  currency,
  valueDate: null,
  state: 'open',
})

beforeEach(() => emptyTray('p'))

test('rows are picked and put back; another project has a tray of its own', () => {
  setPicked(record('a', 'left', '1'), true)
  setPicked(record('b', 'right', '1'), true)
  setPicked(record('a', 'left', '1'), false)
  expect([trayOf('p').left.length, trayOf('p').right.length, trayOf('q').right.length]).toEqual([0, 1, 0])
})

describe('the residual', () => {
  test('is told per currency, exact to the last digit', () => {
    const left = [record('a', 'left', '0.1'), record('b', 'left', '0.2'), record('c', 'left', '5', 'CHF')]
    const right = [record('d', 'right', '0.30')]
    expect(residualsOf({ left, right })).toEqual([
      { currency: 'EUR', left: '0.3', right: '0.30', difference: '0.00' },
      { currency: 'CHF', left: '5', right: '0', difference: '5' },
    ])
    expect(isBalanced(residualsOf({ left: left.slice(0, 2), right }))).toBe(true)
    expect(isBalanced(residualsOf({ left, right }))).toBe(false)
  })

  test('is unknown where a row has no amount', () => {
    const residuals = residualsOf({ left: [record('a', 'left', null)], right: [record('b', 'right', '1')] })
    expect([residuals[0]?.difference, isBalanced(residuals)]).toEqual([null, false])
  })

  test('of two rows is one amount only in one currency', () => {
    expect(differenceOf(record('a', 'left', '-91.93'), record('b', 'right', '-29.44'))).toBe('-62.49')
    expect(differenceOf(record('a', 'left', '-91.93'), record('b', 'right', '-29.44', 'CHF'))).toBeNull()
    expect(differenceOf(record('a', 'left', null), record('b', 'right', '1'))).toBeNull()
  })

  test('is nothing when both sides have the same rows, in whatever order', () => {
    const amounts = fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(amounts, (cents) => {
        const texts = cents.map(
          (value) => `${value < 0 ? '-' : ''}${Math.floor(Math.abs(value) / 100)}.${String(Math.abs(value) % 100).padStart(2, '0')}`,
        )
        const of = (side: Side, list: readonly string[]) => list.map((amount, index) => record(`${side}${index}`, side, amount))
        expect(isBalanced(residualsOf({ left: of('left', texts), right: of('right', texts.toReversed()) }))).toBe(true)
      }),
    )
  })
})
