import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readReconcileRequest } from '../../src/commands/reconcile-request.js'
import type { UsageError } from '../../src/errors.js'
import { runProgram } from './program.js'

const FILES = {
  'good.csv': 'id,date,amount,currency\n1,2026-03-04,5.00,EUR\n2,2026-05-06,6.00,EUR\n',
  'empty.csv': '',
  'header.csv': 'id,date,amount,currency\n',
  'binary.csv': Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0, 0xff, 0xfe, 0, 1, 2]),
  'dates.csv': 'id,date,amount,currency\n1,03/04/2026,5.00,EUR\n2,05/06/2026,6.00,EUR\n',
  'amounts.csv': 'id;date;amount;currency\n1;2026-01-02;1.234;EUR\n2;2026-01-03;-3.000;EUR\n',
  'rules.json': '{"name":"mine","passes":[]}',
}

let folder: string
const file = (name: string) => join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-input-'))
  for (const [name, content] of Object.entries(FILES)) writeFileSync(file(name), content)
  mkdirSync(file('tmp'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('refuses with one clear sentence and exit code 2, and leaves nothing:', () => {
  const good = 'good.csv'
  test.concurrent.each<[what: string, args: readonly string[], sentence: RegExp, environment?: Record<string, string>]>([
    ['no file', [], /^reconcile needs two files, LEFT and RIGHT; 0 given$/],
    ['one side missing', [good], /^reconcile needs two files, LEFT and RIGHT; 1 given$/],
    ['a file that does not exist', [good, 'none.csv'], /none\.csv does not exist$/],
    ['an empty file', ['empty.csv', good], /empty\.csv: the file is empty$/],
    ['a header without rows', [good, 'header.csv'], /header\.csv: the file has a header and no rows$/],
    ['a binary file', ['binary.csv', good], /binary\.csv: the file is not text/],
    [
      'dates of two readings',
      ['dates.csv', good],
      /dates\.csv: the dates in column date can be read in two ways: state the format with --left-mapping .*\n.*"dd\/MM\/yyyy": 03\/04\/2026 is 2026-04-03\n.*"MM\/dd\/yyyy": 03\/04\/2026 is 2026-03-04$/,
    ],
    [
      'amounts of two readings',
      [good, 'amounts.csv'],
      /amounts\.csv: the amounts in column amount can be read in two ways: state the decimal mark with --right-mapping .*\n.*"\.": 1\.234 is 1\.234\n.*",": 1\.234 is 1234$/,
    ],
    [
      'a mapping of a column that is not there',
      [good, good, '--left-mapping', '{"amount":{"column":"Betrag"}}'],
      /good\.csv: there is no column "Betrag"; there are id, date, amount, currency$/,
    ],
    [
      'a result in a folder that is not there',
      [good, good, '--out', 'nowhere/results.csv'],
      /^--out \(\S+\) cannot be written: there is no folder \S+nowhere$/,
    ],
    [
      'a bad value of a variable',
      [good, good],
      /^LOG_LEVEL \(loud\) must be one of trace, debug, info, warn, error, fatal, silent$/,
      { LOG_LEVEL: 'loud' },
    ],
    [
      'a database that cannot be reached',
      [good, good],
      /cannot reach Postgres: connect ECONNREFUSED 127\.0\.0\.1:1$/,
      { DATABASE_URL: 'postgres://127.0.0.1:1/none' },
    ],
    ['a temporary folder that cannot be written', [good, good], /the data folder \S+ cannot be written: /, { TMPDIR: 'good.csv' }],
  ])('%s', async (_, args, sentence, environment = {}) => {
    const place = (arg: string) => (/^(\w+\.csv|nowhere\/.*)$/.test(arg) ? file(arg) : arg)
    const own = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, place(value)]))
    const { code, stdout, stderr } = await runProgram(['reconcile', ...args.map(place)], { TMPDIR: file('tmp'), ...own })
    expect(stderr.trimEnd()).toMatch(sentence)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).not.toContain('    at ')
    expect(readdirSync(file('tmp'))).toEqual([])
  })
})

test.each<[what: string, args: readonly string[], sentence: RegExp]>([
  ['a folder instead of a file', ['tmp', 'good.csv'], /tmp is not a file$/],
  ['three files', ['good.csv', 'good.csv', 'good.csv'], /needs two files, LEFT and RIGHT; 3 given$/],
  ['an option that does not exist', ['good.csv', 'good.csv', '--fast'], /Unknown option '--fast'/],
  ['a mapping that is not JSON', ['good.csv', 'good.csv', '--left-mapping', '{amount'], /^--left-mapping is not JSON/],
  [
    'a mapping with a misspelled field',
    ['good.csv', 'good.csv', '--right-mapping', '{"amont":{"column":"a"}}'],
    /^--right-mapping is no mapping: .*"amont"/,
  ],
  ['rules that cannot be', ['good.csv', 'good.csv', '--rules', 'rules.json'], /^the rules are not valid: ruleSet\.passes/],
  ['rules in a file that does not exist', ['good.csv', 'good.csv', '--rules', 'none.json'], /none\.json does not exist$/],
  ['a currency in words', ['good.csv', 'good.csv', '--currency', 'euro'], /^--currency \(euro\) must be three capital letters/],
  ['a result in a format that is not there', ['good.csv', 'good.csv', '--out', 'results.xlsx'], /must end in \.csv or \.ndjson$/],
  ['a result in place of a file that is read', ['good.csv', 'good.csv', '--out', 'good.csv'], /is one of the two files that are read$/],
])('refuses %s before it does anything', async (_, args, sentence) => {
  const place = (arg: string) => (/^(tmp|[\w.]+\.(csv|json|xlsx))$/.test(arg) ? file(arg) : arg)
  const refusal = await readReconcileRequest(args.map(place)).catch((error: Error) => error)
  expect(refusal).toBeInstanceOf(Error)
  expect((refusal as UsageError).message).toMatch(sentence)
})
