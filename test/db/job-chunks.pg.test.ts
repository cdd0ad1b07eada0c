import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  bookChunk,
  type ChunkLease,
  claimChunk,
  extendLease,
  insertChunks,
  nextStage,
  readOutputs,
  releaseAllLeases,
  releaseChunk,
} from '../../src/db/job-chunks.js'
import { cancelJob, readJob } from '../../src/db/jobs.js'
import { AppError } from '../../src/errors.js'
import { type JobId, newId, type ProjectId } from '../../src/ids.js'
import { ANA } from './review-fixture.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

const NOTHING = { matched: 0, suggested: 0, breaks: 0, notices: [], output: null } as const

describe.each(DATABASES)('the chunks of jobs on $name', ({ create }) => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(() => database.db.$executeRaw`truncate projects cascade`)

  /** A running job with these chunks. */
  async function startJob(weights: readonly (readonly number[])[]): Promise<JobId> {
    const [project, job] = [newId<ProjectId>(), newId<JobId>()]
    const total = weights.flat().reduce((sum, weight) => sum + weight, 0)
    await database.db.project.create({ data: { id: project, name: 'Jobs' } })
    await database.db.job.create({ data: { id: job, projectId: project, kind: 'match', state: 'running', startedAt: new Date(), total } })
    await database.db.$transaction((tx) => insertChunks(tx, job, weights))
    return job
  }

  const claim = (owner = 'w1', lastJob: JobId | null = null) => claimChunk(database.db, owner, lastJob)
  /** Books a chunk as a commit does: given up when the fence does not hold. */
  async function book(lease: ChunkLease, found: Parameters<typeof bookChunk>[2] = NOTHING): Promise<boolean> {
    try {
      await database.db.$transaction(async (tx) => {
        if (!(await bookChunk(tx, lease, found))) throw new AppError('LEASE_LOST')
      })
      return true
    } catch (error) {
      if (error instanceof AppError && error.code === 'LEASE_LOST') return false
      throw error
    }
  }
  const expire = (job: JobId) => database.db.$executeRaw`
    update job_chunks set lease_until = now() - interval '1 second' where job_id = ${job}::uuid and lease_until is not null`
  const place = (lease: ChunkLease | null) => lease && [lease.stage, lease.chunk, lease.attempt]

  test('are claimed stage by stage: the next one opens when all of this one are done', async () => {
    await startJob([[1, 1], [1]])
    const [first, second] = [(await claim())!, (await claim())!]
    expect([place(first), place(second)]).toEqual([
      [0, 0, 1],
      [0, 1, 1],
    ])
    expect(await claim()).toBe(null)
    await book(second)
    expect(await claim()).toBe(null)
    await book(first)
    expect(place(await claim())).toEqual([1, 0, 1])
  })

  test('claimed by many workers at once go each to one of them', async () => {
    await startJob([Array.from({ length: 20 }, () => 1)])
    const leases = await Promise.all(Array.from({ length: 30 }, (_, index) => claim(`w${index}`)))
    const chunks = leases.flatMap((lease) => (lease === null ? [] : [lease.chunk]))
    // A claim that meets only rows which others are claiming goes away with nothing and comes again.
    for (let lease = await claim(); lease !== null; lease = await claim()) chunks.push(lease.chunk)
    expect(chunks.sort((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, index) => index))
  })

  test('of several jobs are claimed in turn', async () => {
    const jobs = [await startJob([[1, 1, 1]]), await startJob([[1, 1, 1]]), await startJob([[1, 1, 1]])]
    const order: number[] = []
    let last: JobId | null = null
    for (let lease = await claim('w1', last); lease !== null; lease = await claim('w1', last)) {
      last = lease.job
      order.push(jobs.indexOf(lease.job))
    }
    expect(order).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2])
  })

  test('are left to the worker that has others of their job, as long as its last lease would run', async () => {
    const jobs = [await startJob([[1], [1], [1], [1]]), await startJob([[1], [1], [1], [1]]), await startJob([[1, 1]])]
    const take = async (owner: string, last: number | null) => {
      const lease = (await claim(owner, last === null ? null : jobs[last]!))!
      await book(lease)
      return jobs.indexOf(lease.job)
    }
    expect([await take('w1', null), await take('w2', 0)]).toEqual([0, 1])
    // In turn it would be the second job, the first worker's claim of which would read all its records once more.
    expect([await take('w1', 0), await take('w1', 2), await take('w2', 1), await take('w1', 0)]).toEqual([2, 0, 1, 2])
    // With nothing else to do it helps; and of who has not come back for so long the jobs are everybody's.
    expect([await take('w1', 0), await take('w1', 0), await take('w1', 0)]).toEqual([0, 0, 1])
    const abandoned = await startJob([[1], [1]])
    jobs.push(abandoned, await startJob([[1]]))
    expect(await take('w2', 1)).toBe(3)
    await expire(abandoned)
    expect(await take('w1', 1)).toBe(3)
  })

  test('of a job that waits or has ended are left alone', async () => {
    const job = await startJob([[1]])
    await database.db.job.update({ where: { id: job }, data: { state: 'queued' } })
    expect(await claim()).toBe(null)
    await database.db.job.update({ where: { id: job }, data: { state: 'failed' } })
    expect(await claim()).toBe(null)
  })

  test('whose lease ran out are claimed again, and the fence keeps the first worker out', async () => {
    const job = await startJob([[5, 5]])
    const lost = (await claim('w1'))!
    await expire(job)
    const held = (await claim('w2'))!
    expect([place(lost), place(held)]).toEqual([
      [0, 0, 1],
      [0, 0, 2],
    ])

    expect(await extendLease(database.db, lost)).toBe(false)
    expect(await book(lost)).toBe(false)
    await releaseChunk(database.db, lost, 'too late')
    expect(await book(held)).toBe(true)
    expect(await book(held)).toBe(false)
    expect((await readJob(database.db, job)).processed).toBe(5)
    expect(place(await claim())).toEqual([0, 1, 1])
  })

  test('of two workers that book one chunk at once one succeeds', async () => {
    const job = await startJob([[7]])
    const first = (await claim('w1'))!
    await expire(job)
    const second = (await claim('w2'))!
    expect(await Promise.all([book(first), book(second)])).toEqual([false, true])
    expect((await readJob(database.db, job)).processed).toBe(7)
  })

  test('keep their lease as long as it is extended', async () => {
    const job = await startJob([[1]])
    const lease = (await claim())!
    await expire(job)
    expect(await extendLease(database.db, lease)).toBe(true)
    expect(await claim('w2')).toBe(null)
  })

  test('lose their lease when the job ends', async () => {
    const job = await startJob([[1]])
    const lease = (await claim())!
    await cancelJob(database.db, lease.project, job, ANA)
    expect(await extendLease(database.db, lease)).toBe(false)
    expect(await book(lease)).toBe(false)
  })

  test('given back after a failure count the attempt and keep the reason; after an interruption they do not', async () => {
    await startJob([[1]])
    await releaseChunk(database.db, (await claim())!, 'no memory')
    const second = (await claim())!
    expect([place(second), second.lastError]).toEqual([[0, 0, 2], 'no memory'])
    await releaseChunk(database.db, second, null)
    const third = (await claim())!
    expect([place(third), third.lastError]).toEqual([[0, 0, 2], null])
  })

  test('are all free again when their only process has started anew', async () => {
    await startJob([[1, 1]])
    await book((await claim())!)
    const lease = (await claim())!
    await releaseAllLeases(database.db)
    expect(place(await claim('w2'))).toEqual([lease.stage, lease.chunk, 2])
    expect(await claim('w2')).toBe(null)
  })

  test('book what they found on their job: rows, matches, suggestions, breaks, notices', async () => {
    const job = await startJob([[3, 4]])
    const notice = (count: number, pass = 'reference') => ({ code: 'block-too-large', pass, count })
    await book((await claim())!, { matched: 2, suggested: 1, breaks: 0, notices: [notice(1), notice(2, 'amount')], output: null })
    await book((await claim())!, { matched: 1, suggested: 0, breaks: 3, notices: [notice(3)], output: null })
    expect(await readJob(database.db, job)).toMatchObject({
      processed: 7,
      total: 7,
      matched: 3,
      suggested: 1,
      breaks: 3,
      // Of one pass and kind they add up.
      notices: [notice(2, 'amount'), notice(4)],
      version: 3,
    })
  })

  test('that would make more than the whole are refused by the database itself', async () => {
    const job = await startJob([[3]])
    const lease = (await claim())!
    await database.db.job.update({ where: { id: job }, data: { total: 2 } })
    await expect(book(lease)).rejects.toThrow(/jobs_processed/)
    expect((await readJob(database.db, job)).processed).toBe(0)
  })

  test('leave their outputs for later stages in the order of chunks, whoever was first', async () => {
    const job = await startJob([[1, 1, 1], [1]])
    const leases = [(await claim())!, (await claim())!, (await claim())!]
    for (const lease of leases.reverse()) {
      expect(await database.db.$transaction((tx) => nextStage(tx, job))).toBe(0)
      const output = lease.chunk === 1 ? null : Uint8Array.of(lease.chunk, 0, 255)
      await book(lease, { ...NOTHING, output })
    }
    expect(await database.db.$transaction((tx) => nextStage(tx, job))).toBe(1)
    expect((await readOutputs(database.db, job, 0)).map((output) => [...output])).toEqual([
      [0, 0, 255],
      [2, 0, 255],
    ])
    await book((await claim())!)
    expect(await database.db.$transaction((tx) => nextStage(tx, job))).toBe(null)
  })
})
