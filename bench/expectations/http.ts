import type { Db } from '../../src/db/client.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { Child } from './child.js'
import { type Expectation, inTurn } from './expectation.js'
import { CHANGE_EVERY_MS, Reviewers } from './reviewers.js'
import { ANA, importSample, Jobs, openBenchDatabase } from './sample-projects.js'
import { type Message, type Needed, SECRET } from './server.js'
import { wire } from './wire.js'

const ROWS = 5_000
const CALM = { users: 4, thinkMs: 50, ms: 1_000 }
const BUSY = { users: 16, thinkMs: 0, ms: 1_500 }
/** People who look at what they got before they ask on. */
const CROWD = { thinkMs: 500, ms: 1_000 }
const MAX_P95_MS = 100
const SEARCHES = 4

const NONE = 'by a cache that keeps nothing: every answer is read from Postgres'
const TIERED = `by both levels of the cache; ${1_000 / CHANGE_EVERY_MS} changes a second, as without it, outdate what it has`

/** A process that serves people who review a project of 5,000 records a side, over Postgres and Redis of the environment. */
export async function http(): Promise<Expectation[]> {
  const database = await openBenchDatabase()
  const servers = { off: new Child('server'), on: new Child('server') }
  try {
    const project = await reconciled(database.db)
    const start = async (server: Child, redisUrl: string | null) =>
      (await server.ask<{ readonly origin: string }>({ kind: 'start', databaseUrl: database.url, redisUrl } satisfies Message)).origin
    const origins = { off: await start(servers.off, null), on: await start(servers.on, process.env.TEST_REDIS_URL!) }
    const token = await new TokenAuthority({ secret: SECRET }).issueToken({
      user: ANA,
      expiresAt: Date.now() + 3_600_000,
      projects: { '*': 'analyst' },
    })
    const reviewers = await Reviewers.of(origins.on, token, project)
    return [
      ...(await serving(servers, origins, reviewers)),
      await concurrentUsers(origins, reviewers),
      ...(await wire({ origin: origins.on, token, project, change: () => reviewers.change(origins.on) })),
    ]
  } finally {
    await Promise.all([servers.off.end(), servers.on.end()])
    await database.close()
  }
}

async function reconciled(db: Db): Promise<string> {
  const project = await importSample(db, { seed: 1, rows: ROWS })
  const jobs = new Jobs(db, { slots: 1, maxRunningJobs: 1 })
  await jobs.match([project])
  await jobs.stop()
  // As autovacuum would, sooner or later.
  await db.$executeRawUnsafe('analyze')
  return project
}

type Both<Of> = Readonly<Record<'off' | 'on', Of>>

async function serving(servers: Both<Child>, origins: Both<string>, reviewers: Reviewers): Promise<Expectation[]> {
  const needed = (which: 'off' | 'on') => servers[which].ask<Needed>({ kind: 'needed' } satisfies Message)
  const measure = async (which: 'off' | 'on') => {
    const { meanMs } = await reviewers.work(origins[which], CALM)
    const before = await needed(which)
    const { perSecond, answers } = await reviewers.work(origins[which], BUSY)
    const after = await needed(which)
    return {
      meanMs,
      perSecond,
      cpuMs: (after.cpuMs - before.cpuMs) / answers,
      statementMs: (after.statementMs - before.statementMs) / answers,
    }
  }
  const { off, on } = await inTurn({ off: () => measure('off'), on: () => measure('on') })
  const expectation = (name: keyof typeof off, rest: Pick<Expectation, 'figure' | 'promised' | 'unit'>, of: string): Expectation => ({
    ...rest,
    off: { what: `${of}, ${NONE}`, value: off[name] },
    on: { what: TIERED, value: on[name] },
  })
  return [
    expectation(
      'meanMs',
      { figure: 'API responses', promised: { kind: 'less', least: 0.4, most: 0.6 }, unit: 'ms' },
      `mean answer to ${CALM.users} people`,
    ),
    expectation(
      'perSecond',
      { figure: 'requests a second', promised: { kind: 'times', least: 2, most: 4 }, unit: '/s' },
      `${BUSY.users} connections that ask at once again`,
    ),
    expectation(
      'cpuMs',
      { figure: 'CPU', promised: { kind: 'less', least: 0.15, most: 0.25 }, unit: 'ms' },
      'processor time of the serving process for one of these',
    ),
    expectation(
      'statementMs',
      { figure: 'database load', promised: { kind: 'less', least: 0.4, most: 0.6 }, unit: 'ms' },
      'time of Postgres for one of these',
    ),
  ]
}

async function concurrentUsers(origins: Both<string>, reviewers: Reviewers): Promise<Expectation> {
  const isFast = async (origin: string, users: number) =>
    (await reviewers.work(origin, { ...CROWD, users: Math.max(1, Math.round(users)) })).p95Ms <= MAX_P95_MS
  /** By bisection on a scale of ratios, below what would need twice the rate of a busy server. */
  const mostUsers = async (origin: string) => {
    const { perSecond } = await reviewers.work(origin, { ...BUSY, ms: 500 })
    let many = 2 * perSecond * (CROWD.thinkMs / 1_000)
    let few = many / 8
    for (; !(await isFast(origin, few)); few /= 2) {
      if (few < 1) return { users: 0 }
      many = few
    }
    for (let search = 0; search < SEARCHES; search++) {
      const users = Math.sqrt(few * many)
      if (await isFast(origin, users)) few = users
      else many = users
    }
    return { users: Math.round(few) }
  }
  const { off, on } = await inTurn({ off: () => mostUsers(origins.off), on: () => mostUsers(origins.on) })
  const what = `people who ask every ${CROWD.thinkMs / 1_000} s and get 95 % of their answers within ${MAX_P95_MS} ms`
  return {
    figure: 'concurrent users',
    promised: { kind: 'times', least: 3, most: 5 },
    unit: 'people',
    off: { what: `${what}, ${NONE}`, value: off.users },
    on: { what: TIERED, value: on.users },
  }
}
