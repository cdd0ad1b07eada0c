// The mapping of a file's columns as HTTP.md describes it, and the changes that the page can make to it.

export type Column = string | number

export interface ColumnRef {
  readonly column: Column
}

export interface Mapping {
  readonly externalId?: ColumnRef
  readonly reference?: ColumnRef
  readonly counterparty?: ColumnRef
  readonly memo?: ColumnRef
  readonly currency?: ColumnRef | { readonly constant: string }
  readonly amount?:
    | (ColumnRef & { readonly negate?: boolean })
    | { readonly debit: Column; readonly credit: Column }
    | (ColumnRef & { readonly sign: { readonly column: Column; readonly negative: string } })
  readonly date?: ColumnRef & { readonly format: string }
  readonly decimal?: '.' | ','
  readonly thousands?: string
  readonly separator?: string
  readonly encoding?: string
  readonly headerRow?: number | null
}

export interface ParsedRow {
  readonly rowNo: number
  readonly outcome: 'accepted' | 'warning' | 'rejected'
  readonly record: {
    readonly externalId: string | null
    readonly reference: string | null
    readonly counterparty: string | null
    readonly memo: string | null
    readonly amount: string | null
    readonly currency: string | null
    readonly valueDate: string | null
  } | null
  readonly payload: Readonly<Record<string, string>>
  readonly problems: readonly { readonly row: number; readonly column: string | null; readonly message: string }[]
}

export interface Preview {
  readonly mapping: Mapping
  readonly doubts: readonly { readonly field: string; readonly message: string }[]
  readonly rows: readonly ParsedRow[]
}

/** Fields that are one column, whatever its content. */
export const TEXT_FIELDS = ['externalId', 'reference', 'counterparty', 'memo'] as const
export type TextField = (typeof TEXT_FIELDS)[number]

export const FIELD_NAMES: Readonly<Record<TextField | 'date' | 'amount' | 'currency', string>> = {
  externalId: 'Id',
  reference: 'Reference',
  counterparty: 'Counterparty',
  memo: 'Memo',
  date: 'Date',
  amount: 'Amount',
  currency: 'Currency',
}

/** A date is read by these tokens (HTTP.md); what else a file may need can be typed in no better way than by its reading. */
export const DATE_FORMATS = [
  'iso',
  'dd/MM/yyyy',
  'MM/dd/yyyy',
  'dd.MM.yyyy',
  'dd-MM-yyyy',
  'yyyyMMdd',
  'dd/MM/yy',
  'MM/dd/yy',
  'dd MMM yyyy',
] as const

/** Columns of the file, as its first rows show them. */
export function columnsOf(preview: Preview): readonly Column[] {
  const names = new Set<string>()
  for (const row of preview.rows) for (const name of Object.keys(row.payload)) names.add(name)
  // Without a header columns are known by position.
  return preview.mapping.headerRow === null ? [...names].map(Number) : [...names]
}

/** How amounts stand in the file: in one column, as they are or with the sign the other way round, or in two. */
export type AmountShape = 'one' | 'negated' | 'split'

export function shapeOf({ amount }: Mapping): AmountShape {
  if (amount === undefined || 'sign' in amount) return 'one'
  return 'debit' in amount ? 'split' : amount.negate === true ? 'negated' : 'one'
}

/** The mapping with another shape of its amounts, in the columns that it has or else in the first. */
export function withShape(mapping: Mapping, shape: AmountShape, columns: readonly Column[]): Mapping {
  const { amount } = mapping
  const column = amount === undefined ? columns[0] : 'debit' in amount ? amount.debit : amount.column
  if (column === undefined) return mapping
  switch (shape) {
    case 'one':
      return { ...mapping, amount: { column } }
    case 'negated':
      return { ...mapping, amount: { column, negate: true } }
    case 'split':
      // Mostly the two stand beside each other.
      return { ...mapping, amount: { debit: column, credit: columns[columns.indexOf(column) + 1] ?? column } }
  }
}

/** The column that `value` of a select stands for. */
export function pickColumn(columns: readonly Column[], value: string): Column | null {
  return columns.find((column) => String(column) === value) ?? null
}

/** The mapping with one of the two readings of something ambiguous chosen; `path` is the one of the problem. */
export function chooseReading(mapping: Mapping, path: string, value: string): Mapping {
  const field = path.replace(/^mapping\./, '')
  if (field === 'decimal') return { ...mapping, decimal: value === ',' ? ',' : '.' }
  if (field.startsWith('date') && mapping.date !== undefined) return { ...mapping, date: { ...mapping.date, format: value } }
  // Anything else is a field of its own that takes the reading as it is.
  return { ...mapping, [field]: value }
}
