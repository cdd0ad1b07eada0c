import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { RedisLevel } from '../../src/cache/redis-level.js'
import { TieredCache } from '../../src/cache/tiered-cache.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { ROLES, type Role } from '../../src/protocol/views.js'
import { ProjectReads } from '../../src/reads/project-reads.js'
import { createOnServer, type TestDatabase } from '../db/test-databases.js'
import { type Answer, expectProblem, HttpFixture, type Problem } from './http-fixture.js'

const LISTS = ['members', 'sources', 'records', 'jobs', 'matches', 'breaks'] as const
const CACHED = ['', '/summary', ...LISTS.map((list) => `/${list}`)] as const

describe('cached answers of two processes over one Redis and one Postgres', () => {
  let database: TestDatabase
  let caches: readonly [TieredCache, TieredCache]
  let one: HttpFixture
  let other: HttpFixture
  let project: ProjectId
  let path: string
  let token: string

  beforeAll(async () => {
    database = await createOnServer()
    const prefix = `test-${newId()}`
    const open = () => new TieredCache({ shared: new RedisLevel({ url: process.env.TEST_REDIS_URL!, prefix }) })
    caches = [open(), open()]
    for (const cache of caches) await cache.start()
    one = await HttpFixture.open(database.db, { cache: caches[0] })
    other = await HttpFixture.open(database.db, { cache: caches[1] })
  })
  afterAll(async () => {
    await one.close()
    await other.close()
    for (const cache of caches) await cache.stop()
    await database.close()
  })
  beforeEach(async () => {
    project = await one.project('ana')
    path = `/v1/projects/${project}`
    token = await one.token('ana')
  })

  const get = (http: HttpFixture, suffix: string, headers: Record<string, string> = {}, as = token) =>
    http.call<Problem>('GET', path + suffix, { token: as, headers })
  const statusOf = ({ headers }: Answer<unknown>) => headers.get('cache-status')!.replaceAll(/ttl=\d+/g, 'ttl=n')
  const MISS = 'tallyroom-l2; fwd=uri-miss; stored, tallyroom-l1; fwd=uri-miss; stored'
  const L2_HIT = 'tallyroom-l2; hit; ttl=n, tallyroom-l1; fwd=uri-miss; stored'
  const L1_HIT = 'tallyroom-l1; hit; ttl=n'

  test('say where they come from, whatever was asked', async () => {
    for (const suffix of CACHED) {
      const answers = [await get(one, suffix), await get(one, suffix), await get(other, suffix), await get(other, suffix)]
      expect(answers.map(statusOf), suffix).toEqual([MISS, L1_HIT, L2_HIT, L1_HIT])
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
      const ttl = Number(/ttl=(\d+)/.exec(answers[1]!.headers.get('cache-status')!)![1])
      expect(ttl).toBeGreaterThan(50)
      expect(ttl).toBeLessThanOrEqual(264)
    }
  })

  test('with an entity tag are asked for once: 304 for who has them', async () => {
    for (const suffix of CACHED) {
      const etag = (await get(one, suffix)).headers.get('etag')!
      for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const again = await get(one, suffix, { 'if-none-match': known })
        expect([again.status, again.text, again.headers.get('etag')], `${suffix} ${known}`).toEqual([304, '', etag])
      }
      expect((await get(one, suffix, { 'if-none-match': '"x"' })).status).toBe(200)
    }
    // The role is a part of the answer.
    const viewer = await one.member(project, 'ben', 'viewer')
    await caches[0].invalidate([`${project}/members`])
    expect((await get(one, '', {}, viewer)).headers.get('etag')).not.toBe((await get(one, '')).headers.get('etag'))
  })

  test('are not asked for a later page, nor for what somebody looks for', async () => {
    for (const suffix of ['/records?q=x', '/members?cursor=WyJhIl0']) {
      const answer = await get(one, suffix)
      expect([answer.status, statusOf(answer), answer.headers.get('etag')]).toEqual([200, 'tallyroom-l1; fwd=bypass', null])
    }
    expect((await one.call('GET', '/v1/me', { token })).headers.get('cache-status')).toBeNull()
  })

  test('whoever has written reads it at once, and everybody soon', async () => {
    await get(one, '')
    await get(other, '')
    for (let version = 1; version <= 10; version++) {
      await one.call('PATCH', path, { token, body: { version, name: `Name ${version}` } })
      const own = await get(one, '')
      expect(statusOf(own)).toMatch(/fwd=(uri-miss|stale|bypass)/)
      expect(own.text).toContain(`"Name ${version}"`)
      await vi.waitFor(async () => expect((await get(other, '')).text).toContain(`"Name ${version}"`), { timeout: 5_000, interval: 2 })
    }
    await get(other, '/members')
    await other.call('PUT', `${path}/members/ben`, { token, body: { role: 'viewer' } })
    expect((await get(other, '/members')).text).toContain('"ben"')
  })

  test('of a project that was deleted are refused at once, and soon everywhere', async () => {
    for (const suffix of CACHED) for (const http of [one, other]) expect((await get(http, suffix)).status).toBe(200)
    // As the live side of the process does.
    await one.call('DELETE', `${path}?name=Project`, { token })
    await new ProjectReads({ db: database.db, cache: caches[0] }).invalidate(project, ['members', 'project'])
    for (const suffix of CACHED) expectProblem(await get(one, suffix), 403, 'FORBIDDEN')
    await vi.waitFor(async () => expectProblem(await get(other, ''), 403, 'FORBIDDEN'), { timeout: 5_000, interval: 5 })
  })

  test('never reach who has no role, whatever roles come and go between', async () => {
    const user = fc.constantFrom('ben', 'cleo')
    const step = fc.oneof(
      fc.record({ kind: fc.constant('give' as const), user, role: fc.constantFrom<Role>(...ROLES) }),
      fc.record({ kind: fc.constant('take' as const), user }),
      fc.record({ kind: fc.constant('read' as const), user, suffix: fc.constantFrom(...CACHED), known: fc.boolean() }),
      fc.record({ kind: fc.constant('read' as const), user, suffix: fc.constantFrom(...CACHED), known: fc.boolean() }),
    )
    const tokens = { ben: await one.token('ben'), cleo: await one.token('cleo') }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
        const roles = new Map<string, Role>()
        for (const who of ['ben', 'cleo']) await one.call('DELETE', `${path}/members/${who}`, { token })
        for (const next of steps) {
          const member = `${path}/members/${next.user}`
          if (next.kind === 'give') {
            roles.set(next.user, next.role)
            expect((await one.call('PUT', member, { token, body: { role: next.role } })).status).toBe(200)
          } else if (next.kind === 'take') {
            const had = roles.delete(next.user)
            expect((await one.call('DELETE', member, { token })).status).toBe(had ? 204 : 404)
          } else {
            // Ana has it in the cache; an entity tag that somebody else has seen opens nothing either.
            const etag = (await get(one, next.suffix)).headers.get('etag')!
            const answer = await get(
              one,
              next.suffix,
              next.known ? { 'if-none-match': etag } : {},
              tokens[next.user as keyof typeof tokens],
            )
            if (roles.has(next.user)) expect(answer.status).toBeOneOf([200, 304])
            else {
              expectProblem(answer, 403, 'FORBIDDEN')
              expect([answer.headers.get('etag'), answer.headers.get('cache-status')]).toEqual([null, null])
            }
          }
        }
      }),
      { numRuns: 5 },
    )
  })

  test('are there before anybody asks, when somebody comes or a process starts', async () => {
    const reads = new ProjectReads({ db: database.db, cache: caches[0] })
    const { entries } = caches[0].statistics
    reads.warm(project)
    await vi.waitFor(() => expect(caches[0].statistics.entries).toBe(entries + 4), { timeout: 5_000, interval: 2 })
    // As the dashboard asks.
    const ready = ['', '/summary', '/members?limit=100']
    for (const suffix of ready) expect(statusOf(await get(one, suffix)), suffix).toBe(L1_HIT)

    const fresh = new TieredCache({ shared: null })
    const started = await HttpFixture.open(database.db, { cache: fresh })
    const warming = new ProjectReads({ db: database.db, cache: fresh })
    warming.warmNewest()
    await vi.waitFor(() => expect(fresh.statistics.entries).toBeGreaterThanOrEqual(4), { timeout: 5_000, interval: 2 })
    await warming.stop()
    // The project is the newest.
    for (const suffix of ready) expect(statusOf(await get(started, suffix)), suffix).toBe(L1_HIT)
    await started.close()
    await fresh.stop()
  })

  test('that cannot be made ready delay nobody and fail for nobody', async () => {
    const closed = await createOnServer()
    await closed.close()
    const cache = new TieredCache({ shared: null })
    const reads = new ProjectReads({ db: closed.db, cache })
    expect(reads.warm(project)).toBeUndefined()
    expect(reads.warmNewest()).toBeUndefined()
    await reads.stop()
    expect(reads.warm(project)).toBeUndefined()
    expect(cache.statistics.loads).toBeLessThanOrEqual(1)
    await cache.stop()
  })

  test('a snapshot is as new as the database, and shared as long as that says nothing else', async () => {
    const [reads, elsewhere] = caches.map((cache) => new ProjectReads({ db: database.db, cache }))
    expect(await reads!.snapshot(project)).toMatchObject({ project: { name: 'Project' }, summary: { activeJobs: 0 }, jobs: [] })
    // Nobody was told of it.
    await database.db.$executeRaw`update projects set name = 'Told', outbox_no = outbox_no + 1 where id = ${project}::uuid`
    expect(await elsewhere!.snapshot(project)).toMatchObject({ project: { name: 'Told' } })
    const { loads } = caches[0].statistics
    expect(await reads!.snapshot(project)).toMatchObject({ project: { name: 'Told' } })
    expect(caches[0].statistics.loads).toBe(loads)
    expect(await reads!.snapshot(newId<ProjectId>())).toBeNull()
  })

  test('one look at the members answers for everybody', async () => {
    const reads = new ProjectReads({ db: database.db, cache: caches[0] })
    const { loads } = caches[0].statistics
    const rosters = await Promise.all(Array.from({ length: 1_000 }, () => reads.roster(project)))
    expect(new Set(rosters).size).toBe(1)
    expect(rosters[0]).toEqual(new Map([['ana', 'admin']]))
    expect(caches[0].statistics.loads).toBe(loads + 1)
    expect(await reads.membership({ user: { id: 'ben', name: 'Ben' }, admin: false, projects: { '*': 'viewer' } }, project)).toBe('viewer')
    expect(await reads.roster(newId<ProjectId>())).toBeNull()
  })
})
