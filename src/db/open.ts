import { join } from 'node:path'
import pg from 'pg'
import { AppError } from '../errors.js'
import { type Db, openDatabase } from './client.js'
import { lockDataDir } from './data-dir.js'
import { openEmbedded } from './embedded.js'
import { migrate } from './migrate.js'

export interface OpenedDatabase {
  readonly db: Db
  /** Whether it lives in this process: one connection, nobody else. */
  readonly isEmbedded: boolean
  close(): Promise<void>
}

/** Postgres sees which processes may run alone. */
const SOLE_PROCESS_LOCK = 7_411_002

/**
 * The embedded database in `dataDir`, locked for this process and migrated. `advice`: what to do when another process has it.
 * @throws UsageError when another process has it or the folder cannot be written; AppError `DB_BUSY` when it does not start.
 */
export async function openOwnDatabase(dataDir: string, advice?: string): Promise<OpenedDatabase> {
  const lock = lockDataDir(dataDir, advice)
  try {
    const embedded = await openEmbedded(join(dataDir, 'db'))
    try {
      const { db, close } = await openDatabase({ address: { socketDir: embedded.socketDir }, applicationName: 'tallyroom' })
      await migrate(db)
      return {
        db,
        isEmbedded: true,
        async close() {
          await close()
          await embedded.close()
          lock.release()
        },
      }
    } catch (error) {
      await embedded.close()
      throw error
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/**
 * Postgres at a URL. `'sole'`: no other process may serve it meanwhile, so it is migrated here; `'shared'`: one of a fleet, migrated
 * by `tallyroom migrate`.
 * @throws AppError `DB_BUSY` when it cannot be reached, `CONFLICT` when another process holds it.
 */
export async function openServerDatabase(
  url: string,
  use: 'sole' | 'shared',
  options: { readonly poolSize: number; readonly applicationName: string },
): Promise<OpenedDatabase> {
  const { db, close } = await openDatabase({ address: { url }, ...options })
  if (use === 'shared') return { db, isEmbedded: false, close }
  try {
    const lease = await takeSoleLease(url)
    await migrate(db)
    return {
      db,
      isEmbedded: false,
      async close() {
        await close()
        await lease.end()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A session of its own that holds the lock as long as this process lives. */
async function takeSoleLease(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: 'tallyroom lease', keepAlive: true })
  await client.connect()
  const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [SOLE_PROCESS_LOCK])
  if (rows[0]?.taken) {
    // Lost with its connection: the process goes on, the next one to start is told nothing. A restart of Postgres ends both anyway.
    client.on('error', () => undefined)
    return client
  }
  await client.end()
  throw new AppError('CONFLICT', { message: 'another tallyroom without REDIS_URL uses this database: stop it, or give both a REDIS_URL' })
}
