/** Which column says what. A column is a header name, or a 0-based position where there is no header. HTTP.md, "Mapping". */
export interface Mapping {
  readonly externalId?: ColumnRef
  readonly reference?: ColumnRef
  readonly counterparty?: ColumnRef
  readonly memo?: ColumnRef
  readonly currency?: ColumnRef | { readonly constant: string }
  readonly amount?:
    | (ColumnRef & { readonly negate?: boolean })
    | { readonly debit: string | number; readonly credit: string | number }
    | (ColumnRef & { readonly sign: { readonly column: string | number; readonly negative: string } })
  readonly date?: ColumnRef & { readonly format: string }
  readonly decimal?: '.' | ','
  readonly thousands?: string
  readonly separator?: string
  readonly encoding?: string
  readonly headerRow?: number | null
}

export interface ColumnRef {
  readonly column: string | number
}

/** The values of an accepted row, exact. */
export interface ParsedRecord {
  readonly externalId: string | null
  readonly reference: string | null
  readonly counterparty: string | null
  readonly memo: string | null
  /** Decimal text without exponent, at most 38 digits with 12 after the point. */
  readonly amount: string | null
  /** In the currency's minor unit when it is whole in it and fits 64 bits. */
  readonly amountMinor: bigint | null
  readonly currency: string | null
  /** `YYYY-MM-DD`. */
  readonly valueDate: string | null
}

export interface RowProblem {
  /** 1 = first data row. */
  readonly row: number
  readonly column: string | null
  readonly message: string
}

/** One data row. Exactly one of accepted, warning, rejected; `record` is null only when rejected. */
export interface ParsedRow {
  readonly rowNo: number
  readonly outcome: 'accepted' | 'warning' | 'rejected'
  readonly record: ParsedRecord | null
  /** Column name to text, as it stood in the file; a Map would not survive JSON, so an object without prototype. */
  readonly payload: Readonly<Record<string, string>>
  readonly problems: readonly RowProblem[]
}

/** Something the guess could have read in another way but did not have to refuse; shown with the mapping. */
export interface Doubt {
  readonly field: string
  readonly message: string
}

export interface OpenedStatement {
  /** The complete mapping in force: guessed, then overridden by what was given. */
  readonly mapping: Mapping
  readonly doubts: readonly Doubt[]
  /** Streams the rows in file order, in batches of at most 2 000. Holds a bounded part of the file in memory. */
  rows(): AsyncIterable<readonly ParsedRow[]>
}

/** Reads one format. */
export interface StatementParser {
  readonly format: string
  /**
   * Reads as much as the mapping needs (header and 200 rows) and decides it.
   * @throws AppError `INVALID` with {@link FieldProblem}s: empty, header only, binary, a column that does not exist, an amount or date that can be read
   * in two ways (`readings`). Errors in single rows are not thrown: they reject the row.
   */
  open(
    bytes: AsyncIterable<Uint8Array>,
    options: { readonly mapping?: Mapping; readonly currency?: string | null },
  ): Promise<OpenedStatement>
}
