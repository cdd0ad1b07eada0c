import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JobWorker } from '../../src/jobs/worker.js'
import { createLog } from '../../src/log.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { HttpFixture } from './http-fixture.js'

const PAGE = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8')
// `--json` and `--url-query` are younger than some systems that are still in use.
const hasCurl = spawnSync('curl', ['--url-query', 'a', '--version']).status === 0 && spawnSync('bash', ['--version']).status === 0
if (!hasCurl) console.log('NOT RUN: the examples of docs/http.md need bash and curl ≥ 7.87')

describe.skipIf(!hasCurl)('docs/http.md', () => {
  let database: TestDatabase
  let http: HttpFixture
  let worker: JobWorker
  const folder = mkdtempSync(join(tmpdir(), 'tallyroom-examples-'))

  beforeAll(async () => {
    database = await DATABASES[0].create()
    worker = new JobWorker({
      db: database.db,
      owner: 'examples',
      slots: 1,
      maxRunningJobs: 5,
      pollMs: 250,
      onJob: () => undefined,
      wakeOutbox: () => undefined,
      log: createLog('silent'),
    })
    worker.start()
    http = await HttpFixture.open(database.db, { wakeJobs: () => worker.wake() })
  })
  afterAll(async () => {
    await http.close()
    await worker.stop()
    await database.close()
    rmSync(folder, { recursive: true })
  })

  test('its examples work, from the first to the last', async () => {
    // The first one says where the reader's own server is.
    const [, ...examples] = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, example]) => example)
    expect(examples.length).toBeGreaterThan(5)
    const script = ['set -euo pipefail', ...examples].join('\n')
    const env = { PATH: process.env.PATH, URL: http.origin, TOKEN: await http.token('ana') }
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder, env, timeout: 60_000 })

    expect(stdout).toContain(`"liveUrl":"${http.origin.replace('http', 'ws')}/v1/live"`)
    expect(stdout).toContain('"role":"approver"')
    expect(stdout).toContain('"rows":{"accepted":3,"warning":0,"rejected":0}')
    expect(stdout).toContain("date: { column: 'posted', format: 'dd.MM.yyyy' }")
    expect(stdout).toContain('"memo":"Invoice 4712"')
    expect(stdout).toMatch(/^done$/m)
    expect(stdout).toMatch(/^no-candidate$/m)
    expect(stdout).toContain('{"count":1}')
    expect(stdout).toMatch(/2 records and 1 record matched by hand, left and right differ by -8 EUR: bank fee$/m)
    expect(stdout).toMatch(/^removed$/m)
    expect(stdout).toMatch(/^Ben$/m)
    expect(stdout).toMatch(/^match,status,automatic,rule,/m)
    expect(stdout).toContain('"externalId":"B3"')
    expect(stdout).toContain("{ key: 'till/7', version: 1 }")
    expect(stdout).toContain("{ id: 'order-4711', seq: 1, duplicate: true }")
    expect(stdout).toContain('{"type":"hello","token":"ticket_')
  })

  test('it names every operation', () => {
    for (const path of [
      '/v1/sessions',
      '/v1/me',
      '/v1/projects',
      '/summary',
      '/members',
      '/sources',
      '/rejected',
      '/records',
      '/jobs',
      '/cancel',
      '/matches',
      '/decisions',
      '/decisions/bulk',
      '/decisions/undo',
      '/breaks',
      '/export',
      '/events',
      '/tickets',
    ]) {
      expect(PAGE).toContain(path)
    }
  })
})
