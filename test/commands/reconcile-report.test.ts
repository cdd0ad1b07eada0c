import { expect, test } from 'vitest'
import { differencesOf, formatReport, type ReconcileReport, recordsOf } from '../../src/commands/reconcile-report.js'
import type { ControlTotal } from '../../src/protocol/views.js'

const total = (currency: string, side: 'left' | 'right', all: string, matched: string, open: string): ControlTotal => ({
  currency,
  side,
  total: all,
  matched,
  open,
  excluded: '0',
})

const TOTALS = [
  total('EUR', 'left', '20840817.55', '19639184.4', '1201633.15'),
  total('EUR', 'right', '22931619.78', '19644854.52', '3286765.26'),
  total('JPY', 'right', '-1500', '0', '-1500'),
  total('XXX', 'left', '0.125', '0.125', '0'),
  total('XXX', 'right', '0.1', '0.1', '0'),
]

const REPORT: ReconcileReport = {
  files: {
    left: { name: 'statement-of-the-whole-year-2026.csv', rows: { accepted: 19_990, warning: 10, rejected: 3 } },
    right: { name: 'ledger.csv', rows: { accepted: 20_001, warning: 0, rejected: 0 } },
  },
  records: { left: { matched: 17_719, suggested: 710, open: 1_571 }, right: { matched: 17_719, suggested: 704, open: 1_578 } },
  matched: 17_719,
  suggested: 901,
  breaks: 3_149,
  breaksByReason: [
    { side: 'left', reason: 'no-candidate', count: 1_571 },
    { side: 'right', reason: 'amount-differs', count: 78 },
    { side: 'right', reason: 'no-candidate', count: 1_500 },
  ],
  controlTotals: TOTALS,
  differences: differencesOf(TOTALS),
  notices: [{ code: 'oversize', pass: 'amount and date', count: 2 }],
  resultHash: 'abc',
  importMs: 4_000,
  elapsedMs: 10_460,
}

test('the table has aligned columns and exact amounts with the decimals of their currency', () => {
  expect(
    formatReport(REPORT)
      .split('\n')
      .map((line) => line.trimEnd()),
  ).toEqual([
    '                     statement-of-the-wh…     ledger.csv',
    'records                            20,000         20,001',
    '  matched                          17,719         17,719',
    '  suggested                           710            704',
    '  breaks                            1,571          1,578',
    '    no candidate                    1,571          1,500',
    '    amount differs                      0             78',
    'rows with a warning                    10              0',
    'rows rejected                           3              0',
    '',
    'EUR                                  left          right     difference',
    'total                       20,840,817.55  22,931,619.78  -2,090,802.23',
    '  matched                   19,639,184.40  19,644,854.52      -5,670.12',
    '  open                       1,201,633.15   3,286,765.26  -2,085,132.11',
    '',
    'JPY                                  left          right     difference',
    'total                                   0         -1,500          1,500',
    '  matched                               0              0              0',
    '  open                                  0         -1,500          1,500',
    '',
    'no currency                          left          right     difference',
    'total                               0.125          0.100          0.025',
    '  matched                           0.125          0.100          0.025',
    '  open                              0.000          0.000          0.000',
    '',
    '17,719 pairs matched, 901 suggested, in 10.5 s',
    'note: oversize in pass amount and date, 2 times',
  ])
})

test('differences are exact, and a side without a currency counts as zero in it', () => {
  expect(REPORT.differences).toEqual([
    { currency: 'EUR', difference: '-2090802.23' },
    { currency: 'JPY', difference: '1500' },
    { currency: 'XXX', difference: '0.025' },
  ])
})

test('records are counted over all currencies', () => {
  const row = (side: 'left' | 'right', currency: string, state: 'open' | 'matched' | 'suggested', count: number) => ({
    side,
    currency,
    state,
    count,
    amount: '0',
  })
  expect(recordsOf({ totals: [row('left', 'EUR', 'open', 2), row('left', 'USD', 'open', 3), row('right', 'EUR', 'matched', 4)] })).toEqual({
    left: { matched: 0, suggested: 0, open: 5 },
    right: { matched: 4, suggested: 0, open: 0 },
  })
})
