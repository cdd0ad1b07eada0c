// The HTTP side of a process, in a process of its own: with the cache of both levels, or with one that keeps nothing. Answers over IPC where
// it is, and what it has needed so far.
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { RedisLevel } from '../../src/cache/redis-level.js'
import { TieredCache } from '../../src/cache/tiered-cache.js'
import { openDatabase } from '../../src/db/client.js'
import { isSessionLive } from '../../src/db/credentials.js'
import { findJobIds } from '../../src/db/jobs.js'
import { createHttpServer } from '../../src/http/server.js'
import { newId } from '../../src/ids.js'
import { createLog } from '../../src/log.js'
import { EventPublisher } from '../../src/publishing/event-publisher.js'
import { ProjectReads } from '../../src/reads/project-reads.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { Memberships } from '../../src/sessions/memberships.js'
import { Tickets } from '../../src/sessions/tickets.js'
import { answer } from './child.js'

export interface Start {
  readonly kind: 'start'
  readonly databaseUrl: string
  /** Null: the cache keeps nothing. */
  readonly redisUrl: string | null
}

export type Message = Start | { readonly kind: 'needed' }

/** Since the start. */
export interface Needed {
  readonly cpuMs: number
  /** That Postgres took for the statements, of parallel ones the sum. */
  readonly statementMs: number
}

export const SECRET = Buffer.alloc(32, 's')

let statementMs = 0

async function start({ databaseUrl, redisUrl }: Start): Promise<{ readonly origin: string }> {
  const { db } = await openDatabase({
    address: { url: databaseUrl },
    applicationName: 'bench',
    observer: {
      onQuery({ ms }) {
        statementMs += ms
      },
      onAcquire: () => undefined,
    },
  })
  const cache =
    redisUrl === null
      ? new TieredCache({ shared: null, maxEntries: 0 })
      : new TieredCache({ shared: new RedisLevel({ url: redisUrl, prefix: `bench-${newId()}` }) })
  await cache.start()
  const reads = new ProjectReads({ db, cache })
  const memberships = new Memberships(reads)
  const bus = new MemoryBus()
  const tokens = new TokenAuthority({ secret: SECRET })
  let origin = 'http://127.0.0.1'
  const http = await createHttpServer({
    db,
    reads,
    memberships,
    tokens,
    tickets: new Tickets({
      tokens,
      takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs),
      isSignedIn: (credential) => isSessionLive(db, credential, Date.now()),
    }),
    publisher: new EventPublisher({
      bus,
      mayPublish: (who, project) => memberships.mayPublish(who, project),
      findJobs: (ids) => findJobIds(db, ids),
    }),
    log: createLog('warn'),
    isOriginAllowed: () => false,
    publicUrl: () => origin,
    dashboardDir: null,
    wakeJobs: () => undefined,
    wakeOutbox: (project, tags) => void reads.invalidate(project, tags),
    closeSessions: () => undefined,
    projectDeleted: () => undefined,
  })
  origin = `http://127.0.0.1:${await http.listen({ host: '127.0.0.1', port: 0 })}`
  return { origin }
}

function needed(): Needed {
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1_000, statementMs }
}

if (process.send) answer<Message>(async (message) => (message.kind === 'start' ? start(message) : needed()))
