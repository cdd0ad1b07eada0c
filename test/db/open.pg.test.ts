import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openServerDatabase } from '../../src/db/open.js'
import { isDatabaseBusy } from '../../src/db/sql-state.js'
import { freePort } from '../support/guarded-process.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

const OPTIONS = { apiConnections: 2, jobConnections: 0, applicationName: 'test' }

describe('a Postgres server', () => {
  let database: TestDatabase
  let url: string

  beforeAll(async () => {
    database = await DATABASES[0].createEmpty()
    const [row] = await database.db.$queryRaw<{ name: string }[]>`select current_database() as name`
    url = Object.assign(new URL(process.env.TEST_DATABASE_URL!), { pathname: `/${row!.name}` }).href
  })
  afterAll(() => database.close())

  const hasTables = async () => {
    const [row] = await database.db.$queryRaw<{ name: string | null }[]>`select to_regclass('projects')::text as name`
    return row!.name !== null
  }

  test('is migrated by who has it alone, not by one of a fleet', async () => {
    const shared = await openServerDatabase(url, 'shared', OPTIONS)
    expect(await hasTables()).toBe(false)
    await shared.close()

    const sole = await openServerDatabase(url, 'sole', OPTIONS)
    expect(await hasTables()).toBe(true)
    expect(sole.isEmbedded).toBe(false)
    await sole.close()
  })

  test('belongs to one process alone until that ends', async () => {
    const first = await openServerDatabase(url, 'sole', OPTIONS)
    await expect(openServerDatabase(url, 'sole', OPTIONS)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('another tallyroom'),
    })
    await first.close()
    const second = await openServerDatabase(url, 'sole', OPTIONS)
    await second.close()
  })

  test('has connections apart for jobs: when all of those are taken, requests are answered', async () => {
    const opened = await openServerDatabase(url, 'sole', { ...OPTIONS, jobConnections: 1 })
    const job = (async () => opened.jobs.$queryRaw`select pg_sleep(0.3)::text`)()
    await expect.poll(() => opened.pools().find(({ pool }) => pool === 'jobs')).toMatchObject({ active: 1, idle: 0 })
    const waiting = (async () => opened.jobs.$queryRaw`select 1`)()
    expect(await opened.db.$queryRaw`select 1 as one`).toEqual([{ one: 1 }])
    expect(opened.pools()).toMatchObject([{ pool: 'api' }, { pool: 'jobs', active: 1, waiting: 1 }])
    await Promise.all([job, waiting])
    await opened.close()
  })

  test('that was closed keeps no connection, not even one that nobody has used, and opens none for who asks then', async () => {
    const opened = await openServerDatabase(url, 'shared', { ...OPTIONS, jobConnections: 1, applicationName: 'closing' })
    const connections = () => database.db.$queryRaw`select application_name from pg_stat_activity where application_name like 'closing%'`
    expect(await connections()).toHaveLength(2)
    await opened.close()
    await expect.poll(connections).toEqual([])
    await expect(opened.db.$queryRaw`select 1`).rejects.toSatisfy(isDatabaseBusy)
    expect(await connections()).toEqual([])
  })

  test('big ones have more connections by a profile of their URL', async () => {
    const opened = await openServerDatabase(`${url}?pool=big`, 'shared', { jobConnections: 0, applicationName: 'test' })
    const asked = Promise.all(Array.from({ length: 30 }, async () => opened.db.$queryRaw`select pg_sleep(0.1)::text`))
    await expect.poll(() => opened.pools()[0]).toMatchObject({ active: 20, waiting: 10 })
    await asked
    await opened.close()
    await expect(openServerDatabase(`${url}?pool=tiny`, 'shared', OPTIONS)).rejects.toThrow(
      'DATABASE_URL: pool=tiny must be one of default, big, huge',
    )
  })

  test('that cannot be reached is named as such, without its password', async () => {
    const nowhere = `postgres://ana:secret@127.0.0.1:${await freePort()}/tallyroom`
    const failed = openServerDatabase(nowhere, 'shared', OPTIONS)
    await expect(failed).rejects.toMatchObject({ code: 'DB_BUSY', message: expect.stringMatching(/^cannot reach Postgres: /) })
    await expect(failed).rejects.not.toThrow('secret')
  })
})
