import { z } from 'zod'
import { listBreaks } from '../db/breaks.js'
import { BREAK_REASONS, BREAK_STATUSES, SIDES } from '../protocol/views.js'
import type { HttpApp, HttpContext } from './context.js'
import { idPageOf, readIdCursor } from './cursor.js'
import { page, text } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const LIST = z.object({
  ...page,
  side: z.enum(SIDES).optional(),
  reason: z.enum(BREAK_REASONS).optional(),
  status: z.enum(BREAK_STATUSES).optional(),
  assignee: text(128).optional(),
})

/** Records that nothing explains. */
export function breakRoutes(app: HttpApp, context: HttpContext): void {
  app.get('/v1/projects/:project/breaks', { schema: { params: PARAMS, querystring: LIST } }, async (request) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor, ...filter } = request.query
    return idPageOf(await listBreaks(context.db, project, filter, { limit: limit + 1, after: readIdCursor(cursor) }), limit)
  })
}
