import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture, pathsOf } from './http-fixture.js'

describe('the HTTP server', () => {
  let database: TestDatabase
  let http: HttpFixture
  let token: string
  const dir = mkdtempSync(join(tmpdir(), 'tallyroom-dashboard-'))

  beforeAll(async () => {
    mkdirSync(join(dir, 'assets'))
    writeFileSync(join(dir, 'index.html'), '<!doctype html><title>room</title>')
    writeFileSync(join(dir, 'assets', 'app-1a2b.js'), 'export {}')
    writeFileSync(join(dir, 'assets', 'app-1a2b.js.br'), brotliCompressSync('export {}'))
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db, { dashboardDir: dir })
    token = await http.token('ana')
  })
  afterAll(async () => {
    await http.close()
    await database.close()
    rmSync(dir, { recursive: true })
  })

  test('keeps a valid request id, makes one otherwise, and says it on every answer', async () => {
    const kept = await http.call('GET', '/v1/me', { token, headers: { 'x-request-id': 'trace:1.a_b-c' } })
    expect(kept.headers.get('x-request-id')).toBe('trace:1.a_b-c')
    for (const path of ['/v1/me', '/v1/nothing', '/', '/assets/app-1a2b.js']) {
      const made = await http.call('GET', path, { headers: { 'x-request-id': 'not valid' } })
      expect(made.headers.get('x-request-id'), path).toMatch(/^[0-9a-f-]{36}$/)
    }
    expect((await http.call('GET', '/v1/nothing', { headers: { 'x-request-id': 'q'.repeat(129) } })).body.requestId).toHaveLength(36)
    expect((await http.call('GET', '/v1/nothing', { headers: { 'x-request-id': 'q'.repeat(128) } })).body.requestId).toHaveLength(128)
  })

  test('an unknown route is a problem document', async () => {
    expectProblem(await http.call('GET', '/v1/nothing', { token }), 404, 'NOT_FOUND')
    expectProblem(await http.call('POST', '/nothing', { token }), 404, 'NOT_FOUND')
    expectProblem(await http.call('PUT', '/v1/me', { token }), 404, 'NOT_FOUND')
    expectProblem(await http.call('GET', '/v1/%zz', { token }), 400, 'MALFORMED')
  })

  test('a body that is no JSON, of another type, or too long is refused with its own code', async () => {
    const json = { 'content-type': 'application/json' }
    expectProblem(await http.call('POST', '/v1/projects', { token, raw: '{"name":', headers: json }), 400, 'MALFORMED')
    expectProblem(await http.call('POST', '/v1/projects', { token, raw: '', headers: json }), 400, 'MALFORMED')
    expectProblem(await http.call('POST', '/v1/projects', { token, raw: '{"__proto__":{"x":1}}', headers: json }), 400, 'MALFORMED')
    expectProblem(
      await http.call('POST', '/v1/projects', { token, raw: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      415,
      'UNSUPPORTED',
    )
    const padding = (length: number) => ({ token, raw: JSON.stringify({ name: 1, pad: 'x'.repeat(length) }), headers: json })
    const envelope = JSON.stringify({ name: 1, pad: '' }).length
    expectProblem(await http.call('POST', '/v1/projects', padding(1_048_576 - envelope)), 422, 'INVALID')
    expectProblem(await http.call('POST', '/v1/projects', padding(1_048_577 - envelope)), 413, 'TOO_LARGE')
  })

  test('every bad field is named', async () => {
    const answer = await http.call('POST', '/v1/projects', { token, body: { name: ' ', currency: 'eur', settings: [] } })
    expectProblem(answer, 422, 'INVALID')
    expect(pathsOf(answer)).toEqual(['name', 'currency', 'settings'])
    expect(answer.body.detail).toBe('name: must not be empty')
  })

  test('what is not HTTP gets a problem document too', async () => {
    const reply = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(http.origin).port), '127.0.0.1', () => socket.end('NONSENSE\r\n\r\n'))
      let text = ''
      socket
        .on('data', (chunk) => (text += chunk))
        .on('end', () => resolve(text))
        .on('error', reject)
    })
    expect(reply).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json/)
    expect(reply).toContain('"code":"MALFORMED"')
  })

  test('an internal fault says nothing internal', async () => {
    const broken = await HttpFixture.open({
      ...database.db,
      $queryRaw: () => Promise.reject(new Error('password=hunter2')),
    } as unknown as TestDatabase['db'])
    const answer = await broken.call('GET', '/v1/me', { token: await broken.token('ana') })
    expectProblem(answer, 500, 'INTERNAL')
    expect(answer.text).not.toContain('hunter2')
    await broken.close()
  })

  test('pages have no inline script, no frame, no sniffing; API answers are not stored', async () => {
    const { headers } = await http.call('GET', '/')
    const policy = headers.get('content-security-policy')!
    expect(policy).toContain("default-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('strict-transport-security')).toBeNull()
    expect((await http.call('GET', '/v1/me', { token })).headers.get('cache-control')).toBe('no-store')
  })

  test('hashed assets stay for ever, HTML is asked for anew, other paths get the page', async () => {
    const asset = await http.call('GET', '/assets/app-1a2b.js')
    expect(asset).toMatchObject({ status: 200, text: 'export {}' })
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    for (const path of ['/', '/projects/1/matches']) {
      const page = await http.call('GET', path)
      expect(page).toMatchObject({ status: 200, text: expect.stringContaining('<title>room</title>') })
      expect(page.headers.get('cache-control')).toBe('no-cache')
    }
    expectProblem(await http.call('GET', '/assets/gone.js'), 404, 'NOT_FOUND')
    expect((await http.call('GET', '/../package.json')).text).not.toContain('"name"')
    expectProblem(await http.call('GET', '/..%2f..%2fpackage.json'), 404, 'NOT_FOUND')
  })

  test('an asset goes out as the build has compressed it, to who takes that', async () => {
    const packed = await http.call('GET', '/assets/app-1a2b.js', { headers: { 'accept-encoding': 'gzip, br' } })
    expect(packed).toMatchObject({ status: 200, text: 'export {}' })
    expect(packed.headers.get('content-encoding')).toBe('br')
    const plain = await http.call('GET', '/assets/app-1a2b.js', { headers: { 'accept-encoding': 'identity' } })
    expect(plain).toMatchObject({ status: 200, text: 'export {}' })
    expect(plain.headers.get('content-encoding')).toBeNull()
    for (const { headers } of [packed, plain]) {
      expect(headers.get('vary')).toMatch(/accept-encoding/i)
      expect(headers.get('content-type')).toMatch(/javascript/)
    }
  })

  test('without a built dashboard its pages are 404 and the API answers', async () => {
    const bare = await HttpFixture.open(database.db, { dashboardDir: join(dir, 'missing') })
    expectProblem(await bare.call('GET', '/'), 404, 'NOT_FOUND')
    expect((await bare.call('GET', '/v1/me', { token: await bare.token('ana') })).status).toBe(200)
    await bare.close()
  })

  test('[C1] the live address without an upgrade is 426', async () => {
    const answer = await http.call<object>('GET', '/v1/live')
    expect(answer).toMatchObject({ status: 426, body: { code: 'UNSUPPORTED', status: 426 } })
    expect(answer.headers.get('upgrade')).toBe('websocket')
  })
})
