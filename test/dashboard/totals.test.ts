import { expect, test } from 'vitest'
import { countStates, equations, isEverythingSettled } from '../../src/dashboard/totals.js'
import type { ControlTotal, RecordState } from '../../src/protocol/views.js'

const group = (state: RecordState, count: number) => ({ side: 'left', currency: 'EUR', state, count, amount: '0' }) as const
const total = (currency: string, side: 'left' | 'right', matched: string, open: string, sum: string): ControlTotal => {
  return { currency, side, matched, open, total: sum, excluded: '0' }
}

test('rows are counted by state, without the excluded ones', () => {
  const totals = [group('matched', 5), group('suggested', 2), group('open', 3), group('excluded', 9), group('matched', 1)]
  expect(countStates({ revision: 1, totals, controlTotals: null, activeJobs: 0, suggestions: 0, breaks: 0, unmatched: 0 })).toEqual({
    all: 11,
    matched: 6,
    suggested: 2,
    open: 3,
  })
})

test.each([
  [0, 0, 0, true],
  [1, 0, 0, false],
  [0, 1, 0, false],
  [0, 0, 1, false],
])('with %i suggestions, %i open breaks and %i rows that no job compared everything is settled: %s', (...figures) => {
  const [suggestions, breaks, unmatched, expected] = figures
  expect(isEverythingSettled({ suggestions, breaks, unmatched })).toBe(expected)
})

test('the difference is what matches explain and what they do not', () => {
  const controlTotals = [total('EUR', 'left', '10.10', '5.00', '15.10'), total('EUR', 'right', '10.00', '7.25', '17.25')]
  const [equation] = equations({ controlTotals, totals: [] }, 'EUR')
  expect(equation).toMatchObject({ difference: '-2.15', explained: '0.10', unexplained: '-2.25' })
})

test('the project’s currency comes first, then those of most rows; a side without a currency counts as 0', () => {
  const controlTotals = [
    total('CHF', 'left', '0', '1', '1'),
    total('USD', 'right', '0', '2', '2'),
    total('AUD', 'left', '0', '3', '3'),
    total('EUR', 'left', '0', '4', '4'),
  ]
  const totals = [group('open', 2), { ...group('matched', 3), currency: 'CHF' }]
  const order = (own: string | null) => equations({ controlTotals, totals }, own).map(({ currency }) => currency)
  expect(order('USD')).toEqual(['USD', 'CHF', 'EUR', 'AUD'])
  expect(order(null)).toEqual(['CHF', 'EUR', 'AUD', 'USD'])
  expect(equations({ controlTotals, totals }, 'USD')[0]).toMatchObject({ left: '0', right: '2', difference: '-2' })
})
