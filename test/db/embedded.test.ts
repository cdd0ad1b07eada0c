import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openDatabase } from '../../src/db/client.js'
import { openEmbedded } from '../../src/db/embedded.js'
import { openOwnDatabase } from '../../src/db/open.js'
import { UsageError } from '../../src/errors.js'
import { embeddedTemplate } from './test-databases.js'

describe('the embedded database', () => {
  let parent: string

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'tallyroom-embedded-'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(parent, { recursive: true })
  })

  /** A data folder with an empty database, which is faster than a new one. */
  async function dataDirAtHand(): Promise<string> {
    cpSync(await embeddedTemplate(), join(parent, 'data', 'db'), { recursive: true })
    return join(parent, 'data')
  }

  test('keeps its data over a stop, in a folder below one of mode 700 with a path of 120 characters', async () => {
    const secret = join(parent, 'secret')
    mkdirSync(secret, { mode: 0o700 })
    const dataDir = join(secret, 'x'.repeat(120 - secret.length - 1))
    expect(dataDir).toHaveLength(120)

    for (const names of [[], ['first']]) {
      const embedded = await openEmbedded(dataDir)
      const { db, close } = await openDatabase({ address: { socketDir: embedded.socketDir }, applicationName: 'test' })
      await db.$executeRawUnsafe('create table if not exists stamps (name text)')
      expect(await db.$queryRaw`select name from stamps`).toEqual(names.map((name) => ({ name })))
      await db.$executeRaw`insert into stamps values ('first')`
      expect(readdirSync(embedded.socketDir)).toContain('.s.PGSQL.5432')
      await close()
      await embedded.close()
      expect(existsSync(embedded.socketDir)).toBe(false)
    }
  })

  test('commits what a burst of transactions at once writes, one after the other', async () => {
    const { db, close } = await openOwnDatabase(await dataDirAtHand())
    await db.$executeRawUnsafe('create table counter (value int)')
    await db.$executeRaw`insert into counter values (0)`
    await Promise.all(
      Array.from({ length: 50 }, () =>
        db.$transaction(async (tx) => {
          const [row] = await tx.$queryRaw<{ value: number }[]>`select value from counter`
          await tx.$executeRaw`update counter set value = ${row!.value + 1}`
        }),
      ),
    )
    expect(await db.$queryRaw`select value from counter`).toEqual([{ value: 50 }])
    await close()
  })

  test('of this process is locked and migrated; a second start is refused, and after a stop it is not', async () => {
    const dataDir = await dataDirAtHand()
    const first = await openOwnDatabase(dataDir)
    expect(first.isEmbedded).toBe(true)
    expect(await first.db.project.count()).toBe(0)
    await expect(openOwnDatabase(dataDir)).rejects.toBeInstanceOf(UsageError)
    await expect(openOwnDatabase(dataDir)).rejects.toThrow(`(pid ${process.pid})`)
    await first.close()
    expect(readdirSync(dataDir)).toEqual(['db'])

    const second = await openOwnDatabase(dataDir)
    await second.close()
  })

  test('that cannot start says so, and leaves no lock and no socket', async () => {
    const dataDir = join(parent, 'data')
    mkdirSync(join(dataDir, 'db'), { recursive: true })
    writeFileSync(join(dataDir, 'db', 'PG_VERSION'), '9\n')
    vi.stubEnv('TMPDIR', parent)

    await expect(openOwnDatabase(dataDir)).rejects.toMatchObject({ code: 'DB_BUSY', message: expect.stringContaining(join(dataDir, 'db')) })

    expect(readdirSync(dataDir)).toEqual(['db'])
    expect(readdirSync(parent).filter((name) => name.startsWith('tallyroom-'))).toEqual([])
  })
})
