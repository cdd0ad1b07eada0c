import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { reconcileFiles } from '../../src/commands/file-reconciliation.js'
import { ProgressBar } from '../../src/commands/progress-bar.js'
import type { ReconcileReport } from '../../src/commands/reconcile-report.js'
import { openOwnDatabase } from '../../src/db/open.js'
import { createLog } from '../../src/log.js'
import { add } from '../../src/money.js'
import { type SampleFiles, writeSample } from '../../src/sample/write-sample.js'
import { createEmbedded, type TestDatabase } from '../db/test-databases.js'
import { isLong } from '../support/long.js'
import { Program } from './program.js'

/** Two chunks a side at least, so that every stage has several. */
const ROWS = 2_500

interface Place {
  readonly files: SampleFiles
  /** The program's folder for temporary files: nobody else's databases are in the way. */
  readonly tmp: string
  readonly out: string
}

interface Result {
  readonly state: string
  readonly side: string
  readonly externalId: string
  readonly amount: string
  readonly currency: string
  readonly counterpartExternalId: string | null
}

let folder: string
let database: TestDatabase
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-'))
  database = await createEmbedded()
})
afterAll(async () => {
  await database.close()
  rmSync(folder, { recursive: true })
})

async function prepare(seed: number): Promise<Place> {
  const dir = join(folder, String(seed))
  mkdirSync(join(dir, 'tmp'), { recursive: true })
  return { files: await writeSample(dir, { seed, rows: ROWS }), tmp: join(dir, 'tmp'), out: join(dir, 'results.ndjson') }
}

function start({ files, tmp, out }: Place, ...options: string[]): Program {
  return new Program(['reconcile', files.left, files.right, '--out', out, ...options], { TMPDIR: tmp })
}

/** What a run comes to that nothing disturbs: the same code in this process. */
async function undisturbed({ left, right }: SampleFiles, key: string): Promise<ReconcileReport> {
  const done = await reconcileFiles({
    database: {
      ...database,
      jobs: database.db,
      borrow: () => Promise.reject(new Error('nobody borrows')),
      pools: () => [],
      isEmbedded: true,
    },
    request: { files: { left, right }, mappings: {}, currency: null, isResume: false, key },
    maxRunningJobs: 1,
    bar: new ProgressBar({ write: () => undefined }),
    log: createLog('silent'),
    signal: new AbortController().signal,
  })
  return done!.report
}

function readResults(path: string): Result[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Every matched pair as the left side and as the right side tells it. */
function matchedPairs(results: readonly Result[], side: 'left' | 'right'): string[] {
  return results
    .filter((row) => row.state === 'matched' && row.side === side)
    .map(({ externalId, counterpartExternalId }) =>
      (side === 'left' ? [externalId, counterpartExternalId] : [counterpartExternalId, externalId]).join(),
    )
    .sort()
}

function percents(stderr: string): number[] {
  return [...stderr.matchAll(/^ *(\d+) % · (?!importing)/gm)].map((match) => Number(match[1]))
}

test('reconciles two files with progress, a table and a file of results, and tells a second run of the same command to wait', async () => {
  const place = await prepare(11)
  const first = start(place)
  await first.said(/^imported bank\.csv: 2,500 rows$/m)
  const second = await start(place).ended()
  expect(second).toMatchObject({ code: 2, stdout: '' })
  expect(second.stderr).toMatch(/is in use by another tallyroom \(pid \d+\): wait for that run of the same command, or stop it$/m)
  const { code, stdout, stderr } = await first.ended()
  expect(code, stderr).toBe(0)

  expect(stderr).toMatch(/^bank\.csv: date Value Date \(dd\.MM\.yyyy\) · amount Amount · currency Currency\n {2}id Transaction ID/m)
  expect(stderr).toMatch(/^ledger\.csv: date Posting Date \(iso\) · amount Money In − Money Out/m)
  const shown = percents(stderr)
  expect(shown.length).toBeGreaterThan(8)
  expect(shown).toEqual([...shown].sort((one, other) => one - other))
  expect(shown.at(-1)).toBe(100)

  const results = readResults(place.out)
  expect(results).toHaveLength(2 * ROWS)
  const matched = matchedPairs(results, 'left')
  expect(matchedPairs(results, 'right')).toEqual(matched)
  const count = (side: string, state: string) => results.filter((row) => row.side === side && row.state === state).length
  const cell = (value: number) => value.toLocaleString('en-US')
  for (const [label, state] of [
    ['matched', 'matched'],
    ['suggested', 'suggested'],
    ['breaks', 'open'],
  ] as const)
    expect(stdout).toMatch(new RegExp(`^  ${label} +${cell(count('left', state))} +${cell(count('right', state))}$`, 'm'))
  const total = results.filter((row) => row.side === 'left' && row.currency === 'EUR').reduce((sum, row) => add(sum, row.amount), '0')
  const totalRow = /^EUR .*\ntotal +(\S+) +(\S+) +(\S+)$/m.exec(stdout)!
  expect(totalRow[1]!.replaceAll(',', '')).toBe(Number(total).toFixed(2))
  // Progress has longer lines where there is no terminal to hold them.
  for (const line of (stdout + stderr.replace(/^.* % · .*$/gm, '')).split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  expect(readdirSync(place.tmp)).toEqual([])
})

test('stops at Ctrl-C and goes on with --resume', async () => {
  const place = await prepare(12)
  const first = start(place)
  await first.said(/^ [1-9]\d % · (?!importing)/m)
  first.signal('SIGINT')
  const stopped = await first.ended()
  expect(stopped).toMatchObject({ code: 130, stdout: '' })
  expect(stopped.stderr).toMatch(/interrupted: the same command with --resume goes on$/m)
  expect(readdirSync(place.tmp)).toEqual([expect.stringMatching(/^tallyroom-reconcile-/)])

  const second = await start(place, '--resume', '--json').ended()
  expect(second.code, second.stderr).toBe(0)
  expect(second.stderr).not.toContain('imported')
  expect(JSON.parse(second.stdout).resultHash).toBe((await undisturbed(place.files, 'interrupted')).resultHash)
  expect(readdirSync(place.tmp)).toEqual([])
})

// The worker that is killed in the middle is in test/jobs/worker.pg.test.ts; the whole command takes long.
const PLACES = [
  { seed: 2, tenth: 3 },
  { seed: 3, tenth: 8 },
  { seed: 4, tenth: 6 },
]
if (isLong)
  test.each(PLACES)(
    '[J] killed when $tenth tenths are done (seed $seed), goes on at the next chunk and comes to the same',
    async ({ seed, tenth }) => {
      const place = await prepare(seed)
      const first = start(place)
      const undisturbedReport = undisturbed(place.files, `killed ${seed}`)
      await first.said(new RegExp(`^ ${tenth}\\d % · (?!importing)`, 'm'))
      first.signal('SIGKILL')
      const killed = await first.ended()
      expect(killed).toMatchObject({ code: 'SIGKILL', stdout: '' })
      expect(readdirSync(place.tmp)).toContainEqual(expect.stringMatching(/^tallyroom-reconcile-/))

      const before = await readLeftJob(place.tmp)
      expect(before).toMatchObject({ state: 'running' })
      expect(before.processed).toBeGreaterThan(0)
      expect(before.processed).toBeLessThan(before.total)

      const second = await start(place, '--resume', '--json').ended()
      expect(second.code, second.stderr).toBe(0)
      expect(second.stderr).not.toContain('imported')
      const shown = percents(second.stderr)
      expect(shown[0]).toBeGreaterThanOrEqual(Math.floor((100 * before.processed) / before.total))
      expect(shown).toEqual([...shown].sort((one, other) => one - other))

      const report: ReconcileReport = JSON.parse(second.stdout)
      expect(report).toEqual({ ...(await undisturbedReport), importMs: expect.any(Number), elapsedMs: expect.any(Number) })
      const matched = matchedPairs(readResults(place.out), 'left')
      expect(matched).toHaveLength(report.matched)
      for (const side of [0, 1]) expect(new Set(matched.map((pair) => pair.split(',')[side])).size).toBe(report.matched)
    },
  )

/** The job in the database that a killed run left. */
async function readLeftJob(tmp: string): Promise<{ readonly state: string; readonly processed: number; readonly total: number }> {
  const name = readdirSync(tmp).find((entry) => entry.startsWith('tallyroom-reconcile-'))!
  const { db, close } = await openOwnDatabase(join(tmp, name))
  try {
    const { state, processed, total } = await db.job.findFirstOrThrow()
    return { state, processed: Number(processed), total: Number(total) }
  } finally {
    await close()
  }
}
