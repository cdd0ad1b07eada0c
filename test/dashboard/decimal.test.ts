import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isEqual, sign, subtract, sum } from '../../src/dashboard/decimal.js'

const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.nat(6)).map(([units, scale]) => {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0')
  return `${units < 0n ? '-' : ''}${scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`}`
})

describe('decimal text', () => {
  test('0.3 less 0.1 is 0.2', () => {
    expect(subtract('0.3', '0.1')).toBe('0.2')
  })

  test('keeps the decimals of the longer', () => {
    expect(subtract('5', '7.00')).toBe('-2.00')
    expect(subtract('-10.5', '-0.125')).toBe('-10.375')
  })

  test('a sum has the decimals of the longest', () => {
    expect(sum(['1.5', '-0.25', '2'])).toBe('3.25')
    expect(sum([])).toBe('0')
  })

  test('what is taken away twice leaves the number itself', () => {
    fc.assert(fc.property(decimal, decimal, (left, right) => isEqual(subtract(left, subtract(left, right)), right)))
  })

  test('numbers are equal however many decimals they are written with', () => {
    expect(isEqual('-12.5', '-12.500')).toBe(true)
    expect(isEqual('12.5', '12.51')).toBe(false)
  })

  test.each([
    ['-0.01', -1],
    ['0.00', 0],
    ['-0', 0],
    ['7', 1],
  ])('the sign of %s is %i', (value, expected) => {
    expect(sign(value)).toBe(expected)
  })

  test('refuses what is no decimal text', () => {
    expect(() => sign('1e3')).toThrow('not a decimal: 1e3')
  })
})
