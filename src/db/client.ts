import { PrismaPg } from '@prisma/adapter-pg'
import { AppError } from '../errors.js'
import { Prisma, PrismaClient } from './generated/client.js'
import { observedPool, type QueryObserver } from './pool.js'

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
  /** How long a caller waits for a connection before it gets `DB_BUSY`. Default 10 s. */
  readonly acquireTimeoutMs?: number
  /** A connection is replaced when it is older, so that memory of the server and moved addresses come back. Default 30 min. */
  readonly lifetimeSeconds?: number
  /** Longest statement; then Postgres cancels it. Default 60 s, that of the longest transaction. */
  readonly statementTimeoutMs?: number
  /** Longest wait for a lock. Default 10 s. */
  readonly lockTimeoutMs?: number
  /** Hears of every statement. */
  readonly observer?: QueryObserver
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string
}

const ACQUIRE_TIMEOUT_MS = 10_000
const IDLE_IN_TRANSACTION_MS = 10_000
/** Longest interactive transaction. */
const TRANSACTION_TIMEOUT_MS = 60_000
const LOCK_TIMEOUT_MS = 10_000
const LIFETIME_SECONDS = 30 * 60
/** An idle connection beyond the few that stay is closed after this long. */
const IDLE_TIMEOUT_MS = 60_000
/** Connections that stay, so that the first request after a quiet time does not wait for one. */
const MIN_CONNECTIONS = 2
const NOBODY: QueryObserver = { onQuery: () => undefined, onAcquire: () => undefined }

/** What a pool has at the moment. */
export interface PoolCounts {
  /** Connections, busy and idle. */
  readonly total: number
  readonly idle: number
  /** Callers that wait for one. */
  readonly waiting: number
}

/** A connection as {@link Database.borrow} lends it. */
export interface Connection {
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

/** A pool and Prisma over it, opened and closed together. */
export interface Database {
  readonly db: Db
  poolCounts(): PoolCounts
  /** Lends a connection for statements that Prisma does not know; nothing else uses it meanwhile. */
  borrow<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

/**
 * Opens the pool and proves that the database answers.
 * @throws AppError `DB_BUSY` with the reason when it cannot be reached.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { address, poolSize = 10, observer = NOBODY } = options
  const acquireTimeoutMs = options.acquireTimeoutMs ?? ACQUIRE_TIMEOUT_MS
  const max = 'url' in address ? poolSize : 1
  const pool = observedPool(
    {
      ...('url' in address
        ? {
            connectionString: address.url,
            min: Math.min(MIN_CONNECTIONS, max),
            idleTimeoutMillis: IDLE_TIMEOUT_MS,
            maxLifetimeSeconds: options.lifetimeSeconds ?? LIFETIME_SECONDS,
            statement_timeout: options.statementTimeoutMs ?? TRANSACTION_TIMEOUT_MS,
            lock_timeout: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
            idle_in_transaction_session_timeout: options.idleInTransactionMs ?? IDLE_IN_TRANSACTION_MS,
          }
        : { host: address.socketDir, port: 5432, user: 'postgres', database: 'postgres' }),
      max,
      connectionTimeoutMillis: acquireTimeoutMs,
      application_name: options.applicationName,
    },
    observer,
  )
  const db = new PrismaClient({
    adapter: new PrismaPg(pool),
    // The pool's own answer comes first: it says why.
    transactionOptions: { maxWait: acquireTimeoutMs + 1_000, timeout: TRANSACTION_TIMEOUT_MS },
  })
  // Prisma would end only a pool that it has used, and open one of its own for who asks after that.
  const close = async () => {
    await db.$disconnect()
    await pool.end()
  }
  try {
    await pool.query('select 1')
  } catch (error) {
    await close()
    throw new AppError('DB_BUSY', { message: `cannot reach Postgres: ${reasonOf(error)}`, cause: error })
  }
  return {
    db,
    async borrow(work) {
      const client = await pool.connect()
      try {
        // The rows are what the statement names.
        return await work({
          query: async <Row>(text: string, values: readonly unknown[] = []) =>
            (await client.query({ text, values: [...values] })).rows as Row[],
        })
      } finally {
        client.release()
      }
    },
    poolCounts: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close,
  }
}

function reasonOf(error: unknown): string {
  // No connection is DB_BUSY, whose cause says why; connecting to a name with several addresses fails with all their errors and no message.
  const cause = error instanceof AppError ? error.cause : error
  const first = cause instanceof AggregateError ? cause.errors[0] : cause
  return first instanceof Error ? first.message : String(first)
}
