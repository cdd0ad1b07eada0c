import type { FastifyRequest } from 'fastify'
import type { CacheEvent } from '../cache/cache.js'
import { type QueryTally, tallied } from '../db/query-tally.js'
import type { HttpApp } from './context.js'

/** What a request made the database and the cache do. */
export interface RequestWork {
  readonly queries: QueryTally
  /** Handed to each question of the cache as its `record`. */
  readonly cacheEvents: CacheEvent[]
}

/** Counts what each request makes the database and the cache do, and says it as `Server-Timing`. */
export function countWork(app: HttpApp): void {
  app.addHook('onRequest', (request, _reply, done) => {
    request.work = { queries: { count: 0, ms: 0 }, cacheEvents: [] }
    tallied(request.work.queries, done)
  })
  // Once more: a body arrives in the context of its socket, not in that of its request.
  app.addHook('preValidation', (request, _reply, done) => tallied(request.work.queries, done))
  app.addHook('onSend', async (request, reply) => {
    reply.header('server-timing', serverTiming(request, reply.elapsedTime))
  })
}

/**
 * `total`: until the first byte of the answer; `db`: its statements, waits for connections included, of parallel ones the sum; `cache`: what
 * came of each question, in order. Absent is what was not asked.
 */
function serverTiming({ work }: FastifyRequest, totalMs: number): string {
  const { queries, cacheEvents } = work
  return [
    `total;dur=${totalMs.toFixed(1)}`,
    ...(queries.count > 0 ? [`db;dur=${queries.ms.toFixed(1)};desc="${queries.count}"`] : []),
    ...(cacheEvents.length > 0 ? [`cache;desc="${cacheEvents.map(({ outcome }) => outcome).join(', ')}"`] : []),
  ].join(', ')
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What it has made the database and the cache do so far. */
    work: RequestWork
  }
}
