import { createHash } from 'node:crypto'
import type { Db } from '../db/client.js'
import type { Actor } from '../db/outbox.js'
import { abandonSource, createSource, finishSource, insertRows, type RowProblem, readProblems } from '../db/sources.js'
import { AppError } from '../errors.js'
import type { ProjectId } from '../ids.js'
import { CsvParser } from '../imports/csv-parser.js'
import type { Doubt, Mapping, ParsedRecord, ParsedRow, StatementParser } from '../imports/statement-parser.js'
import type { Side, SourceView } from '../protocol/views.js'

export interface ImportRequest {
  readonly db: Db
  readonly project: ProjectId
  /** ISO 4217, for rows whose file names no currency. */
  readonly currency: string | null
  readonly side: Side
  readonly name: string
  /** Default `auto`: by the name's ending. */
  readonly format?: string
  readonly bytes: AsyncIterable<Uint8Array>
  /** Overrides what is guessed, field by field. */
  readonly mapping?: Mapping
  /** Import bytes that this side of the project has already. */
  readonly again?: boolean
  /** Stored as a user before. */
  readonly actor: Actor | null
}

export interface ImportResult {
  readonly source: SourceView
  readonly mapping: Mapping
  /** The first 100. */
  readonly problems: readonly RowProblem[]
}

/** A row as a preview shows it: exact, and nothing that JSON cannot say. */
export interface PreviewRow extends Omit<ParsedRow, 'record'> {
  readonly record: Omit<ParsedRecord, 'amountMinor'> | null
}

const PROBLEMS_SHOWN = 100
const PREVIEW_ROWS = 20

/**
 * Streams a file into the project: batches under a source that no query shows, one last transaction that makes it visible. Whatever
 * fails leaves nothing.
 * @throws AppError `INVALID` (empty, no header, an undecidable mapping, every row rejected), `UNSUPPORTED`, `DUPLICATE_SOURCE`.
 */
export async function importStatement(request: ImportRequest): Promise<ImportResult> {
  const { db, project, side, name, actor } = request
  const parser = parserFor(request.format ?? 'auto', name)
  const hash = createHash('sha256')
  const statement = await parser.open(hashed(request.bytes, hash), mappingOptions(request.mapping, request.currency))
  const source = await createSource(db, {
    project,
    side,
    name,
    format: parser.format,
    mapping: statement.mapping,
    createdBy: actor?.id ?? null,
  })
  let storing = Promise.resolve()
  try {
    // A batch is stored while the next one is read: the database and this process work at the same time.
    for await (const rows of statement.rows()) {
      await storing
      storing = insertRows(db, { source, project, side }, rows)
      // Its failure is heard when it is awaited.
      storing.catch(() => undefined)
    }
    await storing
    const view = await finishSource(db, { source, project, side, hash: hash.digest('hex'), again: request.again ?? false, actor })
    return { source: view, mapping: statement.mapping, problems: await readProblems(db, source, PROBLEMS_SHOWN) }
  } catch (error) {
    await storing.catch(() => undefined)
    await abandonSource(db, source)
    throw error
  }
}

/** Reads a file as an import would and stores nothing: the mapping, what is doubtful about it, the first 20 rows. */
export async function previewStatement(request: {
  readonly name: string
  readonly format?: string
  readonly bytes: AsyncIterable<Uint8Array>
  readonly mapping?: Mapping
  readonly currency: string | null
}): Promise<{ readonly mapping: Mapping; readonly doubts: readonly Doubt[]; readonly rows: readonly PreviewRow[] }> {
  const parser = parserFor(request.format ?? 'auto', request.name)
  const statement = await parser.open(request.bytes, mappingOptions(request.mapping, request.currency))
  for await (const rows of statement.rows()) {
    return { mapping: statement.mapping, doubts: statement.doubts, rows: rows.slice(0, PREVIEW_ROWS).map(previewOf) }
  }
  return { mapping: statement.mapping, doubts: statement.doubts, rows: [] }
}

function previewOf(row: ParsedRow): PreviewRow {
  if (row.record === null) return { ...row, record: null }
  const { amountMinor: _, ...record } = row.record
  return { ...row, record }
}

function parserFor(format: string, name: string): StatementParser {
  const ending = name.includes('.') ? name.slice(name.lastIndexOf('.') + 1).toLowerCase() : ''
  if (format === 'csv' || (format === 'auto' && ['', 'csv', 'tsv', 'txt'].includes(ending))) return new CsvParser()
  throw new AppError('UNSUPPORTED', { message: `the format ${format === 'auto' ? `.${ending}` : format} is not supported; csv is` })
}

function mappingOptions(mapping: Mapping | undefined, currency: string | null) {
  return mapping === undefined ? { currency } : { mapping, currency }
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: { update(chunk: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    hash.update(chunk)
    yield chunk
  }
}
