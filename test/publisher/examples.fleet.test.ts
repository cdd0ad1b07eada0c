import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import type { ProjectId } from '../../src/ids.js'
import { createOnServer, type TestDatabase } from '../db/test-databases.js'
import { HttpFixture } from '../http/http-fixture.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = readFileSync(`${ROOT}docs/publishing.md`, 'utf8')
/** The sections of the page; the first says where the reader's own server is. */
const SECTIONS = new Map(
  PAGE.split(/^## /m).map((section) => [section.split('\n')[0]!, [...section.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, text]) => text!)]),
)

const has = (program: string) => spawnSync(program, ['--version']).status === 0
for (const program of ['curl', 'python3', 'redis-cli'])
  if (!has(program)) console.log(`NOT RUN: the example of docs/publishing.md for ${program}`)

describe('docs/publishing.md', () => {
  let database: TestDatabase
  let bus: RedisBus
  let http: HttpFixture
  let project: ProjectId
  let env: Readonly<Record<string, string | undefined>>

  beforeAll(async () => {
    database = await createOnServer()
    // Under the public names: the project is fresh.
    bus = new RedisBus({ url: process.env.TEST_REDIS_URL! })
    await bus.start()
    http = await HttpFixture.open(database.db, { bus })
    project = await http.project('ana')
    const token = await http.token('feed', { publish: [project] })
    env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      URL: http.origin,
      TOKEN: token,
      PROJECT: project,
      REDIS_URL: process.env.TEST_REDIS_URL,
    }
  })
  afterAll(async () => {
    await http.close()
    await bus.stop()
    await database.close()
  })

  async function run(program: string, args: readonly string[], example: string | undefined): Promise<string> {
    const { stdout, stderr } = await promisify(execFile)(program, [...args, example!], { cwd: ROOT, env, timeout: 30_000 })
    expect(stderr.replace(/^\s*%.*$/gm, '')).toBe('')
    return stdout
  }

  /** The last events of the project, by type and id. */
  async function published(count: number): Promise<readonly { readonly type: string; readonly id: string; readonly body: string }[]> {
    const { epoch } = await bus.head(project)
    const read = await bus.readEvents(project, { epoch, seq: 0, id: '' }, { maxEvents: 100_000, maxBytes: 1e9 })
    return read!.events.slice(-count)
  }

  test.runIf(has('curl'))('its example for curl publishes', async () => {
    expect(JSON.parse(await run('bash', ['-ec'], SECTIONS.get('curl')![0]))).toMatchObject({
      results: [
        { id: 'order-1', seq: 1 },
        { key: 'till/7', version: 1 },
      ],
    })
  })

  test('its examples for Node publish with the package as it is built, over HTTP and straight to Redis', async () => {
    const node = SECTIONS.get('Node')!
    expect(await run(process.execPath, ['--input-type=module', '-e'], node[0])).toMatch(/^published as \d\nINVALID \[ 1 \]\n$/)
    const lines = (await published(2_500)).map(({ type, body }) => `${type} ${JSON.parse(body).data.line}`)
    expect(lines).toEqual(Array.from({ length: 2_500 }, (_, index) => `order.line ${index + 1}`))
    expect(await run(process.execPath, ['--input-type=module', '-e'], node[1])).toMatch(/^published as 25\d\d\n$/)
    expect(await published(1)).toMatchObject([{ type: 'till.opened', body: '{"actor":"till-7","data":{}}' }])
  })

  test.runIf(has('python3'))('its example for Python publishes', async () => {
    const said = await run('python3', ['-c'], SECTIONS.get('Python')![0])
    expect(said).toMatch(/^\[\{'id': '[0-9a-f-]{36}', 'seq': \d+\}, \{'id': 'order-1', 'seq': \d+/)
    expect((await published(2)).map(({ body }) => JSON.parse(body).data)).toContainEqual({ amount: '42.00' })
  })

  test.runIf(has('redis-cli'))('its example for redis-cli publishes', async () => {
    expect(await run('bash', ['-ec'], SECTIONS.get('redis-cli')![0])).toMatch(/^[0-9a-z]{8,32}\n\d+\n\d+\nv:\d+\n$/)
    expect(await published(1)).toMatchObject([{ type: 'order.paid', id: 'order-2', body: '{"actor":"till-7","data":{"amount":"7.00"}}' }])
    const { latest } = await bus.latest(project)
    expect(latest).toMatchObject([{ key: 'till/7', body: '{"data":{"open":false}}' }])
  })
})
