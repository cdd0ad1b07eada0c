import { request as ask } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/client.js'
import { migrate } from '../../src/db/migrate.js'
import type { QueryEvent } from '../../src/db/pool.js'
import type { ProjectId } from '../../src/ids.js'
import { createServerDatabase, type TestDatabase } from '../db/test-databases.js'
import { HttpFixture, type Page } from './http-fixture.js'

interface Raw {
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
}

describe('on every answer', () => {
  let database: TestDatabase
  let http: HttpFixture
  let token: string
  let project: ProjectId
  const events: QueryEvent[] = []

  beforeAll(async () => {
    database = await openObserved(events)
    http = await HttpFixture.open(database.db)
    project = await http.project('ana')
    token = await http.token('ana')
    const lines = Array.from(
      { length: 150 },
      (_, no) => `2026-07-${String(1 + (no % 28)).padStart(2, '0')},R-${no * 7919},Client ${no * 31},${no}.50`,
    )
    const imported = await http.call('POST', `/v1/projects/${project}/sources?side=left&name=a.csv`, {
      token,
      raw: ['date,reference,counterparty,amount', ...lines].join('\n'),
    })
    expect(imported.status).toBe(201)
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  /** As it comes over the wire: fetch would unpack it. */
  function raw(path: string, headers: Readonly<Record<string, string>>): Promise<Raw> {
    return new Promise((resolve, reject) => {
      ask(http.origin + path, { headers: { authorization: `Bearer ${token}`, ...headers } }, (response) => {
        const chunks: Buffer[] = []
        response
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }))
      })
        .on('error', reject)
        .end()
    })
  }

  test('a list of a hundred rows is at least 60 % smaller, as brotli and as gzip, and says the same', async () => {
    const path = `/v1/projects/${project}/records?limit=100`
    const plain = await raw(path, {})
    expect((JSON.parse(plain.body.toString()) as Page<unknown>).items).toHaveLength(100)
    for (const [encoding, unpack] of [
      ['br', brotliDecompressSync],
      ['gzip', gunzipSync],
    ] as const) {
      const packed = await raw(path, { 'accept-encoding': encoding })
      expect(packed.headers).toMatchObject({ 'content-encoding': encoding, vary: expect.stringContaining('accept-encoding') })
      expect(packed.body.length).toBeLessThan(0.4 * plain.body.length)
      expect(unpack(packed.body).equals(plain.body)).toBe(true)
    }
    expect((await raw(path, { 'accept-encoding': 'gzip;q=0.5, br' })).headers['content-encoding']).toBe('br')
  })

  test('an export is compressed as it streams', async () => {
    const path = `/v1/projects/${project}/export?what=records`
    const packed = await raw(path, { 'accept-encoding': 'gzip' })
    expect(gunzipSync(packed.body).equals((await raw(path, {})).body)).toBe(true)
  })

  test('a small answer, an empty one and one that nobody wants compressed stay as they are', async () => {
    const all = { 'accept-encoding': 'br, gzip' }
    for (const path of ['/v1/me', '/v1/nothing']) expect((await raw(path, all)).headers['content-encoding']).toBeUndefined()
    const list = `/v1/projects/${project}/records?limit=100`
    for (const accepted of ['identity', 'zstd', 'br;q=0, gzip;q=0'])
      expect((await raw(list, { 'accept-encoding': accepted })).headers['content-encoding'], accepted).toBeUndefined()
  })

  test('a body that says it is compressed is not unpacked', async () => {
    const answer = await http.call('POST', '/v1/projects', {
      token,
      raw: Buffer.from('{"name":"x"}'),
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    })
    expect(answer.status).toBe(201)
  })

  test('Server-Timing tells what the request asked of the database, and of no other request', async () => {
    for (const path of [`/v1/projects/${project}/records`, `/v1/projects/${project}/summary`, '/v1/me']) {
      events.length = 0
      const { headers } = await http.call('GET', path, { token })
      const { total, db, count } = /^total;dur=(?<total>[\d.]+), db;dur=(?<db>[\d.]+);desc="(?<count>\d+)"(?:, cache;desc="miss")?$/.exec(
        headers.get('server-timing')!,
      )!.groups!
      expect(Number(count), path).toBe(events.length)
      const ms = events.reduce((sum, event) => sum + event.ms, 0)
      expect(Number(db)).toBeGreaterThanOrEqual(ms - 0.1)
      expect(Number(db)).toBeLessThan(ms + 50)
      expect(Number(total)).toBeGreaterThan(0)
    }
    const together = await Promise.all(
      Array.from({ length: 8 }, async () => (await http.call('GET', '/v1/me', { token })).headers.get('server-timing')),
    )
    const alone = (await http.call('GET', '/v1/me', { token })).headers.get('server-timing')
    const counts = [...together, alone].map((timing) => /desc="(\d+)"/.exec(timing!)![1])
    expect(new Set(counts).size).toBe(1)
    // A body comes in another turn: what follows it is this request's all the same.
    events.length = 0
    const written = await http.call('POST', '/v1/projects', { token, body: { name: 'timed', settings: { pad: 'x'.repeat(60_000) } } })
    expect(written.headers.get('server-timing')).toContain(`desc="${events.length}"`)
    expect(events.length).toBeGreaterThan(2)
  })

  test('who asks nothing of the database is told no time of it', async () => {
    expect((await http.call('GET', '/v1/nothing', { token })).headers.get('server-timing')).toMatch(/^total;dur=[\d.]+$/)
  })
})

async function openObserved(events: QueryEvent[]): Promise<TestDatabase> {
  const server = await createServerDatabase()
  const opened = await openDatabase({
    address: { url: server.url },
    applicationName: 'test',
    observer: { onQuery: (event) => events.push(event), onAcquire: () => undefined },
  })
  await migrate(opened.db)
  return {
    db: opened.db,
    async close() {
      await opened.close()
      await server.drop()
    },
  }
}
