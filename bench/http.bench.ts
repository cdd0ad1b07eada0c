// `npm run bench:http`: requests a second and latency of the main reads and of publishing, beside bare Fastify that answers the same; and what
// five running jobs do to the reads. Writes docs/results/http.md. Postgres and Redis: TEST_DATABASE_URL and TEST_REDIS_URL, or what the tests'
// support starts.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeSample } from '../src/sample/write-sample.js'
import { TokenAuthority } from '../src/sessions/auth.js'
import { createServerDatabase } from '../test/db/test-databases.js'
import { provide, stopAll } from '../test/support/services.js'
import { ask, load, type Reading, type Request } from './http/load.js'
import type { Canned } from './http/server.js'

const RUNS = 5
const WINDOW = { connections: 16, ms: 1_500 }
/** What people's browsers ask while jobs run: few at a time. */
const CALM = { connections: 4, ms: 3_000 }
const ROWS = 5_000
const JOBS = 5
/** OPERATIONS, "Database". */
const MAX_SLOWDOWN = 2
const SECRET = 's'.repeat(40)
const PAGE = fileURLToPath(new URL('../docs/results/http.md', import.meta.url))

interface Row {
  readonly name: string
  readonly ours: Reading
  readonly bare: Reading
  readonly bytes: number
}

/** A read while nothing else runs, and while the jobs run. */
interface Slowdown {
  readonly name: string
  readonly idle: Reading
  readonly busy: Reading
  readonly ratio: number
}

const startedAt = performance.now()
const loadAtStart = loadavg()[0]!
const missing = (await provide('postgres')) ?? (await provide('redis'))
if (missing !== null) throw new Error(missing)
const database = await createServerDatabase()
const children: ChildProcess[] = []
const folder = mkdtempSync(join(tmpdir(), 'tallyroom-bench-'))
try {
  const environment = {
    DATABASE_URL: database.url,
    AUTH_JWT_SECRET: SECRET,
    PORT: '0',
    ADMIN_PORT: '0',
    DEMO: 'off',
    RATE_LIMIT_FACTOR: '0',
  }
  let origin = await start({ environment })
  const tokens = new TokenAuthority({ secret: Buffer.from(SECRET) })
  const token = await tokens.issueToken({ user: { id: 'ana', name: 'Ana' }, expiresAt: Date.now() + 3_600_000, publish: '*' })
  const call = async <Body>(method: 'GET' | 'POST', path: string, body?: string): Promise<Body> =>
    JSON.parse(await ask(origin, { method, path, token, ...(body === undefined ? {} : { body }) }))

  const prepare = async (seed: number): Promise<string> => {
    const { project } = await call<{ project: { id: string } }>(
      'POST',
      '/v1/projects',
      JSON.stringify({ name: `Bench ${seed}`, currency: 'EUR' }),
    )
    const files = await writeSample(folder, { seed, rows: ROWS })
    for (const side of ['left', 'right'] as const)
      await call('POST', `/v1/projects/${project.id}/sources?side=${side}&name=${side}.csv`, readFileSync(files[side], 'utf8'))
    return project.id
  }
  const startJob = async (project: string) =>
    (await call<{ job: { id: string } }>('POST', `/v1/projects/${project}/jobs`, JSON.stringify({ kind: 'match' }))).job.id
  const stateOf = async (project: string, job: string) =>
    (await call<{ job: { state: string } }>('GET', `/v1/projects/${project}/jobs/${job}`)).job.state

  const project = await prepare(1)
  const job = await startJob(project)
  while (['queued', 'running'].includes(await stateOf(project, job))) await new Promise((resolve) => setTimeout(resolve, 100))
  if ((await stateOf(project, job)) !== 'completed') throw new Error('the job did not complete')

  const base = `/v1/projects/${project}`
  const event = { type: 'order.paid', data: { order: 'A-4711', amount: '12.50', text: 'x'.repeat(150) } }
  const asked: readonly { readonly name: string; readonly request: Request }[] = [
    { name: 'GET /v1/me', request: { method: 'GET', path: '/v1/me', token } },
    { name: 'GET …/summary', request: { method: 'GET', path: `${base}/summary`, token } },
    { name: 'GET …/records, 50 rows', request: { method: 'GET', path: `${base}/records?side=left`, token } },
    {
      name: 'GET …/records, 50 rows, after a cursor',
      request: { method: 'GET', path: `${base}/records?side=left&cursor=${await cursor(`${base}/records?side=left`)}`, token },
    },
    { name: 'GET …/matches, 50 rows', request: { method: 'GET', path: `${base}/matches?status=proposed`, token } },
    { name: 'GET …/jobs', request: { method: 'GET', path: `${base}/jobs`, token } },
    {
      name: 'POST …/events, 1 event',
      request: { method: 'POST', path: `${base}/events`, token, body: JSON.stringify({ events: [event] }) },
    },
    {
      name: 'POST …/events, 100 events',
      request: { method: 'POST', path: `${base}/events`, token, body: JSON.stringify({ events: Array(100).fill(event) }) },
    },
  ]
  async function cursor(path: string): Promise<string> {
    return (await call<{ nextCursor: string }>('GET', path)).nextCursor
  }

  const rows: Row[] = []
  for (const { name, request } of asked) {
    const text = await ask(origin, request)
    const bareOrigin = await start({ answers: [{ method: request.method, path: request.path, body: JSON.parse(text) } satisfies Canned] })
    const readings = { ours: [] as Reading[], bare: [] as Reading[] }
    for (let run = 0; run < RUNS; run++)
      for (const who of run % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const))
        readings[who].push(await load(who === 'ours' ? origin : bareOrigin, request, WINDOW))
    rows.push({ name, ours: median(readings.ours), bare: median(readings.bare), bytes: Buffer.byteLength(text) })
    children.pop()!.disconnect()
    console.log(name, line(rows.at(-1)!))
  }

  const projects: string[] = []
  for (let seed = 2; seed < 2 + JOBS; seed++) projects.push(await prepare(seed))
  const reads = asked.filter(({ request }) => request.method === 'GET')
  const underJobs = async (): Promise<Slowdown[]> => {
    const slowdowns: Slowdown[] = []
    for (const { name, request } of reads) {
      await load(origin, request, CALM)
      const idle = await load(origin, request, CALM)
      const jobs = await Promise.all(projects.map(async (id) => ({ id, job: await startJob(id) })))
      while ((await Promise.all(jobs.map(({ id, job }) => stateOf(id, job)))).includes('queued'))
        await new Promise((resolve) => setTimeout(resolve, 50))
      const busy = await load(origin, request, CALM)
      await Promise.all(jobs.map(({ id, job }) => call('POST', `/v1/projects/${id}/jobs/${job}/cancel`).catch(() => undefined)))
      slowdowns.push({ name, idle, busy, ratio: busy.p95Ms / idle.p95Ms })
    }
    return slowdowns
  }
  const together = await underJobs()
  for (const child of children.splice(0)) child.disconnect()
  const apart = { ...environment, REDIS_URL: process.env.TEST_REDIS_URL! }
  origin = await start({ environment: { ...apart, ROLE: 'serve' } })
  await start({ environment: { ...apart, ROLE: 'work' } })
  const separate = await underJobs()
  writeFileSync(PAGE, page(rows, separate, together))
  console.log(
    `docs/results/http.md is written; ${separate.filter(({ ratio }) => ratio <= MAX_SLOWDOWN).length} of ${separate.length} reads within ${MAX_SLOWDOWN} ×`,
  )
} finally {
  for (const child of children) child.disconnect()
  rmSync(folder, { recursive: true })
  await database.drop()
  await stopAll()
}
process.exit(0)

/** Where it answers; nowhere when it only works. */
async function start(what: object): Promise<string> {
  const child = fork(fileURLToPath(new URL('http/server.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] })
  children.push(child)
  child.send(what)
  const said = await new Promise<{ readonly address?: string | null; readonly error?: string }>((resolve) => child.once('message', resolve))
  if (said.address === undefined) throw new Error(said.error)
  return said.address ?? ''
}

function median(readings: readonly Reading[]): Reading {
  const of = (key: keyof Reading) =>
    readings.map((reading) => reading[key]).sort((one, other) => one - other)[Math.floor(readings.length / 2)]!
  return { perSecond: of('perSecond'), p50Ms: of('p50Ms'), p95Ms: of('p95Ms'), p99Ms: of('p99Ms') }
}

function line({ ours, bare }: Row): string {
  return `${Math.round(ours.perSecond)}/s p99 ${ours.p99Ms.toFixed(1)} ms, bare ${Math.round(bare.perSecond)}/s p99 ${bare.p99Ms.toFixed(1)} ms`
}

function page(rows: readonly Row[], separate: readonly Slowdown[], together: readonly Slowdown[]): string {
  const count = (value: number) => Math.round(value).toLocaleString('en')
  return `# HTTP

Made by \`npm run bench:http\` in ${Math.round((performance.now() - startedAt) / 1_000)} s: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}.
Load of the machine at the start (1 min): ${loadAtStart.toFixed(1)}; where something else runs beside, the figures are worth little. Server, Postgres and generator share the cores.

## Beside bare Fastify

${WINDOW.connections} connections, each asks again as soon as it has its answer; median of ${RUNS} windows of ${WINDOW.ms / 1_000} s, in alternating order. Ours is the whole process: token, role, schema, cache or
Postgres, headers, request id; rates are not limited. Bare Fastify has one route and makes the same JSON of the same object.

| | bytes | ours/s | bare/s | of bare | ours p50 ms | ours p99 ms | bare p99 ms |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.map(({ name, bytes, ours, bare }) => `| ${name} | ${count(bytes)} | ${count(ours.perSecond)} | ${count(bare.perSecond)} | ${(ours.perSecond / bare.perSecond).toFixed(2)} × | ${ours.p50Ms.toFixed(1)} | ${ours.p99Ms.toFixed(1)} | ${bare.p99Ms.toFixed(1)} |`).join('\n')}

## While ${JOBS} jobs run

${CALM.connections} connections for ${CALM.ms / 1_000} s, first with nothing beside, then while ${JOBS} match jobs over ${count(ROWS)} rows a side run. At most ${MAX_SLOWDOWN} × is asked of jobs in a process of their
own (\`ROLE=work\` beside \`ROLE=serve\`, as in \`ops/compose.yaml\` and \`npm run fleet\`). In one process (\`ROLE=all\`) rows that jobs read and write pass through the thread
that answers; where that is felt, give the jobs a process.

| | idle p95 ms | with jobs p95 ms | ratio | met | one process: idle | with jobs | ratio |
| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |
${separate
  .map(({ name, idle, busy, ratio }, index) => {
    const one = together[index]!
    return `| ${name} | ${idle.p95Ms.toFixed(1)} | ${busy.p95Ms.toFixed(1)} | ${ratio.toFixed(2)} × | ${ratio <= MAX_SLOWDOWN ? 'yes' : 'no'} | ${one.idle.p95Ms.toFixed(1)} | ${one.busy.p95Ms.toFixed(1)} | ${one.ratio.toFixed(2)} × |`
  })
  .join('\n')}
`
}
