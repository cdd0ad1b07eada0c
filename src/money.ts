import { Decimal } from 'decimal.js'

/** What Decimal(38,12) holds. */
export const MAX_INTEGER_DIGITS = 26
export const MAX_FRACTION_DIGITS = 12

// Enough for every exact product and sum of two such numbers; nothing here divides.
const Exact = Decimal.clone({ precision: 100, toExpNeg: -1e9, toExpPos: 1e9 })

const PLAIN = /^[+-]?\d+(\.\d+)?$/
const INT64 = 2n ** 63n

/**
 * Decimals of a currency's minor unit (ISO 4217) where they are not two. `XXX`, no currency, has none of its own:
 * {@link minorDigits} says null.
 */
const MINOR_DIGITS: Readonly<Record<string, number>> = {
  ...Object.fromEntries('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0])),
  ...Object.fromEntries('BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3])),
  CLF: 4,
  UYW: 4,
}

/**
 * Canonical decimal text: no exponent, no plus, no leading or trailing zeros beyond need, no negative zero. Null for what is no plain
 * decimal number or does not fit Decimal(38,12).
 */
export function canonical(text: string): string | null {
  if (!PLAIN.test(text)) return null
  const isNegative = text.startsWith('-')
  const [integer = '', fraction = ''] = text.replace(/^[+-]/, '').split('.')
  const whole = integer.replace(/^0+(?=\d)/, '')
  const rest = fraction.replace(/0+$/, '')
  if (whole.length > MAX_INTEGER_DIGITS || rest.length > MAX_FRACTION_DIGITS) return null
  const magnitude = rest === '' ? whole : `${whole}.${rest}`
  return isNegative && magnitude !== '0' ? `-${magnitude}` : magnitude
}

/** one + other, exact; both decimal text. */
export function add(one: string, other: string): string {
  return textOf(new Exact(one).plus(other))
}

/** one − other, exact; both decimal text. */
export function subtract(one: string, other: string): string {
  return textOf(new Exact(one).minus(other))
}

/** Exact sum of decimal texts; `0` of none. */
export function sum(amounts: Iterable<string>): string {
  let total = new Exact(0)
  for (const amount of amounts) total = total.plus(amount)
  return textOf(total)
}

/** −1, 0 or 1 as one is less than, equal to or more than the other, whatever their trailing zeros. */
export function compare(one: string, other: string): number {
  return new Exact(one).comparedTo(other)
}

/** The amount without its sign. */
export function magnitude(amount: string): string {
  return textOf(new Exact(amount).abs())
}

/** Decimals of the currency's minor unit; null for `XXX`, which has none. An unknown code is taken to have two. */
export function minorDigits(currency: string): number | null {
  return currency === 'XXX' ? null : (MINOR_DIGITS[currency] ?? 2)
}

/** How many decimals canonical text has. */
export function fractionDigits(amount: string): number {
  const point = amount.indexOf('.')
  return point < 0 ? 0 : amount.length - point - 1
}

/** The amount in the currency's minor unit when it is whole in it and fits 64 bits, else null; `XXX` has no minor unit. */
export function minorUnits(amount: string, currency: string): bigint | null {
  const digits = minorDigits(currency)
  const scaled = digits === null ? null : scaledInteger(amount, digits)
  return scaled !== null && scaled >= -INT64 && scaled < INT64 ? scaled : null
}

/** amount × 10^digits when that is whole, else null: the integer that exact arithmetic without decimals goes on with. */
export function scaledInteger(amount: string, digits: number): bigint | null {
  const [integer = '', fraction = ''] = amount.split('.')
  if (fraction.length > digits) return null
  return BigInt(integer + fraction.padEnd(digits, '0'))
}

/** The canonical text of `value` × 10^−digits. */
export function fromScaledInteger(value: bigint, digits: number): string {
  const text = (value < 0n ? -value : value).toString().padStart(digits + 1, '0')
  const point = text.length - digits
  const fraction = text.slice(point).replace(/0+$/, '')
  return `${value < 0n ? '-' : ''}${text.slice(0, point)}${fraction === '' ? '' : `.${fraction}`}`
}

function textOf(value: Decimal): string {
  return value.isZero() ? '0' : value.toFixed()
}
