import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { LiveClient, type Socket } from '../../src/client/index.js'
import { newId } from '../../src/ids.js'
import type { KnownEvent, KnownLatest } from '../../src/protocol/events.js'
import type { JobView, ProjectView } from '../../src/protocol/views.js'
import { writeSample } from '../../src/sample/write-sample.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { createServerDatabase } from '../db/test-databases.js'
import { TestClient } from '../sessions/live-fixture.js'
import { BUSY_MS } from '../support/busy.js'
import { type FleetMember, startMember } from './member.js'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const SECRET = 'the fleet of this test shares this secret'

describe('two serve processes and one worker over Postgres and Redis', () => {
  const members: FleetMember[] = []
  let database: { readonly url: string; drop(): Promise<void> }
  let environment: Readonly<Record<string, string>>
  const authority = new TokenAuthority({ secret: Buffer.from(SECRET) })
  let folder: string
  let token: string

  beforeAll(async () => {
    database = await createServerDatabase()
    environment = { DATABASE_URL: database.url, REDIS_URL: process.env.TEST_REDIS_URL!, AUTH_JWT_SECRET: SECRET }
    folder = await mkdtemp(join(tmpdir(), 'tallyroom-fleet-'))
    token = await authority.issueToken({
      user: { id: 'ana', name: 'Ana' },
      expiresAt: Date.now() + 600_000,
    })
  })
  afterAll(async () => {
    await Promise.all(members.map((member) => member.stop()))
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  })

  test('a process of a fleet refuses a database that was not migrated, and says which command does it', async () => {
    await expect(startMember({ ...environment, ROLE: 'serve' })).rejects.toThrow(/run `tallyroom migrate` first/)
    await promisify(execFile)(process.execPath, [MAIN, 'migrate'], { env: { ...process.env, ...environment } })
  })

  test('a job that one process queued and another works on is seen alike through both, at equal positions', async () => {
    members.push(...(await Promise.all(['serve', 'serve', 'work'].map((ROLE) => startMember({ ...environment, ROLE })))))
    const [one, other] = members.map((member) => member.origin!)
    const { project } = await call<{ project: ProjectView }>(`${one}/v1/projects`, { name: 'fleet', currency: 'EUR' })
    const files = await writeSample(folder, { seed: 5, rows: 12_000 })
    await upload(`${one}/v1/projects/${project.id}/sources?side=left&name=bank.csv`, files.left)
    await upload(`${other}/v1/projects/${project.id}/sources?side=right&name=ledger.csv`, files.right)

    const readers = [new Reader(one!, token, project.id), new Reader(other!, token, project.id)]
    try {
      await Promise.all(readers.map((reader) => reader.joined))
      const { job } = await call<{ job: JobView }>(`${one}/v1/projects/${project.id}/jobs`, { kind: 'match' })
      const [first, second] = await Promise.all(readers.map((reader) => reader.completed))
      expect(first!.data.job).toMatchObject({ id: job.id, state: 'completed', percent: 100 })
      expect(second).toEqual(first)
      for (const reader of readers) {
        expect(reader.events).toEqual(readers[0]!.events)
        expect(reader.percents.length).toBeGreaterThanOrEqual(5)
        expect(reader.percents).toEqual([...reader.percents].sort((a, b) => a - b))
      }
    } finally {
      for (const reader of readers) reader.client.close()
    }
  })

  test('[C9] signing out and deleting a project through one process ends sessions of the other', async () => {
    const [one, other] = members.map((member) => member.origin!)
    const live = `${other!.replace('http', 'ws')}/v1/live`
    const { project } = await call<{ project: ProjectView }>(`${one}/v1/projects`, { name: 'short-lived' })
    const code = await authority.issueSignInCode({ id: newId(), user: { id: 'ana', name: 'Ana' }, expiresAt: Date.now() + 60_000 })
    const signedIn = await fetch(`${one}/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: one! },
      body: JSON.stringify({ code }),
    })
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!
    const [byCookie, byToken] = [await TestClient.open(live, { cookie, origin: other! }), await TestClient.open(live)]
    byCookie.send({ type: 'hello' })
    byToken.send({ type: 'hello', token, joins: [{ ref: 1, project: project.id }] })
    for (const client of [byCookie, byToken]) await client.next('welcome')
    await byToken.next('joined')
    const revokedAt = performance.now()
    expect((await fetch(`${one}/v1/sessions/current`, { method: 'DELETE', headers: { cookie, origin: one! } })).status).toBe(204)
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(`${one}/v1/projects/${project.id}?name=short-lived`, { method: 'DELETE', headers })).status).toBe(204)
    expect(await byToken.next('left')).toMatchObject({ project: project.id, reason: 'deleted' })
    expect(await byCookie.next('error')).toMatchObject({ code: 'REVOKED' })
    await byCookie.expectClose(4504)
    expect(performance.now() - revokedAt).toBeLessThan(1_000 + BUSY_MS)
    byToken.socket.close()
  })

  test('[D10] each process ends in order with exit code 0', async () => {
    expect(await Promise.all(members.splice(0).map((member) => member.stop()))).toEqual([0, 0, 0])
  })

  async function call<Body>(url: string, body: unknown): Promise<Body> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(response.ok, await response.clone().text()).toBe(true)
    // The contract of each route has its own tests.
    return (await response.json()) as Body
  }

  async function upload(url: string, path: string): Promise<void> {
    const body = Readable.toWeb(createReadStream(path)) as NonNullable<RequestInit['body']>
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers: { authorization: `Bearer ${token}` }, body, duplex: 'half' }
    const response = await fetch(url, init)
    expect(response.status, await response.clone().text()).toBe(201)
  }
})

/** One session of the SDK in the project. */
class Reader {
  readonly client: LiveClient
  readonly events: string[] = []
  readonly percents: number[] = []
  readonly joined: Promise<void>
  readonly completed: Promise<KnownEvent & { readonly type: 'job.completed' }>

  constructor(origin: string, token: string, project: string) {
    this.client = new LiveClient({
      url: `${origin.replace('http', 'ws')}/v1/live`,
      openSocket: (url, subprotocol) => new WebSocket(url, subprotocol) as unknown as Socket,
      token: () => token,
    })
    let tellJoined = () => {}
    let tellCompleted: (event: KnownEvent & { readonly type: 'job.completed' }) => void = () => {}
    this.joined = new Promise((resolve) => {
      tellJoined = resolve
    })
    this.completed = new Promise((resolve) => {
      tellCompleted = resolve
    })
    const room = this.client.join(project)
    room.onJoined(tellJoined)
    room.on('event', ({ seq, id, type }) => this.events.push(`${seq} ${id} ${type}`))
    room.on('job.completed', tellCompleted)
    room.onLatest((value) => {
      const { type, data } = value as KnownLatest
      if (type === 'job.progress' && data !== null) this.percents.push(data.job.percent)
    })
    this.client.open()
  }
}
