import { z } from 'zod'
import { countBreaks, listBreaks, updateBreak } from '../db/breaks.js'
import { getRecords } from '../db/records.js'
import type { BreakId } from '../ids.js'
import { BREAK_FIELDS } from '../protocol/events.js'
import { BREAK_REASONS, BREAK_STATUSES, SIDES } from '../protocol/views.js'
import { sendList } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { idPageOf, readIdCursor } from './cursor.js'
import { flag, note, page, pathId, text, version } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const BREAK_PARAMS = PARAMS.extend({ break: z.string() })
/** With any offset; stored and answered as UTC. */
const TIME = z.iso
  .datetime({ offset: true, error: 'must be a time as RFC 3339 has it' })
  .refine((value) => isSensible(new Date(value)), 'must be between 1970 and 9999')
const UPDATE = z
  .object({
    version,
    assignee: text(128).nullish(),
    status: z.enum(BREAK_STATUSES).optional(),
    dueAt: TIME.nullish(),
    note,
  })
  .refine((change) => BREAK_FIELDS.some((field) => change[field] !== undefined), 'must change assignee, status, dueAt or note')
const LIST = z.object({
  ...page,
  side: z.enum(SIDES).optional(),
  reason: z.enum(BREAK_REASONS).optional(),
  status: z.enum(BREAK_STATUSES).optional(),
  assignee: text(128).optional(),
  count: flag,
})

/** Records that nothing explains, and whose they are. */
export function breakRoutes(app: HttpApp, context: HttpContext): void {
  const { db, wakeOutbox } = context

  app.get('/v1/projects/:project/breaks', { schema: { params: PARAMS, querystring: LIST } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor, count, ...filter } = request.query
    const after = readIdCursor(cursor)
    return sendList(context, request, reply, {
      project,
      name: 'breaks',
      tags: ['breaks', 'records', 'matches'],
      async load() {
        const page = idPageOf(await listBreaks(db, project, filter, { limit: limit + 1, after }), limit)
        // A break is a row that waits: whoever lists them shows their rows.
        const records = await getRecords(
          db,
          page.items.map(({ record }) => record),
        )
        return { ...page, records, ...(count ? { count: await countBreaks(db, project, filter) } : {}) }
      },
      show: (answer) => answer,
    })
  })

  app.patch('/v1/projects/:project/breaks/:break', { schema: { params: BREAK_PARAMS, body: UPDATE } }, async (request) => {
    const { project, user } = await enter(context, request, request.params.project, 'analyst')
    const changed = await updateBreak(db, project, pathId<BreakId>(request.params.break, 'break'), request.body, user)
    wakeOutbox(project, ['breaks'])
    return { break: changed }
  })
}

/** In years that every client and Postgres write with four digits. */
function isSensible(time: Date): boolean {
  return time.getUTCFullYear() >= 1970 && time.getUTCFullYear() <= 9999
}
