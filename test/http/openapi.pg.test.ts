import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OPERATIONS } from '../../src/http/operations.js'
import { ANA, Review } from '../db/review-fixture.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { type Call, expectProblem, HttpFixture } from './http-fixture.js'

interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>
}
interface DocumentedOperation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[]
  readonly requestBody?: unknown
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}
/** How a test calls an operation: the values of its path, and the rest. */
type Way = () => Promise<Call & { readonly path?: Readonly<Record<string, string>>; readonly query?: string }>

describe('the description of the API', () => {
  let database: TestDatabase
  let http: HttpFixture
  let review: Review
  let token: string
  let document: OpenApi

  beforeAll(async () => {
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db)
    review = await Review.open(database.db)
    token = await http.token(ANA.id, { admin: true })
    document = (await http.call<OpenApi>('GET', '/openapi.json')).body
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  let no = 0
  async function pair() {
    const left = await review.record('left', { externalId: `L${++no}` })
    const right = await review.record('right', { externalId: `R${no}` })
    return { left, right, match: await review.match(left, right) }
  }
  const source = async () => {
    const raw = `id,amount,date\nA${++no},1.00,2026-07-01\nB,x,y\n`
    const imported = await http.call<{ source: { id: string } }>('POST', `/v1/projects/${review.project}/sources?side=left&name=a.csv`, {
      token,
      raw,
    })
    return imported.body.source.id
  }
  const job = async () =>
    (await http.call<{ job: { id: string } }>('POST', `/v1/projects/${review.project}/jobs`, { token, body: { kind: 'match' } })).body.job
      .id

  const plain: Way = async () => ({})
  const WAYS: Readonly<Record<string, Way>> = {
    'POST /v1/sessions': async () => ({ body: { code: await http.code('ben') } }),
    'DELETE /v1/sessions/current': plain,
    'POST /v1/tickets': plain,
    'GET /v1/me': plain,
    'GET /v1/projects': plain,
    'POST /v1/projects': async () => ({ body: { name: 'New' } }),
    'GET /v1/projects/:project': plain,
    'PATCH /v1/projects/:project': async () => {
      const { body } = await http.call<{ project: { version: number } }>('GET', `/v1/projects/${review.project}`, { token })
      return { body: { version: body.project.version, name: 'Renamed' } }
    },
    'DELETE /v1/projects/:project': async () => ({ path: { project: await http.project('ana', 'Doomed') }, query: 'name=Doomed' }),
    'GET /v1/projects/:project/summary': plain,
    'GET /v1/projects/:project/members': plain,
    'PUT /v1/projects/:project/members/:user': async () => ({ path: { user: 'cy' }, body: { role: 'viewer', name: 'Cy' } }),
    'DELETE /v1/projects/:project/members/:user': async () => {
      await http.member(review.project, 'dee', 'viewer')
      return { path: { user: 'dee' } }
    },
    'POST /v1/projects/:project/sources': async () => ({ query: 'side=right&name=b.csv', raw: 'id,amount,date\nX,1.00,2026-07-01\n' }),
    'GET /v1/projects/:project/sources': plain,
    'GET /v1/projects/:project/sources/:source': async () => ({ path: { source: await source() } }),
    'GET /v1/projects/:project/sources/:source/rejected': async () => ({ path: { source: await source() } }),
    'DELETE /v1/projects/:project/sources/:source': async () => ({ path: { source: await source() } }),
    'GET /v1/projects/:project/records': plain,
    'GET /v1/projects/:project/records/:record': async () => ({ path: { record: (await pair()).left } }),
    'POST /v1/projects/:project/jobs': async () => ({ body: { kind: 'match' } }),
    'GET /v1/projects/:project/jobs': plain,
    'GET /v1/projects/:project/jobs/:job': async () => ({ path: { job: await job() } }),
    'POST /v1/projects/:project/jobs/:job/cancel': async () => ({ path: { job: await job() } }),
    'GET /v1/projects/:project/matches': plain,
    'GET /v1/projects/:project/matches/:match': async () => ({ path: { match: (await pair()).match } }),
    'POST /v1/projects/:project/matches': async () => {
      const left = await review.record('left', { externalId: `L${++no}` })
      const right = await review.record('right', { externalId: `R${no}` })
      return { body: { left: [left], right: [right] } }
    },
    'DELETE /v1/projects/:project/matches/:match': async () => {
      const { left, right } = await pair()
      return { path: { match: await review.match(left, right, { status: 'confirmed' }) }, body: { version: 1 } }
    },
    'POST /v1/projects/:project/decisions': async () => ({
      body: { items: [{ match: (await pair()).match, version: 1, decision: 'confirm' }] },
    }),
    'POST /v1/projects/:project/decisions/bulk': async () => ({ body: { filter: { minConfidence: '0.5' }, dryRun: true } }),
    'POST /v1/projects/:project/decisions/undo': async () => {
      const items = [{ match: (await pair()).match, version: 1, decision: 'confirm' }]
      const { body } = await http.call<{ act: string }>('POST', `/v1/projects/${review.project}/decisions`, { token, body: { items } })
      return { body: { act: body.act } }
    },
    'GET /v1/projects/:project/breaks': plain,
    'PATCH /v1/projects/:project/breaks/:break': async () => {
      const { left } = await pair()
      await review.break(left, 'left')
      const { id } = await database.db.break.findFirstOrThrow({ where: { recordId: left } })
      return { path: { break: id }, body: { version: 1, status: 'resolved' } }
    },
    'GET /v1/projects/:project/export': async () => ({ query: 'what=records' }),
    'POST /v1/projects/:project/events': async () => ({ body: { events: [{ type: 'order.paid', data: { no: 1 } }] } }),
  }

  test('names every operation once, and this test calls each of them', () => {
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    expect(document.openapi).toBe('3.1.0')
    expect(documented.sort()).toEqual(Object.keys(WAYS).sort())
    expect(documented.sort()).toEqual(Object.keys(OPERATIONS).sort())
  })

  test.each(Object.keys(WAYS))('%s answers as it is described', async (key) => {
    const [method, url] = key.split(' ') as [string, string]
    const documented = document.paths[url.replaceAll(/:(\w+)/g, '{$1}')]![method.toLowerCase()]!
    const { path = {}, query, ...call } = await WAYS[key]!()
    const values = { project: review.project, ...path }
    const named = documented.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
    expect(url.match(/:\w+/g)?.map((name) => name.slice(1)) ?? []).toEqual(named)
    const address = url.replaceAll(/:(\w+)/g, (_, name: string) => (values as Record<string, string>)[name]!)
    const answer = await http.call<unknown>(method, query === undefined ? address : `${address}?${query}`, { token, ...call })
    const { answer: schema, status } = OPERATIONS[key]!
    expect(answer.status, answer.text).toBe(status)
    const { content } = documented.responses[status]!
    expect(schema === null).toBe(content === undefined)
    if (schema === null) return
    expect(Object.keys(content!)).toContain(answer.headers.get('content-type')!.split(';')[0])
    if (answer.body !== undefined) expect(schema.safeParse(answer.body).error).toBeUndefined()
    expect(call.body === undefined && call.raw === undefined).toBe(documented.requestBody === undefined)
  })

  test('every reference leads somewhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!)
    expect(references.length).toBeGreaterThan(50)
    for (const reference of new Set(references)) {
      const found = reference.split('/').reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document)
      expect(found, reference).toBeTypeOf('object')
    }
  })

  test('the page has no script and no style, and says what the document says', async () => {
    const { headers, text } = await http.call('GET', '/openapi.html')
    expect(headers.get('content-type')).toContain('text/html')
    expect(text).not.toMatch(/<script|<style|style=|https?:/)
    for (const key of Object.keys(OPERATIONS)) expect(text).toContain(key.split(' ')[1])
    expectProblem(await http.call('GET', '/openapi.yaml'), 404, 'NOT_FOUND')
  })
})
