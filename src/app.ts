import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Bus } from './bus/bus.js'
import { redisBusAt } from './bus/cluster-bus.js'
import { Invalidations, tagsOf } from './bus/invalidations.js'
import { MemoryBus } from './bus/memory-bus.js'
import { OutboxPublisher } from './bus/outbox.js'
import type { Delivery } from './bus/probe.js'
import { RedisLevel } from './cache/redis-level.js'
import { TieredCache } from './cache/tiered-cache.js'
import type { Config } from './config.js'
import { newestBusProofMs, recordBusProof } from './db/bus-proof.js'
import type { Db } from './db/client.js'
import { isSessionLive } from './db/credentials.js'
import { IndexAdvisor } from './db/index-advisor.js'
import { releaseAllLeases } from './db/job-chunks.js'
import { findJobIds } from './db/jobs.js'
import { requireMigrated } from './db/migrate.js'
import { openOwnDatabase, openServerDatabase } from './db/open.js'
import { hasPendingOutbox, outboxStore, queuePublications, sweepOutbox } from './db/outbox.js'
import { QueryWatch } from './db/query-watch.js'
import { readRevocations, sweepRevocations } from './db/revocations.js'
import { sweepAbandonedSources } from './db/sources.js'
import { readRevision } from './db/summary.js'
import { AdminReport } from './http/admin-report.js'
import { startAdminServer } from './http/admin-server.js'
import { startRateLimits } from './http/limits-connection.js'
import { hostName, listen } from './http/listening.js'
import { Readiness } from './http/readiness.js'
import { createHttpServer } from './http/server.js'
import { cookiePrincipal } from './http/who.js'
import type { ProjectId } from './ids.js'
import { BacklogWatch } from './jobs/backlog-watch.js'
import { startJobs } from './jobs/start-jobs.js'
import type { Log } from './log.js'
import { Metrics } from './metrics/metrics.js'
import { yieldToOthers } from './priority.js'
import type { CacheTag } from './protocol/cache-tags.js'
import { CLOSE_CODES } from './protocol/close-codes.js'
import { MAX_CLIENT_FRAME_BYTES } from './protocol/messages.js'
import { JSON_SUBPROTOCOL, LIVE_PATH, MSGPACK_SUBPROTOCOL } from './protocol/version.js'
import type { JobView } from './protocol/views.js'
import { EventPublisher } from './publishing/event-publisher.js'
import { PublicationQueue } from './publishing/publication-queue.js'
import { ProjectReads } from './reads/project-reads.js'
import { loadSecret } from './secret.js'
import { TokenAuthority } from './sessions/auth.js'
import { LiveServer } from './sessions/live-server.js'
import { Memberships } from './sessions/memberships.js'
import { allowedOrigins } from './sessions/origins.js'
import { frameRateTimes } from './sessions/session.js'
import { Tickets } from './sessions/tickets.js'
import { createUwsTransport } from './transport/uws.js'
import { loadUws } from './transport/uws-loader.js'
import { createWsTransport } from './transport/ws.js'

/** One running process of Tallyroom. */
export interface App {
  readonly db: Db
  readonly isEmbedded: boolean
  readonly secret: Uint8Array
  /** Where people reach it, without a slash at the end; null for `ROLE=work`. */
  readonly address: string | null
  /** URL of the live sessions, when they have a port of their own; else null. */
  readonly liveUrl: string | null
  /** Where operators ask how it is. */
  readonly adminAddress: string
  /** There is a new job. */
  wakeJobs(): void
  /** Sends live sessions elsewhere; resolves when none is left, or at the deadline (D10). HTTP and jobs go on. */
  drain(): Promise<void>
  /** Takes nothing new, ends sessions and jobs, closes everything. */
  stop(): Promise<void>
}

const HOUSEKEEPING_MS = 10 * 60 * 1000
/** Of one kind in the report for operators. */
const MAX_LISTED = 50
/** Of the package that this file is a part of, built or not. */
const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
/** A process that only works publishes its outbox and tells its readiness by these. */
const WORKER_API_CONNECTIONS = 2
const DASHBOARD_DIR = fileURLToPath(new URL('../dist/dashboard/', import.meta.url))

/**
 * Builds and starts everything that `config` asks for, from the bottom up; the only place that names implementations.
 * `onJob` hears of each job that this process works on.
 * @throws UsageError, AppError when something cannot start; what had started is stopped again.
 */
export async function startApp(config: Config, log: Log, onJob: (job: JobView) => void = () => undefined): Promise<App> {
  const stops: (() => Promise<void> | void)[] = []
  const stop = async () => {
    for (const step of stops.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        // What the others leave open would keep the process.
        log.warn({ err: error }, 'a part did not stop in order')
      }
    }
  }
  try {
    const uws = config.TRANSPORT === 'uws' && config.ROLE !== 'work' ? await loadUws() : null
    const secret = loadSecret(config)
    const slots = config.DATABASE_URL === undefined ? 1 : Math.max(1, availableParallelism() - 1)

    const metrics = new Metrics({
      version: VERSION,
      role: config.ROLE,
      transport: config.TRANSPORT,
      closeCodes: Object.values(CLOSE_CODES),
    })
    const report = new AdminReport()
    const statements = new QueryWatch({
      onQuery: (name, seconds) => metrics.database.queried(name, seconds),
      onSlow: () => metrics.database.slowQuery(),
      onAcquire: (seconds) => metrics.database.acquired(seconds),
    })
    const database = await openDatabase(config, slots, statements)
    stops.push(() => database.close())
    const { db, jobs, isEmbedded } = database
    if (config.REDIS_URL !== undefined) await requireMigrated(db)
    if (isEmbedded) await releaseAllLeases(db)
    await sweepAbandonedSources(db, isEmbedded ? 'all' : 'stale')

    const backlog = new BacklogWatch(db)
    metrics.jobs.backlog.from(() => backlog.read())
    report.add('jobs', () => backlog.read())
    metrics.database.pools.from(() => database.pools())
    report.add('pools', () => database.pools())
    report.add('slowQueries', () => statements.slow.list())
    const advisor = new IndexAdvisor({ borrow: database.borrow, frequent: (minCount) => statements.hot.list(minCount) })
    report.add('indexAdvice', () => advisor.advise())
    const retention = { streamMaxEvents: config.STREAM_MAX_EVENTS, streamMaxAgeMs: config.STREAM_MAX_AGE_MS }
    let delivery: Delivery = 'proven'
    // Until there are sessions to tell.
    let tellBusState = () => {}
    // The bus is there before the outbox, which needs it.
    let outboxOfBus: OutboxPublisher | null = null
    const bus: Bus =
      config.REDIS_URL === undefined
        ? new MemoryBus(retention)
        : await redisBusAt({
            url: config.REDIS_URL,
            ...retention,
            metrics: metrics.bus,
            onConnection(connection, state) {
              log.warn({ connection, state }, 'a connection to Redis changed')
              if (connection === 'commands' && state === 'ready') outboxOfBus?.sweepNow()
            },
            onEpoch: (project) => void outboxOfBus?.recover(project),
            onDelivery(state) {
              log.warn({ delivery: state }, 'what is published reaches this process, or does not')
              delivery = state
              tellBusState()
            },
          })
    stops.push(() => bus.stop())
    await bus.start()

    // Until it takes requests, or jobs.
    let isServing = () => false
    const readiness = new Readiness({
      proofAgeMs: () => bus.proofAgeMs,
      recordProof: async (ageMs) => {
        if (bus.durable) await recordBusProof(db, ageMs)
      },
      newestProofMs: () => newestBusProofMs(db),
      isServing: () => isServing(),
    })
    readiness.start()
    stops.push(() => readiness.stop())
    metrics.bus.state.from(() => ({ isConnected: !bus.isAway && delivery === 'proven', proofAgeMs: bus.proofAgeMs }))
    metrics.readiness.from(async () => (await readiness.judge()).ready)
    report.add('readiness', () => readiness.judge())
    const admin = await startAdminServer({ port: config.ADMIN_PORT, host: config.ADMIN_HOST, readiness, metrics, report })
    stops.push(() => admin.close())
    const adminAddress = admin.address

    const shared =
      config.REDIS_URL === undefined
        ? null
        : new RedisLevel({
            url: config.REDIS_URL,
            onConnection: (connection, state) => log.warn({ connection, state }, 'a connection to Redis changed'),
          })
    const cache = new TieredCache({ shared, onLoad: (ms, result) => metrics.cache.loaded(ms / 1_000, result) })
    metrics.cache.statistics.from(() => cache.statistics)
    report.add('caches', () => cache.statistics)
    await cache.start()
    stops.push(() => cache.stop())
    const reads = new ProjectReads({ db, cache })
    stops.push(() => reads.stop())

    const invalidations = new Invalidations({
      bus,
      log,
      forget: (project, tags) => reads.invalidate(project, tags),
      readRevision: (project) => readRevision(db, project),
    })
    stops.push(() => invalidations.stop())
    const outbox = new OutboxPublisher({
      bus,
      log,
      ...outboxStore(db),
      onPublished: (project, types) => invalidations.touch(project, tagsOf(types)),
    })
    outbox.start()
    outboxOfBus = outbox
    stops.push(() => outbox.stop())
    // Until there are sessions to tell.
    let tellProjectChanged: (project: ProjectId) => void = () => {}
    const wakeOutbox = (project: ProjectId, tags: readonly CacheTag[]) => {
      // At once: whoever wrote reads what it wrote. The outbox's news of it invalidates again, also what a process left behind that died here.
      void reads.invalidate(project, tags)
      tellProjectChanged(project)
      outbox.wake(project)
    }

    const housekeeping = setInterval(
      () => void sweep(db).catch((error) => log.warn({ err: error }, 'housekeeping failed')),
      HOUSEKEEPING_MS,
    )
    stops.push(() => clearInterval(housekeeping))

    const worker =
      config.ROLE === 'serve' ? null : startJobs({ config, db: jobs, slots, bus, invalidations, wakeOutbox, log, metrics, onJob, stops })
    const wakeJobs = () => worker?.wake()
    if (config.ROLE === 'work') {
      yieldToOthers()
      isServing = () => true
      return { db, isEmbedded, secret, address: null, liveUrl: null, adminAddress, wakeJobs, drain: async () => {}, stop }
    }

    const tokens = new TokenAuthority({ secret })
    const tickets = new Tickets({
      tokens,
      takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs),
      isSignedIn: (credential) => isSessionLive(db, credential, Date.now()),
    })
    const memberships = new Memberships(reads)
    const publisher = new EventPublisher({
      bus,
      mayPublish: (who, project) => memberships.mayPublish(who, project),
      findJobs: (ids) => findJobIds(db, ids),
      queue: new PublicationQueue({
        isBusAway: () => bus.isAway,
        hasPending: (project) => hasPendingOutbox(db, project),
        flush: (project) => outbox.flush(project),
        store: (project, events) => queuePublications(db, project, events),
      }),
    })
    // Known only after listening, when the port may have been chosen by the system.
    const place = { port: config.PORT, origins: new Set<string>() as ReadonlySet<string> }
    const address = () => config.PUBLIC_URL?.replace(/\/$/, '') ?? `http://${hostName(config.HOST)}:${place.port}`
    // A proxy sends the path to the right port; without one the port is part of the address.
    const liveUrl = () => {
      const port = own?.port ?? place.port
      const base = config.PUBLIC_URL === undefined ? `http://${hostName(config.HOST)}:${port}` : address()
      return new URL(LIVE_PATH, base.replace(/^http/, 'ws')).href
    }
    const isOriginAllowed = (origin: string) => place.origins.has(origin)
    const http = await createHttpServer({
      db,
      reads,
      memberships,
      tokens,
      tickets,
      publisher,
      log,
      isOriginAllowed,
      publicUrl: address,
      liveUrl,
      dashboardDir: DASHBOARD_DIR,
      rateLimits: startRateLimits({
        factor: config.RATE_LIMIT_FACTOR,
        url: config.REDIS_URL,
        onLimited: (rate) => metrics.http.rateLimited(rate),
        stops,
      }),
      trustedProxies: config.TRUSTED_PROXIES,
      wakeJobs,
      wakeOutbox,
      metrics,
      closeSessions: (credential) => live.closeCredential(credential),
      projectDeleted: (project) => live.closeProject(project),
    })
    stops.push(() => http.close())
    const wire = { path: LIVE_PATH, subprotocols: [JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL], maxMessageBytes: MAX_CLIENT_FRAME_BYTES }
    const own = uws && createUwsTransport({ ...wire, uws, host: config.HOST, port: config.LIVE_PORT })
    const live = new LiveServer({
      bus,
      transport: own ?? createWsTransport({ ...wire, server: http.server }),
      log,
      node: randomUUID().slice(0, 8),
      tokens,
      tickets,
      cookie: (value) => cookiePrincipal(db, value),
      publish: (request) => publisher.publish(request),
      roster: (project) => reads.roster(project),
      membership: (principal, project) => reads.membership(principal, project),
      snapshot: (project) => reads.snapshot(project),
      onOpened: (project) => reads.warm(project),
      onOutdated: (project, tags) => void reads.invalidate(project, tags),
      // Alone, a process hears only what it has invalidated itself.
      ...(bus.durable && { onInvalidated: (project: ProjectId, tag: CacheTag) => reads.drop(project, [tag]) }),
      // Alone, a process hears of everything at once.
      ...(bus.durable && { revocations: (since: Date | null) => readRevocations(db, since) }),
      isOriginAllowed,
      maxSessionsPerUser: config.MAX_SESSIONS_PER_USER,
      frameRate: frameRateTimes(config.RATE_LIMIT_FACTOR),
      metrics: metrics.live,
    })
    metrics.live.census.from(() => live.reading)
    report.add('sessions', () => live.census)
    report.add('subscriptions', () => live.subscriptions(MAX_LISTED))
    report.add('slowSessions', () => live.slowSessions(MAX_LISTED))
    tellBusState = () => live.setBusState(delivery === 'proven' ? 'ok' : 'degraded')
    tellBusState()
    tellProjectChanged = (project) => live.projectChanged(project)
    live.start()
    // Before HTTP ends: closing a server waits for its sockets.
    stops.push(() => live.stop())
    place.port = await listen(http, { host: config.HOST, port: config.PORT })
    place.origins = allowedOrigins({ host: config.HOST, port: place.port, publicUrl: config.PUBLIC_URL, allowed: config.ALLOWED_ORIGINS })
    reads.warmNewest()
    isServing = () => live.isReady
    log.info({ transport: config.TRANSPORT, liveUrl: liveUrl() }, 'live sessions may connect')
    return {
      db,
      isEmbedded,
      secret,
      address: address(),
      liveUrl: own && liveUrl(),
      adminAddress,
      wakeJobs,
      drain: () => live.drain(),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function openDatabase(config: Config, slots: number, observer: QueryWatch): ReturnType<typeof openOwnDatabase> {
  if (config.DATABASE_URL === undefined) return openOwnDatabase(config.DATA_DIR, undefined, observer)
  return openServerDatabase(config.DATABASE_URL, config.REDIS_URL === undefined ? 'sole' : 'shared', {
    ...(config.ROLE === 'work' && { apiConnections: WORKER_API_CONNECTIONS }),
    // Each slot's own, one for the queue and one for what a job tells.
    jobConnections: config.ROLE === 'serve' ? 0 : slots + 2,
    applicationName: `tallyroom ${config.ROLE}`,
    observer,
  })
}

async function sweep(db: Db): Promise<void> {
  await sweepOutbox(db)
  await sweepRevocations(db)
  await sweepAbandonedSources(db, 'stale')
}
