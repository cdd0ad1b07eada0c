// `npm run bench:outage`: two processes that serve, 300 sessions of the SDK, 500 events a second over HTTP; Redis is killed and comes back empty,
// twice, the second time with nothing published. Prints what the sessions saw and what the processes cost; ends with 1 when something was
// closed, lost or repeated, or healing took longer than 2 s. `npm run bench:outage -- 2000` takes that many sessions.
import { readFileSync } from 'node:fs'
import { setTimeout as passed } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { LiveClient, type Socket } from '../src/client/index.js'
import { newId } from '../src/ids.js'
import type { PublishReply } from '../src/protocol/publications.js'
import { TokenAuthority } from '../src/sessions/auth.js'
import { createServerDatabase } from '../test/db/test-databases.js'
import { Fleet } from '../test/fleet/fleet.js'
import { freePort } from '../test/support/guarded-process.js'
import { startRedis } from '../test/support/redis.js'
import { provide, stopAll } from '../test/support/services.js'

const SESSIONS = Number(process.argv[2] ?? 300)
const BATCH = 10
const BATCH_MS = 20
const AWAY_MS = 5_000
const HEAL_WITHIN_MS = 2_000
const GIVE_UP_MS = 30_000
const TICKS_PER_SECOND = 100

const why = await provide('postgres')
if (why !== null) throw new Error(why)
const [database, port] = [await createServerDatabase(), await freePort()]
let redis = await startRedis(port)
/** When each process said, by its own clock, that what is published reaches it again. */
const provenAt = new Map<string, number>()
const fleet = await Fleet.start({
  databaseUrl: database.url,
  redisUrl: redis.url,
  work: 0,
  onLine(name, line) {
    if (!line.includes('"delivery":"proven"')) return
    // A log line of ours.
    provenAt.set(name, (JSON.parse(line) as { readonly time: number }).time)
  },
})
const origins = [...fleet.members.values()].map(({ origin }) => origin!)
const pids = [...fleet.members.values()].map(({ pid }) => pid)
const authority = new TokenAuthority({ secret: Buffer.from(fleet.secret) })
const token = await authority.issueToken({
  user: { id: 'root', name: 'Root' },
  expiresAt: Date.now() + 3_600_000,
  admin: true,
  publish: '*',
})

async function post<Body>(path: string, body: unknown, origin = origins[0]!): Promise<Body> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(`${origin}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  // The contract of each route has its own tests.
  return (await response.json()) as Body
}

const { project } = await post<{ project: { id: string } }>('/v1/projects', { name: 'outage' })
const path = `/v1/projects/${project.id}/events`

let closes = 0
let joins = 0
const handled: string[][] = []
const seen: Set<string>[] = []
const clients = await Promise.all(
  Array.from({ length: SESSIONS }, async (_, index) => {
    const [ids, known]: [string[], Set<string>] = [[], new Set()]
    handled.push(ids)
    seen.push(known)
    const user = { id: `user-${index}`, name: `User ${index}` }
    const own = await authority.issueToken({ user, expiresAt: Date.now() + 3_600_000, projects: { '*': 'viewer' } })
    const client = new LiveClient({
      url: `${origins[index % origins.length]!.replace('http', 'ws')}/v1/live`,
      openSocket(url, subprotocol) {
        const socket = new WebSocket(url, subprotocol)
        socket.on('close', () => isClosing || closes++)
        // The SDK asks for what a browser's socket has.
        return socket as unknown as Socket
      },
      token: () => own,
    })
    const room = client.join(project.id)
    room.on('order.paid', ({ id }) => {
      ids.push(id)
      known.add(id)
    })
    const joined = new Promise<void>((resolve) => {
      room.onJoined(() => {
        joins++
        resolve()
      })
    })
    client.open()
    await joined
    return client
  }),
)
let isClosing = false

const acknowledged = { sequenced: 0, queued: 0, refused: 0 }
const published: string[] = []
let isPublishing = false
async function publishUntilStopped(): Promise<void> {
  isPublishing = true
  const running = new Set<Promise<void>>()
  for (let dueAt = performance.now(), no = 0; isPublishing; dueAt += BATCH_MS, no++) {
    await passed(Math.max(0, dueAt - performance.now()))
    const events = Array.from({ length: BATCH }, () => ({ type: 'order.paid', id: newId(), data: { at: Date.now() } }))
    const sent = post<PublishReply>(path, { events }, origins[no % origins.length])
      .then(({ results }) => {
        for (const result of results) acknowledged['queued' in result ? 'queued' : 'sequenced']++
        published.push(...events.map(({ id }) => id))
      })
      .catch(() => {
        acknowledged.refused += BATCH
      })
      .finally(() => running.delete(sent))
    running.add(sent)
  }
  await Promise.all(running)
}

/** Percent of a core that the processes took together. */
async function cpuWhile(ms: number): Promise<number> {
  const used = () => pids.reduce((sum, pid) => sum + ticksOf(pid), 0)
  const [before, startedAt] = [used(), performance.now()]
  await passed(ms)
  return ((used() - before) / TICKS_PER_SECOND / ((performance.now() - startedAt) / 1_000)) * 100
}

function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** What sessions have not handled of what was published, counted once for each. Costs little until they have it. */
function lost(count: number): number {
  const due = published.slice(0, count)
  return seen.reduce((sum, ids) => sum + (ids.size < count ? count - ids.size : due.filter((id) => !ids.has(id)).length), 0)
}

/** Waits until every session has the first of what was published. */
async function untilHandled(count: number, since: number): Promise<void> {
  while (lost(count) > 0 && performance.now() - since < GIVE_UP_MS) await passed(20)
}

await passed(1_000)
const idle = await cpuWhile(3_000)
const publishing = publishUntilStopped()
const loaded = await cpuWhile(3_000)
await redis.stop()
await passed(AWAY_MS)
redis = await startRedis(port)
const [backAt, backAtUnix] = [performance.now(), Date.now()]
const before = published.length
const ownBefore = process.cpuUsage()
while (joins < 2 * SESSIONS && performance.now() - backAt < GIVE_UP_MS) await passed(5)
const joinedMs = performance.now() - backAt
await untilHandled(before, backAt)
const caughtUpMs = performance.now() - backAt
const { user, system } = process.cpuUsage(ownBefore)
const healedMs = provenAt.size === pids.length ? Math.max(0, ...provenAt.values()) - backAtUnix : Number.POSITIVE_INFINITY
const ownCpu = (user + system) / 10 / caughtUpMs
await passed(2_000)
isPublishing = false
await publishing
await untilHandled(published.length, backAt)
const missing = lost(published.length)
const repeated = handled.reduce((sum, ids, index) => sum + ids.length - seen[index]!.size, 0)
const positions = handled.map((ids) => new Map(ids.map((id, at) => [id, at] as const)))
const disordered = positions.filter((places) =>
  handled[0]!.some((id, at) => at > 0 && places.get(id)! < places.get(handled[0]![at - 1]!)!),
).length

await redis.stop()
await passed(1_000)
const away = await cpuWhile(4_000)
redis = await startRedis(port)
await passed(2_000)

console.log(
  [
    `Node ${process.version}, 2 processes that serve, ${SESSIONS} sessions, ${(1_000 / BATCH_MS) * BATCH} events/s wanted, Redis away for ${AWAY_MS} ms and back empty`,
    `acknowledged: ${acknowledged.sequenced} with a seq, ${acknowledged.queued} queued; not taken: ${acknowledged.refused}`,
    `sessions closed: ${closes}; events lost at a handler: ${missing}, twice: ${repeated}; sessions with another order: ${disordered}`,
    `after its return delivery was proven in both processes within ${Math.round(healedMs)} ms; all sessions had joined the new history within ${Math.round(joinedMs)} ms`,
    `and handled all that had waited within ${Math.round(caughtUpMs)} ms (at most: this program is all the sessions, and took ${Math.round(ownCpu)} % of a core)`,
    `CPU of both processes: idle ${idle.toFixed(1)} %, under load ${loaded.toFixed(1)} %, Redis away and nothing published ${away.toFixed(1)} %`,
  ].join('\n'),
)
isClosing = true
for (const client of clients) client.close()
await fleet.stop()
await redis.stop()
await database.drop()
await stopAll()
process.exit(closes + missing + repeated > 0 || healedMs > HEAL_WITHIN_MS ? 1 : 0)
