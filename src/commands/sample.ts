import { parseArgs } from 'node:util'
import { UsageError } from '../errors.js'
import { writeSample } from '../sample/write-sample.js'

export const USAGE = `usage: tallyroom sample --out DIR [--seed 1] [--rows 20000]
Writes bank.csv, ledger.csv and truth.csv to DIR: half a year of a company's account, ROWS
lines a side, with delays, fees, typos, cut references, duplicates, splits and missing
lines. The same seed writes the same bytes. \`npm run quality -- DIR\` scores them.`

/** Writes two files and their truth: `sample --seed 1 --rows 20000 --out DIR`. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { seed: { type: 'string', default: '1' }, rows: { type: 'string', default: '20000' }, out: { type: 'string' } },
  })
  if (values.out === undefined) throw new UsageError('sample needs --out DIR')
  const options = { seed: wholeNumber('seed', values.seed, 0), rows: wholeNumber('rows', values.rows, 1) }
  const written = await writeSample(values.out, options).catch((error: Error) => {
    throw new UsageError(`${values.out} cannot be written: ${error.message}`)
  })
  console.log(`${written.left}\n${written.right}\n${written.truth}`)
  return 0
}

function wholeNumber(name: string, text: string, min: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > 5_000_000)
    throw new UsageError(`--${name} (${text}) must be a whole number from ${min} to 5000000`)
  return value
}
