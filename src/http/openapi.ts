import { z } from 'zod'
import { assert } from '../errors.js'
import { SESSION_COOKIE } from '../sessions/auth.js'
import type { HttpApp } from './context.js'
import { NAMED_SCHEMAS, OPERATIONS, type Operation } from './operations.js'

/** A route of the API as Fastify was told it. */
interface Route {
  readonly key: string
  readonly method: string
  readonly url: string
  readonly schema: { readonly params?: z.ZodObject; readonly querystring?: z.ZodObject; readonly body?: z.ZodType }
}

type Json = Record<string, unknown>

/** The one address below `/v1` that is no operation: it speaks WebSocket. */
const LIVE = '/v1/live'

/**
 * Serves `/openapi.json` (OpenAPI 3.1) and a plain page of it at `/openapi.html`, both made from the routes and their zod schemas. To be
 * called before the routes are named. @throws when a route has no description, once all are there.
 */
export function serveOpenApi(app: HttpApp): void {
  const routes: Route[] = []
  app.addHook('onRoute', ({ method, url, schema }) => {
    if (typeof method !== 'string' || method === 'HEAD' || !url.startsWith('/v1/') || url === LIVE) return
    // Routes give zod schemas only.
    routes.push({ key: `${method} ${url}`, method, url, schema: (schema ?? {}) as Route['schema'] })
  })
  app.addHook('onReady', async () => {
    const keys = routes.map(({ key }) => key)
    assert(
      keys.every((key) => OPERATIONS[key]),
      `every route is described: ${keys.filter((key) => !OPERATIONS[key])}`,
    )
  })
  let document: Json | null = null
  const made = () => {
    document ??= openApi(routes)
    return document
  }
  app.get('/openapi.json', async (_request, reply) => reply.header('cache-control', 'no-cache').send(made()))
  app.get('/openapi.html', async (_request, reply) =>
    reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(page(routes)),
  )
}

function openApi(routes: readonly Route[]): Json {
  const answers = z.registry<{ id: string }>()
  const bodies = z.registry<{ id: string }>()
  for (const [name, schema] of Object.entries(NAMED_SCHEMAS)) answers.add(schema, { id: name })
  for (const { key, schema } of routes) {
    const { answer } = operationOf(key)
    if (answer && !answers.has(answer)) answers.add(answer, { id: `${operationId(key)}.answer` })
    if (schema.body) bodies.add(schema.body, { id: `${operationId(key)}.body` })
  }
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][route.method.toLowerCase()] = operationObject(route, answers)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tallyroom',
      version: '1',
      description: 'Errors are problem documents (RFC 9457); money and confidences are decimal strings.',
    },
    security: [{ token: [] }, { cookie: [] }],
    paths,
    components: {
      schemas: { ...schemasOf(answers, 'output'), ...schemasOf(bodies, 'input') },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        cookie: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
      },
    },
  }
}

function operationObject({ key, schema }: Route, answers: z.core.$ZodRegistry<{ id: string }>): Json {
  const { summary, status, answer, mediaTypes = ['application/json'], takes } = operationOf(key)
  const answerSchema = answer && reference(answers.get(answer)!.id)
  const body = takes ? { [takes]: {} } : schema.body && { 'application/json': { schema: reference(`${operationId(key)}.body`) } }
  return {
    operationId: operationId(key),
    summary,
    ...(key === 'POST /v1/sessions' ? { security: [] } : {}),
    parameters: [...parameters('path', schema.params), ...parameters('query', schema.querystring)],
    ...(body ? { requestBody: { required: true, content: body } } : {}),
    responses: {
      [status]: {
        description: summary,
        ...(answerSchema ? { content: Object.fromEntries(mediaTypes.map((type) => [type, { schema: answerSchema }])) } : {}),
      },
      default: { description: 'A refusal', content: { 'application/problem+json': { schema: reference('Problem') } } },
    },
  }
}

function parameters(place: 'path' | 'query', schema: z.ZodObject | undefined): Json[] {
  if (!schema) return []
  // An object's schema has these two.
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    readonly properties?: Record<string, Json>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, of]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: of,
  }))
}

function schemasOf(registry: z.core.$ZodRegistry<{ id: string }>, io: 'input' | 'output'): Json {
  const { schemas } = z.toJSONSchema(registry, { io, unrepresentable: 'any', uri: (id) => reference(id).$ref })
  const named = Object.entries(schemas).map(([id, { $schema, $id, ...schema }]) => [id === '__shared' ? `shared.${io}` : id, schema])
  // What recurs is put under a name of zod's own, which it takes for a document of its own.
  return JSON.parse(JSON.stringify(Object.fromEntries(named)).replaceAll('__shared#/', `shared.${io}/`)) as Json
}

function reference(id: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${id}` }
}

function operationOf(key: string): Operation {
  const operation = OPERATIONS[key]
  assert(operation, `${key} is described`)
  return operation
}

/** `GET /v1/projects/:project/jobs` is `get.projects.project.jobs`. */
function operationId(key: string): string {
  return key.toLowerCase().replace(' /v1', '').replaceAll('/:', '/').replaceAll('/', '.')
}

/** No script, no style, nothing from elsewhere: it is for reading. */
function page(routes: readonly Route[]): string {
  const rows = routes.map(({ key, method, url, schema }) => {
    const query = parameters('query', schema.querystring).map(({ name }) => String(name))
    const { summary, status } = operationOf(key)
    return `<tr><td>${method}</td><td><code>${url}</code></td><td>${query.map((name) => `<code>${name}</code>`).join(' ')}</td><td>${status}</td><td>${summary}</td></tr>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tallyroom: HTTP</title></head>
<body><main><h1>Tallyroom: HTTP</h1><p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<table><thead><tr><th>Method</th><th>Path</th><th>Query</th><th>Status</th><th>What it does</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></main></body></html>
`
}
