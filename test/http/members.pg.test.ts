import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ProjectId } from '../../src/ids.js'
import type { MemberView } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, type Page, pathsOf } from './http-fixture.js'

describe('members', () => {
  let database: TestDatabase
  let http: HttpFixture
  let project: ProjectId
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
  beforeEach(async () => {
    project = await http.project('ana')
  })

  const path = (user = '') => `/v1/projects/${project}/members${user === '' ? '' : `/${encodeURIComponent(user)}`}`
  const put = (user: string, body: object, as = token) => http.call<{ member: MemberView }>('PUT', path(user), { token: as, body })
  const remove = (user: string, as = token) => http.call('DELETE', path(user), { token: as })

  test('somebody whom nobody has seen yet gets a role, another one, and loses it', async () => {
    const added = await put('ben', { role: 'viewer', name: 'Benjamin' })
    expect(added).toMatchObject({ status: 200, body: { member: { project, user: { id: 'ben', name: 'Benjamin' }, role: 'viewer' } } })
    expect(http.woken.at(-1)).toBe(`outbox ${project}`)
    const raised = await put('ben', { role: 'approver', name: 'Somebody else' })
    // Only the person's own credential renames somebody whom the database knows.
    expect(raised.body.member).toMatchObject({ user: { name: 'Benjamin' }, role: 'approver' })
    expect(raised.body.member.version).toBeGreaterThan(added.body.member.version)
    expect((await http.call('GET', `/v1/projects/${project}`, { token: await http.token('ben') })).body).toMatchObject({ role: 'approver' })
    expect((await remove('ben')).status).toBe(204)
    expectProblem(await http.call('GET', `/v1/projects/${project}`, { token: await http.token('ben') }), 403, 'FORBIDDEN')
    expectProblem(await remove('ben'), 404, 'NOT_FOUND')
    const news = await database.db.outbox.findMany({ where: { projectId: project }, orderBy: { no: 'asc' } })
    expect(news.map((row) => [row.type, JSON.parse(row.body).actor, JSON.parse(row.body).data.member.role])).toEqual([
      ['member.changed', 'ana', 'viewer'],
      ['member.changed', 'ana', 'approver'],
      ['member.changed', 'ana', null],
    ])
  })

  test('only an admin changes who may do what, everybody may see it', async () => {
    for (const role of ['viewer', 'analyst', 'approver'] as const) {
      const member = await http.member(project, role, role)
      expect((await http.call('GET', path(), { token: member })).status).toBe(200)
      expectProblem(await http.call('PUT', path('eve'), { token: member, body: { role: 'viewer' } }), 403, 'FORBIDDEN')
      expectProblem(await remove('ana', member), 403, 'FORBIDDEN')
    }
  })

  test.each(['x'.repeat(128), 'é'.repeat(128), '😀'.repeat(64), 'a b/c?d#e', 'auth0|5f7c', 'ana@example.org'])(
    'the id %s is taken as it is',
    async (user) => {
      const added = await put(user, { role: 'viewer' })
      expect(added).toMatchObject({ status: 200, body: { member: { user: { id: user, name: user } } } })
      expect((await remove(user)).status).toBe(204)
    },
  )

  test.each(['x'.repeat(129), 'a\nb', 'a\u0000b', '\u200b'])('%j is no user id', async (user) => {
    const refused = await http.call('PUT', path(user), { token, body: { role: 'viewer' } })
    expectProblem(refused, 422, 'INVALID')
    expect(pathsOf(refused)).toEqual(['user'])
  })

  test('a role is one of four, a name has 1 to 128 characters', async () => {
    expect((await put('ben', { role: 'viewer', name: 'x'.repeat(128) })).status).toBe(200)
    for (const [body, wrong] of [
      [{ role: 'owner' }, 'role'],
      [{}, 'role'],
      [{ role: 'viewer', name: '' }, 'name'],
      [{ role: 'viewer', name: 'x'.repeat(129) }, 'name'],
    ] as const) {
      const refused = await http.call('PUT', path('ben'), { token, body })
      expectProblem(refused, 422, 'INVALID')
      expect(pathsOf(refused)).toEqual([wrong])
    }
  })

  test('are listed by id in pages', async () => {
    for (const user of ['cid', 'ben', 'Zoe', 'dan']) await put(user, { role: 'viewer' })
    const ids: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Page<MemberView> = (
        await http.call<Page<MemberView>>('GET', `${path()}?limit=2${cursor && `&cursor=${cursor}`}`, { token })
      ).body
      ids.push(...page.items.map((member) => member.user.id))
      cursor = page.nextCursor
    }
    expect(ids.toSorted()).toEqual(['Zoe', 'ana', 'ben', 'cid', 'dan'])
    expectProblem(await http.call('GET', `${path()}?limit=501`, { token }), 422, 'INVALID')
    expect((await http.call('GET', `${path()}?limit=500`, { token })).status).toBe(200)
  })
})
