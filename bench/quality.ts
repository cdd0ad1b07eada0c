// `npm run quality -- DIR [--left FILE] [--right FILE] [--truth FILE]`: reconciles two files as `tallyroom reconcile` does, with the
// default rules, and scores what came out against a truth that the engine never sees.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { reconcileFiles } from '../src/commands/file-reconciliation.js'
import { openPrivateDatabase } from '../src/commands/private-database.js'
import { count, ProgressBar } from '../src/commands/progress-bar.js'
import type { ReconcileReport } from '../src/commands/reconcile-report.js'
import type { Db } from '../src/db/client.js'
import { exportRows } from '../src/exports/export.js'
import type { ProjectId } from '../src/ids.js'
import { createLog } from '../src/log.js'

/** What the two sides are called in the folders that we know. */
const NAMES = [
  ['bank.csv', 'ledger.csv'],
  ['payments.csv', 'receipts.csv'],
] as const

interface Pair {
  readonly left: string
  readonly right: string
  readonly automatic: boolean
  readonly confidence: number
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { left: { type: 'string' }, right: { type: 'string' }, truth: { type: 'string' } },
})
const dir = positionals[0] ?? '.'
const names = NAMES.find((pair) => pair.every((name) => existsSync(join(dir, name)))) ?? NAMES[0]
const files = { left: values.left ?? join(dir, names[0]), right: values.right ?? join(dir, names[1]) }
const truthFile = values.truth ?? join(dir, 'truth.csv')
for (const file of [files.left, files.right, truthFile]) {
  if (existsSync(file)) continue
  console.error(`${file} does not exist; usage: npm run quality -- DIR [--left FILE] [--right FILE] [--truth FILE]`)
  process.exit(2)
}
const truth = await readTruth(truthFile)
const key = `quality-${process.pid}`
const database = await openPrivateDatabase(key, 'fresh')
try {
  const bar = new ProgressBar(process.stderr)
  const request = { files, mappings: {}, currency: null, isResume: false, key }
  const signal = new AbortController().signal
  const done = await reconcileFiles({ database, request, maxRunningJobs: 1, bar, log: createLog('warn'), signal })
  print(done!.report, await readPairs(database.db, done!.project))
} finally {
  await database.close()
}

/** Pairs of external ids; the first line names the columns. */
async function readTruth(path: string): Promise<readonly (readonly [left: string, right: string])[]> {
  const [, ...lines] = (await readFile(path, 'utf8')).trimEnd().split(/\r?\n/)
  // Ids hold no commas.
  return lines.map((line) => line.split(',') as [string, string])
}

async function readPairs(db: Db, project: ProjectId): Promise<Pair[]> {
  const pairs: Pair[] = []
  for await (const page of exportRows({ db, project, what: 'matches', format: 'ndjson' })) {
    for (const line of page.trimEnd().split('\n')) {
      const { leftExternalId, rightExternalId, status, confidence } = JSON.parse(line)
      pairs.push({ left: leftExternalId, right: rightExternalId, automatic: status === 'confirmed', confidence: Number(confidence) })
    }
  }
  return pairs
}

/** As a person would who takes the most confident suggestion first, and each record once. */
function withBestSuggestions(pairs: readonly Pair[]): Pair[] {
  const order = (one: Pair, other: Pair) =>
    Number(other.automatic) - Number(one.automatic) ||
    other.confidence - one.confidence ||
    (one.left + one.right < other.left + other.right ? -1 : 1)
  const taken = { left: new Set<string>(), right: new Set<string>() }
  return [...pairs].sort(order).filter(({ left, right }) => {
    if (taken.left.has(left) || taken.right.has(right)) return false
    taken.left.add(left)
    taken.right.add(right)
    return true
  })
}

function print(report: ReconcileReport, pairs: readonly Pair[]): void {
  const { files: sides, importMs, elapsedMs } = report
  const rows = (side: 'left' | 'right') => `${sides[side].name} ${count(sides[side].rows.accepted + sides[side].rows.warning)}`
  const lefts = timesEach(truth.map(([left]) => left))
  const rights = timesEach(truth.map(([, right]) => right))
  const single = truth.filter(([left, right]) => lefts.get(left) === 1 && rights.get(right) === 1)
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`)
  console.log(`${rows('left')} rows, ${rows('right')} rows; true pairs ${count(truth.length)}, of them one to one ${count(single.length)}`)
  console.log(`found ${count(report.matched)} automatic, ${count(report.suggested)} suggested; breaks ${count(report.breaks)}`)
  console.log('')
  console.log(line('', ['pairs', 'right', 'precision', 'recall', 'F1', 'recall 1:1']))
  const automatic = pairs.filter((pair) => pair.automatic)
  for (const [name, found] of [
    ['automatic', automatic],
    ['+ best suggestion', withBestSuggestions(pairs)],
  ] as const) {
    const isTrue = new Set(truth.map(String))
    const isFound = new Set(found.map(({ left, right }) => String([left, right])))
    const right = [...isFound].filter((pair) => isTrue.has(pair)).length
    const rightSingle = single.filter((pair) => isFound.has(String(pair))).length
    const [precision, recall] = [share(right, isFound.size), share(right, truth.length)]
    const f1 = share(2 * right, isFound.size + truth.length)
    console.log(
      line(name, [
        count(isFound.size),
        count(right),
        ...[precision, recall, f1, share(rightSingle, single.length)].map((value) => value.toFixed(4)),
      ]),
    )
  }
  console.log('')
  const peakMb = process.resourceUsage().maxRSS / 1024
  console.log(
    `import ${seconds(importMs)}, job ${seconds(elapsedMs - importMs)}, peak memory ${peakMb.toFixed(0)} MB; result ${report.resultHash}`,
  )
}

function line(label: string, cells: readonly string[]): string {
  return label.padEnd(18) + cells.map((cell) => cell.padStart(12)).join('')
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function timesEach(ids: readonly string[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1)
  return times
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
