import { expect, test } from 'vitest'
import { assertControlTotals } from '../../src/jobs/control-totals.js'

const total = { currency: 'EUR', side: 'left', total: '0.3', matched: '0.1', open: '0.2', excluded: '0' } as const
const rows = { currency: 'EUR', side: 'left', amount: '0.3' } as const

test('[M7] parts that make the sum of the rows, to the last unit, are good', () => {
  assertControlTotals([total], [rows])
  const large = { ...total, total: '-12345678901234567890.02', matched: '0.10', open: '-12345678901234567890.12' }
  assertControlTotals([large], [{ ...rows, amount: '-12345678901234567890.02' }])
  assertControlTotals([], [])
})

test.each([
  ['a unit is missing', [{ ...total, open: '0.19' }], [rows]],
  ['a unit is too much', [{ ...total, matched: '0.11' }], [rows]],
  ['a row counts twice in every part alike', [{ ...total, total: '0.6', matched: '0.2', open: '0.4' }], [rows]],
  ['a side is not named', [total], [rows, { ...rows, side: 'right' as const }]],
  ['a currency has no rows', [total, { ...total, currency: 'USD' }], [rows]],
])('[M7] %s: the job must not end', (_, totals, records) => {
  expect(() => assertControlTotals(totals, records)).toThrow('broken invariant: control totals')
})
