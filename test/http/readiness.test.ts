import { beforeEach, describe, expect, test } from 'vitest'
import { AdminReport } from '../../src/http/admin-report.js'
import { startAdminServer } from '../../src/http/admin-server.js'
import { Readiness } from '../../src/http/readiness.js'

describe('readiness', () => {
  let ageMs: number
  let newestMs: number | null | Error
  let isServing: boolean
  let readiness: Readiness
  const recorded: number[] = []

  beforeEach(() => {
    ageMs = 100
    newestMs = 100
    isServing = true
    recorded.length = 0
    readiness = new Readiness({
      proofAgeMs: () => ageMs,
      recordProof: async (age) => void recorded.push(age),
      async newestProofMs() {
        if (newestMs instanceof Error) throw newestMs
        return newestMs
      },
      isServing: () => isServing,
    })
  })

  test.each([
    ['its own delivery is proven', 2_999, null, true, 'proven'],
    ['not for 3 s, and another process’s has', 3_000, 400, false, 'deaf'],
    ['nobody’s is, as far as anybody knows', 3_000, 2_000, true, 'unproven'],
    ['nobody’s ever was', Number.POSITIVE_INFINITY, null, true, 'unproven'],
  ])('[D9] %s', async (_, own, newest, ready, delivery) => {
    ageMs = own
    newestMs = newest
    const proofAgeMs = Number.isFinite(own) ? own : null
    expect(await readiness.judge()).toEqual({ ready, database: 'ok', bus: { delivery, proofAgeMs }, draining: false })
  })

  test('[D9] a database that cannot be asked is told, and turns nobody away', async () => {
    ageMs = 5_000
    newestMs = new Error('no database')
    expect(await readiness.judge()).toMatchObject({ ready: true, database: 'unreachable', bus: { delivery: 'unproven' } })
  })

  test('[D9] what is proven the others learn, and nothing else', async () => {
    readiness.start()
    await readiness.stop()
    ageMs = 3_000
    readiness.start()
    await readiness.stop()
    expect(recorded).toEqual([100])
  })

  test('the admin port answers on loopback, in a word or with the reasons', async () => {
    const report = new AdminReport()
    const metrics = { text: async () => ({ body: 'tallyroom_ready 1\n', type: 'text/plain; version=0.0.4' }) }
    const admin = await startAdminServer({ port: 0, readiness, metrics, report })
    const ask = async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${admin.port}${path}`, { method })
      return [response.status, (await response.text()).trim()]
    }
    expect(await ask('/livez')).toEqual([200, 'ok'])
    expect(await ask('/readyz')).toEqual([200, 'ok'])
    isServing = false
    expect(await ask('/livez')).toEqual([200, 'ok'])
    expect(await ask('/readyz')).toEqual([503, 'not ready'])
    const [status, text] = await ask('/readyz?verbose')
    expect([status, JSON.parse(String(text))]).toEqual([
      503,
      { ready: false, database: 'ok', bus: { delivery: 'proven', proofAgeMs: 100 }, draining: true },
    ])
    expect((await ask('/'))[0]).toBe(404)
    expect((await ask('/livez', 'POST'))[0]).toBe(405)
    expect(await ask('/metrics')).toEqual([200, 'tallyroom_ready 1'])
    await expect(startAdminServer({ port: admin.port, readiness, metrics, report })).rejects.toThrow('set ADMIN_PORT to another one')
    await admin.close()
  })

  test('what operators read is a page or data; a section that fails says so, and nothing in it is markup', async () => {
    const report = new AdminReport()
    report.add('slowSessions', () => [{ id: '<b>one</b>', unsentBytes: 70_000, projects: 2 }])
    report.add('caches', () => Promise.reject(new Error('no cache')))
    report.add('indexAdvice', () => [])
    const metrics = { text: async () => ({ body: '', type: 'text/plain' }) }
    const admin = await startAdminServer({ port: 0, readiness, metrics, report })
    const url = `http://127.0.0.1:${admin.port}/admin`
    expect(await (await fetch(url)).json()).toEqual({
      slowSessions: [{ id: '<b>one</b>', unsentBytes: 70_000, projects: 2 }],
      caches: { unavailable: 'no cache' },
      indexAdvice: [],
    })
    const page = await (await fetch(url, { headers: { accept: 'text/html,*/*' } })).text()
    expect(page).toContain('<h2>slow sessions</h2>')
    expect(page).toContain('<td>&#60;b&#62;one&#60;/b&#62;</td><td>70000</td>')
    expect(page).toContain('no cache')
    expect(page).not.toContain('<b>')
    expect((await fetch(`${url}?format=json`, { headers: { accept: 'text/html' } })).headers.get('content-type')).toBe('application/json')
    await admin.close()
  })
})
