import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, readFile, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from '../errors.js'
import { EXPORT_FORMATS, type ExportFormat } from '../exports/export.js'
import { MAPPING } from '../http/mapping.js'
import { problemsOf } from '../http/validation.js'
import type { Mapping } from '../imports/statement-parser.js'
import type { Side } from '../protocol/views.js'
import { parseRules } from '../reconciliation/rules.js'

export const USAGE = `usage: tallyroom reconcile LEFT RIGHT [options]
  LEFT, RIGHT             two CSV files, for example the bank's statement and the ledger's account
  --out FILE              every record with what became of it; FILE ends in .csv or .ndjson
  --json                  the result as JSON instead of a table
  --resume                goes on where a killed or interrupted run of the same command stopped
  --currency EUR          for rows whose file names no currency
  --left-mapping JSON     what the columns of LEFT mean where the guess is wrong, for example
                          '{"amount":{"column":"Betrag"},"decimal":",","date":{"column":"Tag","format":"dd.MM.yyyy"}}'
  --right-mapping JSON    likewise of RIGHT
  --rules FILE            passes as JSON instead of the default ones
It works in a private database that goes when it is done, or in the one at DATABASE_URL.
Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted.`

/** What the command was asked to do; everything that can be checked without the database was. */
export interface ReconcileRequest {
  readonly files: Readonly<Record<Side, string>>
  readonly mappings: Readonly<Partial<Record<Side, Mapping>>>
  /** ISO 4217. */
  readonly currency: string | null
  /** Default: the default rules. */
  readonly rules?: unknown
  readonly out: { readonly path: string; readonly format: ExportFormat } | null
  readonly isJson: boolean
  readonly isResume: boolean
  /** Names the contents of the two files and what was asked of them: equal for a run that can be resumed. */
  readonly key: string
}

/** @throws UsageError, AppError (rules), TypeError of parseArgs: what is wrong, in one sentence. */
export async function readReconcileRequest(args: readonly string[]): Promise<ReconcileRequest> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
      currency: { type: 'string' },
      'left-mapping': { type: 'string' },
      'right-mapping': { type: 'string' },
      rules: { type: 'string' },
    },
  })
  const [left, right] = positionals
  if (left === undefined || right === undefined || positionals.length > 2)
    throw new UsageError(`reconcile needs two files, LEFT and RIGHT; ${positionals.length} given`)
  for (const file of [left, right]) await refuseUnreadable(file)
  if (values.currency !== undefined && !/^[A-Z]{3}$/.test(values.currency))
    throw new UsageError(`--currency (${values.currency}) must be three capital letters, as EUR`)
  const mappings = { left: values['left-mapping'], right: values['right-mapping'] }
  const rules = values.rules === undefined ? undefined : parseRules(parseJson(`--rules (${values.rules})`, await readText(values.rules)))
  const hash = createHash('sha256')
  for (const file of [left, right]) for await (const chunk of createReadStream(file)) hash.update(chunk)
  hash.update(JSON.stringify([mappings.left, mappings.right, rules, values.currency]))
  return {
    files: { left, right },
    mappings: {
      ...(mappings.left === undefined ? {} : { left: parseMapping('--left-mapping', mappings.left) }),
      ...(mappings.right === undefined ? {} : { right: parseMapping('--right-mapping', mappings.right) }),
    },
    currency: values.currency ?? null,
    ...(rules === undefined ? {} : { rules }),
    out: values.out === undefined ? null : await readOut(values.out, [left, right]),
    isJson: values.json,
    isResume: values.resume,
    key: hash.digest('hex').slice(0, 16),
  }
}

async function refuseUnreadable(file: string): Promise<void> {
  try {
    const found = await stat(file)
    if (!found.isFile()) throw new UsageError(`${file} is not a file`)
    await access(file, constants.R_OK)
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(unreadable(file, error))
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(unreadable(file, error))
  }
}

function parseMapping(option: string, text: string): Mapping {
  const parsed = MAPPING.safeParse(parseJson(option, text))
  if (parsed.success) return parsed.data
  const [problem] = problemsOf(parsed.error)
  throw new UsageError(`${option} is no mapping: ${problem!.path === '' ? '' : `${problem!.path}: `}${problem!.message}`)
}

function parseJson(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${option} is not JSON: ${(error as Error).message}`)
  }
}

/** Found out now, not after an hour of work. */
async function readOut(path: string, inputs: readonly string[]): Promise<ReconcileRequest['out']> {
  const format = EXPORT_FORMATS.find((ending) => path.endsWith(`.${ending}`))
  if (format === undefined) throw new UsageError(`--out (${path}) must end in .csv or .ndjson`)
  try {
    await access(dirname(path), constants.W_OK)
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? `there is no folder ${dirname(path)}` : (error as Error).message
    throw new UsageError(`--out (${path}) cannot be written: ${why}`)
  }
  const existing = await realpath(path).catch(() => null)
  if (existing !== null && (await stat(existing)).isDirectory()) throw new UsageError(`--out (${path}) is a folder`)
  for (const input of inputs)
    if ((await realpath(input)) === existing) throw new UsageError(`--out (${path}) is one of the two files that are read`)
  return { path, format }
}

function unreadable(file: string, error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? `${file} does not exist`
    : `${file} cannot be read: ${(error as Error).message}`
}
