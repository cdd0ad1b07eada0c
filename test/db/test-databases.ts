import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Db, openDatabase } from '../../src/db/client.js'
import { openEmbedded } from '../../src/db/embedded.js'
import { migrate } from '../../src/db/migrate.js'
import { isLong } from '../support/long.js'

export interface TestDatabase {
  readonly db: Db
  close(): Promise<void>
}

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/tallyroom/', import.meta.url))

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url))

/** Both databases that the program runs on: what holds on one has to hold on the other. */
export const DATABASES = [
  { name: 'Postgres', create: createOnServer, createEmpty: createEmptyOnServer },
  { name: 'the embedded Postgres', create: createEmbedded, createEmpty: createEmptyEmbedded },
] as const

/** For suites of which `npm test` has no time for both. */
export const MAIN_DATABASE = isLong ? DATABASES : DATABASES.slice(0, 1)

/** A fresh, migrated database on the server of the test run. */
export async function createOnServer(): Promise<TestDatabase> {
  const database = await createEmptyOnServer()
  await migrate(database.db)
  return database
}

/** A fresh, migrated database of the embedded kind. */
export async function createEmbedded(): Promise<TestDatabase> {
  return openCopy(await migratedTemplate())
}

async function createEmptyEmbedded(): Promise<TestDatabase> {
  return openCopy(await embeddedTemplate())
}

async function createEmptyOnServer(): Promise<TestDatabase> {
  const { url, drop } = await createServerDatabase()
  const opened = await openDatabase({ address: { url }, applicationName: 'test' })
  return {
    db: opened.db,
    async close() {
      await opened.close()
      await drop()
    },
  }
}

/** A fresh, empty database on the server of the test run, for programs of their own. */
export async function createServerDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const url = new URL(process.env.TEST_DATABASE_URL!)
  const admin = await openDatabase({ address: { url: url.href }, poolSize: 1, applicationName: 'test' })
  const name = `t_${Date.now()}_${Math.random().toString(36).slice(2)}`
  await admin.db.$executeRawUnsafe(`create database ${name}`)
  url.pathname = name
  return {
    url: url.href,
    async drop() {
      await admin.db.$executeRawUnsafe(`drop database ${name} with (force)`)
      await admin.close()
    },
  }
}

async function openCopy(template: string): Promise<TestDatabase> {
  const dir = await mkdtemp(join(tmpdir(), 'tallyroom-test-'))
  await cp(template, join(dir, 'db'), { recursive: true })
  const opened = await openFolder(join(dir, 'db'))
  return {
    db: opened.db,
    async close() {
      await opened.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function openFolder(dataDir: string): Promise<TestDatabase> {
  const embedded = await openEmbedded(dataDir)
  const opened = await openDatabase({ address: { socketDir: embedded.socketDir }, applicationName: 'test' })
  return {
    db: opened.db,
    async close() {
      await opened.close()
      await embedded.close()
    },
  }
}

/** The folder of an empty embedded database, kept between runs: to make one takes 2.5 s, to open a copy 0.9 s. */
export async function embeddedTemplate(): Promise<string> {
  return kept(`pglite-${pgliteVersion()}`, async (dataDir) => {
    const embedded = await openEmbedded(dataDir)
    await embedded.close()
  })
}

/** The same, migrated: a suite that does not look at migrations has nothing from running them. */
async function migratedTemplate(): Promise<string> {
  const hash = createHash('sha256')
  for (const path of (await readdir(MIGRATIONS, { recursive: true })).sort())
    if (path.endsWith('.sql')) hash.update(path).update(await readFile(join(MIGRATIONS, path)))
  return kept(`pglite-${pgliteVersion()}-${hash.digest('hex').slice(0, 12)}`, async (dataDir) => {
    await cp(await embeddedTemplate(), dataDir, { recursive: true })
    const database = await openFolder(dataDir)
    await migrate(database.db)
    await database.close()
  })
}

async function kept(name: string, make: (dataDir: string) => Promise<void>): Promise<string> {
  const template = join(CACHE, name)
  if (existsSync(template)) return template
  await mkdir(CACHE, { recursive: true })
  const work = await mkdtemp(join(CACHE, 'pglite-'))
  await make(join(work, 'db'))
  // Somebody may have been faster.
  if (!existsSync(template)) await rename(join(work, 'db'), template).catch(() => undefined)
  await rm(work, { recursive: true, force: true })
  return template
}

function pgliteVersion(): string | undefined {
  // PGlite hides its package.json; the lock file of the installed packages moves with any version.
  const installed = createRequire(import.meta.url)('../../node_modules/.package-lock.json') as {
    readonly packages: Readonly<Record<string, { readonly version: string }>>
  }
  return installed.packages['node_modules/@electric-sql/pglite']?.version
}
