import { setTimeout as passed } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Child } from '../live/child.js'
import { atMost, known, never, type Scenario } from './figure.js'
import { Ground } from './ground.js'
import { Publishing } from './publishing.js'
import type { CutResult, SessionsCommand, SessionsReport } from './sessions.js'

const SESSIONS = 5_000
const ROOMS = 100
const PER_SECOND = 100
const GIVE_UP_MS = 30_000
/** A connection of Postgres tells what it has scanned within ten seconds (PGSTAT_IDLE_INTERVAL). */
const STATISTICS_MS = 11_000

/** Every session loses its connection in the same moment. */
export async function storm(): Promise<Scenario> {
  const ground = await Ground.open({ serve: 2, rooms: ROOMS })
  const load = new Child<SessionsCommand>('../fleet/sessions.js', [])
  const redis = new Redis(ground.redisUrl)
  const database = new pg.Client(ground.databaseUrl)
  await database.connect()
  const counts = async () => ({
    streamReads: Number(/cmdstat_xrange:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0),
    jobScans: await scansOf(database),
  })
  try {
    const idle = await counts()
    await load.ask({ kind: 'open', origins: [...ground.origins.values()], rooms: ground.rooms, tokens: await ground.tokens(SESSIONS) })
    const publishing = new Publishing({
      url: `http://127.0.0.1:${ground.balancer.port}`,
      token: await ground.rootToken(),
      rooms: ground.rooms,
      perSecond: PER_SECOND,
    })
    await passed(STATISTICS_MS)
    const before = await counts()
    const cut = await load.ask<CutResult>({ kind: 'cut' })
    await passed(STATISTICS_MS)
    const after = await counts()
    await publishing.stop()
    await load.ask({ kind: 'handled', counts: publishing.counts, giveUpMs: GIVE_UP_MS })
    const report = await load.ask<SessionsReport>({ kind: 'report', counts: publishing.counts })
    return {
      title: '5,000 sessions cut at once',
      setting: `Two processes, ${SESSIONS.toLocaleString('en')} sessions of the SDK in ${ROOMS} projects; ${PER_SECOND} events a second go on meanwhile. The SDK waits up to a second before it connects again, as it always does. Stream reads are XRANGE of Redis, snapshots are counted by what Postgres has scanned of the jobs' table, which nothing else reads here: the first joins cost ${before.jobScans - idle.jobScans} scans.`,
      figures: [
        never('sessions that got a snapshot, though they could resume', cut.withSnapshot),
        never('scans of Postgres for snapshots', after.jobScans - before.jobScans),
        known('stream reads of both processes', after.streamReads - before.streamReads),
        known('cut until joined again, p50', cut.p50Ms, 'ms'),
        atMost('cut until joined again, p99', cut.p99Ms, 5_000, 'ms'),
        known('cut until the last one had joined again', cut.maxMs, 'ms'),
        never('events lost at a handler', report.lost),
        never('events repeated or out of order at a handler', report.repeated),
      ],
    }
  } finally {
    redis.disconnect()
    await database.end()
    await load.end()
    await ground.stop()
  }
}

async function scansOf(database: pg.Client): Promise<number> {
  const { rows } = await database.query(
    `select (seq_scan + coalesce(idx_scan, 0))::int as scans from pg_stat_user_tables where relname = 'jobs'`,
  )
  return rows[0].scans
}
