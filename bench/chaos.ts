// `npm run chaos -- --seed 1 --seeds 6 --minutes 3`: a fleet of real processes under faults, judged by an independent checker. See bench/chaos/.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writePage } from './chaos/page.js'
import { planOf } from './chaos/plan.js'
import { Closers, isGreen, type RunResult, run } from './chaos/run.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '3' },
    clients: { type: 'string', default: '300' },
    plan: { type: 'boolean', default: false },
  },
})
const [first, seeds, minutes, clients] = [values.seed, values.seeds, values.minutes, values.clients].map(Number) as [
  number,
  number,
  number,
  number,
]
const durationMs = minutes * 60_000
if (![first, seeds, clients].every((value) => Number.isInteger(value) && value >= 1) || !(minutes > 0)) {
  console.error('usage: npm run chaos -- [--seed 1] [--seeds 1] [--minutes 3] [--clients 300] [--plan]')
  process.exit(2)
}
if (values.plan) {
  for (const { atMs, name, no, ms, count } of planOf(first, durationMs))
    console.log(`${(atMs / 1_000).toFixed(1)} s  ${name}  no ${no}, ${ms} ms, ${count}`)
  process.exit(0)
}

const dir = mkdtempSync(join(tmpdir(), 'tallyroom-chaos-'))
const closers = new Closers()
let isEnding = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(130))

async function end(code: number): Promise<void> {
  // What ends in the middle of a run fails it, too.
  if (isEnding) return
  isEnding = true
  await closers.closeAll()
  // Evidence is kept.
  if (code !== 1 && existsSync(dir)) rmSync(dir, { recursive: true, force: true })
  process.exit(code)
}

const loadAtStart = loadavg()[0]!
const startedAt = Date.now()
const say = (line: string) => console.log(`${((Date.now() - startedAt) / 1_000).toFixed(1).padStart(7)} s  ${line}`)
const results: RunResult[] = []
try {
  for (let seed = first; seed < first + seeds; seed++) {
    say(`seed ${seed}`)
    const result = await run({ seed, durationMs, clients, dir: join(dir, String(seed)), say }, closers)
    results.push(result)
    // After each, so that a run which cannot be made leaves those before it.
    writePage(results, { minutes, clients, loadAtStart })
    const { violations, checks } = result.verdict
    say(
      `seed ${seed}: ${violations.length} violations; ${JSON.stringify(checks)}; joined in ${result.joinedMs} ms, heard in ${result.heardMs} ms`,
    )
    for (const { kind, evidence } of violations.slice(0, 40)) console.log(`  ${kind}: ${evidence}`)
    if (violations.length === 0) rmSync(join(dir, String(seed)), { recursive: true, force: true })
  }
  const isRight = results.every(isGreen)
  if (!isRight) console.log(`logs: ${dir}`)
  await end(isRight ? 0 : 1)
} catch (error) {
  console.error(error)
  await end(1)
}
