import { AppError } from '../errors.js'
import { type Columns, columnsByPosition, columnsOfHeader, filledWidth, MAX_COLUMNS } from './columns.js'
import { findHeader, findSeparator, MAX_PREAMBLE_ROWS, usualWidth } from './csv-dialect.js'
import { CsvSplitter, splitHead } from './csv-splitter.js'
import { detectEncoding, type Encoding, encodingNamed, refuseBinary, Transcoder } from './encoding.js'
import { type FileHead, takeHead } from './file-head.js'
import { decideMapping } from './mapping-guess.js'
import { rowReader } from './row-reader.js'
import type { Doubt, Mapping, OpenedStatement, ParsedRow, StatementParser } from './statement-parser.js'

/** The guess looks at this many data rows. */
const SAMPLE_ROWS = 200
const BATCH_ROWS = 2_000
/** Rows of this many characters are a batch too, however few: two batches are in memory at once, and a row may have 256 KiB. */
const BATCH_CHARS = 2_097_152

/** Comma, semicolon, tab or bar separated text in UTF-8, UTF-16 or Windows-1252, with or without a header. */
export class CsvParser implements StatementParser {
  readonly format = 'csv'

  async open(
    bytes: AsyncIterable<Uint8Array>,
    options: { readonly mapping?: Mapping; readonly currency?: string | null },
  ): Promise<OpenedStatement> {
    const head = await takeHead(bytes)
    try {
      return await openHead(head, options.mapping ?? {}, options.currency ?? null)
    } catch (error) {
      await head.close()
      throw error
    }
  }
}

async function openHead(head: FileHead, given: Mapping, currency: string | null): Promise<OpenedStatement> {
  const doubts: Doubt[] = []
  const encoding = decideEncoding(head, given, doubts)
  const text = headText(head, encoding)
  if (head.isWhole && text.toString().trim() === '') throw new AppError('INVALID', { message: 'the file is empty' })

  const separator = given.separator ?? (await findSeparator(text, head.isWhole))
  refuseSeparator(separator)
  const maxRows = Math.max(given.headerRow ?? 0, MAX_PREAMBLE_ROWS) + SAMPLE_ROWS
  const rows = await splitHead(text, { separator, isWhole: head.isWhole, maxRows })
  const headerRow = given.headerRow === undefined ? findHeader(rows) : given.headerRow
  const columns = columnsOf(rows, headerRow)
  const sample = rows.slice(headerRow === null ? 0 : headerRow + 1).filter((cells) => filledWidth(cells) > 0)
  if (sample.length === 0 && head.isWhole) throw new AppError('INVALID', { message: 'the file has a header and no rows' })

  const decided = decideMapping(columns, sample.slice(0, SAMPLE_ROWS), given)
  const mapping: Mapping = { ...decided.mapping, separator, encoding, headerRow }
  doubts.push(...decided.doubts)
  if (mapping.amount && !mapping.currency && currency === null) {
    doubts.push({ field: 'currency', message: 'neither the file nor the project names a currency: amounts have none' })
  }
  const readRow = rowReader({ columns, mapping, style: decided.style, currency })
  return { mapping, doubts, rows: () => readRows(head, { encoding, separator, headerRow, readRow }) }
}

interface Reading {
  readonly encoding: Encoding
  readonly separator: string
  readonly headerRow: number | null
  readonly readRow: (cells: readonly string[], rowNo: number) => ParsedRow
}

/** @throws AppError `INVALID` at the end, when no row was accepted: a mapping that fits nothing is no import. */
async function* readRows(head: FileHead, { encoding, separator, headerRow, readRow }: Reading): AsyncGenerator<readonly ParsedRow[]> {
  let batch: ParsedRow[] = []
  let batchChars = 0
  let rowNo = 0
  let at = -1
  let isAnyAccepted = false
  let firstRejected: ParsedRow | null = null
  for await (const rows of splitFile(head, encoding, separator)) {
    for (const cells of rows) {
      at++
      if ((headerRow !== null && at <= headerRow) || isSeparatorLine(cells, at) || isBlank(cells)) continue
      const row = readRow(cells, ++rowNo)
      if (row.record !== null) isAnyAccepted = true
      else firstRejected ??= row
      batch.push(row)
      for (const cell of cells) batchChars += cell.length
      if (batch.length === BATCH_ROWS || batchChars >= BATCH_CHARS) {
        yield batch
        batch = []
        batchChars = 0
      }
    }
  }
  if (batch.length > 0) yield batch
  if (firstRejected !== null && !isAnyAccepted) throw allRejected(firstRejected)
}

async function* splitFile(head: FileHead, encoding: Encoding, separator: string): AsyncGenerator<string[][]> {
  const splitter = new CsvSplitter(separator)
  const transcoder = new Transcoder(encoding)
  for await (const chunk of head.all()) yield* splitter.write(transcoder.write(chunk))
  yield* splitter.write(transcoder.end())
  yield await splitter.end()
}

function decideEncoding(head: FileHead, given: Mapping, doubts: Doubt[]): Encoding {
  const detected = detectEncoding(head.bytes, head.isWhole)
  const stated = given.encoding === undefined ? detected.encoding : encodingNamed(given.encoding)
  if (stated === null) {
    const message = `the encoding ${JSON.stringify(given.encoding)} is not one of utf-8, utf-16le, utf-16be, windows-1252`
    throw new AppError('INVALID', { message, problems: [{ path: 'mapping.encoding', message }] })
  }
  // The name utf-16 leaves the byte order to the file's mark.
  const encoding = stated.startsWith('utf-16') && detected.encoding.startsWith('utf-16') ? detected.encoding : stated
  refuseBinary(head.bytes, encoding)
  if (given.encoding === undefined && encoding === 'windows-1252') {
    doubts.push({ field: 'encoding', message: 'the file is not UTF-8; it was read as Windows-1252' })
  } else if (encoding === 'utf-8' && detected.isDamaged) {
    doubts.push({ field: 'encoding', message: 'some bytes are not UTF-8: their rows have a warning' })
  }
  return encoding
}

function headText(head: FileHead, encoding: Encoding): Buffer {
  const transcoder = new Transcoder(encoding)
  const text = transcoder.write(head.bytes)
  return head.isWhole ? Buffer.concat([text, transcoder.end()]) : text
}

function columnsOf(rows: readonly (readonly string[])[], headerRow: number | null): Columns {
  const header = headerRow === null ? null : rows[headerRow]
  if (header === undefined || (header !== null && filledWidth(header) === 0)) {
    const message = `row ${headerRow} (from 0) is no header: ${header === undefined ? 'the file is shorter' : 'it is blank'}`
    throw new AppError('INVALID', { message, problems: [{ path: 'mapping.headerRow', message }] })
  }
  const columns = header === null ? columnsByPosition(usualWidth(rows).width) : columnsOfHeader(header)
  if (columns.names.length <= MAX_COLUMNS) return columns
  throw new AppError('INVALID', { message: `the file has ${columns.names.length} columns; at most ${MAX_COLUMNS} are read` })
}

function refuseSeparator(separator: string): void {
  if (separator.length === 1 && !/["\r\n\0]/.test(separator)) return
  const message = `the separator ${JSON.stringify(separator)} must be one character, no quote and no line end`
  throw new AppError('INVALID', { message, problems: [{ path: 'mapping.separator', message }] })
}

/** Excel's first line `sep=;`, which the separator itself cuts in two. */
function isSeparatorLine(cells: readonly string[], at: number): boolean {
  return at === 0 && cells[0] === 'sep=' && filledWidth(cells) === 1
}

function isBlank(cells: readonly string[]): boolean {
  return filledWidth(cells) === 0
}

function allRejected(first: ParsedRow): AppError {
  const [problem] = first.problems
  const where = problem?.column == null ? '' : `, column ${problem.column}`
  return new AppError('INVALID', { message: `every row was rejected; row ${first.rowNo}${where}: ${problem?.message}` })
}
