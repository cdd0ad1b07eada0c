import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bus } from '../../src/bus/bus.js'
import { run as runTokenCommand } from '../../src/commands/token.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { MAX_EVENT_DATA_BYTES, MAX_PUBLICATIONS, type PublishReply } from '../../src/protocol/publications.js'
import { Listener } from '../bus/bus-contract.js'
import { createOnServer, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, pathsOf } from './http-fixture.js'

const MAX_BODY_BYTES = 1_048_576

/** What publishing over HTTP does, whatever the bus: two processes over one database, each with its own bus of the two. */
export function eventsContract(name: string, makeBuses: () => readonly [Bus, Bus]) {
  describe(name, () => {
    let database: TestDatabase
    let buses: readonly [Bus, Bus]
    let http: HttpFixture
    let other: HttpFixture
    let project: ProjectId
    let token: string
    let listener: Listener

    beforeAll(async () => {
      database = await createOnServer()
      buses = makeBuses()
      await Promise.all([...new Set(buses)].map((bus) => bus.start()))
      http = await HttpFixture.open(database.db, { bus: buses[0] })
      other = await HttpFixture.open(database.db, { bus: buses[1] })
    })
    afterAll(async () => {
      await Promise.all([http.close(), other.close()])
      await Promise.all([...new Set(buses)].map((bus) => bus.stop()))
      await database.close()
    })
    beforeEach(async () => {
      project = await http.project('ana')
      token = await http.token('feed', { publish: [project] })
      listener = new Listener()
      await buses[0].subscribe(project, listener)
    })

    const path = (of: string = project) => `/v1/projects/${of}/events`
    const publish = (events: unknown, as: string | null = token, through = http) =>
      through.call<PublishReply>('POST', path(), { token: as, body: { events } })
    const refused = (events: unknown, as: string | null = token) => http.call('POST', path(), { token: as, body: { events } })
    const heard = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 5 })
    const order = (fields: object = {}) => ({ type: 'order.paid', data: {}, ...fields })

    test('[P1] answers what became of each, and whoever listens hears it as it was sent', async () => {
      const data = { text: 'naïve 🧾 \u2028', amount: '1234567890123456789.10', empty: [], nothing: null, deep: [{ a: {} }] }
      const answer = await http.call<PublishReply>('POST', path(), {
        token,
        body: { events: [order({ id: 'once', data }), { type: 'stock.level', key: 'stock/1', data: { left: 3 } }, order({ id: 'once' })] },
        headers: { 'x-request-id': 'request-7' },
      })
      const { epoch } = await buses[0].head(project)
      expect(answer).toMatchObject({ status: 200 })
      expect(answer.body).toEqual({
        epoch,
        results: [
          { id: 'once', seq: 1 },
          { key: 'stock/1', version: 1 },
          { id: 'once', seq: 1, duplicate: true },
        ],
      })
      await heard(() => expect(listener.messages).toHaveLength(1))
      expect(listener.events.map(({ body }) => JSON.parse(body))).toEqual([{ actor: 'feed', data, trace: 'request-7' }])
      expect(listener.latest.map(({ body }) => JSON.parse(body))).toEqual([{ data: { left: 3 } }])
    })

    test('may who has the permission for the project, or is its admin; nobody else', async () => {
      const unknown = newId<ProjectId>()
      const allowed = [
        await http.token('feed', { publish: '*' }),
        await http.token('feed', { publish: [newId(), project] }),
        await http.token('root', { admin: true }),
        await http.token('boss', { projects: { [project]: 'admin' } }),
        await http.token('ana'),
      ]
      const forbidden = [
        await http.token('feed'),
        await http.token('feed', { publish: [] }),
        await http.token('feed', { publish: [unknown] }),
        await http.token('ben', { projects: { '*': 'approver' } }),
        await http.member(project, 'cem', 'approver'),
      ]
      for (const as of allowed) expect((await publish([order()], as)).status).toBe(200)
      for (const as of forbidden) expectProblem(await refused([order()], as), 403, 'FORBIDDEN')
      // Whether it exists is not revealed, not even by the permission for every project.
      for (const as of [...allowed, ...forbidden]) {
        for (const where of [unknown, 'nonsense']) {
          expectProblem(await http.call('POST', path(where), { token: as, body: { events: [order()] } }), 403, 'FORBIDDEN')
        }
      }
      expectProblem(await refused([order()], null), 401, 'UNAUTHENTICATED')
      expectProblem(await refused([order()], await http.token('ana', { expiresAt: Date.now() - 2_000 })), 401, 'TOKEN_EXPIRED')
      expect((await buses[0].head(project)).seq).toBe(allowed.length)
    })

    test('the dashboard of an admin may, from a page of ours only', async () => {
      const cookie = await http.signIn('ana')
      const call = (headers: Record<string, string>) => http.call('POST', path(), { body: { events: [order()] }, headers })
      expect((await call({ cookie, origin: http.origin })).status).toBe(200)
      expectProblem(await call({ cookie }), 403, 'ORIGIN_FORBIDDEN')
      expectProblem(await call({ cookie, origin: 'http://elsewhere.example' }), 403, 'ORIGIN_FORBIDDEN')
    })

    test('`tallyroom token --publish` makes a token that does', async () => {
      const printed: string[] = []
      vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
      vi.stubEnv('AUTH_JWT_SECRET', 's'.repeat(32))
      try {
        await runTokenCommand(['--user', 'feed', '--publish'])
        await runTokenCommand(['--user', 'feed', '--publish', '--project', project])
        await runTokenCommand(['--user', 'feed', '--publish', '--project', newId()])
        await runTokenCommand(['--user', 'feed'])
      } finally {
        vi.restoreAllMocks()
        vi.unstubAllEnvs()
      }
      const statuses: number[] = []
      for (const as of printed) statuses.push((await publish([order()], as)).status)
      expect(statuses).toEqual([200, 200, 403, 403])
    })

    test('[P1] 1,000 publications and no more', async () => {
      const all = Array.from({ length: MAX_PUBLICATIONS }, (_, no) => order({ data: { no } }))
      const refusal = await refused([...all, order()])
      expectProblem(refusal, 422, 'INVALID')
      expect(pathsOf(refusal)).toEqual(['events'])
      expectProblem(await refused([]), 422, 'INVALID')
      expect((await publish(all)).body.results.map((result) => 'seq' in result && result.seq)).toEqual(all.map((_, no) => no + 1))
    })

    test('[P1] 1 MiB and not a byte more', async () => {
      const event = order({ data: { text: 'x'.repeat(MAX_EVENT_DATA_BYTES - 11) } })
      const text = JSON.stringify({ events: Array.from({ length: 31 }, () => event) })
      const call = (bytes: number) =>
        http.call('POST', path(), { token, raw: text.padEnd(bytes, ' '), headers: { 'content-type': 'application/json' } })
      expect(text.length).toBeGreaterThan(MAX_BODY_BYTES - MAX_EVENT_DATA_BYTES)
      expectProblem(await call(MAX_BODY_BYTES + 1), 413, 'TOO_LARGE')
      expect((await buses[0].head(project)).seq).toBe(0)
      expect((await call(MAX_BODY_BYTES)).status).toBe(200)
      expect((await buses[0].head(project)).seq).toBe(31)
    })

    test('[P1] 32 KiB of data and not a byte more', async () => {
      const event = (bytes: number) => order({ data: { text: 'x'.repeat(bytes - 11) } })
      const refusal = await refused([order(), event(MAX_EVENT_DATA_BYTES + 1)])
      expectProblem(refusal, 413, 'EVENT_TOO_LARGE')
      expect(pathsOf(refusal)).toEqual(['events[1].data'])
      expect((await publish([event(MAX_EVENT_DATA_BYTES)])).status).toBe(200)
    })

    test('[P3] an id that arrives many times at once, at both processes, is one event', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, no) => publish([order({ id: 'once', data: { no } })], token, no % 2 === 0 ? http : other)),
      )
      const results = answers.map(({ body }) => body.results[0]!)
      expect(results.filter((result) => !('duplicate' in result))).toEqual([{ id: 'once', seq: 1 }])
      expect(results.filter((result) => 'duplicate' in result)).toEqual(Array(19).fill({ id: 'once', seq: 1, duplicate: true }))
      expect(await buses[0].head(project)).toMatchObject({ seq: 1, n: 1 })
    })

    test('[P5] a batch is published in order with no other event in between, however many publish at once', async () => {
      const batches = Array.from({ length: 16 }, (_, batch) =>
        Array.from({ length: 1 + 7 * batch }, (_, at) => order({ data: { batch, at } })),
      )
      const answers = await Promise.all(batches.map((events, no) => publish(events, token, no % 2 === 0 ? http : other)))
      const total = batches.flat().length
      await heard(() => expect(listener.events).toHaveLength(total))
      expect(listener.events.map(({ seq }) => seq)).toEqual(Array.from({ length: total }, (_, no) => no + 1))
      for (const [batch, { body }] of answers.entries()) {
        const seqs = body.results.map((result) => ('seq' in result ? result.seq : 0))
        expect(seqs).toEqual(seqs.map((_, at) => seqs[0]! + at))
        const published = seqs.map((seq) => JSON.parse(listener.events[seq - 1]!.body).data)
        expect(published).toEqual(seqs.map((_, at) => ({ batch, at })))
      }
    })

    test('[P5] a bad one refuses all, and every bad one is named in `errors` and `items`', async () => {
      const refusal = await http.call<{ readonly items: unknown; readonly errors: unknown }>('POST', path(), {
        token,
        body: { events: [order({ id: 'good' }), order({ type: 'x' }), order({ id: 'good too' }), order({ data: 7 })] },
      })
      const items = [
        { index: 1, path: 'events[1].type', message: expect.any(String) },
        { index: 3, path: 'events[3].data', message: expect.any(String) },
      ]
      expect(refusal).toMatchObject({ status: 422, body: { code: 'INVALID', items, errors: items } })
      expect((await publish([order({ id: 'good' })])).body.results).toEqual([{ id: 'good', seq: 1 }])
      // What the bus alone can know is told in the same way.
      await publish(Array.from({ length: 1_000 }, (_, no) => order({ key: `k/${no}` })))
      expect(pathsOf(await refused([order({ key: 'k/1' }), order({ key: 'one more' })]))).toEqual(['events[1]'])
    })

    test('a body that is no list of publications is refused as any other', async () => {
      for (const body of [{}, { events: null }, { events: { 0: order() } }, []]) {
        expectProblem(await http.call('POST', path(), { token, body }), 422, 'INVALID')
      }
      const raw = (text: string, type = 'application/json') =>
        http.call('POST', path(), { token, raw: text, headers: { 'content-type': type } })
      expectProblem(await raw('{"events":['), 400, 'MALFORMED')
      expectProblem(await raw(JSON.stringify({ events: [order()] }), 'text/csv'), 415, 'UNSUPPORTED')
    })

    test('[P6] the names of the server are reserved, and so are its jobs, in whatever project', async () => {
      const refusal = await refused([order({ type: 'source.imported' }), order({ key: 'presence/x' })])
      expectProblem(refusal, 422, 'RESERVED_TYPE')
      expect(pathsOf(refusal)).toEqual(['events[0].type', 'events[1].key'])
      const elsewhere = await http.project('ana')
      for (const of of [project, elsewhere]) {
        const id = newId()
        await database.db.job.create({ data: { id, projectId: of, kind: 'match', state: 'queued' } })
        expectProblem(await refused([{ type: 'job.progress', data: null, key: `job/${id}` }]), 422, 'RESERVED_TYPE')
      }
      expect((await publish([{ type: 'job.progress', data: null, key: `job/${newId()}` }])).status).toBe(200)
    })
  })
}
