import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AmountStyle, findStyle, looksLikeAmount, readAmount } from '../../src/imports/amounts.js'
import { fromScaledInteger } from '../../src/money.js'

const POINT: AmountStyle = { decimal: '.', thousands: ',', isKnown: true }
const COMMA: AmountStyle = { decimal: ',', thousands: '.', isKnown: true }
const SPACE: AmountStyle = { decimal: ',', thousands: ' ', isKnown: true }
const UNKNOWN: AmountStyle = { decimal: '.', thousands: '', isKnown: false }

function amountOf(text: string, style: AmountStyle): string | null {
  const reading = readAmount(text, style)
  return reading.kind === 'amount' ? reading.value : null
}

test.each([
  ['12.00', '12'],
  ['-12.00', '-12'],
  ['+12.00', '12'],
  ['(12.00)', '-12'],
  ['( 12.00 )', '-12'],
  ['12.00-', '-12'],
  ['\u221212.00', '-12'],
  ['12.00 DR', '-12'],
  ['12.00 CR', '12'],
  ['-0', '0'],
  ['(0.00)', '0'],
  ['.5', '0.5'],
  ['007', '7'],
  ['1,234,567.89', '1234567.89'],
  ['12,34,567.00', '1234567'],
  ['£1,234.00', '1234'],
  ['-£5', '-5'],
  ['£-5', '-5'],
  ['  9.9\u00a0', '9.9'],
])('%s with a decimal point is %s', (text, expected) => expect(amountOf(text, POINT)).toBe(expected))

test.each([
  ['12,00', '12'],
  ['1.234,56', '1234.56'],
  ['12,00 S', '-12'],
  ['12,00 H', '12'],
  ['1.234', '1234'],
  ['-3.000', '-3000'],
  ['5 €', '5'],
])('%s with a decimal comma is %s', (text, expected) => expect(amountOf(text, COMMA)).toBe(expected))

test.each(['1 234,50', '1\u00a0234,50', '1\u202f234,50'])('%s has its thousands divided by a space', (text) =>
  expect(amountOf(text, SPACE)).toBe('1234.5'),
)

test.each([
  '',
  'abc',
  '1e5',
  '1E+5',
  'NaN',
  'Infinity',
  '0x10',
  '1.2.3',
  '1,23.00',
  '12,3456',
  '--1',
  '(-1)',
  '-1-',
  '(1',
  '1)',
  '1 2',
  '5.',
  '$5€',
  '1,00',
])('%j with a decimal point is no amount', (text) => expect(amountOf(text, POINT)).toBeNull())

test('says why: an exponent, too many digits, no amount', () => {
  expect(readAmount('1e5', POINT)).toMatchObject({ kind: 'problem', message: '"1e5" has an exponent' })
  expect(readAmount('9'.repeat(40), POINT)).toMatchObject({ message: expect.stringContaining('more than 26 digits before') })
  expect(readAmount('n/a', POINT)).toMatchObject({ message: '"n/a" is not an amount' })
})

test('26 digits and 12 decimals are read, one more of either is not', () => {
  expect(amountOf(`${'9'.repeat(26)}.${'9'.repeat(12)}`, POINT)).toBe(`${'9'.repeat(26)}.${'9'.repeat(12)}`)
  expect(amountOf('9'.repeat(27), POINT)).toBeNull()
  expect(amountOf(`0.${'9'.repeat(13)}`, POINT)).toBeNull()
})

test('where nothing told the decimal mark, only what has one reading is read', () => {
  expect(amountOf('1234', UNKNOWN)).toBe('1234')
  expect(amountOf('1.50', UNKNOWN)).toBe('1.5')
  expect(amountOf('1.234', UNKNOWN)).toBeNull()
  expect(amountOf('1,234', UNKNOWN)).toBeNull()
  expect(amountOf('0.123', UNKNOWN)).toBe('0.123')
})

test.each([
  [['1.50'], '.'],
  [['1,50'], ','],
  [['1,234.5'], '.'],
  [['1.234,5'], ','],
  [['1.234.567'], ','],
  [['1234.567'], '.'],
  [['0.123'], '.'],
  [['1 234,567'], ','],
] as const)('%j proves the decimal mark %s', (cells, mark) => {
  const { proof } = findStyle(cells)
  expect([proof['.'] !== null, proof[','] !== null]).toEqual([mark === '.', mark === ','])
})

test.each(['1.234', '1,234', '-3.000', '999.999'])('%s proves nothing', (cell) => {
  expect(findStyle([cell])).toEqual({ proof: { '.': null, ',': null }, thousands: null, ambiguous: cell })
})

test('dates, codes and words do not look like amounts', () => {
  for (const text of ['2024-01-31', '01.02.2024', 'K9534', '00:00:00', '48020870_1', '']) expect(looksLikeAmount(text)).toBe(false)
})

test('an amount that is written in a style is read in it, to the last digit', () => {
  const style = fc.constantFrom(POINT, COMMA, SPACE)
  const amount = fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: 0, max: 6 }))
  fc.assert(
    fc.property(amount, style, fc.boolean(), ([value, digits], written, isGrouped) => {
      const text = fromScaledInteger(value, digits)
      const [whole = '', fraction] = text.replace('-', '').split('.')
      const grouped = isGrouped ? whole.replace(/\B(?=(\d{3})+$)/g, written.thousands) : whole
      const cell = `${text.startsWith('-') ? '-' : ''}${grouped}${fraction === undefined ? '' : written.decimal + fraction}`
      expect(amountOf(cell, written)).toBe(text)
    }),
  )
})
