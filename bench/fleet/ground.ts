import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { createServerDatabase } from '../../test/db/test-databases.js'
import { type FleetMember, startMember } from '../../test/fleet/member.js'
import { freePort, makeServiceDir } from '../../test/support/guarded-process.js'
import type { StartedService } from '../../test/support/postgres.js'
import { TcpProxy } from '../../test/support/proxy.js'
import { startRedis } from '../../test/support/redis.js'

export interface GroundOptions {
  /** Processes that serve. */
  readonly serve: number
  /** Processes that work on jobs. */
  readonly work?: number
  /** Projects. */
  readonly rooms: number
  /** The processes reach Redis by {@link Ground.wire} only, at the cost of this process's time, and Redis keeps what it acknowledges. */
  readonly isWired?: boolean
}

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const DAY_MS = 86_400_000
const TICKS_PER_SECOND = 100

/** A Redis, a database, processes of the built program over them, and projects; of one scenario alone. */
export class Ground {
  readonly rooms: string[] = []
  /** To Redis. */
  readonly wire: TcpProxy
  /** What publishes and asks goes here: the processes in turn. */
  readonly balancer: TcpProxy
  readonly databaseUrl: string
  /** What each process has logged, with the time of its own clock in ms. */
  readonly logged: { readonly name: string; readonly time: number; readonly line: string }[] = []
  readonly members = new Map<string, FleetMember>()
  readonly #authority: TokenAuthority
  readonly #environment: Readonly<Record<string, string>>
  readonly #ports: ReadonlyMap<string, number>
  readonly #dropDatabase: () => Promise<void>
  readonly #redisPort: number
  readonly #redisDir: string
  #redis: StartedService

  private constructor(parts: {
    readonly wire: TcpProxy
    readonly balancer: TcpProxy
    readonly database: { readonly url: string; drop(): Promise<void> }
    readonly redis: StartedService
    readonly redisDir: string
    readonly ports: ReadonlyMap<string, number>
    readonly isWired: boolean
  }) {
    this.wire = parts.wire
    this.balancer = parts.balancer
    this.databaseUrl = parts.database.url
    this.#dropDatabase = () => parts.database.drop()
    this.#redis = parts.redis
    this.#redisDir = parts.redisDir
    this.#redisPort = Number(new URL(parts.redis.url).port)
    this.#ports = parts.ports
    const secret = randomBytes(32).toString('hex')
    this.#authority = new TokenAuthority({ secret: Buffer.from(secret) })
    this.#environment = {
      DATABASE_URL: this.databaseUrl,
      REDIS_URL: parts.isWired ? this.wire.url : this.redisUrl,
      AUTH_JWT_SECRET: secret,
      RATE_LIMIT_FACTOR: '0',
    }
  }

  static async open({ serve, work = 0, rooms, isWired = false }: GroundOptions): Promise<Ground> {
    // Of the user that Redis runs as.
    const redisDir = makeServiceDir('redis')
    const [database, redis] = await Promise.all([createServerDatabase(), isWired ? startRedis(undefined, redisDir) : startRedis()])
    const ports = new Map<string, number>()
    for (let no = 1; no <= serve; no++) ports.set(`serve ${no}`, await freePort())
    const wire = await TcpProxy.open(redis.url)
    const balancer = await TcpProxy.open(...[...ports.values()].map((port) => `http://127.0.0.1:${port}`))
    const ground = new Ground({ wire, balancer, database, redis, redisDir, ports, isWired })
    await promisify(execFile)(process.execPath, [MAIN, 'migrate'], { env: { ...process.env, ...ground.#environment } })
    const names = [...ports.keys(), ...Array.from({ length: work }, (_, index) => `work ${index + 1}`)]
    await Promise.all(names.map((name) => ground.start(name)))
    for (let no = 0; no < rooms; no++) {
      const { project } = await ground.post<{ project: { id: string } }>('/v1/projects', { name: `room ${no}`, currency: 'EUR' })
      ground.rooms.push(project.id)
    }
    return ground
  }

  get redisUrl(): string {
    return this.#redis.url
  }

  /** Where sessions go, by name: `serve 1` … */
  get origins(): ReadonlyMap<string, string> {
    return new Map([...this.#ports].map(([name, port]) => [name, `ws://127.0.0.1:${port}`]))
  }

  async start(name: string): Promise<void> {
    const port = this.#ports.get(name)
    const own = port === undefined ? { ROLE: 'work' } : { ROLE: 'serve', PORT: String(port) }
    const member = await startMember({ ...this.#environment, ...own }, (line) => {
      if (!line.startsWith('{')) return
      // A log line of ours.
      this.logged.push({ name, time: (JSON.parse(line) as { readonly time: number }).time, line })
    })
    this.members.set(name, member)
  }

  /** Redis is gone, its port closed. What it had sent before still arrives: it has told its publishers that it has it (P4). */
  async stopRedis(): Promise<void> {
    await this.#redis.stop()
    await this.wire.pullOut()
  }

  /** It is there again, with all that it had, or with nothing. */
  async startRedis({ isEmpty }: { readonly isEmpty: boolean }): Promise<void> {
    if (isEmpty) await rm(join(this.#redisDir, 'appendonlydir'), { recursive: true })
    this.#redis = await startRedis(this.#redisPort, this.#redisDir)
    await this.wire.plugIn()
  }

  /** Of people who may look at everything. */
  tokens(count: number): Promise<string[]> {
    return Promise.all(
      Array.from({ length: count }, (_, index) =>
        this.#authority.issueToken({
          user: { id: `user-${index}`, name: `User ${index}` },
          expiresAt: Date.now() + DAY_MS,
          projects: { '*': 'viewer' },
        }),
      ),
    )
  }

  /** Of one who may do everything. */
  rootToken(): Promise<string> {
    return this.#authority.issueToken({ user: { id: 'root', name: 'Root' }, expiresAt: Date.now() + DAY_MS, admin: true, publish: '*' })
  }

  /** @throws Error with the answer when it is no success. */
  async post<Body>(path: string, body: unknown): Promise<Body> {
    const headers = { authorization: `Bearer ${await this.rootToken()}`, 'content-type': 'application/json' }
    const response = await fetch(`http://127.0.0.1:${this.balancer.port}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    // The contract of each route has its own tests.
    return (await response.json()) as Body
  }

  /** Milliseconds from `since` until every process that serves had logged such a line; Infinity when one has not. */
  loggedAfter(since: number, text: string): number {
    const times = [...this.#ports.keys()].map(
      (name) => this.logged.find((entry) => entry.name === name && entry.time >= since && entry.line.includes(text))?.time,
    )
    return Math.max(...times.map((time) => (time === undefined ? Number.POSITIVE_INFINITY : time - since)))
  }

  async stop(): Promise<void> {
    for (const member of this.members.values()) member.kill('SIGINT')
    await Promise.all([...this.members.values()].map((member) => member.stop()))
    await Promise.all([this.wire.pullOut(), this.balancer.pullOut()])
    await Promise.all([this.#redis.stop(), this.#dropDatabase()])
    await rm(this.#redisDir, { recursive: true })
  }
}

/** Percent of a core that these processes take together meanwhile. */
export async function cpuWhile(pids: readonly number[], meanwhile: () => Promise<unknown>): Promise<number> {
  const used = () => pids.reduce((sum, pid) => sum + ticksOf(pid), 0)
  const [before, startedAt] = [used(), performance.now()]
  await meanwhile()
  return ((used() - before) / TICKS_PER_SECOND / ((performance.now() - startedAt) / 1_000)) * 100
}

function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

export async function untilTrue(isSo: () => boolean, giveUpMs: number): Promise<void> {
  for (const startedAt = performance.now(); !isSo() && performance.now() - startedAt < giveUpMs; ) await passed(5)
}
