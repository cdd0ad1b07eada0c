import { canonical, fractionDigits, minorDigits, minorUnits, subtract } from '../money.js'
import { type AmountStyle, readAmount } from './amounts.js'
import { type Columns, columnIndex, filledWidth, MAX_CELL_CHARS, payloadOf } from './columns.js'
import { dateReader } from './dates.js'
import { oppositeSign } from './mapping-guess.js'
import type { Mapping, ParsedRecord, ParsedRow, RowProblem } from './statement-parser.js'

/** No currency (ISO 4217). */
const NO_CURRENCY = 'XXX'

/** What a row that adds up others is called, in English, German, French and Dutch. The whole cell: TOTAL GAS & POWER LTD is a supplier. */
const TOTALS = new RegExp(
  `^(${[
    '(sub-?|grand )?totals?( (amount|sum|debits?|credits?|payments?|receipts?|(for|of) .*))?',
    '(gesamt|zwischen)?summe',
    'gesamt(betrag)?',
    '(end|anfangs)?saldo( .*)?',
    '(opening|closing|final|starting|ending) balance( .*)?',
    'balance (brought|carried) (forward|down)',
    'somme|total général|totaal',
  ].join('|')}) ?[:=]?$`,
  'i',
)

/** A currency sign that means one currency only. */
const SYMBOL_CURRENCY: Readonly<Record<string, string>> = { '€': 'EUR', '£': 'GBP' }

export interface RowReaderOptions {
  readonly columns: Columns
  /** Its columns and formats exist. */
  readonly mapping: Mapping
  readonly style: AmountStyle
  /** Of rows whose file names none; null: they have none. */
  readonly currency: string | null
}

/** A function that reads the cells of one row that is not blank; a bad cell rejects its row and nothing else. */
export function rowReader(options: RowReaderOptions): (cells: readonly string[], rowNo: number) => ParsedRow {
  const { columns, mapping, style } = options
  const indexOf = (ref: { readonly column: string | number } | undefined) => (ref === undefined ? null : columnIndex(columns, ref.column))
  const at = {
    externalId: indexOf(mapping.externalId),
    reference: indexOf(mapping.reference),
    counterparty: indexOf(mapping.counterparty),
    memo: indexOf(mapping.memo),
    date: indexOf(mapping.date),
    currency: mapping.currency && 'column' in mapping.currency ? indexOf(mapping.currency) : null,
  }
  const amountCells = amountReader(columns, mapping, style)
  const readDate = mapping.date ? dateReader(mapping.date.format) : null
  const constantCurrency = mapping.currency && 'constant' in mapping.currency ? mapping.currency.constant : options.currency
  const lastMapped = Math.max(...Object.values(at).map((index) => index ?? -1), ...(amountCells?.indexes ?? []))

  return (cells, rowNo) => {
    const problems: RowProblem[] = []
    let isRejected = false
    const nameOf = (index: number | null) => (index === null ? null : (columns.names[index] ?? null))
    const reject = (index: number | null, message: string) => {
      isRejected = true
      problems.push({ row: rowNo, column: nameOf(index), message })
    }
    const warn = (index: number | null, message: string) => problems.push({ row: rowNo, column: nameOf(index), message })
    const row = (record: ParsedRecord | null): ParsedRow => ({
      rowNo,
      outcome: record === null ? 'rejected' : problems.length > 0 ? 'warning' : 'accepted',
      record,
      payload: payloadOf(columns, cells),
      problems,
    })
    const text = (index: number | null) => (index === null ? '' : (cells[index]?.trim() ?? ''))

    const dateText = text(at.date)
    const day = dateText === '' ? null : (readDate?.(dateText) ?? null)
    const sum = summaryOf(cells)
    const hasAmountText = amountCells?.indexes.some((index) => text(index) !== '') ?? false
    if (sum !== null && (at.date === null ? sum.filled <= 2 && columns.names.length > 2 : day === null)) {
      reject(null, `a summary row (${JSON.stringify(sum.word)}), not a record`)
      return row(null)
    }
    const width = filledWidth(cells)
    if (width > columns.names.length) reject(null, `the row has ${width} cells, the file has ${columns.names.length} columns`)
    else if (cells.length <= lastMapped) reject(null, `the row ends after ${cells.length} of ${columns.names.length} cells`)
    else if (cells.length < columns.names.length) warn(null, `the row ends after ${cells.length} of ${columns.names.length} cells`)
    for (const [index, cell] of cells.entries()) {
      if (cell.length > MAX_CELL_CHARS) reject(index, `the cell has ${cell.length} characters; at most ${MAX_CELL_CHARS} are read`)
      else if (cell.includes('\ufffd')) warn(index, 'the cell has characters that could not be decoded; they are shown as \ufffd')
    }
    if (isRejected) return row(null)

    if (at.date !== null && amountCells !== null && dateText === '' && !hasAmountText) {
      reject(null, 'the row has neither a date nor an amount')
      return row(null)
    }
    if (
      amountCells !== null &&
      hasAmountText &&
      width > 0 &&
      cells.every((cell, index) => amountCells.indexes.includes(index) || cell.trim() === '')
    ) {
      if (columns.names.length > amountCells.indexes.length) {
        reject(null, 'the row has nothing but an amount: a total')
        return row(null)
      }
    }
    if (at.date !== null && dateText === '') warn(at.date, 'there is no date')
    else if (at.date !== null && day === null)
      reject(at.date, `${JSON.stringify(dateText.slice(0, 60))} is not a date of the form ${mapping.date?.format}`)

    const currencyText = text(at.currency).toUpperCase()
    let currency = constantCurrency ?? NO_CURRENCY
    if (/^[A-Z]{3}$/.test(currencyText)) currency = currencyText
    else if (currencyText !== '')
      reject(at.currency, `${JSON.stringify(currencyText.slice(0, 60))} is not a currency code of three letters`)
    else if (at.currency !== null && hasAmountText) warn(at.currency, `there is no currency; ${currency} is taken`)

    let amount: string | null = null
    if (amountCells !== null) {
      const reading = amountCells.read(cells)
      if ('message' in reading) reject(reading.index, reading.message)
      else if (reading.value === null) warn(amountCells.indexes[0] ?? null, 'there is no amount')
      else {
        amount = reading.value
        const meant = SYMBOL_CURRENCY[reading.symbol ?? '']
        if (meant !== undefined && currency !== NO_CURRENCY && meant !== currency)
          reject(reading.index, `${reading.symbol} is not ${currency}`)
      }
    }
    if (isRejected) return row(null)
    const digits = minorDigits(currency)
    if (amount !== null && digits !== null && fractionDigits(amount) > digits) {
      warn(amountCells?.indexes[0] ?? null, `${amount} has more decimals than ${currency} (${digits})`)
    }
    if (sum !== null && amount !== null) warn(null, `may be a summary row (${JSON.stringify(sum.word)})`)
    return row({
      externalId: text(at.externalId) || null,
      reference: text(at.reference) || null,
      counterparty: text(at.counterparty) || null,
      memo: text(at.memo) || null,
      amount,
      amountMinor: amount === null ? null : minorUnits(amount, currency),
      currency: amount === null && currencyText === '' ? null : currency,
      valueDate: day,
    })
  }
}

type AmountCells =
  | { readonly index: number; readonly value: string | null; readonly symbol: string | null }
  | { readonly index: number; readonly message: string }

/** Reads the amount of a row from its one, two or (with a sign) two cells. */
function amountReader(
  columns: Columns,
  mapping: Mapping,
  style: AmountStyle,
): { readonly indexes: readonly number[]; readonly read: (cells: readonly string[]) => AmountCells } | null {
  const { amount } = mapping
  if (amount === undefined) return null
  const one = (cells: readonly string[], index: number): AmountCells => {
    const text = cells[index]?.trim() ?? ''
    if (text === '') return { index, value: null, symbol: null }
    const reading = readAmount(text, style)
    return reading.kind === 'amount' ? { index, value: reading.value, symbol: reading.symbol } : { index, message: reading.message }
  }
  // Columns of a decided mapping exist.
  const indexOf = (column: string | number) => columnIndex(columns, column)!

  if ('debit' in amount) {
    const indexes = [indexOf(amount.debit), indexOf(amount.credit)] as const
    return { indexes, read: (cells) => creditLessDebit(one(cells, indexes[0]), one(cells, indexes[1])) }
  }
  const index = indexOf(amount.column)
  if ('sign' in amount) {
    const signIndex = indexOf(amount.sign.column)
    const negative = amount.sign.negative.trim().toLowerCase()
    const positive = oppositeSign(negative)?.toLowerCase() ?? null
    const read = (cells: readonly string[]): AmountCells => {
      const reading = one(cells, index)
      const sign = cells[signIndex]?.trim().toLowerCase() ?? ''
      if ('message' in reading || reading.value === null) return reading
      if (reading.value.startsWith('-')) return { index, message: 'the amount has a sign of its own beside the one in its column' }
      if (sign === negative) return { ...reading, value: negated(reading.value) }
      if (sign === '' || (positive !== null && sign !== positive)) {
        return { index: signIndex, message: `${JSON.stringify(sign.slice(0, 60))} is no sign: ${amount.sign.negative} is the negative one` }
      }
      return reading
    }
    return { indexes: [index], read }
  }
  const isNegated = 'negate' in amount && amount.negate === true
  const read = (cells: readonly string[]): AmountCells => {
    const reading = one(cells, index)
    return isNegated && 'value' in reading && reading.value !== null ? { ...reading, value: negated(reading.value) } : reading
  }
  return { indexes: [index], read }
}

/** Credit counts, debit takes away; a negative in either could mean two things. */
function creditLessDebit(debit: AmountCells, credit: AmountCells): AmountCells {
  for (const side of [debit, credit]) {
    if ('message' in side) return side
    if (side.value?.startsWith('-')) return { index: side.index, message: `${side.value} is negative in a debit or credit column` }
  }
  if ('message' in debit || 'message' in credit) return debit
  if (debit.value !== null && credit.value !== null && debit.value !== '0' && credit.value !== '0') {
    return { index: credit.index, message: 'the row has a debit and a credit' }
  }
  if (debit.value === null && credit.value === null) return credit
  return {
    index: debit.value === null ? credit.index : debit.index,
    value: subtract(credit.value ?? '0', debit.value ?? '0'),
    symbol: debit.symbol ?? credit.symbol,
  }
}

function negated(amount: string): string {
  return canonical(amount.startsWith('-') ? amount.slice(1) : `-${amount}`)!
}

function summaryOf(cells: readonly string[]): { readonly word: string; readonly filled: number } | null {
  let word: string | null = null
  let filled = 0
  for (const cell of cells) {
    const text = cell.trim()
    if (text === '') continue
    filled++
    if (word === null && text.length <= 100 && TOTALS.test(text)) word = text
  }
  return word === null ? null : { word, filled }
}
