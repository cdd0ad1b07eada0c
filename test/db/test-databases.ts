import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Db, openDatabase } from '../../src/db/client.js'
import { openEmbedded } from '../../src/db/embedded.js'
import { migrate } from '../../src/db/migrate.js'

export interface TestDatabase {
  readonly db: Db
  close(): Promise<void>
}

/** Both databases that the program runs on: what holds on one has to hold on the other. */
export const DATABASES = [
  { name: 'Postgres', create: createOnServer },
  { name: 'the embedded Postgres', create: createEmbedded },
] as const

/** A fresh, migrated database on the server of the test run. */
export async function createOnServer(): Promise<TestDatabase> {
  const url = new URL(process.env.TEST_DATABASE_URL!)
  const admin = await openDatabase({ address: { url: url.href }, poolSize: 1, applicationName: 'test' })
  const name = `t_${Date.now()}_${Math.random().toString(36).slice(2)}`
  await admin.db.$executeRawUnsafe(`create database ${name}`)
  url.pathname = name
  const opened = await openDatabase({ address: { url: url.href }, applicationName: 'test' })
  await migrate(opened.db)
  return {
    db: opened.db,
    async close() {
      await opened.close()
      await admin.db.$executeRawUnsafe(`drop database ${name} with (force)`)
      await admin.close()
    },
  }
}

/** A fresh, migrated database of the embedded kind. */
export async function createEmbedded(): Promise<TestDatabase> {
  const dir = await mkdtemp(join(tmpdir(), 'tallyroom-test-'))
  const embedded = await openEmbedded(join(dir, 'db'))
  const opened = await openDatabase({ address: { socketDir: embedded.socketDir }, applicationName: 'test' })
  await migrate(opened.db)
  return {
    db: opened.db,
    async close() {
      await opened.close()
      await embedded.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
