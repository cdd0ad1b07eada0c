import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp } from '../src/app.js'
import { loadConfig } from '../src/config.js'
import { createLog } from '../src/log.js'
import { createOnServer, type TestDatabase } from './db/test-databases.js'
import { freePort } from './support/guarded-process.js'

describe('a start', () => {
  let database: TestDatabase
  let url: string

  beforeAll(async () => {
    database = await createOnServer()
    const [row] = await database.db.$queryRaw<{ name: string }[]>`select current_database() as name`
    url = Object.assign(new URL(process.env.TEST_DATABASE_URL!), { pathname: `/${row!.name}` }).href
  })
  afterAll(() => database.close())

  test.each(['all', 'work'])('that finds no Redis fails, and leaves no connection behind (ROLE=%s)', async (role) => {
    const environment = {
      ROLE: role,
      DATABASE_URL: url,
      REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      AUTH_JWT_SECRET: 'a secret of the tests, forty characters.',
    }
    const started = startApp(loadConfig(environment, 'server'), createLog('silent'))
    await expect(started).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' })
    const connections = () => database.db.$queryRaw`
      select application_name from pg_stat_activity where datname = current_database() and application_name like 'tallyroom%'`
    await expect.poll(connections).toEqual([])
  })
})
