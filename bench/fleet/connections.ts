import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as passed } from 'node:timers/promises'
import pg from 'pg'
import { writeSample } from '../../src/sample/write-sample.js'
import { Child } from '../live/child.js'
import { type Figure, known, never, type Scenario } from './figure.js'
import { Ground } from './ground.js'
import { Publishing } from './publishing.js'
import type { SessionsCommand } from './sessions.js'

export const MAX_CONNECTIONS = 100
/** With these settings the server's log begins each line with its SQLSTATE, and can be read by SQL. */
export const COUNTING_SETTINGS = {
  max_connections: String(MAX_CONNECTIONS),
  logging_collector: 'on',
  log_line_prefix: '%e ',
} as const

const TOO_MANY_CONNECTIONS = '53300'
const LOAD_MS = 15_000
const ROOMS = 20
const JOBS = 4
const ROWS = 10_000
const SESSIONS = 400
const READERS = 64
const PER_SECOND = 200

/** Everything at once that asks Postgres: reads, jobs, joins, publications. */
export async function connections(): Promise<Scenario> {
  const ground = await Ground.open({ serve: 2, work: 1, rooms: ROOMS })
  const load = new Child<SessionsCommand>('../fleet/sessions.js', [])
  const database = new pg.Client(ground.databaseUrl)
  await database.connect()
  const folder = await mkdtemp(join(tmpdir(), 'tallyroom-bench-'))
  try {
    const origin = `http://127.0.0.1:${ground.balancer.port}`
    const headers = { authorization: `Bearer ${await ground.rootToken()}` }
    const files = await writeSample(folder, { seed: 1, rows: ROWS })
    const jobRooms = ground.rooms.slice(0, JOBS)
    for (const room of jobRooms) {
      await upload(`${origin}/v1/projects/${room}/sources?side=left&name=bank.csv`, files.left, headers)
      await upload(`${origin}/v1/projects/${room}/sources?side=right&name=ledger.csv`, files.right, headers)
    }
    await load.ask({ kind: 'open', origins: [...ground.origins.values()], rooms: ground.rooms, tokens: await ground.tokens(SESSIONS) })
    const refusedBefore = await refusals(database)
    const publishing = new Publishing({ url: origin, token: await ground.rootToken(), rooms: ground.rooms, perSecond: PER_SECOND })
    const until = performance.now() + LOAD_MS
    const isOver = () => performance.now() > until
    let [answers, failures, jobs, peak] = [0, 0, 0, 0]
    const read = async (reader: number) => {
      for (let no = reader; !isOver(); no++) {
        const room = ground.rooms[no % ROOMS]!
        const response = await fetch(`${origin}/v1/projects/${room}/${PAGES[no % PAGES.length]}`, { headers })
        await response.arrayBuffer()
        if (response.ok) answers++
        else failures++
      }
    }
    const work = async (room: string) => {
      while (!isOver()) {
        const { job } = await ground.post<{ job: { id: string } }>(`/v1/projects/${room}/jobs`, { kind: 'match', dryRun: true })
        for (let state = 'queued'; state === 'queued' || state === 'running'; await passed(100)) {
          const response = await fetch(`${origin}/v1/projects/${room}/jobs/${job.id}`, { headers })
          // The contract of each route has its own tests.
          state = ((await response.json()) as { job: { state: string } }).job.state
        }
        jobs++
      }
    }
    const cutAgain = async () => {
      while (!isOver()) {
        await load.ask({ kind: 'cut' })
        await passed(1_000)
      }
    }
    const look = async () => {
      for (; !isOver(); await passed(100)) peak = Math.max(peak, await openConnections(database))
    }
    await Promise.all([...Array.from({ length: READERS }, (_, index) => read(index)), ...jobRooms.map(work), cutAgain(), look()])
    await publishing.stop()
    const refused = (await refusals(database)) - refusedBefore
    const planted = await provoke(ground.databaseUrl, database)
    const proof: Figure = { what: 'refusals found of one that was planted', measured: String(planted), target: '≥ 1', isMet: planted >= 1 }
    return {
      title: `Three processes on a Postgres with ${MAX_CONNECTIONS} connections`,
      setting: `Two processes that serve and one that works, pools as they come, for ${LOAD_MS / 1_000} s: ${READERS} readers over HTTP without a pause, ${JOBS} projects of ${(2 * ROWS).toLocaleString('en')} rows reconciled again and again, ${PER_SECOND} events a second, ${SESSIONS} sessions that all lose their connection again and again. Refusals are lines of the server's own log with SQLSTATE ${TOO_MANY_CONNECTIONS}; afterwards one is provoked to see that it is found.`,
      figures: [
        never(`refusals (${TOO_MANY_CONNECTIONS})`, refused),
        never('answers over HTTP that were none', failures),
        proof,
        known('most connections at once', peak),
        known('answers over HTTP', answers),
        known('jobs done', jobs),
        known('events acknowledged', publishing.acknowledged),
      ],
    }
  } finally {
    await load.end()
    await database.end()
    await ground.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const PAGES = ['summary', 'jobs', 'matches', 'breaks', 'sources', 'members'] as const

async function upload(url: string, path: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const body = Readable.toWeb(createReadStream(path)) as NonNullable<RequestInit['body']>
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' }
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  await response.arrayBuffer()
}

/** So far, of the whole server. */
async function refusals(database: pg.Client): Promise<number> {
  const { rows } = await database.query('select pg_read_file(pg_current_logfile()) as log')
  return (rows[0].log as string).split('\n').filter((line) => line.startsWith(TOO_MANY_CONNECTIONS)).length
}

async function openConnections(database: pg.Client): Promise<number> {
  const { rows } = await database.query(`select count(*)::int as count from pg_stat_activity where backend_type = 'client backend'`)
  return rows[0].count
}

/** Connects until it is refused; answers how many refusals are counted then. */
async function provoke(url: string, database: pg.Client): Promise<number> {
  const before = await refusals(database)
  const clients: pg.Client[] = []
  try {
    while (clients.length <= MAX_CONNECTIONS) {
      const client = new pg.Client(url)
      client.on('error', () => undefined)
      await client.connect()
      clients.push(client)
    }
  } catch {
    // As it must be; the log says why.
  }
  await Promise.all(clients.map((client) => client.end()))
  return (await refusals(database)) - before
}
