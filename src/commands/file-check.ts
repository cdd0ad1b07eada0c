import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { AppError } from '../errors.js'
import type { Doubt, Mapping } from '../imports/statement-parser.js'
import { previewStatement } from '../jobs/import.js'
import { SIDES, type Side } from '../protocol/views.js'
import type { ReconcileRequest } from './reconcile-request.js'

/**
 * Reads the beginning of both files before anything is made for them, and tells how their columns are understood.
 * @throws AppError as an import does, with the file's name.
 */
export async function checkFiles(
  { files, mappings, currency }: Pick<ReconcileRequest, 'files' | 'mappings' | 'currency'>,
  say: (line: string) => void,
): Promise<void> {
  for (const side of SIDES) {
    const path = files[side]
    const mapping = mappings[side]
    try {
      const preview = await previewStatement({
        name: basename(path),
        format: 'csv',
        bytes: createReadStream(path),
        currency,
        ...(mapping === undefined ? {} : { mapping }),
      })
      for (const line of wrapped(`${basename(path)}: `, describe(preview.mapping))) say(line)
      for (const { message } of preview.doubts satisfies readonly Doubt[]) say(`  ${message}`)
    } catch (error) {
      throw ofFile(error, path, side)
    }
  }
}

/** The same refusal, with the file that it is about and the option that mends it. */
export function ofFile(error: unknown, path: string, side: Side): unknown {
  if (!(error instanceof AppError)) return error
  const isUndecided = error.problems?.some((problem) => problem.readings !== undefined)
  const advice = isUndecided ? ` with --${side}-mapping (--help has an example)` : ''
  return new AppError(error.code, { message: `${path}: ${error.message}${advice}`, problems: error.problems ?? [], cause: error })
}

/** `date Value Date (dd.MM.yyyy)`, `amount Paid In − Paid Out`, … */
function describe(mapping: Mapping): string[] {
  const { date, amount, currency } = mapping
  const texts = (['externalId', 'reference', 'counterparty', 'memo'] as const).flatMap((field) =>
    mapping[field] === undefined ? [] : [`${field === 'externalId' ? 'id' : field} ${mapping[field].column}`],
  )
  return [
    ...(date === undefined ? [] : [`date ${date.column} (${date.format})`]),
    ...(amount === undefined ? [] : [`amount ${'debit' in amount ? `${amount.credit} − ${amount.debit}` : amount.column}`]),
    ...(currency === undefined ? [] : [`currency ${'constant' in currency ? currency.constant : currency.column}`]),
    ...texts,
  ]
}

/** The parts on lines of at most 80 columns where they fit, the later ones indented. */
function wrapped(begin: string, parts: readonly string[]): string[] {
  const lines: string[] = []
  let line = begin
  for (const [no, part] of parts.entries()) {
    const longer = no === 0 ? line + part : `${line} · ${part}`
    if (longer.length <= MAX_COLUMNS || no === 0) line = longer
    else {
      lines.push(line)
      line = `  ${part}`
    }
  }
  return [...lines, line]
}

const MAX_COLUMNS = 80
