import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { migrate, requireMigrated } from '../../src/db/migrate.js'
import { UsageError } from '../../src/errors.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

const FIRST =
  '-- A table; with a comment.\nCREATE TABLE "stamps" (\n    "id" INTEGER NOT NULL,\n    "note" TEXT DEFAULT \'a;b\'\n);\n-- Another;\nINSERT INTO "stamps" VALUES (1, \'x; y\');\n'
const SECOND = 'ALTER TABLE "stamps" ADD COLUMN "name" TEXT;\n'

describe.each(DATABASES)('the migrator on $name', ({ createEmpty }) => {
  let database: TestDatabase
  let directory: string

  beforeAll(async () => {
    database = await createEmpty()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    for (const statement of ['drop schema public cascade', 'create schema public']) await database.db.$executeRawUnsafe(statement)
    directory = await mkdtemp(join(tmpdir(), 'tallyroom-migrations-'))
    await write('1_first', FIRST)
  })
  afterEach(() => rm(directory, { recursive: true }))

  async function write(name: string, sql: string): Promise<void> {
    await mkdir(join(directory, name), { recursive: true })
    await writeFile(join(directory, name, 'migration.sql'), sql)
  }

  function books(): Promise<{ name: string; checksum: string; finished: boolean }[]> {
    return database.db.$queryRaw`
      select migration_name as name, checksum, finished_at is not null as finished from "_prisma_migrations" order by migration_name`
  }

  test('applies each migration once, in order, and books it as Prisma does', async () => {
    await write('2_second', SECOND)

    expect(await migrate(database.db, directory)).toEqual(['1_first', '2_second'])
    expect(await migrate(database.db, directory)).toEqual([])

    const checksum = createHash('sha256')
      .update(await readFile(join(directory, '1_first', 'migration.sql')))
      .digest('hex')
    expect(await books()).toMatchObject([
      { name: '1_first', checksum, finished: true },
      { name: '2_second', finished: true },
    ])
    expect(await database.db.$queryRaw`select id, note, name from stamps`).toEqual([{ id: 1, note: 'x; y', name: null }])
  })

  test('goes on where it stopped', async () => {
    await migrate(database.db, directory)
    await write('2_second', SECOND)
    expect(await migrate(database.db, directory)).toEqual(['2_second'])
  })

  test('leaves nothing of a migration that fails, and keeps those before it', async () => {
    await write('2_second', `${SECOND}ALTER TABLE "nowhere" ADD COLUMN "name" TEXT;\n`)

    await expect(migrate(database.db, directory)).rejects.toThrow(/nowhere/)

    expect(await books()).toMatchObject([{ name: '1_first' }])
    await write('2_second', SECOND)
    expect(await migrate(database.db, directory)).toEqual(['2_second'])
  })

  test('refuses a migration that was changed after it was applied', async () => {
    await migrate(database.db, directory)
    await write('1_first', `${FIRST}-- harmless\n`)
    await expect(migrate(database.db, directory)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('1_first was changed'),
    })
  })

  test('refuses a database that a newer version migrated', async () => {
    await write('2_second', SECOND)
    await migrate(database.db, directory)
    await rm(join(directory, '2_second'), { recursive: true })
    await expect(migrate(database.db, directory)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('newer version (2_second)'),
    })
  })

  test('of two at once each migration is applied by one', async () => {
    await write('2_second', SECOND)

    const applied = await Promise.all([migrate(database.db, directory), migrate(database.db, directory)])

    expect(applied.flat().sort()).toEqual(['1_first', '2_second'])
    expect(await books()).toHaveLength(2)
  })

  test('a process of a fleet is told which command brings the database up to date, and changes nothing', async () => {
    const refused = requireMigrated(database.db, directory)
    await expect(refused).rejects.toBeInstanceOf(UsageError)
    await expect(refused).rejects.toThrow('the database lacks migration 1_first: run `tallyroom migrate` first')
    expect(await database.db.$queryRaw`select to_regclass('_prisma_migrations')::text as name`).toEqual([{ name: null }])

    await migrate(database.db, directory)
    await requireMigrated(database.db, directory)
    await write('2_second', SECOND)
    await expect(requireMigrated(database.db, directory)).rejects.toThrow('2_second')
  })
})
