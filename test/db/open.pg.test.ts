import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openServerDatabase } from '../../src/db/open.js'
import { freePort } from '../support/guarded-process.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

const OPTIONS = { poolSize: 2, applicationName: 'test' }

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

  test('that cannot be reached is named as such, without its password', async () => {
    const nowhere = `postgres://ana:secret@127.0.0.1:${await freePort()}/tallyroom`
    const failed = openServerDatabase(nowhere, 'shared', OPTIONS)
    await expect(failed).rejects.toMatchObject({ code: 'DB_BUSY', message: expect.stringMatching(/^cannot reach Postgres: /) })
    await expect(failed).rejects.not.toThrow('secret')
  })
})
