import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SampleFiles, writeSample } from '../../src/sample/write-sample.js'
import { runProgram } from './program.js'

let folder: string
let files: SampleFiles
let admin: pg.Client
const name = `reconcile_${randomUUID().slice(0, 8)}`
const environment: Record<string, string> = {}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-fleet-'))
  files = await writeSample(folder, { seed: 21, rows: 600 })
  const url = new URL(process.env.TEST_DATABASE_URL!)
  admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
  await admin.query(`create database ${name}`)
  url.pathname = name
  Object.assign(environment, { DATABASE_URL: url.href, TMPDIR: folder })
})
afterAll(async () => {
  await admin.query(`drop database ${name} with (force)`)
  await admin.end()
  rmSync(folder, { recursive: true })
})

function reconcile(...options: string[]) {
  return runProgram(['reconcile', files.left, files.right, ...options], environment)
}

test('a database at DATABASE_URL is migrated by the command that says so, and by no other', async () => {
  const refused = await reconcile()
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr.trimEnd()).toMatch(/the database lacks migration \w+: run `tallyroom migrate` first$/)
  const first = await runProgram(['migrate'], environment)
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(first.stdout).toMatch(/^applied \w+$/m)
  expect(await runProgram(['migrate'], environment)).toEqual({ code: 0, stdout: 'the database is up to date\n', stderr: '' })
})

test('reconciles in it, two at once on the same files, and tells a finished result again with --resume', async () => {
  const out = join(folder, 'results.csv')
  const [one, other] = await Promise.all([reconcile('--json', '--out', out), reconcile('--json')])
  expect([one.code, other.code], one.stderr + other.stderr).toEqual([0, 0])
  const hash = JSON.parse(one.stdout).resultHash
  expect(JSON.parse(other.stdout).resultHash).toBe(hash)
  // A header and a line for each record.
  expect(readFileSync(out, 'utf8').trimEnd().split('\r\n')).toHaveLength(1_201)

  const again = await reconcile('--json', '--resume')
  expect(again.stderr).not.toContain('imported')
  expect([again.code, JSON.parse(again.stdout).resultHash]).toEqual([0, hash])
  // Nothing of it lies in the folder for private databases.
  expect(readdirSync(folder).filter((entry) => entry.startsWith('tallyroom'))).toEqual([])
})
