import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/client.js'
import { cancelJob, listJobs, readJob, readJobPlan } from '../../src/db/jobs.js'
import { type JobId, newId, type ProjectId } from '../../src/ids.js'
import { admitJobs, type ChunkOutcome, completeChunk, distribute, finishJob, runClear } from '../../src/jobs/queue.js'
import type { MatchExplanation } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { ANA, claim, countsOf, expireLeases, importRecords, queueJob, TestWorker, untilEnded, workOff } from './job-fixture.js'

const NOTHING: ChunkOutcome = { matches: [], breaks: [], notices: [], output: null }
const EXPLANATION: MatchExplanation = { pass: 'p', summary: 's', gates: [], levels: [], prior: null, margin: null, alternatives: 0 }

describe.each(DATABASES)('the queue of jobs on $name', ({ create }) => {
  let database: TestDatabase
  let db: Db

  beforeAll(async () => {
    database = await create()
    db = database.db
  })
  afterAll(() => database.close())
  beforeEach(() => db.$executeRaw`truncate projects cascade`)

  const smallProject = () =>
    importRecords(db, { left: ['L1,A-1,10,2026-03-01', 'L2,A-2,20.50,2026-03-02'], right: ['R1,A-1,10,2026-03-01'] })
  /** Types of news of all projects with the job each is about, in the order of their commits. */
  const news = async () => {
    const rows = await db.outbox.findMany({ orderBy: { eventId: 'asc' } })
    return rows.flatMap(({ type, body }) => (type.startsWith('job.') ? [{ type, job: JSON.parse(body).data.job.id as JobId }] : []))
  }
  const statesOf = async (jobs: readonly JobId[]) => Promise.all(jobs.map(async (job) => (await readJob(db, job)).state))

  test('six jobs at once: five run, the sixth is queued, and runs when a place is free', async () => {
    const jobs: JobId[] = []
    for (let count = 0; count < 6; count++) jobs.push(await queueJob(db, await smallProject()))
    const admitted = await admitJobs(db, 5)
    expect(admitted.map((job) => [job.id, job.state, job.processed])).toEqual(jobs.slice(0, 5).map((id) => [id, 'running', 0]))
    expect(await statesOf(jobs)).toEqual(['running', 'running', 'running', 'running', 'running', 'queued'])
    const last = await readJob(db, jobs[5]!)
    expect(await listJobs(db, last.project as ProjectId, { state: 'queued', limit: 10 })).toEqual([last])

    const worker = new TestWorker(db, { slots: 2 })
    for (const job of jobs) expect((await untilEnded(db, job)).state).toBe('completed')
    await worker.stop()
    const told = await news()
    const firstEnd = told.findIndex(({ type }) => type === 'job.completed')
    expect(told.findIndex(({ type, job }) => type === 'job.started' && job === jobs[5])).toBeGreaterThan(firstEnd)
    // Never more than five between start and end.
    let running = 0
    for (const { type } of told) {
      running += type === 'job.started' ? 1 : type === 'job.completed' ? -1 : 0
      expect(running).toBeLessThanOrEqual(5)
    }
  })

  test('many processes that look at once start no more than there are places', async () => {
    for (let count = 0; count < 4; count++) await queueJob(db, await smallProject())
    const admitted = (await Promise.all(Array.from({ length: 6 }, () => admitJobs(db, 2)))).flat()
    expect(new Set(admitted.map(({ id }) => id)).size).toBe(2)
    expect(admitted).toHaveLength(2)
  })

  test('a project has one running job, and projects take turns', async () => {
    const [one, other] = [await smallProject(), await smallProject()]
    const jobs = [await queueJob(db, one), await queueJob(db, one), await queueJob(db, one), await queueJob(db, other)]
    expect((await admitJobs(db, 5)).map(({ id }) => id)).toEqual([jobs[0], jobs[3]])
    expect(await admitJobs(db, 5)).toEqual([])
    await db.$executeRaw`update jobs set state = 'completed' where state = 'running'`
    const later = await queueJob(db, other)
    // One place: the project that started one longest ago goes first.
    expect((await admitJobs(db, 1)).map(({ id }) => id)).toEqual([jobs[1]])
    await db.$executeRaw`update jobs set state = 'completed' where state = 'running'`
    expect((await admitJobs(db, 1)).map(({ id }) => id)).toEqual([later])
  })

  describe('the commit of a chunk', () => {
    let project: ProjectId
    let job: JobId
    let left: string
    let right: string

    beforeEach(async () => {
      project = await smallProject()
      job = await queueJob(db, project)
      await admitJobs(db, 5, 1)
      const records = await db.record.findMany({ where: { projectId: project }, orderBy: [{ side: 'asc' }, { rowNo: 'asc' }] })
      left = records.find((record) => record.side === 'left')!.id
      right = records.find((record) => record.side === 'right')!.id
    })

    const found = (leftId = left, rightId = right): ChunkOutcome => ({
      ...NOTHING,
      matches: [{ leftId, rightId, rule: 'p', automatic: true, confidence: '1.00000', amountDifference: '0', explanation: EXPLANATION }],
      breaks: [
        {
          recordId: left,
          side: 'left',
          reason: 'no-candidate',
          nearestMiss: { record: right, text: 't', amountDifference: null, daysApart: null },
        },
      ],
    })
    const nextChunk = async () => {
      const lease = await claim(db)
      return { lease, plan: (await readJobPlan(db, job)).plan }
    }
    /** Through the stage before the first of the engine. */
    const afterClear = async () => {
      const { lease, plan } = await nextChunk()
      await completeChunk(db, lease, plan, await runClear(db, lease))
      return nextChunk()
    }

    test('books counters, results and the phase together', async () => {
      const { lease, plan } = await afterClear()
      const before = await readJob(db, job)
      const after = await completeChunk(db, lease, plan, {
        ...found(),
        notices: [
          { code: 'oversize', pass: 'p', count: 2 },
          { code: 'approximate', pass: 'p', count: 1 },
        ],
      })
      expect(after).toMatchObject({ matched: 1, suggested: 0, breaks: 1, version: before.version + 1 })
      expect(await countsOf(db, job)).toEqual({ matched: 1, suggested: 0, breaks: 1 })
      const stored = await db.break.findFirstOrThrow({ where: { jobId: job } })
      expect(stored.nearestMiss).toMatchObject({ record: right, externalId: 'R1' })
      // Notices of the same kind are one, however many chunks had some.
      const next = await nextChunk()
      const later = await completeChunk(db, next.lease, next.plan, { ...NOTHING, notices: [{ code: 'oversize', pass: 'p', count: 3 }] })
      expect(later.notices).toEqual([
        { code: 'approximate', pass: 'p', count: 1 },
        { code: 'oversize', pass: 'p', count: 5 },
      ])
    })

    test('that fails leaves nothing', async () => {
      const { lease, plan } = await afterClear()
      const before = await readJob(db, job)
      const unknown = { ...found(), matches: [...found().matches, ...found(left, newId()).matches] }
      await expect(completeChunk(db, lease, plan, unknown)).rejects.toThrow()
      expect(await readJob(db, job)).toMatchObject({ processed: before.processed, matched: 0, breaks: 0, version: before.version })
      expect(await countsOf(db, job)).toEqual({ matched: 0, suggested: 0, breaks: 0 })
      // The chunk is still this worker's, and a good outcome goes in.
      await completeChunk(db, lease, plan, found())
      expect(await countsOf(db, job)).toEqual({ matched: 1, suggested: 0, breaks: 1 })
    })

    test('is refused when somebody else has claimed the chunk meanwhile, before and after that one’s commit', async () => {
      const { lease: zombie, plan } = await afterClear()
      await expireLeases(db, job)
      const heir = await claim(db, 'heir')
      expect([heir.stage, heir.chunk, heir.attempt]).toEqual([zombie.stage, zombie.chunk, zombie.attempt + 1])
      await expect(completeChunk(db, zombie, plan, found())).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await countsOf(db, job)).toEqual({ matched: 0, suggested: 0, breaks: 0 })
      const { processed } = await completeChunk(db, heir, plan, found())
      await expect(completeChunk(db, zombie, plan, found())).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await readJob(db, job)).toMatchObject({ processed, matched: 1 })
    })

    test('is refused after the job was cancelled; what it had found is gone, its end is its last word', async () => {
      const { lease, plan } = await afterClear()
      await completeChunk(db, lease, plan, found())
      const next = await nextChunk()
      const cancelled = await cancelJob(db, project, job, ANA)
      expect(cancelled).toMatchObject({ state: 'cancelled', matched: 0, breaks: 0 })
      await expect(completeChunk(db, next.lease, plan, NOTHING)).rejects.toMatchObject({ code: 'LEASE_LOST' })
      await expect(finishJob(db, next.lease, null)).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await countsOf(db, job)).toEqual({ matched: 0, suggested: 0, breaks: 0 })
      expect((await news()).map(({ type }) => type)).toEqual(['job.queued', 'job.started', 'job.cancelled'])
      const row = await db.outbox.findFirstOrThrow({ where: { type: 'job.cancelled' } })
      expect([row.clearsKey, row.clearsVersion]).toEqual([`job/${job}`, cancelled.version])
    })

    test('of clearing is no zombie’s either: what a later job has found stays', async () => {
      const { lease: zombie } = await nextChunk()
      await cancelJob(db, project, job, ANA)
      const { job: later } = await workOff(db, await queueJob(db, project))
      const counts = await countsOf(db, later.id as JobId)
      expect(counts.matched).toBe(1)
      await expect(runClear(db, zombie)).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await countsOf(db, later.id as JobId)).toEqual(counts)
    })
  })
})

test('a job’s rows are spread over the chunks that do the work, to the last one', () => {
  const stages = [
    { kind: 'clear', phase: 'a', pass: null, chunks: 1 },
    { kind: 'match', phase: 'b', pass: 0, chunks: 7 },
    { kind: 'breaks', phase: 'c', pass: null, chunks: 4 },
    { kind: 'finish', phase: 'd', pass: null, chunks: 1 },
  ] as const
  for (const total of [0, 1, 10, 11, 40_000, 999_999_999]) {
    const weights = distribute(total, stages)
    expect(weights.map((stage) => stage.length)).toEqual([1, 7, 4, 1])
    expect([weights[0], weights[3]]).toEqual([[0], [0]])
    expect(weights.flat().reduce((sum, weight) => sum + weight, 0)).toBe(total)
    for (const weight of weights.flat()) expect(Number.isInteger(weight) && weight >= 0).toBe(true)
  }
})
