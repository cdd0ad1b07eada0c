import { describe, expect, test } from 'vitest'
import {
  formatAmount,
  formatConfidence,
  formatDate,
  formatDifference,
  formatDuration,
  formatLine,
  formatMessage,
  formatProgress,
  formatShare,
  formatSigns,
  sentence,
} from '../../src/dashboard/format.js'

// The separators are the machine's; only digits, signs and words are ours.
const digitsOf = (text: string) => text.replaceAll(/\D/g, '')

describe('amounts', () => {
  test('keep every digit, beyond what a number holds', () => {
    expect(digitsOf(formatAmount('12345678901234567890.12', 'EUR'))).toBe('1234567890123456789012')
  })

  test.each([
    ['7', 'EUR', '700'],
    ['7', 'JPY', '7'],
    ['7', 'BHD', '7000'],
    ['7.125', 'EUR', '7125'],
    ['7', null, '700'],
    ['7', 'XXX', '700'],
  ])('%s %s has the digits %s: at least the decimals of its currency', (value, currency, digits) => {
    expect(digitsOf(formatAmount(value, currency))).toBe(digits)
  })

  test('a difference has its sign written out, zero has none', () => {
    expect(formatDifference('1.50', 'EUR')).toMatch(/^\+1/)
    expect(formatDifference('-1.50', 'EUR')).toMatch(/^−1/)
    expect(formatDifference('0.00', 'EUR')).toMatch(/^0/)
  })
})

test('a confidence is rounded down: 100 % is certain', () => {
  expect(digitsOf(formatConfidence('0.99999'))).toBe('999')
  expect(digitsOf(formatConfidence('1'))).toBe('100')
  expect(digitsOf(formatConfidence('0.98321'))).toBe('983')
  expect(formatConfidence('0.00004')).toBe('<0.1%')
  expect(digitsOf(formatConfidence('0.00000'))).toBe('0')
})

test.each([
  [0, 0, '0%'],
  [0, 20_000, '0%'],
  [1, 20_000, '<0.1%'],
  [199, 20_000, '0.9%'],
  [200, 20_000, '1%'],
  [10_000, 15_000, '66%'],
  [19_799, 20_000, '98%'],
  [19_999, 20_000, '99.9%'],
  [20_000, 20_000, '100%'],
])('%i of %i are %s: 100 means all and 0 nothing', (part, whole, text) => {
  expect(formatShare(part, whole)).toBe(text)
})

test('a job that has begun is not at 0 %; otherwise a whole number stays whole', () => {
  expect(formatProgress({ percent: 0, processed: 1 })).toBe('<1%')
  for (let percent = 0; percent <= 100; percent++) expect(formatProgress({ percent, processed: percent })).toBe(`${percent}%`)
})

test.each([
  [0, '0.0 s'],
  [740, '0.7 s'],
  [42_400, '42 s'],
  [185_000, '3 min 5 s'],
  [3_725_000, '1 h 2 min'],
])('%i ms is %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('a civil date is the same day in every zone', () => {
  expect(digitsOf(formatDate('2026-03-01'))).toMatch(/1.*2026|2026.*1/)
})

test('amounts in a line of the engine have the decimals of their currency; its days stay', () => {
  expect(digitsOf(formatLine('amounts 223.4 apart, 2 days apart', 'EUR'))).toBe('223402')
  expect(formatLine('amounts 5 apart, same day', 'JPY')).toBe('Amounts 5 apart, same day.')
})

test('words for people', () => {
  expect(sentence('amount-differs')).toBe('Amount differs')
  expect(formatMessage('no such match')).toBe('No such match.')
  expect(formatMessage('Which one?')).toBe('Which one?')
  expect(formatSigns('allowed -31 to 31 days, 2026-03-01')).toBe('allowed −31 to 31 days, 2026-03-01')
})
