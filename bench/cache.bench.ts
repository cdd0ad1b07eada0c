// `npm run bench:cache`: how often either level of the cache answers (Zipf), how soon an invalidation is everywhere, and what a job of a
// hundred chunks makes a thousand sessions fetch and the database load. Writes docs/results/cache.md. Redis: TEST_REDIS_URL, or one that the
// tests' support starts.
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus, loadavg, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { Invalidations, JOB_RESULT_TAGS } from '../src/bus/invalidations.js'
import { RedisBus } from '../src/bus/redis-bus.js'
import { RedisLevel } from '../src/cache/redis-level.js'
import { TieredCache } from '../src/cache/tiered-cache.js'
import { Queries } from '../src/dashboard/queries.js'
import { newId, type ProjectId } from '../src/ids.js'
import { createLog } from '../src/log.js'
import { MAX_CLIENT_FRAME_BYTES } from '../src/protocol/messages.js'
import { JSON_SUBPROTOCOL, LIVE_PATH } from '../src/protocol/version.js'
import { TokenAuthority } from '../src/sessions/auth.js'
import { LiveServer } from '../src/sessions/live-server.js'
import { createWsTransport } from '../src/transport/ws.js'
import { provide, stopAll } from '../test/support/services.js'

const PAGE = new URL('../docs/results/cache.md', import.meta.url)
const PREFIX = `bench-${newId()}`

const KEYS = 10_000
const ASKED = 100_000
const L1_ENTRIES = 1_000
const INVALIDATIONS = 1_000
const INVALIDATION_EVERY_MS = 4
const SESSIONS = 1_000
const CHUNKS = 100
const CHUNK_MS = 100
/** As long as a first page takes of a database that has something to do. */
const LOAD_MS = 5

/** What a session has on its screen: the summary, and two lists. */
const SHOWN = [
  { name: 'summary', tags: ['sources', 'records', 'jobs', 'matches', 'breaks'] },
  { name: 'matches', tags: ['matches'] },
  { name: 'jobs', tags: ['jobs'] },
] as const

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
const whole = (value: number) => Math.round(value).toLocaleString('en')
const nowMs = () => Number(process.hrtime.bigint()) / 1e6

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(Math.ceil(share * sorted.length), sorted.length) - 1]!
}

/** The other process: tells when it hears of which invalidation. */
async function listen(url: string): Promise<void> {
  const level = new RedisLevel({ url, prefix: PREFIX_OF_PARENT! })
  process.on('disconnect', () => void level.stop())
  await level.start({
    // Several, when the next was due before the last had been told.
    onInvalidated: (tags) => {
      for (const tag of tags) process.send?.({ no: Number(tag.split('/')[1]), at: nowMs() })
    },
    onMissed: () => process.send?.({ no: -1, at: 0 }),
    onReady: () => undefined,
  })
}

/** Keys by their rank, the k-th 1/k as often as the first; always the same ones. */
function zipfKeys(count: number): string[] {
  const sums: number[] = []
  for (let rank = 1; rank <= KEYS; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank)
  let state = 42
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return Array.from({ length: count }, () => {
    const at = random() * sums.at(-1)!
    let [low, high] = [0, KEYS - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < at) low = middle + 1
      else high = middle
    }
    return `zipf/${low}`
  })
}

async function zipf(url: string) {
  const value = { items: Array.from({ length: 10 }, (_, no) => ({ id: newId(), amount: `${no}.50`, state: 'open' })) }
  const run = async (caches: readonly TieredCache[]) => {
    for (const cache of caches) await cache.start()
    const keys = zipfKeys(ASKED)
    const askAll = async (cache: TieredCache, own: readonly string[]) => {
      for (const key of own) await cache.getOrLoad(key, { tags: ['zipf/all'], ttlMs: 240_000 }, async () => value)
    }
    await Promise.all(
      caches.map((cache, no) =>
        askAll(
          cache,
          keys.filter((_, index) => index % caches.length === no),
        ),
      ),
    )
    const all = caches.map(({ statistics }) => statistics)
    for (const cache of caches) await cache.stop()
    const sum = (read: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + read(one), 0)
    const [l1Hits, l2Hits, l2Asked] = [sum(({ l1 }) => l1.hits), sum(({ l2 }) => l2.hits), sum(({ l2 }) => l2.hits + l2.misses)]
    return {
      l1: l1Hits / ASKED,
      l2: l2Asked === 0 ? null : l2Hits / l2Asked,
      both: (l1Hits + l2Hits) / ASKED,
      loads: sum(({ loads }) => loads),
    }
  }
  const withRedis = () => new TieredCache({ shared: new RedisLevel({ url, prefix: PREFIX }), maxEntries: L1_ENTRIES })
  return { alone: await run([new TieredCache({ shared: null, maxEntries: L1_ENTRIES })]), two: await run([withRedis(), withRedis()]) }
}

async function invalidations(
  url: string,
): Promise<{ readonly p50: number; readonly p99: number; readonly worst: number; readonly lost: number }> {
  const child = fork(fileURLToPath(import.meta.url), [url, PREFIX], { execArgv: process.execArgv })
  const heardAt = new Map<number, number>()
  await new Promise<void>((resolve) => {
    child.on('message', ({ no, at }: { no: number; at: number }) => {
      if (no < 0) resolve()
      else heardAt.set(no, at)
    })
  })
  const cache = new TieredCache({ shared: new RedisLevel({ url, prefix: PREFIX }) })
  await cache.start()
  const sentAt: number[] = []
  for (let no = 0; no < INVALIDATIONS; no++) {
    sentAt.push(nowMs())
    void cache.invalidate([`told/${no}`])
    await delay(INVALIDATION_EVERY_MS)
  }
  const until = performance.now() + 5_000
  while (heardAt.size < INVALIDATIONS && performance.now() < until) await delay(10)
  await cache.stop()
  child.disconnect()
  const tookMs = [...heardAt].map(([no, at]) => at - sentAt[no]!)
  return { p50: quantile(tookMs, 0.5), p99: quantile(tookMs, 0.99), worst: Math.max(...tookMs), lost: INVALIDATIONS - heardAt.size }
}

/** A serving process as far as it matters here: bus, cache and sessions. */
async function serve(url: string, tokens: TokenAuthority, project: ProjectId) {
  const bus = new RedisBus({ url, prefix: PREFIX })
  await bus.start()
  const cache = new TieredCache({ shared: new RedisLevel({ url, prefix: PREFIX }) })
  await cache.start()
  const server = createServer()
  const live = new LiveServer({
    bus,
    transport: createWsTransport({ server, path: LIVE_PATH, subprotocols: [JSON_SUBPROTOCOL], maxMessageBytes: MAX_CLIENT_FRAME_BYTES }),
    log: createLog('silent'),
    node: 'bench',
    tokens,
    tickets: { redeem: () => Promise.reject(new Error('nobody has one')) },
    cookie: async () => null,
    publish: () => Promise.reject(new Error('nobody publishes')),
    roster: async () => new Map(),
    membership: async () => null,
    snapshot: async () => ({
      project: { id: project, name: 'Bench', currency: null, settings: {}, createdAt: '2026-01-01T00:00:00.000Z', version: 1 },
      summary: { revision: 1, totals: [], controlTotals: null, activeJobs: 0, suggestions: 0, breaks: 0, unmatched: 0 },
      jobs: [],
    }),
    onInvalidated: (id, tag) => cache.drop([`${id}/${tag}`]),
    isOriginAllowed: () => false,
    maxSessionsPerUser: 0,
  })
  live.start()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    cache,
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${LIVE_PATH}`,
    async stop() {
      await live.stop()
      await cache.stop()
      await bus.stop()
      server.close()
    },
  }
}

async function job(url: string) {
  const project = newId<ProjectId>()
  const tokens = new TokenAuthority({ secret: Buffer.alloc(32, 's') })
  const token = await tokens.issueToken({
    user: { id: 'ana', name: 'Ana' },
    expiresAt: Date.now() + 3_600_000,
    projects: { '*': 'analyst' },
  })
  const processes = [await serve(url, tokens, project), await serve(url, tokens, project)]
  let [revision, loads, refetches, told, stale] = [1, 0, 0, 0, 0]
  const ask = (cache: TieredCache, { name, tags }: (typeof SHOWN)[number]) =>
    cache.getOrLoad(`${project}/${name}`, { tags: tags.map((tag) => `${project}/${tag}`), ttlMs: 60_000, revisionOf: Number }, async () => {
      loads++
      const read = revision
      await delay(LOAD_MS)
      return read
    })
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, async (_, no) => {
      const { url: address, cache } = processes[no % 2]!
      const socket = new WebSocket(address, [JSON_SUBPROTOCOL])
      const queries = new Queries()
      let toldRevision = 0
      for (const shown of SHOWN) {
        queries.show(shown.tags, async () => {
          refetches++
          const least = toldRevision
          if ((await ask(cache, shown)) < least) stale++
        })
      }
      let welcome = () => {}
      const joined = new Promise<void>((resolve) => {
        welcome = resolve
      })
      socket.on('open', () => socket.send(JSON.stringify({ type: 'hello', token, joins: [{ ref: 1, project }] })))
      socket.on('message', (data) => {
        const text = String(data)
        if (text.includes('"type":"joined"')) welcome()
        if (!text.includes('"cache.invalidated"')) return
        for (const { type, data: value } of (JSON.parse(text).latest ?? []) as {
          type: string
          data: { tag: string; revision: number }
        }[]) {
          if (type !== 'cache.invalidated') continue
          told++
          toldRevision = Math.max(toldRevision, value.revision)
          queries.invalidate(value.tag)
        }
      })
      await joined
      return { socket, queries }
    }),
  )
  const bus = new RedisBus({ url, prefix: PREFIX })
  await bus.start()
  const worker = new TieredCache({ shared: new RedisLevel({ url, prefix: PREFIX }) })
  await worker.start()
  const telling = new Invalidations({
    bus,
    log: createLog('silent'),
    forget: (id, tags) => worker.invalidate(tags.map((tag) => `${id}/${tag}`)),
    readRevision: async () => revision,
  })
  const startedAt = performance.now()
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    revision++
    telling.touch(project, JOB_RESULT_TAGS)
    await delay(CHUNK_MS)
  }
  await telling.stop()
  // The last telling, and the half second over which browsers spread.
  await delay(1_500)
  const seconds = (performance.now() - startedAt) / 1_000
  const [one, other] = processes.map(({ cache }) => cache.statistics)
  const waitsSaved = one!.waitsSaved + other!.waitsSaved
  for (const { socket, queries } of sessions) {
    queries.close()
    socket.terminate()
  }
  await worker.stop()
  await bus.stop()
  for (const process of processes) await process.stop()
  return { told: told / SESSIONS, refetches, loads, waitsSaved, stale, seconds }
}

const [childUrl, PREFIX_OF_PARENT] = process.send ? process.argv.slice(2) : []
if (childUrl !== undefined) await listen(childUrl)
else {
  const missing = await provide('redis')
  if (missing !== null) throw new Error(`NOT RUN: Redis (${missing})`)
  const url = process.env.TEST_REDIS_URL!
  const loadAtStart = loadavg()[0]!
  try {
    const ratios = await zipf(url)
    const reach = await invalidations(url)
    const counts = await job(url)
    const row = (name: string, { l1, l2, both, loads }: typeof ratios.alone) =>
      `| ${name} | ${percent(l1)} | ${l2 === null ? '' : percent(l2)} | ${percent(both)} | ${whole(loads)} |`
    writeFileSync(
      PAGE,
      `# Cache

Made by \`npm run bench:cache\`: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${whole(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}.
Load of the machine at the start (1 min): ${loadAtStart.toFixed(1)}; ratios and counts do not depend on it, times do.

## How often which level answers

${whole(KEYS)} keys asked for by Zipf's law (s = 1.0), ${whole(ASKED)} questions, a first level of ${whole(L1_ENTRIES)} entries. Of the second level: of what the first did not have.

| | first level | second level | together | loads |
| --- | ---: | ---: | ---: | ---: |
${row('one process alone', ratios.alone)}
${row('two processes over Redis', ratios.two)}

## How soon an invalidation is in the other process

${whole(INVALIDATIONS)}, one each ${INVALIDATION_EVERY_MS} ms: p50 ${reach.p50.toFixed(1)} ms, p99 ${reach.p99.toFixed(1)} ms, worst ${reach.worst.toFixed(1)} ms, lost ${reach.lost} (limit: p99 100 ms).

## A job of ${CHUNKS} chunks before ${whole(SESSIONS)} sessions

Two processes with ${SESSIONS / 2} sockets each; a chunk commits every ${CHUNK_MS} ms; each session shows ${SHOWN.length} answers (${SHOWN.map(({ name }) => name).join(', ')}) and fetches what it is told is stale.

| | |
| --- | ---: |
| \`cache.invalidated\` per session (${CHUNKS} chunks × ${JOB_RESULT_TAGS.length} tags) | ${counts.told.toFixed(1)} |
| fetches of all sessions | ${whole(counts.refetches)} |
| of those, older than what the session had been told | ${counts.stale} |
| loads of the database | ${whole(counts.loads)} |
| loads saved by waiting for another's | ${whole(counts.waitsSaved)} |
| fetches per load | ${whole(counts.refetches / counts.loads)} |
`,
    )
    console.log({ ratios, reach, counts })
    if (reach.p99 >= 100 || reach.lost > 0 || counts.stale > 0) process.exitCode = 1
  } finally {
    await stopAll()
  }
}
