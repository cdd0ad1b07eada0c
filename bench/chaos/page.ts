import { writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Checks, VIOLATIONS, type ViolationKind } from './checker.js'
import { FAULTS, type FaultName } from './plan.js'
import type { RunResult } from './run.js'

const PAGE = fileURLToPath(new URL('../../docs/results/chaos.md', import.meta.url))
const MAX_EVIDENCE = 20

export function writePage(results: readonly RunResult[], options: { minutes: number; clients: number }): void {
  writeFileSync(
    PAGE,
    JSON.stringify({ results: results.length, options, MAX_EVIDENCE, VIOLATIONS, FAULTS, cpus: cpus().length, loadavg, totalmem }),
  )
}
export type { Checks, FaultName, ViolationKind }
