import { AppError } from '../../src/errors.js'
import { CsvParser } from '../../src/imports/csv-parser.js'
import type { Mapping, OpenedStatement, ParsedRow } from '../../src/imports/statement-parser.js'

export interface CsvOptions {
  readonly mapping?: Mapping
  readonly currency?: string | null
  /** Bytes per chunk; default: one chunk. */
  readonly chunkBytes?: number
}

/** Opens text or bytes as a CSV file. */
export function openCsv(file: string | Uint8Array, { chunkBytes, ...options }: CsvOptions = {}): Promise<OpenedStatement> {
  const bytes = typeof file === 'string' ? Buffer.from(file) : file
  return new CsvParser().open(chunksOf(bytes, chunkBytes ?? Math.max(bytes.length, 1)), options)
}

/** The mapping, doubts and all rows of a file. */
export async function readCsv(
  file: string | Uint8Array,
  options: CsvOptions = {},
): Promise<{ readonly mapping: Mapping; readonly doubts: OpenedStatement['doubts']; readonly rows: readonly ParsedRow[] }> {
  const statement = await openCsv(file, options)
  const rows: ParsedRow[] = []
  for await (const batch of statement.rows()) rows.push(...batch)
  return { mapping: statement.mapping, doubts: statement.doubts, rows }
}

/** The AppError with which reading the file ends. */
export async function refusalOf(file: string | Uint8Array, options: CsvOptions = {}): Promise<AppError> {
  try {
    await readCsv(file, options)
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('the file was read')
}

/** The amounts as text, null for a rejected row. */
export function amountsOf(rows: readonly ParsedRow[]): readonly (string | null)[] {
  return rows.map((row) => row.record?.amount ?? null)
}

export function reasonsOf(rows: readonly ParsedRow[]): readonly string[] {
  return rows.flatMap((row) => row.problems.map((problem) => problem.message))
}

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
