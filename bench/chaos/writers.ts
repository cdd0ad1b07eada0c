// A process that publishes, over HTTP and straight to Redis, and writes facts; it writes down what it asked for and what it was answered.
import { setTimeout as passed } from 'node:timers/promises'
import { type Publication, PublishError, Publisher, type PublishReply } from '../../src/publisher/index.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { LogWriter } from './log.js'

export interface WritersOrder {
  readonly path: string
  /** Where HTTP is served, whoever serves. */
  readonly address: string
  readonly redisUrl: string
  readonly secret: string
  readonly projects: readonly string[]
}

export type WritersCommand =
  | { readonly kind: 'start'; readonly order: WritersOrder }
  /** Large events in the first project. */
  | { readonly kind: 'burst' }
  | { readonly kind: 'revoke'; readonly project: string; readonly user: string; readonly backMs: number }
  /** Answers when every membership is given back. */
  | { readonly kind: 'calm' }
  /** Ends; answers the ids of the last events, one in each project. */
  | { readonly kind: 'finish' }

const EVENT_MS = 350
const VALUE_MS = 1_000
const FACT_MS = 900
const JOB_MS = 15_000
/** What may wait for its answer in a project. */
const MAX_WAITING = 40
const BURST = { batches: 14, events: 25, bytes: 30_000 }
const REQUEST_TIMEOUT_MS = 5_000
const RETRY_MS = 300

let order: WritersOrder
let log: LogWriter
let token: string
let isFinishing = false
const publishers: Publisher[] = []
const loops: Promise<void>[] = []

/** Publishes and writes down what became of it. Never rejects. */
async function publish(publisher: Publisher, project: string, events: readonly (Publication & { readonly id: string })[]): Promise<void> {
  for (const { id } of events) log.write({ kind: 'sent', at: Date.now(), project, id })
  try {
    const { epoch, results }: PublishReply = await publisher.publish(project, events)
    for (const result of results) {
      if (!('id' in result)) continue
      const place = 'seq' in result ? { epoch: ('epoch' in result && result.epoch) || epoch!, seq: result.seq } : 'queued'
      log.write({ kind: 'acknowledged', at: Date.now(), project, id: result.id, place })
    }
  } catch (error) {
    const code = error instanceof PublishError ? error.code : String(error)
    for (const { id } of events) log.write({ kind: 'refused', at: Date.now(), project, id, code })
  }
}

function eventOf(from: string, no: number, bytes = 60) {
  return { type: 'order.paid', id: `${from}:${no}`, data: { from, no, text: 'x'.repeat(bytes) } }
}

async function publishAlways(publisher: Publisher, project: string, from: string): Promise<void> {
  let waiting = 0
  for (let no = 1; !isFinishing; no += 2) {
    await passed(EVENT_MS * (0.5 + Math.random()))
    if (waiting > MAX_WAITING) continue
    waiting += 2
    void publish(publisher, project, [eventOf(from, no), eventOf(from, no + 1)]).then(() => {
      waiting -= 2
    })
  }
}

async function valueAlways(publisher: Publisher, project: string): Promise<void> {
  for (let version = 1; ; version++) {
    const isLast = isFinishing
    try {
      const { results } = await publisher.publish(project, { type: 'till.state', key: 'till/1', version, data: { version } })
      const [result] = results
      if (result && 'key' in result && !('refused' in result))
        log.write({ kind: 'valued', at: Date.now(), project, key: result.key, version: result.version })
    } catch {
      if (isLast) continue
    }
    if (isLast) return
    await passed(VALUE_MS)
  }
}

async function call<Body>(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: Body }> {
  const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) }
  const response = await fetch(`${order.address}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  })
  const text = await response.text()
  // The contract of each route has its own tests.
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body }
}

interface Versioned {
  readonly id: string
  readonly version: number
}

/** Renames, decides, takes apart: each a fact with its news. What failed is tried anew from what stands there. */
async function writeAlways(project: string): Promise<void> {
  const path = `/v1/projects/${project}`
  const note = (kind: string, { id, version }: Versioned) =>
    log.write({ kind: 'written', at: Date.now(), project, entity: `${kind}/${id}`, version })
  let startedJobAt = Date.now()
  for (let no = 0; !isFinishing; no++) {
    await passed(FACT_MS * (0.5 + Math.random()))
    try {
      if (Date.now() - startedJobAt > JOB_MS) {
        startedJobAt = Date.now()
        const { status, body } = await call<{ job: Versioned }>('POST', `${path}/jobs`, { kind: 'match', dryRun: true })
        if (status === 202) note('job', body.job)
      } else if (no % 2 === 0) {
        const { body } = await call<{ project: Versioned }>('GET', path)
        const renamed = await call<{ project: Versioned }>('PATCH', path, { version: body.project.version, name: `chaos ${no}` })
        if (renamed.status === 200) note('project', renamed.body.project)
      } else if (no % 6 === 5) {
        const { body } = await call<{ items: readonly Versioned[] }>('GET', `${path}/matches?status=confirmed&limit=1`)
        for (const { id, version } of body.items) {
          const removed = await call<{ match: Versioned }>('DELETE', `${path}/matches/${id}`, { version })
          if (removed.status === 200) note('match', removed.body.match)
        }
      } else {
        const { body } = await call<{ items: readonly Versioned[] }>('GET', `${path}/matches?status=proposed&limit=2`)
        const items = body.items.map(({ id, version }) => ({ match: id, version, decision: 'confirm' }))
        if (items.length === 0) continue
        const decided = await call<{ items: readonly { result: string; current: Versioned }[] }>('POST', `${path}/decisions`, { items })
        if (decided.status !== 200) continue
        for (const { result, current } of decided.body.items) if (result === 'done') note('match', current)
      }
    } catch {
      // Nobody knows whether it was written; if it was, the outbox says so.
    }
  }
}

/** Until it is answered. */
async function insist(method: string, path: string, body?: unknown): Promise<void> {
  for (;;) {
    try {
      const { status } = await call(method, path, body)
      if (status < 300 || status === 404) return
    } catch {
      // As below.
    }
    await passed(RETRY_MS)
  }
}

async function revoke(project: string, user: string, backMs: number): Promise<void> {
  const path = `/v1/projects/${project}/members/${user}`
  const from = Date.now()
  await insist('DELETE', path)
  log.write({ kind: 'revoked', from, at: Date.now(), project, user })
  await passed(backMs)
  const back = Date.now()
  await insist('PUT', path, { role: 'viewer', name: user })
  log.write({ kind: 'granted', from: back, at: Date.now(), project, user })
}

async function start(): Promise<void> {
  log = new LogWriter(order.path)
  const authority = new TokenAuthority({ secret: Buffer.from(order.secret) })
  const root = { user: { id: 'root', name: 'Root' }, admin: true, publish: '*' as const }
  token = await authority.issueToken({ ...root, expiresAt: Date.now() + 86_400_000 })
  const http = new Publisher({ url: order.address, token: () => token, requestTimeoutMs: REQUEST_TIMEOUT_MS, retry: { maxDelayMs: 2_000 } })
  const redis = new Publisher({ redisUrl: order.redisUrl, retry: { maxDelayMs: 2_000 } })
  publishers.push(http, redis)
  for (const [index, project] of order.projects.entries()) {
    loops.push(publishAlways(http, project, `http-${index}`), publishAlways(redis, project, `redis-${index}`))
    loops.push(valueAlways(http, project), writeAlways(project))
  }
}

async function burst(no: number): Promise<void> {
  const [http] = publishers
  for (let batch = 0; batch < BURST.batches; batch++) {
    const events = Array.from({ length: BURST.events }, (_, index) => eventOf(`burst-${no}`, batch * BURST.events + index + 1, BURST.bytes))
    void publish(http!, order.projects[0]!, events)
  }
}

/** Until the project has no job that goes on. */
async function untilIdle(project: string): Promise<void> {
  for (;;) {
    try {
      const states = ['queued', 'running']
      const lists = await Promise.all(
        states.map((state) => call<{ items: readonly unknown[] }>('GET', `/v1/projects/${project}/jobs?state=${state}`)),
      )
      if (lists.every(({ status, body }) => status === 200 && body.items.length === 0)) return
    } catch {
      // As below.
    }
    await passed(RETRY_MS)
  }
}

/** One last event in each project, behind everything. */
async function finish(): Promise<readonly string[]> {
  isFinishing = true
  await Promise.all(loops)
  await Promise.all(order.projects.map(untilIdle))
  const [http] = publishers
  const ids = await Promise.all(
    order.projects.map(async (project, index) => {
      const event = eventOf(`last-${index}`, 1)
      await publish(http!, project, [event])
      return event.id
    }),
  )
  await Promise.all(publishers.map((publisher) => publisher.close()))
  await log.close()
  return ids
}

async function main(): Promise<void> {
  let bursts = 0
  const revoking: Promise<void>[] = []
  process.on('message', async (command: WritersCommand) => {
    switch (command.kind) {
      case 'start':
        order = command.order
        await start()
        process.send?.({})
        return
      case 'burst':
        return burst(++bursts)
      case 'revoke':
        revoking.push(revoke(command.project, command.user, command.backMs))
        return
      case 'calm':
        await Promise.all(revoking)
        process.send?.({})
        return
      case 'finish':
        process.send?.({ ids: await finish() })
    }
  })
  // Its parent is gone.
  process.on('disconnect', () => process.exit(0))
}

if (process.send) await main()
