import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from './program.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tools-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs one command with a data folder of its own. */
function run(line: string) {
  return runProgram(line.split(' '), { DATA_DIR: join(folder, 'data'), PORT: '8123' })
}

test.concurrent('help lists every command with a sentence, each at most 80 columns wide', async () => {
  const { code, stdout, stderr } = await run('--help')
  expect([code, stderr]).toEqual([0, ''])
  for (const command of ['start', 'serve', 'work', 'reconcile', 'sample', 'link', 'token', 'migrate'])
    expect(stdout).toMatch(new RegExp(`^  ${command} +[A-Z].{10,}\\.$`, 'm'))
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
})

test.concurrent.each(['reconcile', 'sample', 'link', 'token', 'migrate'])('%s explains itself with --help', async (command) => {
  const { code, stdout, stderr } = await run(`${command} --help`)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(new RegExp(`^usage: tallyroom ${command}\\b`))
})

test.concurrent.each<[line: string, sentence: RegExp]>([
  ['sync', /^there is no command sync; there are start, serve, work, reconcile, sample, link, token, migrate$/],
  ['sample', /^sample needs --out DIR$/],
  ['sample --out /proc/version/x', /^\/proc\/version\/x cannot be written: /],
  ['sample --out x --rows many', /^--rows \(many\) must be a whole number from 1 to 5000000$/],
  ['sample --out x extra', /^Unexpected argument 'extra'/],
  ['link', /^link needs --name NAME/],
  ['link --name !!!', /^no user id can be made of !!!/],
  ['token', /^token needs --user ID/],
  ['token --user feed --role boss', /^--role \(boss\) must be one of viewer, analyst, approver, admin$/],
  ['token --user feed --hours -1', /--hours/],
  ['token --user feed --hours 9000', /^--hours \(9000\) must be more than 0 and at most 8760$/],
  ['token --user feed --project mine --publish', /^--project \(mine\) must be a project's id or \*$/],
  ['migrate', /^DATABASE_URL must be set/],
])('%s is refused in one sentence', async (line, sentence) => {
  const { code, stdout, stderr } = await run(line)
  expect(stderr.trimEnd()).toMatch(sentence)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).not.toContain('    at ')
})

test.concurrent('no command at all is answered with the help and exit code 2', async () => {
  const { code, stderr } = await runProgram([])
  expect(code).toBe(2)
  expect(stderr).toContain('reconcile')
})

test.concurrent('sample writes the same two files and their truth for the same seed', async () => {
  const dirs = ['one', 'other'].map((name) => join(folder, name))
  for (const dir of dirs) expect((await run(`sample --seed 7 --rows 50 --out ${dir}`)).code).toBe(0)
  expect(readdirSync(dirs[0]!).sort()).toEqual(['bank.csv', 'ledger.csv', 'truth.csv'])
  for (const name of readdirSync(dirs[0]!))
    expect(readFileSync(join(dirs[0]!, name), 'utf8')).toBe(readFileSync(join(dirs[1]!, name), 'utf8'))
})

test.concurrent('link and token use one secret, which only its owner can read', async () => {
  const link = await run('link --name Ana')
  expect(link).toMatchObject({ code: 0, stderr: '' })
  expect(link.stdout).toMatch(/^http:\/\/localhost:8123\/#signin=\S+\n$/)
  const token = await run('token --user feed --publish --hours 2')
  expect(token.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const claims = JSON.parse(Buffer.from(token.stdout.split('.')[1]!, 'base64url').toString())
  expect(claims).toMatchObject({ sub: 'feed', tallyroom: { publish: '*' } })
  expect(claims.exp - claims.iat).toBe(2 * 3_600)
  for (const name of readdirSync(join(folder, 'data'))) expect(statSync(join(folder, 'data', name)).mode & 0o077).toBe(0)
})
