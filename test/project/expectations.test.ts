import { expect, test } from 'vitest'
import { type Expectation, inTurn, RUNS } from '../../bench/expectations/expectation.js'
import { pageOf } from '../../bench/expectations/page.js'

const LESS: Expectation = {
  figure: 'network',
  promised: { kind: 'less', least: 0.6, most: 0.8 },
  unit: 'kB',
  off: { what: 'as it is', value: 100 },
  on: { what: 'compressed', value: 30 },
}

function rowsOf(expectations: readonly Expectation[]): string[] {
  return pageOf({ expectations, loadAtStart: 0, seconds: 1 })
    .split('\n')
    .filter((line) => /^\| (?!promised|---)/.test(line))
}

test('a promise that was missed stays in the table and says so, one that was more than kept is met', () => {
  const missed = { ...LESS, on: { what: 'compressed', value: 41 } }
  const more = { ...LESS, on: { what: 'compressed', value: 10 } }
  expect(rowsOf([missed])).toEqual(['| network | 100 kB: as it is | 41 kB: compressed | 59 % less | 60–80 % less | **missed** |'])
  expect(rowsOf([more])).toEqual(['| network | 100 kB: as it is | 10 kB: compressed | 90 % less | 60–80 % less | yes |'])
})

test('what got worse is told as more', () => {
  expect(rowsOf([{ ...LESS, on: { what: 'compressed', value: 130 } }])[0]).toContain('| 30 % more | 60–80 % less | **missed** |')
})

test('so many times and shares are judged by their lower bounds, rows stand in the order of the promise', () => {
  const times: Expectation = { ...LESS, figure: 'batch writes', unit: '/s', promised: { kind: 'times', least: 2, most: null } }
  const share: Expectation = { ...LESS, figure: 'hit ratio', unit: '%', promised: { kind: 'share', least: 0.8, most: 0.9 } }
  const rows = rowsOf([
    { ...share, off: { what: 'one level', value: 0.5 }, on: { what: 'two', value: 0.8 } },
    { ...times, off: { what: 'one by one', value: 1_000 }, on: { what: 'at once', value: 1_900 } },
  ])
  expect(rows).toEqual([
    '| batch writes | 1,000 /s: one by one | 1,900 /s: at once | 1.9 × | ≥ 2 × | **missed** |',
    '| hit ratio | 50 %: one level | 80 %: two | 1.6 × | 80–90 % | yes |',
  ])
})

test('both ways run in alternating order, the first round is not counted', async () => {
  const order: string[] = []
  const measure = (which: string) => async () => ({ runs: order.push(which) })
  const { off, on } = await inTurn({ off: measure('off'), on: measure('on') })
  expect(order).toEqual(Array.from({ length: RUNS + 1 }, (_, round) => (round % 2 === 0 ? ['off', 'on'] : ['on', 'off'])).flat())
  expect([off.runs, on.runs]).toEqual([8, 7])
})
