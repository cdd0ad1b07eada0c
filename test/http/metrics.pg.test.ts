import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readBacklog } from '../../src/db/backlog.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { newMetrics, sampleOf } from '../metrics/exposition.js'
import { HttpFixture } from './http-fixture.js'

describe('what HTTP counts', () => {
  const metrics = newMetrics()
  let database: TestDatabase
  let http: HttpFixture
  const value = async (sample: string) => sampleOf((await metrics.text()).body, `tallyroom_${sample}`)

  beforeAll(async () => {
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db, { metrics })
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  test('answers by the pattern of their route, never by what stands in a path; refused credentials; rows of files', async () => {
    const project = await http.project('ana')
    const token = await http.token('ana')
    const csv = 'id,amount,date\n1,10.00,2026-01-01\n2,ten,2026-01-02\n'
    expect((await http.call('POST', `/v1/projects/${project}/sources?side=left&name=a.csv`, { token, raw: csv })).status).toBe(201)
    for (const id of [project, 'one', 'two']) await http.call('GET', `/v1/projects/${id}`, { token })
    await http.call('GET', '/nowhere/at/all')
    await http.call('GET', '/v1/me', { token: 'nobody' })

    const count = (route: string, status: number, method = 'GET') =>
      value(`http_request_seconds_count{route="${route}",method="${method}",status="${status}"}`)
    expect(await count('/v1/projects/:project', 200)).toBe(1)
    expect(await count('/v1/projects/:project', 403)).toBe(2)
    expect(await count('/v1/projects/:project/sources', 201, 'POST')).toBe(1)
    expect(await count('/v1/me', 401)).toBe(1)
    expect(await value('auth_failures_total{reason="UNAUTHENTICATED"}')).toBe(1)
    expect(await value('import_rows_total{result="accepted"}')).toBe(1)
    expect(await value('import_rows_total{result="rejected"}')).toBe(1)
    expect(await count('none', 404)).toBe(1)
    expect((await metrics.text()).body).not.toContain(project)
  })

  test('what waits is told for the whole fleet, states that nobody is in as 0', async () => {
    const before = await readBacklog(database.db)
    const project = await http.project('ana')
    const token = await http.token('ana')
    for (const side of ['left', 'right']) {
      const raw = `id,amount,date\n${side},10.00,2026-01-01\n`
      await http.call('POST', `/v1/projects/${project}/sources?side=${side}&name=${side}.csv`, { token, raw })
    }
    const { body } = await http.call<{ readonly job: { readonly id: string } }>('POST', `/v1/projects/${project}/jobs`, {
      token,
      body: { kind: 'match' },
    })
    const after = await readBacklog(database.db)
    const of = (backlog: typeof after, state: string) => backlog.jobs.find((one) => one.state === state)?.count
    expect(of(after, 'queued')).toBe(of(before, 'queued')! + 1)
    expect([of(after, 'running'), of(after, 'failed'), after.running]).toEqual([0, 0, []])
    expect(after.outboxPending).toBeGreaterThan(before.outboxPending)
    expect(after.outboxLagMs).toBeGreaterThan(0)

    await http.call('POST', `/v1/projects/${project}/jobs/${body.job.id}/cancel`, { token })
    expect(await value('job_seconds_count{kind="match",result="cancelled"}')).toBe(1)
  })
})
