// `npm run bench:dashboard`: the built dashboard in a real browser, on the built program; writes docs/results/dashboard.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { newId } from '../src/ids.js'
import { TokenAuthority } from '../src/sessions/auth.js'
import { launchBrowser, Person } from '../test/browser/person.js'
import { Program } from '../test/browser/program.js'
import { pairs } from './dashboard/pairs.js'
import { LINE, untilKept, type Visit, visit } from './dashboard/visit.js'
import { WATCH_DECISIONS, WATCH_HEADING, WATCH_ROWS } from './dashboard/watchers.js'

const SUGGESTIONS = 100_000
const VISITS = 5
const DECISIONS = 100
const FLOOD = { perSecond: 1_000, batch: 50, ms: 60_000 }
const SCROLLS = 400
const SECRET = 'a secret of the bench, of 32 characters or more'

process.env.TEST_CHROMIUM ??= '/usr/bin/chromium'
const loadAtStart = loadavg()[0]!
const [program, browser] = await Promise.all([
  Program.start({ DEMO: 'off', AUTH_JWT_SECRET: SECRET, RATE_LIMIT_FACTOR: '0' }),
  launchBrowser(),
])
const token = await new TokenAuthority({ secret: Buffer.from(SECRET) }).issueToken({
  user: { id: 'bench', name: 'Bench' },
  expiresAt: Date.now() + 86_400_000,
  admin: true,
})
async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const isText = typeof body === 'string'
  const response = await fetch(`${program.origin}/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
    },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Answer
}

async function run(): Promise<void> {
  // What waits inside of the page is a text that the policy would refuse.
  const person = await Person.open(browser, { bypassCSP: true })
  const { page } = person
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => noteTimes(String(payload))))
  await person.signIn(await program.printedLink('Ana'))
  const visits = await measureVisits(browser, page)
  const project = await prepare(page)
  await page.reload()
  await page.getByRole('link', { name: /Bench/ }).click()
  const rows = await measureRows(page)
  const pixel = await measurePixel(page, project)
  const flood = await measureFlood(page, project)
  const text = pageOf({ visits, rows, pixel, flood })
  const file = fileURLToPath(new URL('../docs/results/dashboard.md', import.meta.url))
  mkdirSync(fileURLToPath(new URL('../docs/results/', import.meta.url)), { recursive: true })
  writeFileSync(file, text)
  console.log(text)
}

/** A project of which every pair is a suggestion, and in which Ana is an analyst. */
async function prepare(page: Page): Promise<string> {
  const { project } = await call<{ project: { id: string } }>('POST', '/projects', { name: 'Bench', currency: 'EUR' })
  const { user } = await page.evaluate(async () => (await (await fetch('/v1/me')).json()) as { user: { id: string } })
  await call('PUT', `/projects/${project.id}/members/${encodeURIComponent(user.id)}`, { role: 'analyst', name: 'Ana' })
  const { left, right } = pairs(SUGGESTIONS)
  await call('POST', `/projects/${project.id}/sources?side=left&name=bank.csv`, left)
  await call('POST', `/projects/${project.id}/sources?side=right&name=ledger.csv`, right)
  const ruleSet = {
    name: 'suggest only',
    passes: [{ name: 'amount', policy: 'suggest', block: [{ field: 'amount' }], gates: [{ field: 'date', from: -3, to: 3 }] }],
  }
  const { job } = await call<{ job: { id: string } }>('POST', `/projects/${project.id}/jobs`, { kind: 'match', ruleSet })
  for (;;) {
    const answer = await call<{ job: { state: string; suggested: number; error: unknown } }>(
      'GET',
      `/projects/${project.id}/jobs/${job.id}`,
    )
    if (answer.job.state === 'completed') {
      if (answer.job.suggested !== SUGGESTIONS) throw new Error(`${answer.job.suggested} suggestions`)
      return project.id
    }
    if (answer.job.state === 'failed') throw new Error(JSON.stringify(answer.job.error))
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

interface Visits {
  readonly firstMs: number
  readonly repeatMs: number
  readonly firstBytes: number
  readonly repeatBytes: number
}

/** From the beginning of the navigation to the first heading of the list of projects; who visits is signed in. */
async function measureVisits(browser: Browser, signedIn: Page): Promise<Visits> {
  const storageState = await signedIn.context().storageState()
  const firsts: Visit[] = []
  const repeats: Visit[] = []
  while (firsts.length < VISITS) {
    const { page } = await Person.open(browser, { storageState: { ...storageState, origins: [] }, bypassCSP: true })
    await page.addInitScript(WATCH_HEADING)
    firsts.push(await visit(page, program.origin))
    await untilKept(page)
    repeats.push(await visit(page, program.origin))
    await page.context().close()
  }
  const median = (visits: readonly Visit[], key: keyof Visit) => medianOf(visits.map((one) => one[key]))
  return {
    firstMs: median(firsts, 'ms'),
    repeatMs: median(repeats, 'ms'),
    firstBytes: median(firsts, 'bytes'),
    repeatBytes: median(repeats, 'bytes'),
  }
}

interface Rows {
  readonly firstMs: number
  readonly reached: number
  readonly frames: number
  readonly blankFrames: number
  readonly waitingFrames: number
  readonly frameP95Ms: number
}

/** The list of all suggestions: how soon it is there, and whether a row is missing while it is scrolled through. */
async function measureRows(page: Page): Promise<Rows> {
  await page.getByRole('heading', { name: 'Matching is complete' }).waitFor()
  const startedAt = performance.now()
  await page.getByRole('link', { name: /^Match/ }).click()
  await page.locator('[data-match]').nth(5).waitFor()
  const firstMs = performance.now() - startedAt
  await page.evaluate(WATCH_ROWS)
  const box = (await page.locator('.grid').boundingBox())!
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  for (let count = 0; count < SCROLLS; count++) {
    await page.mouse.wheel(0, 4_000)
    await page.evaluate(() => new Promise(requestAnimationFrame))
  }
  return { firstMs, ...((await page.evaluate('window.rowsSeen()')) as Omit<Rows, 'firstMs'>) }
}

interface Pixel {
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
}

/** When the bus took the event of a match's decision, in milliseconds since 1970. */
const decidedAt = new Map<string, number>()

function noteTimes(frame: string): void {
  const { type, events = [] } = JSON.parse(frame) as {
    type: string
    events?: { type: string; at: string; data: { match: { id: string } } }[]
  }
  if (type !== 'deliver') return
  for (const event of events) if (event.type === 'match.decided') decidedAt.set(event.data.match.id, Date.parse(event.at))
}

/** From the event to the frame in which the row shows what it says. */
async function measurePixel(page: Page, project: string): Promise<Pixel> {
  await page.evaluate(WATCH_DECISIONS)
  const { items } = await call<{ items: { id: string; version: number }[] }>(
    'GET',
    `/projects/${project}/matches?status=proposed&limit=${DECISIONS}`,
  )
  const latencies: number[] = []
  for (const [place, { id: match, version }] of items.entries()) {
    await page.evaluate(`window.showPlace(${place})`)
    await page.locator(`[data-match="${match}"]`).waitFor()
    await call('POST', `/projects/${project}/decisions`, { items: [{ match, version, decision: 'confirm' }] })
    const shownAt = (await (await page.waitForFunction(`window.shownAt.get('${match}')`)).jsonValue()) as number
    latencies.push(shownAt - decidedAt.get(match)!)
  }
  latencies.sort((a, b) => a - b)
  return { count: latencies.length, p50Ms: latencies[latencies.length >> 1]!, p95Ms: latencies[Math.floor(latencies.length * 0.95)]! }
}

interface Flood {
  readonly events: number
  readonly seconds: number
  readonly mainThread: number
  readonly heapBeforeBytes: number
  readonly heapAfterBytes: number
}

/** What events cost the page that shows the matches. */
async function measureFlood(page: Page, project: string): Promise<Flood> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')
  const heapBeforeBytes = await heapOf(cdp)
  const before = await taskSeconds(cdp)
  const startedAt = performance.now()
  let events = 0
  while (performance.now() - startedAt < FLOOD.ms) {
    const due = ((performance.now() - startedAt) / 1_000) * FLOOD.perSecond
    if (events < due) {
      const batch = Array.from({ length: FLOOD.batch }, () => ({ type: 'bench.tick', data: { id: newId(), text: 'x'.repeat(100) } }))
      await call('POST', `/projects/${project}/events`, { events: batch })
      events += FLOOD.batch
    } else await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const mainThread = ((await taskSeconds(cdp)) - before) / seconds
  return { events, seconds, mainThread, heapBeforeBytes, heapAfterBytes: await heapOf(cdp) }
}

async function metric(cdp: CDPSession, name: string): Promise<number> {
  const { metrics } = await cdp.send('Performance.getMetrics')
  return metrics.find((one) => one.name === name)!.value
}

const taskSeconds = (cdp: CDPSession) => metric(cdp, 'TaskDuration')

async function heapOf(cdp: CDPSession): Promise<number> {
  await cdp.send('HeapProfiler.collectGarbage')
  return metric(cdp, 'JSHeapUsedSize')
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

function pageOf({ visits, rows, pixel, flood }: { visits: Visits; rows: Rows; pixel: Pixel; flood: Flood }): string {
  const whole = (value: number) => Math.round(value).toLocaleString('en')
  const ms = (value: number) => `${whole(value)} ms`
  const kb = (bytes: number) => `${(bytes / 1_000).toFixed(1)} kB`
  const mb = (bytes: number) => `${(bytes / 1_000_000).toFixed(1)} MB`
  const percent = (share: number) => `${Math.round(share * 100)} %`
  const lines: readonly (readonly [string, string, string])[] = [
    ['first visit, to the list of projects', ms(visits.firstMs), ''],
    ['repeat visit', `${ms(visits.repeatMs)}, ${percent(1 - visits.repeatMs / visits.firstMs)} less`, '≥ 50 % less'],
    ['bytes of the first visit, without what the service worker fetches afterwards', kb(visits.firstBytes), ''],
    ['bytes of the repeat visit', kb(visits.repeatBytes), ''],
    [`first rows of ${whole(SUGGESTIONS)} suggestions, from the click`, ms(rows.firstMs), '≤ 500 ms'],
    [
      `frames without a row where one belongs, of ${whole(rows.frames)} while scrolling through ${whole(rows.reached)} rows`,
      whole(rows.blankFrames),
      '0',
    ],
    ['frames in which the line "Reading on" stood at the end', whole(rows.waitingFrames), ''],
    ['time between frames while scrolling, p95', ms(rows.frameP95Ms), ''],
    [`event of somebody else’s decision → drawn, p50 of ${pixel.count}`, ms(pixel.p50Ms), ''],
    ['the same, p95', ms(pixel.p95Ms), '≤ 150 ms'],
    [
      `main thread at ${whole(flood.events / flood.seconds)} events/s for ${whole(flood.seconds)} s, match page open`,
      percent(flood.mainThread),
      '≤ 30 %',
    ],
    ['heap before and after them', `${mb(flood.heapBeforeBytes)} → ${mb(flood.heapAfterBytes)}`, 'flat'],
  ]
  return `# Dashboard

Made by \`npm run bench:dashboard\`: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, load at the start ${loadAtStart.toFixed(1)}, Chromium ${browser.version()}, headless and without a GPU; program, embedded database
and browser share the cores. Visits are medians of ${VISITS}, on a line of ${LINE.latency} ms and ${(LINE.downloadThroughput * 8) / 1_000_000} Mbit/s.

| | | target |
| --- | ---: | ---: |
${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}
`
}

try {
  await run()
} finally {
  await browser.close()
  await program.stop()
}
