import { Writable } from 'node:stream'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { HttpFixture } from './http-fixture.js'

describe('the log', () => {
  let database: TestDatabase
  let http: HttpFixture
  const lines: string[] = []

  beforeAll(async () => {
    database = await DATABASES[0].create()
    const destination = new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) })
    http = await HttpFixture.open(database.db, { log: pino({ level: 'trace' }, destination) })
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  test('has one line per answer with the id that the answer has', async () => {
    lines.length = 0
    const answer = await http.call('GET', '/v1/me', { token: await http.token('ana'), headers: { 'x-request-id': 'trace-1' } })
    expect(answer.headers.get('x-request-id')).toBe('trace-1')
    const answered = lines.map((line) => JSON.parse(line)).filter((line) => line.msg === 'answered')
    expect(answered).toMatchObject([{ requestId: 'trace-1', method: 'GET', path: '/v1/me', status: 200, elapsedMs: expect.any(Number) }])
  })

  test('says why a request failed, under the id of its problem', async () => {
    lines.length = 0
    const answer = await http.call('GET', '/v1/projects/nonsense', { token: await http.token('ana') })
    const failed = lines.map((line) => JSON.parse(line)).filter((line) => line.code !== undefined)
    expect(failed).toMatchObject([{ code: 'FORBIDDEN', requestId: answer.body.requestId }])
  })

  test('never has a token, a code, a cookie or what people look for, whatever fails', async () => {
    lines.length = 0
    const token = await http.token('ana')
    const expired = await http.token('ana', { expiresAt: Date.now() - 1_000 })
    const code = await http.code('ana')
    const cookie = await http.signIn('ben')
    const secret = cookie.slice(cookie.indexOf('=') + 1)
    const project = await http.project('ana')
    const requests = [
      http.call('GET', '/v1/me', { token }),
      http.call('GET', '/v1/me', { token: expired }),
      http.call('GET', '/v1/me', { token: `${token}x` }),
      http.call('GET', '/v1/me', { headers: { authorization: `Basic ${token}` } }),
      http.call('GET', '/v1/me', { headers: { cookie } }),
      http.call('POST', '/v1/projects', { headers: { cookie }, body: { name: 'x' } }),
      http.call('POST', '/v1/projects', { token, raw: `{"name":"${token}`, headers: { 'content-type': 'application/json' } }),
      http.call('POST', '/v1/sessions', { body: { code } }),
      http.call('POST', '/v1/sessions', { body: { code } }),
      http.call('POST', '/v1/sessions', { body: { code: `${code}x` } }),
      http.call('GET', `/v1/me?access_token=${token}`, { token }),
      http.call('GET', `/nowhere?token=${token}`),
      http.call('GET', `/v1/projects/${project}/records?q=Mustermann`, { token }),
      http.call('POST', `/v1/projects/${project}/sources?side=left&name=Mustermann.csv`, { token, raw: 'x' }),
      http.call('DELETE', '/v1/sessions/current', { headers: { cookie, origin: http.origin } }),
    ]
    const answers = await Promise.all(requests)
    const log = lines.join('')
    expect(lines.length).toBeGreaterThanOrEqual(requests.length)
    for (const text of [log, ...answers.map((answer) => answer.text)]) {
      for (const credential of [token, expired, code, secret]) {
        // The signature is what makes it good.
        expect(text).not.toContain(credential.split('.').at(-1))
      }
    }
    expect(log).not.toContain('Mustermann')
  })
})
