// `npm run simulate -- --seeds 10000 [--seed 1]`: as many simulations, from that seed on. Ends with 1 when a client heard anything else than it
// should have, or when a situation never came up.
import { parseArgs } from 'node:util'
import { simulateProcesses } from '../test/simulation/processes.js'
import { simulate } from '../test/simulation/simulation.js'
import { PROCESS_SITUATIONS, SITUATIONS, Situations } from '../test/simulation/situations.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: '1' },
  },
})
const [seeds, first, processes] = [Number(values.seeds), Number(values.seed), Number(values.processes)]
if (!Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(first) || !Number.isSafeInteger(processes) || processes < 1) {
  console.error(
    'usage: npm run simulate -- --seeds <how many> [--seed <the first>] [--processes <how many, over a Redis and a database that fail>]',
  )
  process.exit(2)
}
const situations = new Situations(processes === 1 ? SITUATIONS : PROCESS_SITUATIONS)
const run = (seed: number) => (processes === 1 ? simulate(seed, situations) : simulateProcesses(seed, processes, situations))
const startedAt = performance.now()
let failed = 0
for (let seed = first; seed < first + seeds; seed++) {
  const faults = await run(seed)
  if (faults.length === 0) continue
  failed++
  console.log(`seed ${seed}: ${faults.length} faults\n  ${faults.slice(0, 5).join('\n  ')}`)
}
console.log(`${situations}\n`)
console.log(`${seeds} simulations from seed ${first} on, ${failed} with faults, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
// A few may miss what is rare.
const { missing } = situations
if (missing.length > 0) console.log(`never came up: ${missing.join(', ')}`)
process.exitCode = failed + missing.length > 0 ? 1 : 0
