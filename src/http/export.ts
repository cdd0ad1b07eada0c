import { Readable } from 'node:stream'
import { z } from 'zod'
import { EXPORT_FORMATS, EXPORTS, type ExportFormat, exportRows } from '../exports/export.js'
import type { HttpApp, HttpContext } from './context.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const QUERY = z.object({ what: z.enum(EXPORTS), format: z.enum(EXPORT_FORMATS).default('csv') })

const MEDIA_TYPES: Readonly<Record<ExportFormat, string>> = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson' }

/** The project's rows as a file, streamed. */
export function exportRoute(app: HttpApp, context: HttpContext): void {
  app.get('/v1/projects/:project/export', { schema: { params: PARAMS, querystring: QUERY } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { what, format } = request.query
    return reply
      .type(MEDIA_TYPES[format])
      .header('content-disposition', `attachment; filename="${what}.${format}"`)
      .send(Readable.from(exportRows({ db: context.db, project, what, format })))
  })
}
