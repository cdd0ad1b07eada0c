import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/client.js'
import { decide } from '../../src/db/decisions.js'
import { listMatches } from '../../src/db/matches.js'
import { type JobId, type MatchId, newId, type ProjectId } from '../../src/ids.js'
import type { JobView } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { ANA, countsOf, faultsOf, importSample, queueJob, workOff } from './job-fixture.js'

describe.each(DATABASES)('a match job on $name', ({ name, create }) => {
  let database: TestDatabase
  let db: Db
  let project: ProjectId
  let first: JobView
  let told: JobView[]

  beforeAll(async () => {
    database = await create()
    db = database.db
    project = await importSample(db)
    const outcome = await workOff(db, await queueJob(db, project))
    first = outcome.job
    told = outcome.told
  })
  afterAll(() => database.close())

  const run = async (of = project, options = {}) => (await workOff(db, await queueJob(db, of), options)).job

  test('leaves every record matched, suggested or as a break, and none matched twice', async () => {
    expect(first).toMatchObject({ state: 'completed', error: null, percent: 100 })
    expect(await faultsOf(db, project)).toEqual([])
    const { matched, suggested, breaks } = first
    expect(await countsOf(db, first.id as JobId)).toEqual({ matched, suggested, breaks })
    expect(matched).toBeGreaterThan(200)
    expect(breaks).toBeGreaterThan(10)
  })

  test('[M6] tells of progress that begins at nothing, never falls, and reaches the whole only at the end', () => {
    expect(told[0]).toMatchObject({ state: 'running', processed: 0, percent: 0 })
    expect(told.length).toBeGreaterThanOrEqual(20)
    const growing = (of: (job: JobView) => number) => expect(told.map(of)).toEqual(told.map(of).sort((one, other) => one - other))
    growing((job) => job.version)
    growing((job) => job.processed)
    growing((job) => job.percent)
    expect(new Set(told.map((job) => job.total))).toEqual(new Set([600]))
    expect(told.filter((job) => job.percent === 100)).toEqual([told.at(-1)])
    expect(told.at(-1)).toMatchObject({ state: 'completed', processed: 600, phase: 'done' })
    const phases = told.map((job) => job.phase).filter((phase, at, all) => phase !== all[at - 1])
    expect(phases).toEqual([...new Set(phases)])
  })

  test('[M7] ends with control totals that agree with the rows to the last unit', async () => {
    const sums = new Map<string, { total: bigint; matched: bigint }>()
    const unscaled = (amount: { toFixed(digits: number): string }) => BigInt(amount.toFixed(12).replace('.', ''))
    const matched = new Set(
      (await db.match.findMany({ where: { projectId: project, status: 'confirmed' } })).flatMap((match) => [match.leftId, match.rightId]),
    )
    for (const record of await db.record.findMany({ where: { projectId: project } })) {
      if (record.amount === null) continue
      const key = `${record.currency} ${record.side}`
      const sum = sums.get(key) ?? { total: 0n, matched: 0n }
      const amount = unscaled(record.amount)
      sums.set(key, { total: sum.total + amount, matched: sum.matched + (matched.has(record.id) ? amount : 0n) })
    }
    const fromText = (text: string) => {
      const [integer = '', fraction = ''] = text.split('.')
      return BigInt(integer + fraction.padEnd(12, '0'))
    }
    expect(first.controlTotals!.length).toBe(sums.size)
    for (const totals of first.controlTotals!) {
      const sum = sums.get(`${totals.currency} ${totals.side}`)!
      expect([fromText(totals.total), fromText(totals.matched)]).toEqual([sum.total, sum.matched])
      expect(fromText(totals.matched) + fromText(totals.open) + fromText(totals.excluded)).toBe(sum.total)
    }
  })

  test('[M7] has the same result for any number of chunks and workers and any order of rows', async () => {
    const many = name === 'Postgres' ? { slots: 3 } : { slots: 1 }
    expect(first.resultHash).toMatch(/^[0-9a-f]{64}$/)
    for (const chunkRows of [300, 23]) {
      const again = await run(project, { ...many, chunkRows })
      expect([again.resultHash, again.matched, again.breaks]).toEqual([first.resultHash, first.matched, first.breaks])
    }
    const shuffled = await run(await importSample(db, { shuffle: 7 }))
    expect([shuffled.resultHash, shuffled.suggested]).toEqual([first.resultHash, first.suggested])
    const other = await run(await importSample(db, { seed: 2 }))
    expect(other.resultHash).not.toBe(first.resultHash)
  })

  test('dry, counts the same and leaves nothing behind', async () => {
    const before = await db.match.findMany({ where: { projectId: project }, orderBy: { id: 'asc' }, select: { id: true, version: true } })
    const { job } = await workOff(db, await queueJob(db, project, { dryRun: true }))
    const { matched, suggested, breaks } = first
    expect(job).toMatchObject({ state: 'completed', dryRun: true, matched, suggested, breaks, resultHash: null })
    expect(await countsOf(db, job.id as JobId)).toEqual({ matched: 0, suggested: 0, breaks: 0 })
    expect(await db.match.findMany({ where: { projectId: project }, orderBy: { id: 'asc' }, select: { id: true, version: true } })).toEqual(
      before,
    )
    expect(await db.jobChunk.count({ where: { jobId: job.id, output: { not: null } } })).toBe(0)
  })

  test('run again keeps what people decided, and does not propose again what they rejected', async () => {
    const say = async (decision: 'confirm' | 'reject', match: { readonly id: string; readonly version: number }) => {
      const act = { id: newId(), project, actor: ANA, requestId: 'r' }
      const { result } = await decide(db, act, { match: match.id as MatchId, version: match.version, decision, note: null })
      expect(result).toBe('done')
    }
    const proposed = await listMatches(db, project, { status: 'proposed' }, { limit: 50 })
    const [confirmed, ...others] = proposed
    const touched = new Set([...confirmed!.left, ...confirmed!.right])
    const rejected = others.filter((match) => ![...match.left, ...match.right].some((record) => touched.has(record))).slice(0, 2)
    expect(rejected).toHaveLength(2)
    await say('confirm', confirmed!)
    for (const match of rejected) await say('reject', match)

    const second = await run()
    expect(second.state).toBe('completed')
    const stored = await db.match.findMany({ where: { id: { in: [confirmed!.id, ...rejected.map(({ id }) => id)] } } })
    expect(new Map(stored.map(({ id, status }) => [id, status]))).toEqual(
      new Map([[confirmed!.id, 'confirmed'], ...rejected.map(({ id }) => [id, 'rejected'] as const)]),
    )
    for (const match of rejected) {
      const pairs = await db.match.findMany({ where: { leftId: match.left[0]!, rightId: match.right[0]! } })
      expect(pairs.map(({ id }) => id)).toEqual([match.id])
    }
    const rivals = await db.match.count({
      where: {
        projectId: project,
        status: { in: ['confirmed', 'proposed'] },
        id: { not: confirmed!.id },
        OR: [{ leftId: confirmed!.left[0]! }, { rightId: confirmed!.right[0]! }],
      },
    })
    expect(rivals).toBe(0)
    expect(await faultsOf(db, project)).toEqual([])
    expect((await run()).resultHash).toBe(second.resultHash)
  })
})
