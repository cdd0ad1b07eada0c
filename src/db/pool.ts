import pg from 'pg'
import { AppError } from '../errors.js'
import { identify, type StatementIdentity } from './query-name.js'
import { currentTally } from './query-tally.js'

/** A statement that was answered or refused. */
export interface QueryEvent extends StatementIdentity {
  readonly sql: string
  /** What stands for `$1`, `$2`, …: people's data, for nobody's eyes. */
  readonly values: readonly unknown[]
  /** Milliseconds on its connection, without the wait for one. */
  readonly ms: number
}

/** Hears of every statement and of every wait for a connection, from the one place where both are timed. */
export interface QueryObserver {
  onQuery(event: QueryEvent): void
  /** `ms`: how long the caller waited; also when none was free in time. */
  onAcquire(ms: number): void
}

/** The one statement form that Prisma and we use. */
type Query = { readonly text: string; readonly values?: readonly unknown[] } | string
type Run = (query: Query, ...rest: unknown[]) => Promise<unknown>

/**
 * A pool whose every statement is timed. Who gets no connection in time gets `DB_BUSY`. Its own `query` keeps the connection after an error
 * of the statement, which pg's throws away: a thousand refused statements cost no new connection.
 */
export function observedPool(config: pg.PoolConfig, observer: QueryObserver): pg.Pool {
  const pool = new pg.Pool(config)
  // A server that closes idle connections is no failure of ours: the pool opens another when one is needed.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => {
    // Lost while in use: its statement fails, and the pool drops it when it is given back.
    client.on('error', () => undefined)
    observe(client, observer)
  })
  // Prisma and we ask with promises only; the overloads with callbacks are nobody's.
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>
  pool.connect = (async () => {
    const startedAt = performance.now()
    const tally = currentTally()
    try {
      return await connect()
    } catch (cause) {
      throw new AppError('DB_BUSY', { cause })
    } finally {
      const ms = performance.now() - startedAt
      if (tally) tally.ms += ms
      observer.onAcquire(ms)
    }
  }) as typeof pool.connect
  pool.query = (async (query: Query, ...rest: unknown[]) => {
    const client = await pool.connect()
    try {
      return await (client.query as Run)(query, ...rest)
    } finally {
      client.release()
    }
  }) as typeof pool.query
  return pool
}

function observe(client: pg.ClientBase, observer: QueryObserver): void {
  const run = client.query.bind(client) as Run
  client.query = (async (query: Query, ...rest: unknown[]) => {
    const startedAt = performance.now()
    const tally = currentTally()
    try {
      return await run(query, ...rest)
    } finally {
      const ms = performance.now() - startedAt
      if (tally) {
        tally.count += 1
        tally.ms += ms
      }
      const { text: sql, values = [] } = typeof query === 'string' ? { text: query } : query
      observer.onQuery({ ...identify(sql), sql, values, ms })
    }
  }) as typeof client.query
}
