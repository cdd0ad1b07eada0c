import { AppError, type FieldProblem } from '../errors.js'
import { type AmountStyle, findStyle, looksLikeAmount, type StyleEvidence } from './amounts.js'
import { type Columns, columnIndex, columnName } from './columns.js'
import { dateReader, findDateFormat } from './dates.js'
import { type ColumnRole, headerRank } from './header-words.js'
import type { Doubt, Mapping } from './statement-parser.js'

/** What the columns of a file mean, decided once for all rows. */
export interface DecidedMapping {
  readonly mapping: Mapping
  readonly style: AmountStyle
  readonly doubts: readonly Doubt[]
}

/** This share of a column's cells must look right: totals rows and slips are in every file. */
const MIN_SHARE = 0.8
/** Of a column whose header says what it is. A file of few rows with one bad cell must lose that row, not the column. */
const MIN_NAMED_SHARE = 0.5

/** Signs that stand in a column of their own; the first of each pair takes money away. */
const SIGN_WORDS: readonly (readonly [negative: string, positive: string])[] = [
  ['DR', 'CR'],
  ['D', 'C'],
  ['Debit', 'Credit'],
  ['DBIT', 'CRDT'],
  ['S', 'H'],
  ['Soll', 'Haben'],
  ['Af', 'Bij'],
  ['-', '+'],
]

const TEXT_ROLES = ['counterparty', 'reference', 'memo'] as const

/**
 * Decides which column means what: what is given stands, the rest is guessed from the header and the sample of rows.
 * @throws AppError `INVALID`: a given column or format that does not exist, amounts or dates that can be read in two ways. `details.mapping`
 * is what was decided until then, so that an answer can be put into it.
 */
export function decideMapping(columns: Columns, sample: readonly (readonly string[])[], given: Mapping): DecidedMapping {
  refuseUnknownColumns(columns, given)
  const table = new SampleTable(columns, sample, given)
  const doubts: Doubt[] = []
  const amount = given.amount ?? guessAmount(table, doubts)
  for (const column of amount ? amountColumns(amount) : []) table.take(column)
  const date = guessDate(table, given, doubts)
  if (date) table.take(date.column)
  const guessed = (role: ColumnRole, accept?: (cells: readonly string[]) => boolean) => {
    const index = table.best(role, accept)
    if (index === null) return undefined
    table.take(index)
    return { column: columnName(columns, index) }
  }
  const currency =
    given.currency ?? guessed('currency', (cells) => cells.every((cell) => /^[A-Za-z]{3}$/.test(cell))) ?? statedCurrency(amount)
  const externalId = given.externalId ?? guessed('externalId', (cells) => new Set(cells).size === cells.length)
  const texts = TEXT_ROLES.map((role) => [role, given[role] ?? guessed(role)] as const).filter(([, column]) => column !== undefined)

  const evidence = findStyle(amount ? amountColumns(amount).flatMap((column) => table.cells(column)) : [])
  const mapping: Mapping = {
    ...(externalId ? { externalId } : {}),
    ...Object.fromEntries(texts),
    ...(currency ? { currency } : {}),
    ...(amount ? { amount } : {}),
    ...(date?.format == null ? {} : { date: { column: date.column, format: date.format } }),
  }
  const style = decideStyle(evidence, given)
  const problems = [...(style === null ? [amountProblem(evidence, amount)] : []), ...(date?.problem ? [date.problem] : [])]
  if (style === null || problems.length > 0) {
    // A date needs a format to stand in a mapping: until somebody chooses, that of the first reading.
    const reading = date?.problem?.readings?.[0]
    const open = date && reading ? { ...mapping, date: { column: date.column, format: reading.value } } : mapping
    throw new AppError('INVALID', { message: problems[0]!.message, problems, details: { mapping: open } })
  }
  return {
    // What nothing told is left out: stated, it would be taken for certain the next time.
    mapping: amount && style.isKnown ? { ...mapping, decimal: style.decimal, thousands: style.thousands } : mapping,
    style,
    doubts,
  }
}

/** The columns that an amount is read from, signs not included. */
export function amountColumns(amount: NonNullable<Mapping['amount']>): readonly (string | number)[] {
  return 'debit' in amount ? [amount.debit, amount.credit] : [amount.column]
}

/** The word that means the opposite of this sign, if it is one of a pair. */
export function oppositeSign(negative: string): string | null {
  const pair = SIGN_WORDS.find((words) => words.some((word) => word.toLowerCase() === negative.toLowerCase()))
  return pair?.find((word) => word.toLowerCase() !== negative.toLowerCase()) ?? null
}

/** The sample by columns, and which of them have a meaning already. */
class SampleTable {
  readonly columns: Columns
  readonly #rows: readonly (readonly string[])[]
  readonly #taken = new Set<number>()

  constructor(columns: Columns, rows: readonly (readonly string[])[], given: Mapping) {
    this.columns = columns
    this.#rows = rows
    for (const column of namedColumns(given)) this.take(column.column)
  }

  take(column: string | number): void {
    this.#taken.add(this.#index(column))
  }

  /** The cells of a column that are not blank. */
  cells(column: string | number): readonly string[] {
    const index = this.#index(column)
    return this.#rows.map((cells) => cells[index]?.trim() ?? '').filter((cell) => cell !== '')
  }

  /** The free column whose header names the role best and whose cells are right for it. */
  best(role: ColumnRole, accept: (cells: readonly string[]) => boolean = () => true): number | null {
    if (!this.columns.hasHeader) return null
    const ranked = this.free()
      .map((index) => ({ index, rank: headerRank(this.columns.names[index]!, role) }))
      .filter((column): column is { index: number; rank: number } => column.rank !== null)
      .sort((one, other) => one.rank - other.rank || one.index - other.index)
    return ranked.find(({ index }) => this.cells(index).length > 0 && accept(this.cells(index)))?.index ?? null
  }

  free(): readonly number[] {
    return this.columns.names.map((_, index) => index).filter((index) => !this.#taken.has(index))
  }

  #index(column: string | number): number {
    // Names were checked before anything is looked up.
    return columnIndex(this.columns, column)!
  }
}

function guessAmount(table: SampleTable, doubts: Doubt[]): Mapping['amount'] {
  const name = (index: number) => columnName(table.columns, index)
  const hasAmounts = (cells: readonly string[]) => areAmounts(cells, MIN_NAMED_SHARE)
  const debit = table.best('debit', hasAmounts)
  const credit = table.best('credit', hasAmounts)
  const single = table.best('amount', hasAmounts)
  if (debit !== null && credit !== null && debit !== credit) return { debit: name(debit), credit: name(credit) }
  const found = single ?? onlyAmountByContent(table, doubts)
  if (found === null) {
    doubts.push({ field: 'amount', message: whyNone(table, 'amount') })
    return undefined
  }
  const isSigned = table.cells(found).some((cell) => /^[(\-−–]|[-−–)]$|(DR|CR)$/.test(cell))
  const sign = isSigned ? null : findSign(table)
  return sign === null ? { column: name(found) } : { column: name(found), sign: { column: name(sign.index), negative: sign.negative } }
}

function findSign(table: SampleTable): { readonly index: number; readonly negative: string } | null {
  let negative = ''
  const index = table.best('sign', (cells) => {
    const words = new Set(cells.map((cell) => cell.toLowerCase()))
    const pair = SIGN_WORDS.find((words_) => [...words].every((word) => words_.some((one) => one.toLowerCase() === word)))
    // As the file writes it; a sample without one negative tells what one would look like.
    negative = pair === undefined ? '' : (cells.find((cell) => cell.toLowerCase() === pair[0].toLowerCase()) ?? pair[0])
    return pair !== undefined
  })
  return index === null ? null : { index, negative }
}

/** Without a name that tells: the one column in which amounts with decimals or signs stand. */
function onlyAmountByContent(table: SampleTable, doubts: Doubt[]): number | null {
  const found = table.free().filter((index) => {
    const cells = table.cells(index)
    const isNamedOtherwise = table.columns.hasHeader && /balance|saldo|rate|\bid\b|code|no\b/i.test(table.columns.names[index]!)
    return (
      !isNamedOtherwise &&
      areAmounts(cells, MIN_SHARE) &&
      cells.some((cell) => /[.,]\d{1,2}\b|^[-−(]/.test(cell)) &&
      !areDates(cells, MIN_SHARE)
    )
  })
  const names = found.map((index) => columnName(table.columns, index)).join(', ')
  if (found.length > 1) doubts.push({ field: 'amount', message: `several columns could be the amount: ${names}` })
  if (found.length !== 1) return null
  doubts.push({ field: 'amount', message: `column ${names} was taken for the amount by what stands in it` })
  return found[0]!
}

function guessDate(
  table: SampleTable,
  given: Mapping,
  doubts: Doubt[],
): { readonly column: string | number; readonly format: string | null; readonly problem?: FieldProblem } | null {
  if (given.date) {
    if (dateReader(given.date.format) !== null) return given.date
    const message = `the date format ${JSON.stringify(given.date.format)} is not one of yyyy yy MMM MM M dd d HH mm ss with day, month and year, iso, excel`
    throw new AppError('INVALID', { message, problems: [{ path: 'mapping.date.format', message }] })
  }
  const named = table.best('date', (cells) => areDates(cells, MIN_NAMED_SHARE))
  const index = named ?? table.free().find((at) => areDates(table.cells(at), MIN_SHARE, 'without-serials')) ?? null
  if (index === null) {
    doubts.push({ field: 'date', message: whyNone(table, 'date') })
    return null
  }
  const column = columnName(table.columns, index)
  const found = findDateFormat(table.cells(index), { minShare: MIN_NAMED_SHARE, mayBeSerial: named !== null })
  if (found.kind === 'found') return { column, format: found.format }
  const readings = found.kind === 'ambiguous' ? found.readings : []
  const message = `the dates in column ${column} can be read in two ways: state the format`
  return { column, format: null, problem: { path: 'mapping.date.format', message, readings } }
}

function decideStyle(evidence: StyleEvidence, given: Mapping): AmountStyle | null {
  const { proof } = evidence
  if (given.decimal === undefined && given.thousands === undefined) {
    const isContradictory = proof['.'] !== null && proof[','] !== null
    const isOpen = proof['.'] === null && proof[','] === null
    if (isContradictory || (isOpen && evidence.ambiguous !== null)) return null
    if (isOpen) return { decimal: '.', thousands: evidence.thousands ?? '', isKnown: false }
  }
  const decimal = given.decimal ?? (given.thousands === ',' ? '.' : given.thousands === '.' ? ',' : proof[','] === null ? '.' : ',')
  const thousands = given.thousands ?? (evidence.thousands === decimal ? null : evidence.thousands) ?? (decimal === '.' ? ',' : '.')
  if (thousands !== decimal) return { decimal, thousands: /\s/.test(thousands) && thousands !== '' ? ' ' : thousands, isKnown: true }
  const message = `decimal and thousands cannot both be ${JSON.stringify(decimal)}`
  throw new AppError('INVALID', { message, problems: [{ path: 'mapping.thousands', message }] })
}

function amountProblem({ proof, ambiguous }: StyleEvidence, amount: Mapping['amount']): FieldProblem {
  const where = amount ? amountColumns(amount).join(', ') : ''
  if (ambiguous !== null && proof['.'] === null) {
    const strip = (mark: string) => ambiguous.replaceAll(mark, '')
    return {
      path: 'mapping.decimal',
      message: `the amounts in column ${where} can be read in two ways: state the decimal mark`,
      readings: [
        { value: '.', example: `${ambiguous} is ${strip(',')}` },
        { value: ',', example: `${ambiguous} is ${strip('.').replace(',', '.')}` },
      ],
    }
  }
  return {
    path: 'mapping.decimal',
    message: `the amounts in column ${where} are written in two ways: state the decimal mark`,
    readings: [
      { value: '.', example: `${proof['.']} is an amount, ${proof[',']} is none` },
      { value: ',', example: `${proof[',']} is an amount, ${proof['.']} is none` },
    ],
  }
}

/** `Amount (EUR)` states the currency of all rows. */
function statedCurrency(amount: Mapping['amount']): Mapping['currency'] {
  const code = amount === undefined ? undefined : /[([]\s*([A-Z]{3})\s*[)\]]$/.exec(String(amountColumns(amount)[0]))?.[1]
  return code !== undefined && Intl.supportedValuesOf('currency').includes(code) ? { constant: code } : undefined
}

function namedColumns(mapping: Mapping): readonly { readonly path: string; readonly column: string | number }[] {
  const { amount, currency } = mapping
  const single = (['externalId', 'reference', 'counterparty', 'memo', 'date'] as const).flatMap((field) =>
    mapping[field] === undefined ? [] : [{ path: `mapping.${field}.column`, column: mapping[field].column }],
  )
  if (currency && 'column' in currency) single.push({ path: 'mapping.currency.column', column: currency.column })
  if (amount && 'debit' in amount) {
    single.push({ path: 'mapping.amount.debit', column: amount.debit }, { path: 'mapping.amount.credit', column: amount.credit })
  } else if (amount) {
    single.push({ path: 'mapping.amount.column', column: amount.column })
    if ('sign' in amount) single.push({ path: 'mapping.amount.sign.column', column: amount.sign.column })
  }
  return single
}

function refuseUnknownColumns(columns: Columns, given: Mapping): void {
  const problems = namedColumns(given)
    .filter(({ column }) => columnIndex(columns, column) === null)
    .map(({ path, column }) => ({ path, message: `there is no column ${JSON.stringify(column)}; there are ${shown(columns)}` }))
  if (problems.length > 0) throw new AppError('INVALID', { message: problems[0]!.message, problems })
}

function shown({ names }: Columns): string {
  return names.length <= 20 ? names.join(', ') : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`
}

/** Why rows will have no amount or date: no header names one, or what stands under it cannot be read. */
function whyNone(table: SampleTable, role: 'amount' | 'date'): string {
  const named = table.best(role)
  return named === null
    ? `no column was recognised as the ${role}: rows have none`
    : `column ${columnName(table.columns, named)} has no ${role}s that can be read: rows have none`
}

function areAmounts(cells: readonly string[], minShare: number): boolean {
  return cells.length > 0 && cells.filter(looksLikeAmount).length >= cells.length * minShare
}

function areDates(cells: readonly string[], minShare: number, serials?: 'without-serials'): boolean {
  return findDateFormat(cells, { minShare, mayBeSerial: serials === undefined }).kind !== 'none'
}
