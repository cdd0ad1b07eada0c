import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { AppError } from '../errors.js'
import { Prisma, PrismaClient } from './generated/client.js'

/** Prisma over one pool; what every function of this folder takes. */
export type Db = PrismaClient
/** The same inside `db.$transaction(async (tx) => …)`. On the embedded database only its own `tx` may be used until it ends. */
export type Tx = Prisma.TransactionClient
export { Prisma }

export interface DatabaseOptions {
  /** Where Postgres is: a `postgres://` URL, or the folder of the embedded database's Unix socket. */
  readonly address: { readonly url: string } | { readonly socketDir: string }
  /** Connections. Default 10; always 1 on a socket folder. */
  readonly poolSize?: number
  /** A process that stands still in a transaction keeps its locks from everybody for so long, then Postgres ends its connection. Default 10 s. */
  readonly idleInTransactionMs?: number
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string
}

/** How long a caller waits for a connection before it is told that the database is busy. */
const ACQUIRE_TIMEOUT_MS = 10_000
const IDLE_IN_TRANSACTION_MS = 10_000
/** Longest interactive transaction. */
const TRANSACTION_TIMEOUT_MS = 60_000

/** A pool and Prisma over it, opened and closed together. */
export interface Database {
  readonly db: Db
  close(): Promise<void>
}

/**
 * Opens the pool and proves that the database answers.
 * @throws AppError `DB_BUSY` with the reason when it cannot be reached.
 */
export async function openDatabase({
  address,
  poolSize = 10,
  idleInTransactionMs = IDLE_IN_TRANSACTION_MS,
  applicationName,
}: DatabaseOptions): Promise<Database> {
  const pool = new pg.Pool({
    ...('url' in address
      ? { connectionString: address.url, max: poolSize, idle_in_transaction_session_timeout: idleInTransactionMs }
      : { host: address.socketDir, port: 5432, user: 'postgres', database: 'postgres', max: 1 }),
    connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
    application_name: applicationName,
  })
  // A server that closes idle connections is no failure of ours: the pool opens another when one is needed.
  pool.on('error', () => undefined)
  const db = new PrismaClient({
    adapter: new PrismaPg(pool, { disposeExternalPool: true }),
    transactionOptions: { maxWait: ACQUIRE_TIMEOUT_MS, timeout: TRANSACTION_TIMEOUT_MS },
  })
  try {
    await pool.query('select 1')
  } catch (error) {
    await db.$disconnect()
    throw new AppError('DB_BUSY', { message: `cannot reach Postgres: ${reasonOf(error)}`, cause: error })
  }
  return { db, close: () => db.$disconnect() }
}

function reasonOf(error: unknown): string {
  // Connecting to a name with several addresses fails with all their errors and an empty message.
  const first = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}
