// `npm run alerts`: a fleet, a real Prometheus that scrapes it every second, and faults until their alerts fire (`for` is shortened to a second,
// thresholds are those of ops/prometheus/rules.yml); then every query of every panel must have data. Writes docs/results/alerts.md. Takes about
// three minutes.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { LiveClient, type Socket } from '../src/client/index.js'
import { writeSample } from '../src/sample/write-sample.js'
import { TokenAuthority } from '../src/sessions/auth.js'
import { createServerDatabase } from '../test/db/test-databases.js'
import { Fleet } from '../test/fleet/fleet.js'
import { Prometheus } from '../test/fleet/prometheus.js'
import { readPanelExpressions } from '../test/metrics/expressions.js'
import { TcpProxy } from '../test/support/proxy.js'
import { provide, SERVICES, stopAll } from '../test/support/services.js'

const PAGE = fileURLToPath(new URL('../docs/results/alerts.md', import.meta.url))
const SAMPLE = { seed: 3, rows: 10_000 }
const SESSIONS = 6
const IDLE_MS = 10_000
const POLL_MS = 250
const STAY_MS = 2_000
/** Redis answers so late that news is later than the 250 ms of SlowDelivery. */
const LATE_MS = 400
/** Of the panels, whose own range depends on what they show. */
const RATE_RANGE = '4m'

interface Seen {
  readonly alert: string
  readonly fault: string
  readonly firedAfterMs: number
  readonly silentAfterMs: number | null
}

const closers: (() => Promise<unknown> | unknown)[] = []

async function main(): Promise<number> {
  for (const name of ['postgres', 'redis'] as const) {
    const reason = await provide(name)
    if (reason !== null) throw new Error(`this needs ${SERVICES[name].needs} (${reason}); install with ${SERVICES[name].install}`)
  }
  const database = await createServerDatabase()
  closers.push(() => database.drop())
  // Set by the services above.
  const redis = await TcpProxy.open(process.env[SERVICES.redis.variable]!)
  closers.push(() => redis.pullOut())
  const fleet = await Fleet.start({ databaseUrl: database.url, redisUrl: redis.url, environment: { DEMO: 'off', RATE_LIMIT_FACTOR: '0' } })
  closers.push(() => fleet.stop())
  const targets = new Map<string, string>()
  for (const [name, member] of fleet.members) targets.set(name.replace(' ', '-'), new URL(await member.adminAddress).host)
  const prometheus = await Prometheus.start({ targets })
  closers.push(() => prometheus.stop())
  const stage = new Stage(fleet, prometheus)
  closers.push(() => stage.close())

  console.log(`an idle fleet: nothing may fire for ${IDLE_MS / 1_000} s`)
  await delay(IDLE_MS)
  const early = await prometheus.firing()
  if (early.size > 0) throw new Error(`fires in an idle fleet: ${[...early].join(', ')}`)
  await stage.begin()

  const seen: Seen[] = []
  const see = async (alert: string, fault: string, cause: () => unknown, undo: (() => unknown) | null) => {
    const one = await stage.provoke(alert, fault, cause, undo)
    console.log(
      `${alert}: fired after ${seconds(one.firedAfterMs)}${one.silentAfterMs === null ? '' : `, silent after ${seconds(one.silentAfterMs)}`}`,
    )
    seen.push(one)
  }
  const worker = fleet.members.get('work 1')!
  await stage.startJob()
  worker.kill('SIGSTOP')
  // One that stands still does not end.
  closers.push(() => worker.kill('SIGCONT'))
  // The job stands still while the others go on.
  const stalled = see(
    'JobStalled',
    'the only worker is stopped in the middle of a job',
    () => undefined,
    () => worker.kill('SIGCONT'),
  )
  // Whoever fails first is heard first.
  stalled.catch(() => undefined)
  await see('SlowDelivery', `everything from and to Redis takes ${LATE_MS} ms longer`, () => redis.delay(LATE_MS), null)
  redis.delay(0)
  const away = see('BusDisconnected', 'Redis cannot be reached', () => redis.turnAway(), null)
  away.catch(() => undefined)
  await see('OutboxLag', 'the same, while somebody writes', () => stage.write(), null)
  await away
  const back = performance.now()
  await redis.plugIn()
  await stage.untilSilent('BusDisconnected')
  await stage.untilSilent('OutboxLag')
  console.log(`Redis is back: both are silent after ${seconds(performance.now() - back)}`)
  await stalled
  await stage.jobEnds()
  console.log('the job has ended after its worker went on')

  const empty = await stage.emptyPanels()
  const leaving = fleet.members.get('serve 2')!
  await see('NotReady', 'a process drains', () => leaving.kill('SIGTERM'), null)
  await see('InstanceDown', 'the same process is killed', () => leaving.kill('SIGKILL'), null)
  writePage(seen, empty)
  console.log(empty.length === 0 ? 'every query of every panel has data' : `queries without data:\n${empty.join('\n')}`)
  return empty.length === 0 ? 0 : 1
}

/** People, services and what happens to them. */
class Stage {
  readonly #fleet: Fleet
  readonly #prometheus: Prometheus
  readonly #authority: TokenAuthority
  readonly #clients: LiveClient[] = []
  #token = ''
  #project = ''
  #job = ''
  #publishing: NodeJS.Timeout | null = null

  constructor(fleet: Fleet, prometheus: Prometheus) {
    this.#fleet = fleet
    this.#prometheus = prometheus
    this.#authority = new TokenAuthority({ secret: Buffer.from(fleet.secret) })
  }

  /** Files in a project, sessions in it on every process, somebody who publishes and reads all the time, and a few who may not. */
  async begin(): Promise<void> {
    this.#token = await this.#authority.issueToken({ user: { id: 'ana', name: 'Ana' }, expiresAt: Date.now() + 3_600_000, publish: '*' })
    const { project } = await this.#call<{ readonly project: { readonly id: string } }>('POST', '/v1/projects', {
      name: 'alerts',
      currency: 'EUR',
    })
    this.#project = project.id
    const folder = mkdtempSync(join(tmpdir(), 'tallyroom-alerts-'))
    const files = await writeSample(folder, SAMPLE)
    for (const side of ['left', 'right'] as const) {
      await this.#send('POST', `/v1/projects/${project.id}/sources?side=${side}&name=${side}.csv`, readFileSync(files[side]), 'text/csv')
    }
    rmSync(folder, { recursive: true })
    for (let index = 0; index < SESSIONS; index++) this.#open()
    await this.#call('GET', '/v1/me', undefined, 'no token').catch(() => undefined)
    this.#publishing = setInterval(() => {
      const events = [{ type: 'demo.tick', data: { at: Date.now() } }]
      for (const act of [
        () => this.#call('POST', `/v1/projects/${this.#project}/events`, { events }),
        () => this.#call('GET', `/v1/projects/${this.#project}/summary`),
      ])
        act().catch(() => undefined)
    }, POLL_MS)
    // One who comes and goes.
    const guest = this.#open()
    await delay(STAY_MS)
    guest.close()
  }

  async startJob(): Promise<void> {
    const { job } = await this.#call<{ readonly job: { readonly id: string } }>('POST', `/v1/projects/${this.#project}/jobs`, {
      kind: 'match',
    })
    this.#job = job.id
    await until(async () => (await this.#jobState()) === 'running', 30_000)
  }

  async jobEnds(): Promise<void> {
    await until(async () => (await this.#jobState()) === 'completed', 120_000)
  }

  /** A fact whose news goes to the outbox. */
  async write(): Promise<void> {
    await this.#call('PUT', `/v1/projects/${this.#project}/members/ben`, { role: 'analyst', name: 'Ben' })
  }

  /** Causes the fault and waits until the alert fires; then undoes it and waits until it is silent. */
  async provoke(alert: string, fault: string, cause: () => unknown, undo: (() => unknown) | null): Promise<Seen> {
    // A busy machine may have slow moments of its own.
    await this.untilSilent(alert)
    const startedAt = performance.now()
    await cause()
    await until(async () => (await this.#prometheus.firing()).has(alert), 240_000)
    const firedAfterMs = performance.now() - startedAt
    if (undo === null) return { alert, fault, firedAfterMs, silentAfterMs: null }
    const undoneAt = performance.now()
    await undo()
    await this.untilSilent(alert)
    return { alert, fault, firedAfterMs, silentAfterMs: performance.now() - undoneAt }
  }

  untilSilent(alert: string): Promise<void> {
    return until(async () => !(await this.#prometheus.firing()).has(alert), 120_000)
  }

  /** Queries of panels that answer nothing, or nothing but NaN. */
  async emptyPanels(): Promise<string[]> {
    const empty: string[] = []
    // Who came at the beginning may be out of the range by now.
    this.#open()
    await delay(STAY_MS)
    for (const { where, text } of readPanelExpressions()) {
      const samples = await this.#prometheus.query(text.replaceAll('$__rate_interval', RATE_RANGE))
      if (!samples.some(({ value }) => !Number.isNaN(value))) empty.push(`${where}: ${text}`)
    }
    return empty
  }

  close(): void {
    if (this.#publishing) clearInterval(this.#publishing)
    for (const client of this.#clients) client.close()
  }

  #open(): LiveClient {
    const client = new LiveClient({
      url: `${this.#fleet.address.replace('http', 'ws')}/v1/live`,
      // The type of `ws` says the same in other words.
      openSocket: (url, subprotocol) => new WebSocket(url, subprotocol) as unknown as Socket,
      token: () => this.#token,
    })
    client.join(this.#project).setPresence({ page: 'alerts' })
    client.open()
    this.#clients.push(client)
    return client
  }

  async #jobState(): Promise<string> {
    return (await this.#call<{ readonly job: { readonly state: string } }>('GET', `/v1/projects/${this.#project}/jobs/${this.#job}`)).job
      .state
  }

  async #call<Body>(method: string, path: string, body?: unknown, token?: string): Promise<Body> {
    const response = await this.#send(method, path, body === undefined ? undefined : JSON.stringify(body), 'application/json', token)
    // The contract of each route has its own tests.
    return (await response.json()) as Body
  }

  async #send(method: string, path: string, body: BodyInit | undefined, type: string, token = this.#token): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) }
    const response = await fetch(`${this.#fleet.address}${path}`, { method, headers, ...(body !== undefined && { body }) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response
  }
}

function writePage(seen: readonly Seen[], empty: readonly string[]): void {
  const rows = seen.map(({ alert, fault, firedAfterMs, silentAfterMs }) => {
    return `| ${alert} | ${fault} | ${seconds(firedAfterMs)} | ${silentAfterMs === null ? '' : seconds(silentAfterMs)} |`
  })
  const queries = readPanelExpressions().length
  mkdirSync(fileURLToPath(new URL('.', `file://${PAGE}`)), { recursive: true })
  writeFileSync(
    PAGE,
    `# Alerts under real faults

\`npm run alerts\`: two processes that serve, one that works, Postgres, Redis behind a wire that can fail, ${SESSIONS} sessions, and a real Prometheus
that scrapes every second with the rules of \`ops/prometheus/rules.yml\`, whose \`for\` is shortened to a second and nothing else. Idle for
${IDLE_MS / 1_000} s, nothing fired.

| Alert | Fault | Fired after | Silent after its end |
| --- | --- | --- | --- |
${rows.join('\n')}

Of the ${queries} queries of all panels ${empty.length === 0 ? 'every one has data' : `${empty.length} have no data`}.
`,
  )
}

async function until(isMet: () => Promise<boolean>, withinMs: number): Promise<void> {
  const endsAt = performance.now() + withinMs
  while (!(await isMet().catch(() => false))) {
    if (performance.now() > endsAt) throw new Error(`not within ${withinMs / 1_000} s: ${isMet}`)
    await delay(POLL_MS)
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

let code = 1
try {
  code = await main()
} catch (error) {
  console.error(error)
} finally {
  for (const close of closers.reverse()) await Promise.resolve(close()).catch(() => undefined)
  await stopAll()
}
process.exit(code)
