import { CsvError, Parser } from 'csv-parse'
import { AppError } from '../errors.js'

/** One row may have this many bytes of UTF-8, and one that is longer was not meant: a quote stays open. */
export const MAX_ROW_BYTES = 262_144

/** What is given to csv-parse at once, and so bounds the rows in memory. */
const SLICE_BYTES = 65_536

/**
 * Splits UTF-8 bytes into rows of cells (RFC 4180; any line end, also mixed; quotes inside a bare cell are text). A blank line is a row
 * of one empty cell.
 * @throws AppError `INVALID` for a row above {@link MAX_ROW_BYTES} and a quote that nobody closes: where rows end is then unknown.
 */
export class CsvSplitter {
  readonly #parser: Parser
  readonly #ended: Promise<void>
  #rows: string[][] = []
  #rowCount = 0
  #bytesSinceRow = 0

  constructor(separator: string) {
    this.#parser = new Parser({
      delimiter: separator,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      relax_quotes: true,
      max_record_size: MAX_ROW_BYTES,
    })
    // Flowing, each row comes at once and nothing is buffered, so that a slice is done when its write is. Not `on_record`: for that
    // csv-parse makes two objects of its counters for each row (a quarter of the garbage of reading).
    this.#parser.on('data', (cells: string[]) => this.#rows.push(cells))
    this.#ended = new Promise((resolve, reject) => this.#parser.once('end', resolve).once('error', reject))
    this.#ended.catch(() => undefined)
  }

  /** Yields the rows that these bytes complete, slice by slice. */
  async *write(bytes: Buffer): AsyncGenerator<string[][]> {
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      const slice = bytes.subarray(at, at + SLICE_BYTES)
      await new Promise<void>((resolve, reject) => {
        this.#parser.write(slice, (error) => (error ? reject(this.#explain(error)) : resolve()))
      })
      // csv-parse counts what is in the cells; a row of separators alone would grow without end.
      this.#bytesSinceRow = this.#rows.length === 0 ? this.#bytesSinceRow + slice.length : 0
      if (this.#bytesSinceRow > 2 * MAX_ROW_BYTES) throw this.#tooLong()
      yield this.#take()
    }
  }

  /** The last row, when no line end came after it. */
  async end(): Promise<string[][]> {
    this.#parser.end()
    try {
      await this.#ended
    } catch (error) {
      throw this.#explain(error)
    }
    return this.#take()
  }

  #take(): string[][] {
    const rows = this.#rows
    this.#rows = []
    this.#rowCount += rows.length
    return rows
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof CsvError)) return error
    if (error.code === 'CSV_MAX_RECORD_SIZE') return this.#tooLong()
    if (error.code === 'CSV_QUOTE_NOT_CLOSED') {
      return new AppError('INVALID', { message: `a quote that row ${this.#nextRow()} of the file opens is never closed` })
    }
    return error
  }

  #tooLong(): AppError {
    return new AppError('INVALID', {
      message: `row ${this.#nextRow()} of the file is longer than ${MAX_ROW_BYTES} bytes: is a quote not closed?`,
    })
  }

  #nextRow(): number {
    return this.#rowCount + this.#rows.length + 1
  }
}

/** The first `maxRows` rows of a file's head; of a whole file the unfinished last one too. */
export async function splitHead(
  head: Buffer,
  options: { readonly separator: string; readonly isWhole: boolean; readonly maxRows: number },
): Promise<string[][]> {
  const splitter = new CsvSplitter(options.separator)
  const rows: string[][] = []
  for await (const some of splitter.write(head)) {
    rows.push(...some)
    if (rows.length >= options.maxRows) return rows.slice(0, options.maxRows)
  }
  if (options.isWhole) rows.push(...(await splitter.end()))
  return rows.slice(0, options.maxRows)
}
