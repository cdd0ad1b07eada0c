import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Db, openDatabase } from '../../src/db/client.js'
import { releaseAllLeases } from '../../src/db/job-chunks.js'
import { cancelJob, readJob } from '../../src/db/jobs.js'
import { openOwnDatabase } from '../../src/db/open.js'
import type { JobId, ProjectId } from '../../src/ids.js'
import type { JobView } from '../../src/protocol/views.js'
import { Random } from '../../src/sample/random.js'
import { createOnServer, embeddedTemplate, type TestDatabase } from '../db/test-databases.js'
import { newMetrics, sampleOf } from '../metrics/exposition.js'
import { isLong } from '../support/long.js'
import { TcpProxy } from '../support/proxy.js'
import { ANA, countsOf, expireLeases, faultsOf, importSample, queueJob, TestWorker, untilEnded, workOff } from './job-fixture.js'

/** What a worker's process prints of a job. */
type Told = Pick<JobView, 'id' | 'version' | 'state' | 'phase' | 'processed' | 'total' | 'percent'>

const CHUNK_ROWS = 25
const ROWS = 200
const PROCESS = fileURLToPath(new URL('./worker-process.ts', import.meta.url))

/** A worker in a process of its own on the database at a URL or in a folder. */
function startProcess(place: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', PROCESS, place, String(CHUNK_ROWS)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const told: Told[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => void told.push(JSON.parse(line)))
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    told,
    /** Kills it with -9 as soon as it has told so many lines; it is dead and everything it said is read when this resolves. */
    async killAfter(lineCount: number) {
      if (told.length < lineCount) await new Promise<void>((resolve) => lines.on('line', () => told.length >= lineCount && resolve()))
      child.kill('SIGKILL')
      await exited
    },
    signal: (signal: NodeJS.Signals) => child.kill(signal),
  }
}

/** What was told of one job, in the order of its versions, never goes back. */
function expectNoStepBack(told: readonly Told[]): void {
  const ordered = [...told].sort((one, other) => one.version - other.version)
  for (const of of ['processed', 'percent'] as const) {
    expect(ordered.map((job) => job[of])).toEqual(ordered.map((job) => job[of]).sort((one, other) => one - other))
  }
}

describe('a worker', () => {
  let database: TestDatabase
  let url: string
  let db: Db
  let undisturbed: { readonly job: JobView; readonly told: readonly JobView[] }
  const metrics = newMetrics()

  beforeAll(async () => {
    database = await createOnServer()
    db = database.db
    const [{ name }] = await db.$queryRaw<[{ name: string }]>`select current_database() as name`
    const place = new URL(process.env.TEST_DATABASE_URL!)
    place.pathname = name
    url = place.href
    undisturbed = await workOff(db, await queueJob(db, await importSample(db, { rows: ROWS })), {
      chunkRows: CHUNK_ROWS,
      metrics: metrics.jobs,
    })
    expect(undisturbed.told.length).toBeGreaterThan(40)
  })
  afterAll(() => database.close())

  test('counts its rows and chunks, and how the job ended', async () => {
    const { body } = await metrics.text()
    const value = (sample: string) => sampleOf(body, `tallyroom_job_${sample}`)
    expect(value('rows_total{kind="match"}')).toBe(undisturbed.job.total)
    expect(value('seconds_count{kind="match",result="completed"}')).toBe(1)
    expect(value('seconds_count{kind="match",result="failed"}')).toBe(0)
    expect(value('chunk_seconds_count')).toBeGreaterThan(10)
    expect(value('lease_lost_total')).toBe(0)
  })

  const newJob = async () => {
    const project = await importSample(db, { rows: ROWS })
    return { project, job: await queueJob(db, project) }
  }
  /** The end is the same as if nothing had happened. */
  async function expectSameEnd(project: ProjectId, job: JobView, of: Db = db): Promise<void> {
    const { resultHash, matched, suggested, breaks, controlTotals } = undisturbed.job
    expect(job).toMatchObject({ state: 'completed', processed: job.total, resultHash, matched, suggested, breaks, controlTotals })
    expect(await faultsOf(of, project)).toEqual([])
    expect(await countsOf(of, job.id as JobId)).toEqual({ matched, suggested, breaks })
  }

  test.each(isLong ? [1, 2, 3, 4, 5] : [2, 4])(
    '[M7] killed with -9 in the middle, seed %i: another one goes on to the same end',
    async (seed) => {
      const { project, job } = await newJob()
      const child = startProcess(url)
      // Each seed another fifth of the job, and another chunk in it.
      const steps = undisturbed.told.length - 6
      const fifth = Math.floor(steps / 5)
      await child.killAfter(3 + (seed - 1) * fifth + new Random(seed).int(fifth))

      const dead = await readJob(db, job)
      expect(dead.state).toBe('running')
      expect(dead.processed).toBeGreaterThan(0)
      expect(dead.processed).toBeLessThan(dead.total)
      const worker = new TestWorker(db, { chunkRows: CHUNK_ROWS })
      onTestFinished(() => worker.stop())
      // Thirty seconds later.
      await expireLeases(db, job)
      const end = await untilEnded(db, job)
      await expectSameEnd(project, end)
      expectNoStepBack([...child.told.filter(({ id }) => id === job), dead, ...worker.told])
    },
  )

  test('[M7] killed with -9 on the embedded database, the next start goes on', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tallyroom-jobs-'))
    onTestFinished(() => rm(dir, { recursive: true, force: true }))
    await cp(await embeddedTemplate(), join(dir, 'db'), { recursive: true })
    const before = await openOwnDatabase(dir)
    const project = await importSample(before.db, { rows: ROWS })
    const job = await queueJob(before.db, project)
    await before.close()
    const child = startProcess(dir)
    await child.killAfter(30)

    const after = await openOwnDatabase(dir)
    onTestFinished(() => after.close())
    const dead = await readJob(after.db, job)
    expect(dead.state).toBe('running')
    expect(dead.processed).toBeGreaterThan(0)
    expect(dead.processed).toBeLessThan(dead.total)
    await releaseAllLeases(after.db)
    const end = await workOff(after.db, job, { chunkRows: CHUNK_ROWS })
    await expectSameEnd(project, end.job, after.db)
    expectNoStepBack([...child.told, dead, ...end.told])
  })

  test('[M6] that stood still while another took its chunk commits nothing more', async () => {
    const { project, job } = await newJob()
    const zombie = startProcess(url)
    await vi.waitFor(() => expect(zombie.told.length).toBeGreaterThan(10), { timeout: 30_000, interval: 5 })
    zombie.signal('SIGSTOP')
    const worker = new TestWorker(db, { chunkRows: CHUNK_ROWS })
    onTestFinished(() => worker.stop())
    await expireLeases(db, job)
    // Half of the rest is done when the first one wakes up, or all of it.
    const isFarEnough = () => worker.told.length > 10 || worker.told.some(({ state }) => state === 'completed')
    await vi.waitFor(() => expect(isFarEnough()).toBe(true), { timeout: 30_000, interval: 5 })
    zombie.signal('SIGCONT')
    await expectSameEnd(project, await untilEnded(db, job))
    expectNoStepBack([...zombie.told.filter(({ id }) => id === job), ...worker.told.filter(({ id }) => id === job)])
  })

  test('[M6] is done with a cancelled job after the chunk at hand, and takes the next job', async () => {
    const { project, job } = await newJob()
    const worker = new TestWorker(db, { chunkRows: CHUNK_ROWS })
    onTestFinished(() => worker.stop())
    await vi.waitFor(() => expect(worker.told.length).toBeGreaterThan(20), { timeout: 30_000, interval: 5 })
    const next = await queueJob(db, project)
    const cancelled = await cancelJob(db, project, job, ANA)
    expect(cancelled.processed).toBeLessThan(cancelled.total)
    await expectSameEnd(project, await untilEnded(db, next))
    expect(await countsOf(db, job)).toEqual({ matched: 0, suggested: 0, breaks: 0 })
    expect(await readJob(db, job)).toEqual(cancelled)
    const late = worker.told.filter(({ id, version }) => id === job && version > cancelled.version)
    expect(late).toEqual([])
  })

  test('[M6] gives up a job whose chunk failed five times, and names the chunk', async () => {
    const { project, job } = await newJob()
    const worker = new TestWorker(db, { chunkRows: CHUNK_ROWS, maxRunningJobs: 0 })
    onTestFinished(() => worker.stop())
    const breaking = new TestWorker(db, { chunkRows: CHUNK_ROWS })
    onTestFinished(() => breaking.stop())
    // A file that loses a row under a running job: no attempt can succeed.
    await vi.waitFor(() => expect(breaking.told.length).toBeGreaterThan(0), { timeout: 30_000, interval: 1 })
    await breaking.stop()
    await db.$executeRaw`delete from records where id = (select id from records where project_id = ${project}::uuid order by id limit 1)`
    const { state, error, matched, breaks } = await untilEnded(db, job)
    expect({ state, error, matched, breaks }).toEqual({
      state: 'failed',
      error: { code: 'INTERNAL', message: expect.stringMatching(/^chunk \d+ of stage \d+ failed 5 times$/) },
      matched: 0,
      breaks: 0,
    })
    expect(await countsOf(db, job)).toEqual({ matched: 0, suggested: 0, breaks: 0 })
    expect(worker.told.at(-1)).toMatchObject({ id: job, state: 'failed' })
    expect(await db.outbox.count({ where: { projectId: project, type: 'job.failed' } })).toBe(1)
  })

  test('that stops gives its chunk back at once, and the attempt does not count', async () => {
    const { project, job } = await newJob()
    for (let stops = 0; stops < 2; stops++) {
      const worker = new TestWorker(db, { chunkRows: CHUNK_ROWS })
      await vi.waitFor(() => expect(worker.told.length).toBeGreaterThan(2), { timeout: 30_000, interval: 1 })
      await worker.stop()
      const [held] = await db.$queryRaw<[{ count: number }]>`
        select count(*)::int as count from job_chunks where job_id = ${job}::uuid and state = 'waiting' and (lease_until is not null or attempt > 0)`
      expect(held.count).toBe(0)
    }
    const { job: end } = await workOff(db, job, { chunkRows: CHUNK_ROWS })
    await expectSameEnd(project, end)
  })

  test('whose database goes away waits without a busy loop, and goes on at once when it is back', async () => {
    const wire = await TcpProxy.open(url)
    onTestFinished(() => wire.pullOut())
    const own = await openDatabase({ address: { url: wire.url }, poolSize: 3, applicationName: 'test' })
    onTestFinished(() => own.close())
    const { project, job } = await newJob()
    const worker = new TestWorker(own.db, { chunkRows: CHUNK_ROWS, slots: 2, pollMs: 100 })
    onTestFinished(() => worker.stop())
    for (const goal of [10, 25]) {
      await vi.waitFor(() => expect(worker.told.length).toBeGreaterThan(goal), { timeout: 30_000, interval: 1 })
      wire.turnAway()
      const before = wire.connections
      const startedAt = performance.now()
      await vi.waitFor(() => expect(wire.connections - before).toBeGreaterThanOrEqual(6), { timeout: 10_000, interval: 5 })
      // Two slots: six attempts are the third of each, and the pauses before those are 100 ms at least.
      expect(performance.now() - startedAt).toBeGreaterThan(90)
      await wire.plugIn()
    }
    // Far below the thirty seconds that a lease lasts.
    const end = await untilEnded(db, job, 15_000)
    await expectSameEnd(project, end)
    expectNoStepBack(worker.told)
  })
})
