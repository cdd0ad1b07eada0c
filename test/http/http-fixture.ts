import { expect } from 'vitest'
import type { Bus } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import type { Cache } from '../../src/cache/cache.js'
import { TieredCache } from '../../src/cache/tiered-cache.js'
import type { Db } from '../../src/db/client.js'
import { isSessionLive } from '../../src/db/credentials.js'
import { findJobIds } from '../../src/db/jobs.js'
import { putMember } from '../../src/db/members.js'
import { createProject } from '../../src/db/projects.js'
import { ensureUser } from '../../src/db/users.js'
import { createHttpServer, type HttpServerOptions } from '../../src/http/server.js'
import { newId, type ProjectId, type UserId } from '../../src/ids.js'
import { createLog } from '../../src/log.js'
import type { Role } from '../../src/protocol/views.js'
import { EventPublisher } from '../../src/publishing/event-publisher.js'
import type { PublicationQueue } from '../../src/publishing/publication-queue.js'
import { ProjectReads } from '../../src/reads/project-reads.js'
import { TokenAuthority, type TokenOptions } from '../../src/sessions/auth.js'
import { Memberships } from '../../src/sessions/memberships.js'
import { Tickets } from '../../src/sessions/tickets.js'

/** The body of a refusal. */
export interface Problem {
  readonly code: string
  readonly requestId: string
  readonly detail: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
}

/** The body of a list. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextCursor: string | null
}

export interface Answer<Body> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed JSON, or undefined. */
  readonly body: Body
}

export interface Call {
  readonly token?: string | null
  readonly body?: unknown
  /** Sent as it is, instead of `body` as JSON. */
  readonly raw?: RequestInit['body']
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpFixtureOptions extends Partial<HttpServerOptions> {
  readonly bus?: Bus
  readonly queue?: PublicationQueue
  /** Default: one that keeps nothing, because tests write into the database beside the server. */
  readonly cache?: Cache
}

/** A server on a free port of loopback over a real database. What it would have woken is on record. */
export class HttpFixture {
  readonly db: Db
  readonly bus: Bus
  readonly tokens: TokenAuthority
  readonly tickets: Tickets
  readonly origin: string
  readonly woken: string[]
  readonly close: () => Promise<void>

  private constructor(parts: Pick<HttpFixture, 'db' | 'bus' | 'tokens' | 'tickets' | 'origin' | 'woken' | 'close'>) {
    this.db = parts.db
    this.bus = parts.bus
    this.tokens = parts.tokens
    this.tickets = parts.tickets
    this.origin = parts.origin
    this.woken = parts.woken
    this.close = parts.close
  }

  /** A `bus` is started and stopped by who brings it. */
  static async open(
    db: Db,
    { bus = new MemoryBus(), queue, cache = remembersNothing(), ...options }: HttpFixtureOptions = {},
  ): Promise<HttpFixture> {
    const tokens = new TokenAuthority({ secret: Buffer.alloc(32, 's') })
    const tickets = new Tickets({
      tokens,
      takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs),
      isSignedIn: (credential) => isSessionLive(db, credential, Date.now()),
    })
    const reads = new ProjectReads({ db, cache })
    const memberships = new Memberships(reads)
    const woken: string[] = []
    let origin = 'http://127.0.0.1'
    const http = await createHttpServer({
      db,
      reads,
      memberships,
      tokens,
      tickets,
      publisher: new EventPublisher({
        bus,
        mayPublish: (who, project) => memberships.mayPublish(who, project),
        findJobs: (ids) => findJobIds(db, ids),
        ...(queue && { queue }),
      }),
      log: createLog('silent'),
      isOriginAllowed: (asked) => asked === origin,
      publicUrl: () => origin,
      dashboardDir: null,
      wakeJobs: () => woken.push('jobs'),
      wakeOutbox(project, tags) {
        void reads.invalidate(project, tags)
        woken.push(`outbox ${project}`)
      },
      closeSessions: (credential) => woken.push(`close ${credential}`),
      projectDeleted: (project) => woken.push(`deleted ${project}`),
      ...options,
    })
    origin = `http://127.0.0.1:${await http.listen({ host: '127.0.0.1', port: 0 })}`
    return new HttpFixture({ db, bus, tokens, tickets, origin, woken, close: () => http.close() })
  }

  /** A token of the user; `grants` beside stored memberships. */
  token(user: string, grants: Partial<Omit<TokenOptions, 'user'>> = {}) {
    return this.tokens.issueToken({ user: { id: user, name: nameOf(user) }, expiresAt: Date.now() + 60_000, ...grants })
  }

  /** Makes the user a member and answers a token. */
  async member(project: ProjectId, user: string, role: Role): Promise<string> {
    const admin = { id: 'system', name: 'System' }
    await ensureUser(this.db, admin)
    // A test's own plain name.
    await putMember(this.db, project, { user: user as UserId, name: nameOf(user), role }, admin)
    return this.token(user)
  }

  /** Signs the user in by a link's code; answers the `Cookie` header of the dashboard from then on. */
  async signIn(user: string): Promise<string> {
    const answer = await this.call('POST', '/v1/sessions', { body: { code: await this.code(user) } })
    expect(answer.status).toBe(201)
    return answer.headers.get('set-cookie')!.split(';')[0]!
  }

  /** A fresh code of a sign-in link. */
  code(user: string, expiresAt: number = Date.now() + 60_000): Promise<string> {
    return this.tokens.issueSignInCode({ id: newId(), user: { id: user, name: nameOf(user) }, expiresAt })
  }

  /** Makes a project with this admin. */
  async project(admin: string, name = 'Project'): Promise<ProjectId> {
    const { id } = await createProject(this.db, { name, currency: 'EUR', settings: {} }, { id: admin, name: nameOf(admin) })
    // The id of a row that was just stored.
    return id as ProjectId
  }

  /** Sends a request; `Body` is what the test expects to get, and asserts. */
  async call<Body = Problem>(method: string, path: string, { token = null, body, raw, headers = {} }: Call = {}): Promise<Answer<Body>> {
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(raw !== undefined ? { body: raw, duplex: 'half' } : body === undefined ? {} : { body: JSON.stringify(body) }),
    }
    const response = await fetch(this.origin + path, init)
    const text = await response.text()
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '')
    // Unproved on purpose: each test asserts what it needs of it.
    const parsed = (isJson ? JSON.parse(text) : undefined) as Body
    return { status: response.status, headers: response.headers, text, body: parsed }
  }
}

/** Expects a problem document with this code, in its full form. */
export function expectProblem(answer: Answer<Problem>, status: number, code: string): void {
  expect({ status: answer.status, type: answer.headers.get('content-type'), body: answer.body }).toMatchObject({
    status,
    type: expect.stringContaining('application/problem+json'),
    body: { code, status, type: `urn:tallyroom:error:${code}`, title: expect.any(String), detail: expect.any(String) },
  })
  expect(answer.body.requestId).toBe(answer.headers.get('x-request-id'))
}

/** The paths that a problem document complains about. */
export function pathsOf(answer: Answer<Problem>): string[] {
  return (answer.body.errors ?? []).map((problem) => problem.path)
}

function remembersNothing(): Cache {
  return new TieredCache({ shared: null, maxEntries: 0 })
}

function nameOf(user: string): string {
  return user[0]!.toUpperCase() + user.slice(1)
}
