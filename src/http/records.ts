import { z } from 'zod'
import { findBreakOf } from '../db/breaks.js'
import { listMatchesOf } from '../db/matches.js'
import { getRecord, listRecords } from '../db/records.js'
import { AppError } from '../errors.js'
import type { RecordId, SourceId } from '../ids.js'
import { RECORD_STATES, SIDES } from '../protocol/views.js'
import { sendList } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { idPageOf, readIdCursor } from './cursor.js'
import { id, page, pathId, text } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const RECORD_PARAMS = PARAMS.extend({ record: z.string() })
const LIST = z.object({
  ...page,
  side: z.enum(SIDES).optional(),
  state: z.enum(RECORD_STATES).optional(),
  source: id<SourceId>().optional(),
  q: text(200).optional(),
})

/** Matches shown with a record: more have no place on a screen. */
const MATCHES_SHOWN = 50

/** Rows of the project's files. */
export function recordRoutes(app: HttpApp, context: HttpContext): void {
  const { db } = context

  app.get('/v1/projects/:project/records', { schema: { params: PARAMS, querystring: LIST } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor, ...filter } = request.query
    const after = readIdCursor(cursor)
    return sendList(context, request, reply, {
      project,
      name: 'records',
      tags: ['records', 'sources', 'matches'],
      load: () => listRecords(db, project, filter, { limit: limit + 1, after }),
      show: (rows) => idPageOf(rows, limit),
    })
  })

  app.get('/v1/projects/:project/records/:record', { schema: { params: RECORD_PARAMS } }, async (request) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const id = pathId<RecordId>(request.params.record, 'record')
    const found = await getRecord(db, project, id)
    if (found === null) throw new AppError('NOT_FOUND', { message: 'no such record' })
    return { ...found, matches: await listMatchesOf(db, id, MATCHES_SHOWN), break: await findBreakOf(db, id) }
  })
}
