import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  add,
  canonical,
  compare,
  fractionDigits,
  fromScaledInteger,
  minorDigits,
  minorUnits,
  scaledInteger,
  subtract,
  sum,
} from '../src/money.js'

const decimalText = fc
  .tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.integer({ min: 0, max: 12 }))
  .map(([value, digits]) => fromScaledInteger(value, digits))

test.each([
  ['007', '7'],
  ['+1.50', '1.5'],
  ['-0', '0'],
  ['-0.00', '0'],
  ['0.000000000001', '0.000000000001'],
  ['12345678901234567890123456.123456789012', '12345678901234567890123456.123456789012'],
])('%s is written %s', (text, expected) => expect(canonical(text)).toBe(expected))

test.each(['', '.5', '1.', '1e5', 'NaN', '1,5', '--1', ' 1', '1'.repeat(27), '0.0000000000001'])('%s is no amount', (text) => {
  expect(canonical(text)).toBeNull()
})

test('sums are exact where doubles are not', () => {
  expect(add('0.1', '0.2')).toBe('0.3')
  expect(subtract('0.3', '0.1')).toBe('0.2')
  expect(sum(Array.from({ length: 1_000 }, () => '0.01'))).toBe('10')
  expect(sum([])).toBe('0')
  expect(add('99999999999999999999999999', '0.000000000001')).toBe('99999999999999999999999999.000000000001')
})

test('amounts are compared by value, not by their writing', () => {
  expect(compare('1.50', '1.5')).toBe(0)
  expect(compare('-2', '1')).toBe(-1)
  expect(compare('10', '9.99')).toBe(1)
})

test.each([
  ['1.5', 'EUR', 150n],
  ['1.5', 'JPY', null],
  ['7', 'JPY', 7n],
  ['1.234', 'KWD', 1234n],
  ['1.234', 'USD', null],
  ['0.0001', 'CLF', 1n],
  ['1.2345', 'XXX', null],
  ['-12.34', 'GBP', -1234n],
  ['92233720368547758.07', 'EUR', 9223372036854775807n],
  ['92233720368547758.08', 'EUR', null],
  ['-92233720368547758.08', 'EUR', -9223372036854775808n],
])('%s %s is %s in minor units', (amount, currency, expected) => expect(minorUnits(amount, currency)).toBe(expected))

test('no currency has no minor unit', () => {
  expect(minorDigits('XXX')).toBeNull()
  expect(minorDigits('EUR')).toBe(2)
})

test('an integer with its scale and decimal text are the same number', () => {
  fc.assert(
    fc.property(decimalText, (text) => {
      expect(canonical(text)).toBe(text)
      const digits = fractionDigits(text)
      expect(fromScaledInteger(scaledInteger(text, digits)!, digits)).toBe(text)
      expect(fromScaledInteger(scaledInteger(text, 12)!, 12)).toBe(text)
      if (digits > 0) expect(scaledInteger(text, digits - 1)).toBeNull()
    }),
  )
})

test('addition agrees with integers', () => {
  fc.assert(
    fc.property(decimalText, decimalText, (one, other) => {
      const total = scaledInteger(one, 12)! + scaledInteger(other, 12)!
      expect(add(one, other)).toBe(fromScaledInteger(total, 12))
      expect(subtract(add(one, other), other)).toBe(one)
    }),
  )
})
