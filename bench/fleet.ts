// `npm run bench:fleet`: what several processes promise while Redis, connections and processes go away; writes docs/results/fleet.md, and ends
// with 1 when a promise is not kept. `npm run bench:fleet -- outage storm` measures these alone, and prints instead of writing.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../test/support/postgres.js'
import { COUNTING_SETTINGS, connections } from './fleet/connections.js'
import type { Scenario } from './fleet/figure.js'
import { outage } from './fleet/outage.js'
import { pageOf } from './fleet/page.js'
import { relay } from './fleet/relay.js'
import { rolling } from './fleet/rolling.js'
import { storm } from './fleet/storm.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const SCENARIOS = { outage, storm, rolling, relay, connections } as const

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in SCENARIOS))
if (unknown.length > 0) {
  console.error(`no such scenario: ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}`)
  process.exit(2)
}
execFileSync(process.execPath, [`${HERE}../node_modules/typescript/bin/tsc`, '-p', HERE], { stdio: 'inherit' })
const startedAt = performance.now()
const loadAtStart = loadavg()[0]!
const postgres = await startPostgres(COUNTING_SETTINGS)
process.env.TEST_DATABASE_URL = postgres.url
const scenarios: Scenario[] = []
for (const [name, run] of Object.entries(SCENARIOS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`${name} …`)
  scenarios.push(await run())
}
await postgres.stop()
const page = pageOf({ scenarios, loadAtStart, seconds: (performance.now() - startedAt) / 1_000 })
if (wanted.length > 0) console.log(page)
else {
  mkdirSync(`${HERE}../docs/results`, { recursive: true })
  writeFileSync(`${HERE}../docs/results/fleet.md`, page)
  console.log('docs/results/fleet.md is written')
}
const broken = scenarios.flatMap(({ figures }) => figures).filter(({ isMet }) => isMet === false)
for (const { what, measured, target } of broken) console.error(`not kept: ${what}: ${measured}, target ${target}`)
process.exit(broken.length > 0 ? 1 : 0)
