import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/db/client.js'
import type { QueryEvent } from '../../src/db/pool.js'
import { type QueryTally, tallied } from '../../src/db/query-tally.js'
import { isDatabaseBusy } from '../../src/db/sql-state.js'
import { AppError } from '../../src/errors.js'
import { createServerDatabase } from './test-databases.js'

const ACQUIRE_TIMEOUT_MS = 1_000

describe('the connection pool', () => {
  let server: Awaited<ReturnType<typeof createServerDatabase>>
  const opened: Database[] = []

  beforeAll(async () => {
    server = await createServerDatabase()
  })
  afterAll(async () => {
    for (const database of opened) await database.close()
    await server.drop()
  })

  async function open(options: Partial<Parameters<typeof openDatabase>[0]> = {}): Promise<Database> {
    const database = await openDatabase({
      address: { url: server.url },
      poolSize: 2,
      acquireTimeoutMs: ACQUIRE_TIMEOUT_MS,
      applicationName: 'pool test',
      ...options,
    })
    opened.push(database)
    return database
  }

  test('when all connections are taken, who waits gets DB_BUSY after the acquire timeout, and nobody hangs', async () => {
    const { db, poolCounts } = await open()
    const holders = [1, 2].map(async () => await db.$queryRaw`select pg_sleep(2)::text`)
    await expect.poll(poolCounts).toMatchObject({ total: 2, idle: 0 })
    const waits = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const startedAt = performance.now()
        const asked = index % 2 === 0 ? db.$queryRaw`select 1` : db.$transaction(async (tx) => tx.$queryRaw`select 1`)
        const code = await asked.then(() => 'answered', problemCode)
        return { code, ms: performance.now() - startedAt }
      }),
    )
    expect(new Set(waits.map(({ code }) => code))).toEqual(new Set(['DB_BUSY']))
    for (const { ms } of waits) {
      expect(ms).toBeGreaterThan(ACQUIRE_TIMEOUT_MS * 0.8)
      expect(ms).toBeLessThan(ACQUIRE_TIMEOUT_MS * 1.2)
    }
    await Promise.all(holders)
    expect(poolCounts()).toMatchObject({ total: 2, idle: 2, waiting: 0 })
  })

  test('a thousand refused statements and transactions leak no connection, and cost none', async () => {
    const { db, poolCounts } = await open({ acquireTimeoutMs: 10_000 })
    const pids = async () => (await db.$queryRaw<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]!.pid
    const before = new Set(await Promise.all([pids(), pids()]))
    const failures = await Promise.allSettled(
      Array.from({ length: 1_000 }, (_, index) =>
        index % 2 === 0 ? db.$queryRaw`select 1 / 0` : db.$transaction(async (tx) => tx.$queryRaw`select nothing`),
      ).map((asked) => asked.catch(() => Promise.reject(new Error('refused')))),
    )
    expect(failures.every(({ status }) => status === 'rejected')).toBe(true)
    expect(poolCounts()).toMatchObject({ total: 2, idle: 2, waiting: 0 })
    expect(before.has(await pids())).toBe(true)
  })

  test('a connection is replaced when it has lived long enough', async () => {
    const { db } = await open({ poolSize: 1, lifetimeSeconds: 0.2 })
    const pid = async () => (await db.$queryRaw<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]!.pid
    const first = await pid()
    expect(await pid()).toBe(first)
    await expect.poll(pid, { interval: 50 }).not.toBe(first)
  })

  test('a statement that takes too long and a lock that does not come are DB_BUSY', async () => {
    const { db } = await open({ statementTimeoutMs: 100, lockTimeoutMs: 50, poolSize: 3 })
    expect(await db.$queryRaw`select pg_sleep(5)::text`.then(() => 'answered', problemCode)).toBe('DB_BUSY')
    await db.$executeRaw`create table locked (id int)`
    const refused = db.$transaction(async (tx) => {
      await tx.$executeRaw`lock table locked`
      return db.$queryRaw`select * from locked`.then(() => 'answered', problemCode)
    })
    expect(await refused).toBe('DB_BUSY')
  })

  test('every statement is told once, with its name, and added to the request that asked, whoever waited for whom', async () => {
    const events: QueryEvent[] = []
    let acquired = 0
    const { db } = await open({ poolSize: 1, observer: { onQuery: (event) => events.push(event), onAcquire: () => acquired++ } })
    events.length = 0
    acquired = 0
    const tallies = await Promise.all(
      [1, 2, 3].map(async (count) => {
        const tally: QueryTally = { count: 0, ms: 0 }
        await tallied(tally, async () => {
          for (let no = 0; no < count; no++) await db.$queryRaw`/* test.sleep */ select pg_sleep(0.01)::text`
        })
        return tally
      }),
    )
    expect(tallies.map(({ count }) => count)).toEqual([1, 2, 3])
    expect(events.map(({ name }) => name)).toEqual(Array.from({ length: 6 }, () => 'test.sleep'))
    expect(new Set(events.map(({ fingerprint }) => fingerprint)).size).toBe(1)
    expect(Math.min(...events.map(({ ms }) => ms))).toBeGreaterThanOrEqual(9)
    expect(acquired).toBe(6)
  })
})

/** What the HTTP side would answer. */
function problemCode(error: unknown): string {
  if (error instanceof AppError) return error.code
  return isDatabaseBusy(error) ? 'DB_BUSY' : String(error)
}
