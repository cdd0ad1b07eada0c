import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeSample } from '../../src/sample/write-sample.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { freePort } from '../../test/support/guarded-process.js'
import { TcpProxy } from '../../test/support/proxy.js'
import { checkFolder, type Verdict } from './checker.js'
import { Child } from './child.js'
import { Crewman } from './crewman.js'
import { Faults } from './faults.js'
import { type LoadCommand, userOf } from './load.js'
import { LogWriter } from './log.js'
import { type FaultName, planOf } from './plan.js'
import { ChaosPostgres } from './postgres.js'
import { addMembers, importSample } from './projects.js'
import { ChaosRedis } from './redis.js'
import { writeTruth } from './truth.js'
import type { WritersCommand } from './writers.js'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export interface RunOptions {
  readonly seed: number
  readonly durationMs: number
  readonly clients: number
  /** A folder for logs; it is made. */
  readonly dir: string
  readonly say: (line: string) => void
}

export interface RunResult {
  readonly seed: number
  readonly startedAt: Date
  readonly endedAt: Date
  readonly faults: ReadonlyMap<FaultName, number>
  /** From the last fault until every client was joined everywhere; null: not within the time for it. */
  readonly joinedMs: number | null
  /** From the last event of each project until every client had heard it; null: not within the time for it. */
  readonly heardMs: number | null
  readonly verdict: Verdict
}

export function isGreen({ joinedMs, heardMs, verdict }: RunResult): boolean {
  return joinedMs !== null && heardMs !== null && verdict.violations.length === 0
}

/** Processes and projects of a run. */
export const CREW = { serve: 3, work: 1, loads: 2, projects: 8 }
/** Of clients, one in so many is in the first project, which has the large events. */
const FIRST_PROJECT_EVERY = 15
const SETTLE_MS = 45_000
/** Faults wait for each other, and processes for what they need to start. */
const FAULTS_END_MS = 120_000
const POLL_MS = 250

/** Ends what a run has started, last things first; to be called by whoever is interrupted, too. */
export class Closers {
  readonly #closers: (() => unknown)[] = []

  add(close: () => unknown): void {
    this.#closers.unshift(close)
  }

  async closeAll(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close()
  }
}

/** One run: everything is started anew, disturbed as the seed says, left in peace, and judged. */
export async function run({ seed, durationMs, clients, dir, say }: RunOptions, closers: Closers): Promise<RunResult> {
  const startedAt = new Date()
  mkdirSync(dir, { recursive: true })
  const log = new LogWriter(join(dir, 'faults.log'))
  const redis = await ChaosRedis.open()
  closers.add(() => redis.service.close())
  const postgres = await ChaosPostgres.open()
  closers.add(() => postgres.service.close())
  const redisProxy = await TcpProxy.open(redis.url)
  closers.add(() => redisProxy.pullOut())
  const secret = randomBytes(32).toString('hex')
  const shared = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redisProxy.url,
    AUTH_JWT_SECRET: secret,
    RATE_LIMIT_FACTOR: '0',
    MAX_SESSIONS_PER_USER: '0',
    DEMO: 'off',
    DATA_DIR: dir,
  }
  await promisify(execFile)(process.execPath, [MAIN, 'migrate'], { env: { ...process.env, ...shared } })
  const ports = await Promise.all(Array.from({ length: CREW.serve }, freePort))
  const member = (name: string, own: Readonly<Record<string, string>>) => {
    const crewman = new Crewman({
      name,
      environment: { ...shared, ...own },
      onLine: (line) => log.write({ kind: 'seen', at: Date.now(), what: `${name}: ${line}` }),
      onCrash: (how) => log.write({ kind: 'crash', at: Date.now(), name, how }),
    })
    closers.add(() => crewman.close())
    return crewman
  }
  const http = await TcpProxy.open(...ports.map((port) => `http://127.0.0.1:${port}`))
  closers.add(() => http.pullOut())
  const address = `http://localhost:${http.port}`
  const serve = ports.map((port, index) => member(`serve ${index + 1}`, { ROLE: 'serve', PORT: String(port), PUBLIC_URL: address }))
  const work = Array.from({ length: CREW.work }, (_, index) => member(`work ${index + 1}`, { ROLE: 'work' }))
  await Promise.all([...serve, ...work].map((crewman) => crewman.untilOpen()))

  const authority = new TokenAuthority({ secret: Buffer.from(secret) })
  const token = await authority.issueToken({ user: { id: 'root', name: 'Root' }, expiresAt: Date.now() + 86_400_000, admin: true })
  const files = await writeSample(join(dir, 'sample'), { seed, rows: 300 })
  const projects: string[] = []
  for (let no = 0; no < CREW.projects; no++) projects.push(await importSample({ address, token, name: `chaos ${no}`, files }))
  const clientsOf = new Map(projects.map((project) => [project, [] as number[]]))
  const orders = Array.from({ length: clients }, (_, no) => {
    const own = [
      projects[1 + (no % (CREW.projects - 1))]!,
      projects[1 + ((no * 3 + 1 + Math.floor(no / (CREW.projects - 1))) % (CREW.projects - 1))]!,
    ]
    if (no % FIRST_PROJECT_EVERY === 0) own.push(projects[0]!)
    const unique = [...new Set(own)]
    for (const project of unique) clientsOf.get(project)!.push(no)
    return { no, projects: unique }
  })
  await Promise.all([...clientsOf].map(([project, members]) => addMembers({ address, token, project, users: members.map(userOf) })))

  const loads = Array.from({ length: CREW.loads }, () => new Child<LoadCommand>('load.ts'))
  for (const load of loads) closers.add(() => load.close())
  const urls = ports.map((port) => `ws://127.0.0.1:${port}/v1/live`)
  await Promise.all(
    loads.map((load, index) => {
      const own = orders.filter(({ no }) => no % CREW.loads === index)
      return load.ask({ kind: 'start', order: { path: join(dir, `clients-${index}.log`), urls, secret, clients: own } })
    }),
  )
  if ((await settle(loads, [])) === null) throw new Error('not all clients could join before anything was done to them')
  const writers = new Child<WritersCommand>('writers.ts')
  closers.add(() => writers.close())
  await writers.ask({ kind: 'start', order: { path: join(dir, 'writers.log'), address, redisUrl: redisProxy.url, secret, projects } })

  const scene = { serve, work, redis, redisProxy, postgres, loads, writers, projects, clientsOf, clients }
  const faults = new Faults(scene, log, say)
  const disturbedAt = Date.now()
  const hangs = passed(durationMs + FAULTS_END_MS, null, { ref: false }).then(() => {
    throw new Error(`faults of seed ${seed} are not over: ${faults.underWay.join(', ')}`)
  })
  await Promise.race([faults.run(planOf(seed, durationMs)), hangs])
  await passed(Math.max(0, disturbedAt + durationMs - Date.now()))
  say('in peace again')
  await writers.ask({ kind: 'calm' })
  const joinedMs = await settle(loads, [])
  const { ids } = await writers.ask<{ ids: readonly string[] }>({ kind: 'finish' })
  const heardMs = await settle(loads, ids)
  await Promise.all(loads.map((load) => load.ask({ kind: 'finish' })))
  await writeTruth(postgres, join(dir, 'truth.log'))
  await log.close()
  await closers.closeAll()
  return { seed, startedAt, endedAt: new Date(), faults: faults.counts, joinedMs, heardMs, verdict: await checkFolder(dir) }
}

/** Milliseconds until no room misses one of the ids, or, without any, is out. */
async function settle(loads: readonly Child<LoadCommand>[], ids: readonly string[]): Promise<number | null> {
  const from = performance.now()
  while (performance.now() - from < SETTLE_MS) {
    const answers = await Promise.all(loads.map((load) => load.ask<{ missing: number }>({ kind: 'missing', ids })))
    if (answers.every(({ missing }) => missing === 0)) return Math.round(performance.now() - from)
    await passed(POLL_MS)
  }
  return null
}
