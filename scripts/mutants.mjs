// `npm run mutants`: plants each fault of mutants-list.mjs in a copy of the tree, runs the tests named there, and ends with 1 unless each is
// seen by a test that carries the number of a rule. `npm run mutants -- feed.ts slow` takes those whose file or words contain one of these.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generate } from './generate.mjs'
import { MUTANTS } from './mutants-list.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COPIED = ['package.json', 'tsconfig.json', 'vitest.config.ts', 'prisma', 'scripts', 'src', 'test']
/** A fault may let a test wait for ever. */
const TEST_TIMEOUT_MS = 8_000
const RUN_TIMEOUT_MS = 120_000

const words = process.argv.slice(2)
const mutants = MUTANTS.filter(({ file, what }) => words.length === 0 || words.some((word) => `${file} ${what}`.includes(word)))
generate()
const copies = Array.from({ length: Math.min(availableParallelism(), 4) }, makeCopy)
/** Runs under way. */
const running = new Set()
process.on('exit', () => {
  for (const child of running) kill(child)
  for (const copy of copies) rmSync(copy, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

const counts = { caught: 0, missed: 0 }
// Without a fault they pass, or what they say of one is worth nothing.
const untouched = await run(copies[0], [...new Set(mutants.flatMap(({ tests }) => tests))])
if (untouched.failed.length > 0 || untouched.count === 0) {
  console.log(`the tests fail without a fault: ${untouched.failed.join('; ') || untouched.why}`)
  process.exit(1)
}
const waiting = [...mutants]
await Promise.all(
  copies.map(async (copy) => {
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) report(mutant, await plant(copy, mutant))
  }),
)
console.log(`\n${mutants.length} faults, ${counts.caught} caught by a test of a rule, ${counts.missed} not`)
process.exitCode = mutants.length > 0 && counts.missed === 0 ? 0 : 1

function report({ file, what }, { failed, why }) {
  const rules = [...new Set(failed.flatMap((name) => name.match(/\[[A-Z]+[0-9]+\]/g) ?? []))]
  counts[rules.length > 0 ? 'caught' : 'missed']++
  const by = rules.length > 0 ? rules.join(' ') : failed.length > 0 ? `only by tests without a rule: ${failed.join('; ')}` : why
  console.log(`${rules.length > 0 ? '✓' : '✗'} ${file.slice('src/'.length).padEnd(26)} ${what.padEnd(58)} ${by}`)
}

async function plant(copy, { file, edits, tests }) {
  const path = join(copy, file)
  const sound = readFileSync(path, 'utf8')
  let text = sound
  for (const [from, to] of edits) {
    if (text.split(from).length !== 2) return { failed: [], why: `NOT PLANTED: not exactly once in the file: ${from}` }
    text = text.replace(from, () => to)
  }
  writeFileSync(path, text)
  try {
    return await run(copy, tests)
  } finally {
    writeFileSync(path, sound)
  }
}

/** Names of the tests that fail, and how many there were. */
function run(copy, tests) {
  const output = join(copy, 'result.json')
  rmSync(output, { force: true })
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs')
  const args = ['run', ...tests, '--reporter=json', `--outputFile=${output}`, `--testTimeout=${TEST_TIMEOUT_MS}`, '--maxWorkers=1']
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [vitest, ...args], { cwd: copy, detached: true }, (_, __, stderr) => {
      clearTimeout(timer)
      running.delete(child)
      let results
      try {
        results = JSON.parse(readFileSync(output, 'utf8')).testResults
      } catch {
        resolve({ failed: [], count: 0, why: `NO RESULT: ${stderr.trim().split('\n')[0]}` })
        return
      }
      const all = results.flatMap(({ assertionResults }) => assertionResults)
      const failed = all.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName)
      // A file that cannot be read has no tests.
      const broken = results.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0)
      resolve({ failed, count: all.length, why: broken.length > 0 ? `BROKEN: ${broken[0].message.split('\n')[0]}` : 'NOT SEEN' })
    })
    running.add(child)
    const timer = setTimeout(() => kill(child), RUN_TIMEOUT_MS)
  })
}

/** With its workers: one that spins hears nothing, and would outlive the run. */
function kill(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

function makeCopy() {
  const copy = mkdtempSync(join(tmpdir(), 'tallyroom-mutants-'))
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  return copy
}
