import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import type { ProjectView } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, type Page, pathsOf } from './http-fixture.js'

describe('projects', () => {
  let database: TestDatabase
  let http: HttpFixture
  let token: string

  beforeAll(async () => {
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db)
    token = await http.token('ana')
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  const create = (body: object) => http.call<{ project: ProjectView }>('POST', '/v1/projects', { token, body })
  /** The answer, for a test that expects a refusal. */
  const refuse = (body: object) => http.call('POST', '/v1/projects', { token, body })

  test('whoever is signed in makes one and is its admin', async () => {
    const made = await create({ name: '  July  ', currency: 'EUR', settings: { window: 3, '': null } })
    expect(made.status).toBe(201)
    const { project } = made.body
    expect(project).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      name: 'July',
      currency: 'EUR',
      settings: { window: 3, '': null },
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      version: 1,
    })
    expect(made.headers.get('location')).toBe(`/v1/projects/${project.id}`)
    expect(await http.call('GET', `/v1/projects/${project.id.toUpperCase()}`, { token })).toMatchObject({
      status: 200,
      body: { project, role: 'admin' },
    })
    const me = await http.call<{ projects: object[] }>('GET', '/v1/me', { token })
    expect(me.body).toEqual({
      user: { id: 'ana', name: 'Ana' },
      projects: [{ id: project.id, name: 'July', role: 'admin' }],
      liveUrl: `${http.origin.replace('http', 'ws')}/v1/live`,
    })
  })

  test('limits hold on both sides', async () => {
    expect((await create({ name: 'x'.repeat(200) })).status).toBe(201)
    expect(pathsOf(await refuse({ name: 'x'.repeat(201) }))).toEqual(['name'])
    expect(pathsOf(await refuse({ name: '' }))).toEqual(['name'])
    expect(pathsOf(await refuse({ name: 'a\u0000b' }))).toEqual(['name'])
    expect(pathsOf(await refuse({ name: 'a\ud800b' }))).toEqual(['name'])
    expect(pathsOf(await refuse({ name: 5 }))).toEqual(['name'])
    expect(pathsOf(await refuse({ name: 'x', currency: 'EURO' }))).toEqual(['currency'])
    expect((await create({ name: 'x', currency: null })).body.project.currency).toBeNull()
    const settings = (bytes: number) => ({ name: 'x', settings: { pad: 'x'.repeat(bytes - '{"pad":""}'.length) } })
    expect((await create(settings(65_536))).status).toBe(201)
    expect(pathsOf(await refuse(settings(65_537)))).toEqual(['settings'])
    for (const text of ['\u0000', '\ud800', '\udc00']) {
      expect(pathsOf(await refuse({ name: 'x', settings: { a: [{ b: text }] } }))).toEqual(['settings'])
      expect(pathsOf(await refuse({ name: 'x', settings: { [text]: 1 } }))).toEqual(['settings'])
    }
    expect((await create({ name: 'x', settings: { path: 'C:\\u0000\\ud800', face: '😀' } })).body.project.settings).toEqual({
      path: 'C:\\u0000\\ud800',
      face: '😀',
    })
  })

  test('a change needs the version it was made on, and a late one is shown what came first', async () => {
    const { project } = (await create({ name: 'Before' })).body
    const change = (body: object, as = token) =>
      http.call<{ project: ProjectView }>('PATCH', `/v1/projects/${project.id}`, { token: as, body })
    const renamed = await change({ version: 1, name: 'After' })
    expect(renamed).toMatchObject({ status: 200, body: { project: { name: 'After', version: 2, settings: {} } } })
    expect(http.woken.at(-1)).toBe(`outbox ${project.id}`)
    const late = await http.call('PATCH', `/v1/projects/${project.id}`, { token, body: { version: 1, settings: { a: 1 } } })
    expectProblem(late, 409, 'CONFLICT')
    expect(late.body).toMatchObject({ current: renamed.body.project })
    const both = await Promise.all([change({ version: 2, settings: { a: 1 } }), change({ version: 2, name: 'Third' })])
    expect(both.map((answer) => answer.status).sort()).toEqual([200, 409])
    for (const body of [
      { version: 3 },
      { name: 'x' },
      { version: '3', name: 'x' },
      { version: 2 ** 40, name: 'x' },
      { version: 0, name: 'x' },
    ]) {
      expectProblem(await http.call('PATCH', `/v1/projects/${project.id}`, { token, body }), 422, 'INVALID')
    }
    const approver = await http.member(await http.project('ana'), 'ben', 'approver')
    expect((await change({ version: 3, name: 'x' }, approver)).status).toBe(403)
  })

  test('who deletes one says its name; then nobody has it any more', async () => {
    const { project } = (await create({ name: 'Gone & soon' })).body
    const path = `/v1/projects/${project.id}`
    expectProblem(await http.call('DELETE', path, { token }), 422, 'INVALID')
    expectProblem(await http.call('DELETE', `${path}?name=Gone`, { token }), 422, 'INVALID')
    expect((await http.call('GET', path, { token })).status).toBe(200)
    expect((await http.call('DELETE', `${path}?name=Gone%20%26%20soon`, { token })).status).toBe(204)
    expect(http.woken.at(-1)).toBe(`deleted ${project.id}`)
    expectProblem(await http.call('GET', path, { token }), 403, 'FORBIDDEN')
    expectProblem(
      await http.call('DELETE', `${path}?name=Gone%20%26%20soon`, { token: await http.token('root', { admin: true }) }),
      403,
      'FORBIDDEN',
    )
  })

  test('an unknown project and one of other people look the same', async () => {
    const theirs = await http.project('ben')
    const answers = await Promise.all(
      [theirs, newId(), 'nonsense', '%00', '..%2f'].map((id) => http.call('GET', `/v1/projects/${id}/summary`, { token })),
    )
    for (const answer of answers) expectProblem(answer, 403, 'FORBIDDEN')
    expect(new Set(answers.map((answer) => JSON.stringify({ ...answer.body, requestId: '' }))).size).toBe(1)
  })

  describe('the list', () => {
    let own: string

    beforeAll(async () => {
      own = await http.token('lea')
      for (let no = 0; no < 7; no++) await http.project('lea', `P${no}`)
    })

    const list = (query: string, as = own) => http.call<Page<ProjectView>>('GET', `/v1/projects${query}`, { token: as })

    test('comes in pages, oldest first, and one made meanwhile moves nothing', async () => {
      const first = (await list('?limit=3')).body
      expect(first.items.map((project) => project.name)).toEqual(['P0', 'P1', 'P2'])
      await http.project('lea', 'P7')
      const second = (await list(`?limit=3&cursor=${first.nextCursor}`)).body
      expect(second.items.map((project) => project.name)).toEqual(['P3', 'P4', 'P5'])
      const third = (await list(`?limit=3&cursor=${second.nextCursor}`)).body
      expect(third).toMatchObject({ items: [{ name: 'P6' }, { name: 'P7' }], nextCursor: null })
      expect((await list('?limit=8')).body.nextCursor).toBeNull()
      expect((await list('?limit=7')).body.nextCursor).not.toBeNull()
    })

    test('limit is 1 to 500, a cursor is one of ours', async () => {
      expect((await list('?limit=1')).body.items).toHaveLength(1)
      expect((await list('?limit=500')).status).toBe(200)
      for (const query of ['?limit=501', '?limit=0', '?limit=-1', '?limit=1e2', '?limit=', '?limit=1&limit=2']) {
        expectProblem(await http.call('GET', `/v1/projects${query}`, { token: own }), 422, 'INVALID')
      }
      for (const cursor of [
        'nonsense',
        Buffer.from('["x"]').toString('base64url'),
        Buffer.from('[]').toString('base64url'),
        Buffer.from('{').toString('base64url'),
      ]) {
        const refused = await http.call('GET', `/v1/projects?cursor=${cursor}`, { token: own })
        expectProblem(refused, 422, 'INVALID')
        expect(pathsOf(refused)).toEqual(['cursor'])
      }
      expectProblem(await http.call('GET', `/v1/projects?cursor=${'x'.repeat(1001)}`, { token: own }), 422, 'INVALID')
    })

    test('has 50 without a limit', async () => {
      const many = await http.token('mia')
      for (let no = 0; no < 51; no++) await http.project('mia')
      expect((await list('', many)).body.items).toHaveLength(50)
    })

    test('shows what the token grants, and everything to an admin', async () => {
      const granted = await http.project('zoe', 'Granted')
      const names = async (as: string) => (await list('?limit=500', as)).body.items.map((project) => project.name)
      expect(await names(await http.token('new', { projects: { [granted]: 'viewer' } }))).toEqual(['Granted'])
      expect(await names(await http.token('new'))).toEqual([])
      expect(await names(await http.token('new', { projects: { '*': 'viewer' } }))).toContain('P3')
      expect(await names(await http.token('new', { admin: true }))).toContain('Granted')
    })
  })

  test('the summary of a new one is all zero', async () => {
    const project = await http.project('ana')
    expect((await http.call('GET', `/v1/projects/${project}/summary`, { token })).body).toEqual({
      revision: 0,
      totals: [],
      controlTotals: [],
      activeJobs: 0,
      suggestions: 0,
      breaks: 0,
      unmatched: 0,
    })
  })

  test('the summary has its revision as ETag, and who knows it is told so', async () => {
    const project = await http.project('ana')
    const path = `/v1/projects/${project}/summary`
    const first = await http.call<{ revision: number }>('GET', path, { token })
    const etag = first.headers.get('etag')!
    expect(etag).toBe(`"${first.body.revision}"`)
    const known = await http.call('GET', path, { token, headers: { 'if-none-match': etag } })
    expect([known.status, known.text, known.headers.get('etag')]).toEqual([304, '', etag])
    await http.call('PATCH', `/v1/projects/${project}`, { token, body: { version: 1, name: 'July' } })
    const changed = await http.call<{ revision: number }>('GET', path, { token, headers: { 'if-none-match': etag } })
    expect([changed.status, changed.body.revision]).toEqual([200, first.body.revision + 1])
  })
})
