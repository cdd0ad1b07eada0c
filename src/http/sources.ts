import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Db } from '../db/client.js'
import { getProject } from '../db/projects.js'
import { deleteSource, getSource, listSources, readRejectedColumns, readRejectedRows } from '../db/sources.js'
import { AppError } from '../errors.js'
import { csvLine } from '../exports/csv.js'
import type { ProjectId, SourceId } from '../ids.js'
import type { Mapping } from '../imports/statement-parser.js'
import { importStatement, previewStatement } from '../jobs/import.js'
import { SIDES, type SourceView } from '../protocol/views.js'
import { sendList } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { idPageOf, readIdCursor } from './cursor.js'
import { MAPPING } from './mapping.js'
import { flag, name, page, pathId, problemsOf } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const SOURCE_PARAMS = PARAMS.extend({ source: z.string() })
/** With the rest of the head it has to fit into Node's 16 KiB. */
const MAX_MAPPING_CHARS = 8_192
const UPLOAD = z.object({
  side: z.enum(SIDES),
  name: name(255),
  format: z.string().max(20).default('auto'),
  mapping: z.string().max(MAX_MAPPING_CHARS).optional(),
  again: flag,
  dryRun: flag,
})
const LIST = z.object(page)

/** After a refusal the rest of the body is read and dropped, so that the client gets to the answer; beyond this the connection is cut. */
const MAX_DISCARDED_BYTES = 64 * 1_048_576

/** Files of the project. */
export function sourceRoutes(app: HttpApp, context: HttpContext): void {
  const { db, wakeOutbox } = context

  app.get('/v1/projects/:project/sources', { schema: { params: PARAMS, querystring: LIST } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor } = request.query
    const after = readIdCursor(cursor)
    return sendList(context, request, reply, {
      project,
      name: 'sources',
      tags: ['sources'],
      load: () => listSources(db, project, { limit: limit + 1, after }),
      show: (rows) => idPageOf(rows, limit),
    })
  })

  app.get('/v1/projects/:project/sources/:source', { schema: { params: SOURCE_PARAMS } }, async (request) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    return { source: await requireSource(db, project, request.params.source) }
  })

  app.get('/v1/projects/:project/sources/:source/rejected', { schema: { params: SOURCE_PARAMS } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const source = await requireSource(db, project, request.params.source)
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', `attachment; filename="rejected-${source.id}.csv"`)
      .send(Readable.from(rejectedCsv(db, source.id as SourceId)))
  })

  app.delete('/v1/projects/:project/sources/:source', { schema: { params: SOURCE_PARAMS } }, async (request, reply) => {
    const { project, user } = await enter(context, request, request.params.project, 'analyst')
    await deleteSource(db, project, pathId(request.params.source, 'source'), user)
    wakeOutbox(project, ['sources', 'records', 'matches', 'breaks'])
    return reply.code(204).send()
  })
}

/** The upload, in a scope of its own: whatever the type of its body says, nobody reads it before the import does. */
export function uploadRoute(app: HttpApp, context: HttpContext): void {
  const { db, maxUploadBytes, wakeOutbox, metrics } = context
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  app.addHook('onRequest', async (request) => {
    // Fastify refuses one that is none, and here it says nothing.
    request.headers['content-type'] = 'application/octet-stream'
  })

  const route = { config: { rate: 'bulk' }, schema: { params: PARAMS, querystring: UPLOAD } } as const
  app.post('/v1/projects/:project/sources', route, async (request, reply) => {
    try {
      const { project, user } = await enter(context, request, request.params.project, 'analyst')
      const { side, name, format, again, dryRun } = request.query
      const mapping = readMapping(request.query.mapping)
      const currency = (await getProject(db, project))?.currency ?? null
      const statement = {
        name,
        format,
        currency,
        bytes: limited(request.raw, maxUploadBytes),
        ...(mapping === undefined ? {} : { mapping }),
      }
      if (dryRun) return await previewStatement(statement)
      const imported = await importStatement({ ...statement, db, project, side, again, actor: user })
      metrics?.jobs.imported(imported.source.rows)
      wakeOutbox(project, ['sources', 'records'])
      return reply.code(201).header('location', `/v1/projects/${project}/sources/${imported.source.id}`).send(imported)
    } finally {
      discardRest(request.raw)
    }
  })
}

async function requireSource(db: Db, project: ProjectId, source: string): Promise<SourceView> {
  const view = await getSource(db, project, pathId(source, 'source'))
  if (view === null) throw new AppError('NOT_FOUND', { message: 'no such source' })
  return view
}

function readMapping(json: string | undefined): Mapping | undefined {
  if (json === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new AppError('INVALID', { problems: [{ path: 'mapping', message: 'must be JSON' }], cause })
  }
  const parsed = MAPPING.safeParse(value)
  if (parsed.success) return parsed.data
  throw new AppError('INVALID', { problems: problemsOf(parsed.error, 'mapping') })
}

/** The body, refused when it is too long; who stops reading early leaves the connection open for the answer. */
async function* limited(body: IncomingMessage, maxBytes: number): AsyncGenerator<Uint8Array> {
  if (Number(body.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  let bytes = 0
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge(maxBytes)
      yield chunk
    }
  } catch (error) {
    // What the body itself throws: the client went away, which is no fault of ours.
    throw error instanceof AppError ? error : new AppError('MALFORMED', { message: 'the upload broke off', cause: error })
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('TOO_LARGE', { message: `a file may have at most ${maxBytes} bytes` })
}

function discardRest(body: IncomingMessage): void {
  if (body.readableEnded || body.destroyed) return
  let bytes = 0
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MAX_DISCARDED_BYTES) body.destroy()
  })
  body.on('error', () => undefined)
  body.resume()
}

/** The rejected rows with their reasons in front. */
async function* rejectedCsv(db: Db, source: SourceId): AsyncGenerator<string> {
  yield csvLine(['row', 'reason', ...(await readRejectedColumns(db, source))], [])
  for await (const { rowNo, message, cells } of readRejectedRows(db, source)) {
    yield csvLine([String(rowNo), message, ...cells], ['number'])
  }
}
