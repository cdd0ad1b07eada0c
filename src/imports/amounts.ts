import { canonical, MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS } from '../money.js'

/** How a file writes its amounts. */
export interface AmountStyle {
  readonly decimal: '.' | ','
  /** Groups digits; empty: nothing does. A space stands for every kind of space. */
  readonly thousands: string
  /** False: nothing in the file told, so an amount that could be read in two ways is not read at all. */
  readonly isKnown: boolean
}

/** What the amounts of a file's head say about their style. */
export interface StyleEvidence {
  /** An amount that only makes sense with this decimal mark. */
  readonly proof: { readonly '.': string | null; readonly ',': string | null }
  readonly thousands: string | null
  /** An amount that makes sense with both, as `1.234`. */
  readonly ambiguous: string | null
}

/** `symbol` is a currency sign that stood beside the digits. */
export type AmountReading =
  | { readonly kind: 'amount'; readonly value: string; readonly symbol: string | null }
  | { readonly kind: 'problem'; readonly message: string }

/** No amount needs more; a cell of pages is not searched for one. */
const MAX_AMOUNT_CHARS = 100

const SHAPE =
  /^(?<open>\()? ?(?<lead>[+-])? ?(?<before>[€£$¥])? ?(?<inner>[+-])? ?(?<digits>[.,]?\d(?:[\d.,' ]*\d)?) ?(?<after>[€£$¥])? ?(?<trail>[+-])? ?(?<close>\))? ?(?<side>DR|CR|S|H)?$/

/** True for what can be read as an amount in some style. */
export function looksLikeAmount(text: string): boolean {
  const shape = shapeOf(text)
  if (shape === null) return false
  return (['.', ','] as const).some((decimal) =>
    ['', ',', '.', ' ', "'"].some((thousands) => thousands !== decimal && digitsOf(shape.digits, decimal, thousands) !== null),
  )
}

/** Collects what the given amounts prove; nothing is decided here. */
export function findStyle(cells: Iterable<string>): StyleEvidence {
  const proof: { '.': string | null; ',': string | null } = { '.': null, ',': null }
  let thousands: string | null = null
  let ambiguous: string | null = null
  for (const cell of cells) {
    const shape = shapeOf(cell)
    if (shape === null) continue
    const told = whatDigitsTell(shape.digits)
    if (told === 'nothing') continue
    if (told === 'ambiguous') ambiguous ??= cell
    else {
      if (told.decimal !== null) proof[told.decimal] ??= cell
      thousands ??= told.thousands
    }
  }
  return { proof, thousands, ambiguous }
}

/** The exact amount in canonical text, or why there is none. Negative: `-1`, `−1`, `1-`, `(1)`, `1 DR`, `1 S`. */
export function readAmount(text: string, style: AmountStyle): AmountReading {
  const shape = shapeOf(text)
  if (shape === null) return problem(/^[+-]?[\d.,]+e[+-]?\d+$/i.test(text.trim()) ? `${quote(text)} has an exponent` : notAnAmount(text))
  if (!style.isKnown && whatDigitsTell(shape.digits) === 'ambiguous') {
    return problem(`${quote(text)} can be read in two ways: say which mark is the decimal one`)
  }
  const digits = digitsOf(shape.digits, style.decimal, style.thousands)
  if (digits === null) return problem(`${notAnAmount(text)} with the decimal mark ${style.decimal}`)
  const value = canonical(shape.isNegative ? `-${digits}` : digits)
  if (value === null) {
    return problem(`${quote(text)} has more than ${MAX_INTEGER_DIGITS} digits before or ${MAX_FRACTION_DIGITS} after the decimal mark`)
  }
  return { kind: 'amount', value, symbol: shape.symbol }
}

interface Shape {
  readonly digits: string
  readonly isNegative: boolean
  readonly symbol: string | null
}

/** Sign, digits with their marks, currency sign. Null for what has none of that, or two signs. */
function shapeOf(text: string): Shape | null {
  if (text.length > MAX_AMOUNT_CHARS) return null
  const plain = text
    .trim()
    .replace(/[\u2212\u2013\ufe63\uff0d]/g, '-')
    .replace(/[\s\u00a0\u2009\u202f]+/g, ' ')
    .replace(/[\u2019\u00b4`]/g, "'")
  const groups = SHAPE.exec(plain)?.groups
  if (groups === undefined) return null
  const { open, lead, before, inner, digits, after, trail, close, side } = groups
  if ((open === undefined) !== (close === undefined)) return null
  if (before !== undefined && after !== undefined) return null
  const signs = [open, lead, inner, trail, side].filter((sign) => sign !== undefined)
  if (signs.length > 1) return null
  return { digits: digits ?? '', isNegative: ['(', '-', 'DR', 'S'].includes(signs[0] ?? ''), symbol: before ?? after ?? null }
}

/** Plain digits with a point, or null when the marks stand where this style has none. */
function digitsOf(text: string, decimal: '.' | ',', thousands: string): string | null {
  const at = text.indexOf(decimal)
  const whole = at < 0 ? text : text.slice(0, at)
  const fraction = at < 0 ? '' : text.slice(at + 1)
  if (!/^\d*$/.test(fraction) || (at >= 0 && fraction === '')) return null
  const groups = thousands === '' ? [whole] : whole.split(thousands)
  const isGrouped = groups.length > 1
  // Groups of two before the last one: lakh and crore.
  const isRight = isGrouped
    ? groups.every(
        (group, no) =>
          /^\d+$/.test(group) && (no === 0 ? group.length <= 3 : group.length === 3 || (group.length === 2 && no < groups.length - 1)),
      )
    : /^\d*$/.test(whole)
  if (!isRight || (whole === '' && fraction === '')) return null
  return `${groups.join('') || '0'}${fraction === '' ? '' : `.${fraction}`}`
}

function whatDigitsTell(text: string): 'nothing' | 'ambiguous' | { readonly decimal: '.' | ',' | null; readonly thousands: string | null } {
  const blank = text.includes(' ') ? ' ' : text.includes("'") ? "'" : null
  const dots = text.split('.').length - 1
  const commas = text.split(',').length - 1
  if (dots === 0 && commas === 0) return blank === null ? 'nothing' : { decimal: null, thousands: blank }
  if (dots > 0 && commas > 0) {
    const decimal = text.lastIndexOf('.') > text.lastIndexOf(',') ? '.' : ','
    const thousands = decimal === '.' ? ',' : '.'
    return digitsOf(text, decimal, thousands) === null ? 'nothing' : { decimal, thousands }
  }
  const mark = dots > 0 ? '.' : ','
  const other = mark === '.' ? ',' : '.'
  if (dots + commas > 1) return digitsOf(text, other, mark) === null ? 'nothing' : { decimal: other, thousands: mark }
  const [whole = '', fraction = ''] = text.split(mark)
  const isOneGroup = blank === null && fraction.length === 3 && whole.length >= 1 && whole.length <= 3 && !whole.startsWith('0')
  return isOneGroup ? 'ambiguous' : { decimal: mark, thousands: blank }
}

function problem(message: string): AmountReading {
  return { kind: 'problem', message }
}

function notAnAmount(text: string): string {
  return `${quote(text)} is not an amount`
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
