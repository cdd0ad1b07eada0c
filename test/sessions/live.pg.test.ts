import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { OutboxPublisher } from '../../src/bus/outbox.js'
import { TieredCache } from '../../src/cache/tiered-cache.js'
import { findJobIds } from '../../src/db/jobs.js'
import { outboxStore } from '../../src/db/outbox.js'
import { AppError } from '../../src/errors.js'
import { createHttpServer, type HttpServer } from '../../src/http/server.js'
import { cookiePrincipal } from '../../src/http/who.js'
import type { ProjectId } from '../../src/ids.js'
import { MAX_CLIENT_FRAME_BYTES } from '../../src/protocol/messages.js'
import { JSON_SUBPROTOCOL, LIVE_PATH } from '../../src/protocol/version.js'
import { EventPublisher } from '../../src/publishing/event-publisher.js'
import { ProjectReads } from '../../src/reads/project-reads.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { LiveServer } from '../../src/sessions/live-server.js'
import { Memberships } from '../../src/sessions/memberships.js'
import { Tickets } from '../../src/sessions/tickets.js'
import { createWsTransport } from '../../src/transport/ws.js'
import { addSource } from '../db/review-fixture.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { BUSY_MS } from '../support/busy.js'
import { TestClient } from './live-fixture.js'

describe('a process, from HTTP over the database and the bus to its sessions', () => {
  let database: TestDatabase
  let http: HttpServer
  let live: LiveServer
  let outbox: OutboxPublisher
  let origin: string
  const tokens = new TokenAuthority({ secret: Buffer.alloc(32, 's') })
  const clients: TestClient[] = []
  const lines: string[] = []
  const log = pino({}, new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) }))

  beforeAll(async () => {
    database = await DATABASES[0].create()
    const { db } = database
    const bus = new MemoryBus()
    outbox = new OutboxPublisher({
      bus,
      log,
      ...outboxStore(db),
    })
    const reads = new ProjectReads({ db, cache: new TieredCache({ shared: null }) })
    const memberships = new Memberships(reads)
    const isOriginAllowed = (asked: string) => asked === origin
    http = await createHttpServer({
      db,
      reads,
      memberships,
      tokens,
      tickets: new Tickets({ tokens, takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs), isSignedIn: async () => true }),
      publisher: new EventPublisher({
        bus,
        mayPublish: (who, id) => memberships.mayPublish(who, id),
        findJobs: (ids) => findJobIds(db, ids),
      }),
      log,
      isOriginAllowed,
      publicUrl: () => origin ?? 'http://127.0.0.1',
      dashboardDir: null,
      wakeJobs: () => undefined,
      wakeOutbox(project, tags) {
        void reads.invalidate(project, tags)
        outbox.wake(project)
      },
      closeSessions: (credential) => live.closeCredential(credential),
      projectDeleted: (project) => live.closeProject(project),
    })
    live = new LiveServer({
      bus,
      transport: createWsTransport({
        server: http.server,
        path: LIVE_PATH,
        subprotocols: [JSON_SUBPROTOCOL],
        maxMessageBytes: MAX_CLIENT_FRAME_BYTES,
      }),
      log,
      node: 'n',
      tokens,
      tickets: { redeem: () => Promise.reject(new AppError('UNAUTHENTICATED')) },
      publish: () => Promise.reject(new AppError('FORBIDDEN')),
      cookie: (value) => cookiePrincipal(db, value),
      membership: (principal, project) => reads.membership(principal, project),
      roster: (project) => reads.roster(project),
      snapshot: (project) => reads.snapshot(project),
      onOutdated: (project, tags) => void reads.invalidate(project, tags),
      isOriginAllowed,
      maxSessionsPerUser: 0,
    })
    live.start()
    origin = `http://127.0.0.1:${await http.listen({ host: '127.0.0.1', port: 0 })}`
  })
  afterAll(async () => {
    for (const client of clients) client.socket.terminate()
    await live.stop()
    await http.close()
    await outbox.stop()
    await database.close()
  })

  const token = (user: string) => tokens.issueToken({ user: { id: user, name: user }, expiresAt: Date.now() + 3_600_000 })
  /** Asks over HTTP as the user, who must not be refused. */
  const ask = async <Body>(user: string, method: string, path: string, body?: object): Promise<Body> => {
    const headers = { authorization: `Bearer ${await token(user)}`, ...(body && { 'content-type': 'application/json' }) }
    const response = await fetch(`${origin}/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    expect(response.status, `${method} ${path}`).toBeLessThan(300)
    // Each call names what it expects, and asserts what it needs of it.
    return (response.status === 204 ? null : await response.json()) as Body
  }
  const connect = async (headers: Record<string, string> = {}) => {
    const client = await TestClient.open(origin.replace('http', 'ws') + LIVE_PATH, headers)
    clients.push(client)
    return client
  }
  const signIn = async (user: string) => {
    const client = await connect()
    client.send({ type: 'hello', token: await token(user) })
    await client.next('welcome')
    return client
  }
  const createProject = async () => (await ask<{ project: { id: string } }>('ana', 'POST', '/projects', { name: 'Demo' })).project.id

  test('[C9] a member sees who comes and goes, and is out itself within a second of its removal', async () => {
    const project = await createProject()
    await ask('ana', 'PUT', `/projects/${project}/members/ben`, { role: 'viewer' })
    const [ana, ben] = [await signIn('ana'), await signIn('ben')]
    expect(await ana.joined(project)).toMatchObject({ role: 'admin', snapshot: { project: { id: project, name: 'Demo' }, jobs: [] } })
    expect(await ben.joined(project)).toMatchObject({ role: 'viewer' })
    await ask('ana', 'PUT', `/projects/${project}/members/ben`, { role: 'analyst' })
    const [event] = (await ben.next('deliver')).events
    expect(event).toMatchObject({ type: 'member.changed', actor: 'ana', data: { member: { user: { id: 'ben' }, role: 'analyst' } } })
    const removedAt = performance.now()
    await ask('ana', 'DELETE', `/projects/${project}/members/ben`)
    expect(await ben.find('left')).toEqual({ type: 'left', ref: null, project, reason: 'revoked' })
    expect(performance.now() - removedAt).toBeLessThan(1_000 + BUSY_MS)
    ben.join(project)
    expect(await ben.next('error')).toMatchObject({ code: 'FORBIDDEN' })
  })

  test('a project that is deleted is left by its sessions, and cannot be joined again', async () => {
    const project = await createProject()
    const ana = await signIn('ana')
    await ana.joined(project)
    await ask('ana', 'DELETE', `/projects/${project}?name=Demo`)
    expect(await ana.next('left')).toEqual({ type: 'left', ref: null, project, reason: 'deleted' })
    ana.join(project)
    expect(await ana.next('error')).toMatchObject({ code: 'FORBIDDEN' })
  })

  test('[C2] the cookie of a sign-in link opens a session, which ends when it signs out', async () => {
    const code = await tokens.issueSignInCode({ id: randomUUID(), user: { id: 'cleo', name: 'Cleo' }, expiresAt: Date.now() + 60_000 })
    const headers = { 'content-type': 'application/json', origin }
    const redeemed = await fetch(`${origin}/v1/sessions`, { method: 'POST', headers, body: JSON.stringify({ code }) })
    const cookie = redeemed.headers.get('set-cookie')!.split(';')[0]!
    const cleo = await connect({ origin, cookie })
    cleo.send({ type: 'hello' })
    expect(await cleo.next('welcome')).toMatchObject({ user: { id: 'cleo', name: 'Cleo' } })
    await fetch(`${origin}/v1/sessions/current`, { method: 'DELETE', headers: { cookie, origin } })
    expect(await cleo.next('error')).toMatchObject({ code: 'REVOKED' })
    await cleo.expectClose(4504)
    const late = await connect({ origin, cookie })
    late.send({ type: 'hello' })
    expect(await late.next('error')).toMatchObject({ code: 'UNAUTHENTICATED' })
    await late.expectClose(4500)
  })

  test('one request id stands in answer, log, problem, job row, and the event on another one’s socket', async () => {
    const project = await createProject()
    for (const side of ['left', 'right'] as const) await addSource(database.db, project as ProjectId, side, `${side}.csv`)
    await ask('ana', 'PUT', `/projects/${project}/members/ben`, { role: 'viewer' })
    const ben = await signIn('ben')
    await ben.joined(project)
    const id = `found-everywhere:${randomUUID()}`
    const post = async (body: object) =>
      fetch(`${origin}/v1/projects/${project}/jobs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await token('ana')}`, 'content-type': 'application/json', 'x-request-id': id },
        body: JSON.stringify(body),
      })
    const queued = await post({ kind: 'match' })
    const refused = await post({ kind: 'no such kind' })
    expect([queued.headers.get('x-request-id'), refused.headers.get('x-request-id')]).toEqual([id, id])
    expect(await refused.json()).toMatchObject({ code: 'INVALID', requestId: id })
    const { job } = (await queued.json()) as { readonly job: { readonly id: string } }
    expect(await database.db.job.findUnique({ where: { id: job.id }, select: { requestId: true } })).toEqual({ requestId: id })
    expect((await ben.next('deliver')).events).toMatchObject([{ type: 'job.queued', trace: id, data: { job: { id: job.id } } }])
    const logged = lines.map((line) => JSON.parse(line)).filter((line) => line.requestId === id)
    expect(logged.map(({ msg, status }) => [msg, status])).toEqual(
      expect.arrayContaining([
        ['answered', 202],
        ['answered', 422],
      ]),
    )
  })
})
