// `npm test`: types, lint and every suite, counted together. Arguments choose suites: `npm test -- test/db`.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants, setPriority } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startVitest } from 'vitest/node'
import { generate } from './generate.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SLOWEST = 10
const CHECKS = [
  { name: 'types of the server, tests and scripts', package: 'typescript', program: 'bin/tsc', args: ['--noEmit'] },
  { name: 'types of the dashboard', package: 'typescript', program: 'bin/tsc', args: ['--noEmit', '-p', 'src/dashboard'] },
  { name: 'lint', package: '@biomejs/biome', program: 'bin/biome', args: ['check', '.'] },
]

const startedAt = performance.now()
generate()
const counts = { passed: 0, failed: 0, skipped: 0 }
// Beside the suites, on what they leave: some wait for their processes on one core.
const checks = CHECKS.map(check)

const vitest = await startVitest('test', process.argv.slice(2), { watch: false })
const modules = vitest.state.getTestModules()
for (const module of modules) {
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    counts[state === 'passed' || state === 'failed' ? state : 'skipped'] += 1
  }
  // A file or a describe that fails outside of its tests: it cannot be read, or a hook threw.
  counts.failed += [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0).length
}
counts.failed += vitest.state.getUnhandledErrors().length
if (modules.length === 0) counts.failed += 1
// Also says what was not run.
await vitest.close()
for (const { name, output, isGood } of await Promise.all(checks)) {
  console.log(`${isGood ? '✓' : '✗'} ${name}`)
  if (!isGood) console.log(output)
  counts[isGood ? 'passed' : 'failed'] += 1
}

console.log(`\nSlowest of ${modules.length} files:`)
const slowest = modules
  .map((module) => ({ name: relative(ROOT, module.moduleId), ms: durationOf(module) }))
  .sort((one, other) => other.ms - one.ms)
for (const { name, ms } of slowest.slice(0, SLOWEST)) console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${name}`)
console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  in all`)
const line = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`
process.stdout.write(line, () => process.exit(counts.failed > 0 ? 1 : process.exitCode))

/** Runs a program of a package of ours. */
function check({ name, package: from, program, args }) {
  const path = join(dirname(createRequire(import.meta.url).resolve(`${from}/package.json`)), program)
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(process.execPath, [path, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        output += data
      })
    child.on('close', (code) => resolve({ name, output, isGood: code === 0 }))
  })
}

function durationOf(module) {
  const { collectDuration, setupDuration, duration } = module.diagnostic()
  return collectDuration + setupDuration + duration
}
