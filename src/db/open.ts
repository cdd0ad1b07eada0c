import { join } from 'node:path'
import pg from 'pg'
import { AppError, UsageError } from '../errors.js'
import { type Database, type Db, openDatabase } from './client.js'
import { lockDataDir } from './data-dir.js'
import { openEmbedded } from './embedded.js'
import { migrate } from './migrate.js'
import type { QueryObserver } from './pool.js'

export interface OpenedDatabase {
  readonly db: Db
  /** The same database over connections of their own, for jobs: what they hold, no request waits for. Embedded: the same connection. */
  readonly jobs: Db
  /** Lends one of the requests' connections. */
  readonly borrow: Database['borrow']
  /** What each pool has now. */
  pools(): readonly PoolState[]
  /** Whether it lives in this process: one connection, nobody else. */
  readonly isEmbedded: boolean
  close(): Promise<void>
}

/** Connections of a pool, and who waits for one. */
export interface PoolState {
  readonly pool: 'api' | 'jobs'
  readonly active: number
  readonly idle: number
  readonly waiting: number
}

/**
 * Connections for requests, by the name that `?pool=` of the URL may give. Three processes of the default fit a stock Postgres
 * (`max_connections = 100`) together with their jobs; the others are for servers whose limit was raised.
 */
export const POOL_PROFILES = { default: 10, big: 20, huge: 50 } as const

/** A chunk of a job waits for the project's lock as long as the longest transaction that may hold it. */
const JOB_LOCK_TIMEOUT_MS = 60_000

/** Postgres sees which processes may run alone. */
const SOLE_PROCESS_LOCK = 7_411_002

/**
 * The embedded database in `dataDir`, locked for this process and migrated. `advice`: what to do when another process has it.
 * @throws UsageError when another process has it or the folder cannot be written; AppError `DB_BUSY` when it does not start.
 */
export async function openOwnDatabase(dataDir: string, advice?: string, observer?: QueryObserver): Promise<OpenedDatabase> {
  const lock = lockDataDir(dataDir, advice)
  try {
    const embedded = await openEmbedded(join(dataDir, 'db'))
    try {
      const address = { socketDir: embedded.socketDir }
      const api = await openDatabase({ address, applicationName: 'tallyroom', ...(observer && { observer }) })
      await migrate(api.db)
      return {
        db: api.db,
        jobs: api.db,
        borrow: api.borrow,
        pools: () => [stateOf('api', api)],
        isEmbedded: true,
        async close() {
          await api.close()
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

export interface ServerDatabaseOptions {
  /** Default: what the URL's profile says. */
  readonly apiConnections?: number
  /** 0: jobs have none of their own. */
  readonly jobConnections: number
  readonly applicationName: string
  readonly observer?: QueryObserver
}

/**
 * Postgres at a URL. `'sole'`: no other process may serve it meanwhile, so it is migrated here; `'shared'`: one of a fleet, migrated
 * by `tallyroom migrate`.
 * @throws UsageError for a pool profile that there is not; AppError `DB_BUSY` when it cannot be reached, `CONFLICT` when another process
 * holds it.
 */
export async function openServerDatabase(url: string, use: 'sole' | 'shared', options: ServerDatabaseOptions): Promise<OpenedDatabase> {
  const { address, apiConnections } = addressOf(url)
  const { applicationName, jobConnections, observer } = options
  const common = { address, ...(observer && { observer }) }
  const stops: (() => Promise<void>)[] = []
  const close = async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  }
  try {
    const api = await openDatabase({ ...common, poolSize: options.apiConnections ?? apiConnections, applicationName })
    stops.push(() => api.close())
    const jobs =
      jobConnections === 0
        ? null
        : await openDatabase({
            ...common,
            poolSize: jobConnections,
            lockTimeoutMs: JOB_LOCK_TIMEOUT_MS,
            applicationName: `${applicationName} jobs`,
          })
    if (jobs) stops.push(() => jobs.close())
    if (use === 'sole') {
      const lease = await takeSoleLease(address.url)
      stops.push(() => lease.end())
      await migrate(api.db)
    }
    return {
      db: api.db,
      jobs: (jobs ?? api).db,
      borrow: api.borrow,
      pools: () => [stateOf('api', api), ...(jobs ? [stateOf('jobs', jobs)] : [])],
      isEmbedded: false,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function stateOf(pool: PoolState['pool'], { poolCounts }: Database): PoolState {
  const { total, idle, waiting } = poolCounts()
  return { pool, active: total - idle, idle, waiting }
}

/** The URL as Postgres takes it, and what its `?pool=` says. */
function addressOf(text: string): { readonly address: { readonly url: string }; readonly apiConnections: number } {
  const url = new URL(text)
  const profile = url.searchParams.get('pool') ?? 'default'
  if (!Object.hasOwn(POOL_PROFILES, profile))
    throw new UsageError(`DATABASE_URL: pool=${profile} must be one of ${Object.keys(POOL_PROFILES).join(', ')}`)
  url.searchParams.delete('pool')
  // A key of the table.
  return { address: { url: url.href }, apiConnections: POOL_PROFILES[profile as keyof typeof POOL_PROFILES] }
}

/** A session of its own that holds the lock as long as this process lives. */
async function takeSoleLease(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: 'tallyroom lease', keepAlive: true })
  // Lost with its connection: the process goes on, the next one to start is told nothing. A restart of Postgres ends both anyway.
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [SOLE_PROCESS_LOCK])
    if (rows[0]?.taken) return client
    throw new AppError('CONFLICT', { message: 'another tallyroom without REDIS_URL uses this database: stop it, or give both a REDIS_URL' })
  } catch (error) {
    await client.end()
    throw error
  }
}
