import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, type Problem } from './http-fixture.js'

describe('who asks', () => {
  let database: TestDatabase
  let http: HttpFixture

  beforeAll(async () => {
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db)
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  const redeem = (code: string, headers: Record<string, string> = {}) =>
    http.call<Problem>('POST', '/v1/sessions', { body: { code }, headers })

  describe('a sign-in link', () => {
    test('signs its user in and gives a cookie that no script reads and no other site sends', async () => {
      const answer = await http.call<{ user: object; expiresAt: string }>('POST', '/v1/sessions', {
        body: { code: await http.code('ana') },
      })
      expect(answer).toMatchObject({ status: 201, body: { user: { id: 'ana', name: 'Ana' } } })
      const week = Date.parse(answer.body.expiresAt) - Date.now()
      expect(week).toBeGreaterThan(6.9 * 86_400_000)
      const cookie = answer.headers.get('set-cookie')!
      expect(cookie).toMatch(/^tallyroom_session=[A-Za-z0-9_-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/)
      const me = await http.call<{ user: object }>('GET', '/v1/me', { headers: { cookie: cookie.split(';')[0]! } })
      expect(me).toMatchObject({ status: 200, body: { user: { id: 'ana', name: 'Ana' }, projects: [] } })
    })

    test('the cookie is for encrypted connections only where people come over them', async () => {
      const secure = await HttpFixture.open(database.db, { publicUrl: () => 'https://room.example' })
      const answer = await secure.call('POST', '/v1/sessions', { body: { code: await secure.code('ana') } })
      expect(answer.headers.get('set-cookie')).toContain('; Secure')
      expect(answer.headers.get('strict-transport-security')).toContain('max-age=')
      await secure.close()
    })

    test('works once, also when two use it at the same moment', async () => {
      const code = await http.code('ana')
      const answers = await Promise.all([redeem(code), redeem(code), redeem(code)])
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, 401, 401])
      expectProblem(await redeem(code), 401, 'UNAUTHENTICATED')
    })

    test('is no good after its time, from another installation, or damaged', async () => {
      expect((await redeem(await http.code('ana', Date.now() + 5_000))).status).toBe(201)
      expectProblem(await redeem(await http.code('ana', Date.now() - 1_000)), 401, 'UNAUTHENTICATED')
      const code = await http.code('ana')
      expectProblem(await redeem(`${code.slice(0, -3)}xyz`), 401, 'UNAUTHENTICATED')
      expectProblem(await redeem(code.replace(/\.[^.]+$/, '.')), 401, 'UNAUTHENTICATED')
      expectProblem(await redeem(''), 422, 'INVALID')
      expectProblem(await redeem('x'.repeat(4096)), 401, 'UNAUTHENTICATED')
      expectProblem(await redeem('x'.repeat(4097)), 422, 'INVALID')
    })

    test('and a token are not each other', async () => {
      expectProblem(await redeem(await http.token('ana')), 401, 'UNAUTHENTICATED')
      expectProblem(await http.call('GET', '/v1/me', { token: await http.code('ana') }), 401, 'UNAUTHENTICATED')
    })

    test('is not redeemed by a page of another site', async () => {
      const code = await http.code('ana')
      expectProblem(await redeem(code, { origin: 'https://evil.example' }), 403, 'ORIGIN_FORBIDDEN')
      expectProblem(await redeem(code, { 'sec-fetch-site': 'cross-site' }), 403, 'ORIGIN_FORBIDDEN')
      expect((await redeem(code, { origin: http.origin })).status).toBe(201)
    })
  })

  describe('the cookie', () => {
    test('reads from anywhere and writes only for a page of ours', async () => {
      const cookie = await http.signIn('ana')
      const create = (headers: Record<string, string>) =>
        http.call('POST', '/v1/projects', { body: { name: 'By cookie' }, headers: { cookie, ...headers } })
      expect((await http.call('GET', '/v1/projects', { headers: { cookie } })).status).toBe(200)
      expectProblem(await create({}), 403, 'ORIGIN_FORBIDDEN')
      expectProblem(await create({ origin: 'https://evil.example' }), 403, 'ORIGIN_FORBIDDEN')
      expectProblem(await create({ origin: 'null' }), 403, 'ORIGIN_FORBIDDEN')
      expectProblem(await create({ origin: `${http.origin}.evil.example` }), 403, 'ORIGIN_FORBIDDEN')
      expectProblem(await create({ 'sec-fetch-site': 'same-site' }), 403, 'ORIGIN_FORBIDDEN')
      expectProblem(await create({ 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }), 403, 'ORIGIN_FORBIDDEN')
      expect((await create({ origin: http.origin })).status).toBe(201)
      expect((await create({ 'sec-fetch-site': 'same-origin' })).status).toBe(201)
      expect((await http.call('GET', '/v1/projects', { headers: { cookie } })).body).toMatchObject({
        items: [{ name: 'By cookie' }, { name: 'By cookie' }],
      })
    })

    test('is worth nothing after sign-out, which ends its live sessions too', async () => {
      const cookie = await http.signIn('ana')
      const other = await http.signIn('ana')
      expectProblem(await http.call('DELETE', '/v1/sessions/current', { headers: { cookie } }), 403, 'ORIGIN_FORBIDDEN')
      const out = await http.call('DELETE', '/v1/sessions/current', { headers: { cookie, origin: http.origin } })
      expect(out.status).toBe(204)
      expect(out.headers.get('set-cookie')).toMatch(/^tallyroom_session=; .*Expires=Thu, 01 Jan 1970/)
      expect(http.woken.at(-1)).toMatch(/^close [0-9a-f]{64}$/)
      expectProblem(await http.call('GET', '/v1/me', { headers: { cookie } }), 401, 'UNAUTHENTICATED')
      expect((await http.call('GET', '/v1/me', { headers: { cookie: other } })).status).toBe(200)
    })

    test('is worth nothing after its time, nor made up, nor as the hash that the database has', async () => {
      const cookie = await http.signIn('ben')
      const { id } = await database.db.credential.findFirstOrThrow({ where: { userId: 'ben', kind: 'session' } })
      expectProblem(await http.call('GET', '/v1/me', { headers: { cookie: `tallyroom_session=${id}` } }), 401, 'UNAUTHENTICATED')
      expectProblem(await http.call('GET', '/v1/me', { headers: { cookie: 'tallyroom_session=' } }), 401, 'UNAUTHENTICATED')
      await database.db.credential.update({ where: { id }, data: { expiresAt: new Date(Date.now() - 1) } })
      expectProblem(await http.call('GET', '/v1/me', { headers: { cookie } }), 401, 'UNAUTHENTICATED')
    })
  })

  describe('a token', () => {
    test('signs in by itself and is bound to no origin', async () => {
      const token = await http.token('svc')
      expect(
        (await http.call('POST', '/v1/projects', { token, body: { name: 'By token' }, headers: { origin: 'https://elsewhere.example' } }))
          .status,
      ).toBe(201)
      expect((await http.call('DELETE', '/v1/sessions/current', { token })).status).toBe(204)
      expect((await http.call('GET', '/v1/me', { token })).status).toBe(200)
    })

    test.each([
      ['none', undefined],
      ['an empty one', 'Bearer '],
      ['another scheme', 'Basic YTpi'],
      ['no token', 'Bearer nonsense'],
      [
        'a forged one',
        `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ana","exp":9999999999}').toString('base64url')}.`,
      ],
    ])('%s is refused, and a challenge says what would do', async (_, authorization) => {
      const answer = await http.call('GET', '/v1/me', { headers: authorization === undefined ? {} : { authorization } })
      expectProblem(answer, 401, 'UNAUTHENTICATED')
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    })

    test('that has expired says so', async () => {
      expectProblem(
        await http.call('GET', '/v1/me', { token: await http.token('ana', { expiresAt: Date.now() - 1_000 }) }),
        401,
        'TOKEN_EXPIRED',
      )
    })

    test('decides before a cookie', async () => {
      const cookie = await http.signIn('ana')
      const both = await http.call<{ user: { id: string } }>('GET', '/v1/me', { token: await http.token('ben'), headers: { cookie } })
      expect(both.body.user.id).toBe('ben')
      expectProblem(await http.call('GET', '/v1/me', { token: 'nonsense', headers: { cookie } }), 401, 'UNAUTHENTICATED')
    })

    test('that only reads stores nobody', async () => {
      await http.call('GET', '/v1/me', { token: await http.token('ghost') })
      expect(await database.db.user.count({ where: { id: 'ghost' } })).toBe(0)
      await http.call('POST', '/v1/projects', { token: await http.token('ghost'), body: { name: 'x' } })
      expect(await database.db.user.findUnique({ where: { id: 'ghost' } })).toMatchObject({ name: 'Ghost' })
    })

    test('grants roles beside those that are stored, and the higher one counts', async () => {
      const project = await http.project('ana')
      const roleWith = async (token: string) => (await http.call<{ role: string }>('GET', `/v1/projects/${project}`, { token })).body.role
      await http.member(project, 'ben', 'analyst')
      expect(await roleWith(await http.token('ben'))).toBe('analyst')
      expect(await roleWith(await http.token('ben', { projects: { [project]: 'viewer' } }))).toBe('analyst')
      expect(await roleWith(await http.token('ben', { projects: { '*': 'approver' } }))).toBe('approver')
      expect(await roleWith(await http.token('cid', { projects: { [project]: 'viewer' } }))).toBe('viewer')
      expect(await roleWith(await http.token('root', { admin: true }))).toBe('admin')
      expectProblem(
        await http.call('GET', `/v1/projects/${project}`, { token: await http.token('cid', { projects: { [newId()]: 'admin' } }) }),
        403,
        'FORBIDDEN',
      )
    })
  })
})
