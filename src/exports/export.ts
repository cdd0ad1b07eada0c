import type { Db } from '../db/client.js'
import {
  type ExportedBreak,
  type ExportedMatch,
  type ExportedRecord,
  type ExportedRecordState,
  type ExportedResult,
  exportedBreaks,
  exportedMatches,
  exportedRecords,
  exportedResults,
} from '../db/export-rows.js'
import { unreachable } from '../errors.js'
import type { ProjectId } from '../ids.js'
import { type CellKind, csvLine } from './csv.js'

/** What the API exports. */
export const EXPORTS = ['matches', 'breaks', 'records'] as const
/** `results`: every record with what became of it, for `reconcile --out`. */
export type ExportWhat = (typeof EXPORTS)[number] | 'results'

export const EXPORT_FORMATS = ['csv', 'ndjson'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/**
 * The project's rows as text, a page of 1 000 at a time, so that memory does not grow with them. CSV: RFC 4180 in UTF-8 with a header
 * line, formulas neutralised; NDJSON: one object per line with the same names, values as they are.
 */
export function exportRows(request: {
  readonly db: Db
  readonly project: ProjectId
  readonly what: ExportWhat
  readonly format: ExportFormat
}): AsyncIterable<string> {
  const { db, project, what, format } = request
  switch (what) {
    case 'matches':
      return encode(exportedMatches(db, project), MATCH_COLUMNS, format)
    case 'breaks':
      return encode(exportedBreaks(db, project), BREAK_COLUMNS, format)
    case 'records':
      return encode(exportedRecords(db, project), RECORD_COLUMNS, format)
    case 'results':
      return encode(exportedResults(db, project), RESULT_COLUMNS, format)
    default:
      return unreachable(what)
  }
}

/** One column: its name in the header and in NDJSON, and the cell of a row. `number`: exact decimal text or an integer. */
interface Column<Row> {
  readonly name: string
  readonly kind: CellKind
  readonly cell: (row: Row) => string | number | boolean | null
}

function text<Row>(name: string, cell: (row: Row) => string | boolean | null): Column<Row> {
  return { name, kind: 'text', cell }
}

function number<Row>(name: string, cell: (row: Row) => string | number | null): Column<Row> {
  return { name, kind: 'number', cell }
}

/** The columns of a record, each name behind a prefix (`left` → `leftAmount`). */
function recordColumns<Row>(prefix: string, record: (row: Row) => ExportedRecord | null): Column<Row>[] {
  const named = (name: string) => (prefix === '' ? name : prefix + name[0]!.toUpperCase() + name.slice(1))
  return [
    text(named('source'), (row) => record(row)?.source ?? null),
    number(named('row'), (row) => record(row)?.row ?? null),
    text(named('externalId'), (row) => record(row)?.externalId ?? null),
    text(named('date'), (row) => record(row)?.date ?? null),
    number(named('amount'), (row) => record(row)?.amount ?? null),
    text(named('currency'), (row) => record(row)?.currency ?? null),
    text(named('reference'), (row) => record(row)?.reference ?? null),
    text(named('counterparty'), (row) => record(row)?.counterparty ?? null),
    text(named('memo'), (row) => record(row)?.memo ?? null),
  ]
}

const MATCH_COLUMNS: readonly Column<ExportedMatch>[] = [
  text('match', (row) => row.match),
  text('status', (row) => row.status),
  text('automatic', (row) => row.automatic),
  text('rule', (row) => row.rule),
  number('confidence', (row) => row.confidence),
  ...recordColumns<ExportedMatch>('left', (row) => row.left),
  ...recordColumns<ExportedMatch>('right', (row) => row.right),
  number('amountDifference', (row) => row.amountDifference),
  text('explanation', (row) => row.summary),
  text('decidedBy', (row) => row.decidedBy),
  text('decidedAt', (row) => row.decidedAt?.toISOString() ?? null),
  text('note', (row) => row.note),
]

const BREAK_COLUMNS: readonly Column<ExportedBreak>[] = [
  text('break', (row) => row.id),
  text('status', (row) => row.status),
  text('reason', (row) => row.reason),
  text('side', (row) => row.side),
  ...recordColumns<ExportedBreak>('', (row) => row.record),
  text('nearestMiss', (row) => row.nearestMiss),
  text('nearestExternalId', (row) => row.nearestExternalId),
  number('amountDifference', (row) => row.amountDifference),
  number('daysApart', (row) => row.daysApart),
  text('owner', (row) => row.owner),
  text('due', (row) => row.due),
  text('note', (row) => row.note),
]

const RECORD_COLUMNS: readonly Column<ExportedRecordState>[] = [
  text('record', (row) => row.id),
  text('state', (row) => row.state),
  text('side', (row) => row.side),
  ...recordColumns<ExportedRecordState>('', (row) => row.record),
]

const RESULT_COLUMNS: readonly Column<ExportedResult>[] = [
  text('state', (row) => row.state),
  text('side', (row) => row.side),
  ...recordColumns<ExportedResult>('', (row) => row.record),
  text('counterpartSource', (row) => row.counterpart?.source ?? null),
  number('counterpartRow', (row) => row.counterpart?.row ?? null),
  text('counterpartExternalId', (row) => row.counterpart?.externalId ?? null),
  text('counterpartDate', (row) => row.counterpart?.date ?? null),
  number('counterpartAmount', (row) => row.counterpart?.amount ?? null),
  number('amountDifference', (row) => row.amountDifference),
  text('rule', (row) => row.rule),
  text('automatic', (row) => row.automatic),
  number('confidence', (row) => row.confidence),
  text('breakReason', (row) => row.breakReason),
  text('explanation', (row) => row.explanation),
]

async function* encode<Row>(pages: AsyncIterable<Row[]>, columns: readonly Column<Row>[], format: ExportFormat): AsyncGenerator<string> {
  const names = columns.map((column) => column.name)
  const kinds = columns.map((column) => column.kind)
  if (format === 'csv') yield csvLine(names, [])
  for await (const page of pages) {
    const lines = page.map((row) => {
      const values = columns.map((column) => column.cell(row))
      if (format === 'ndjson') return `${JSON.stringify(Object.fromEntries(names.map((name, index) => [name, values[index]])))}\n`
      return csvLine(
        values.map((value) => (value === null ? null : String(value))),
        kinds,
      )
    })
    yield lines.join('')
  }
}
