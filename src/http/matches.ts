import { z } from 'zod'
import { listDecisions } from '../db/decisions.js'
import { getMatch, listAlternatives, listMatches } from '../db/matches.js'
import { getRecords } from '../db/records.js'
import { AppError } from '../errors.js'
import type { JobId, MatchId } from '../ids.js'
import { MATCH_STATUSES, type RecordView } from '../protocol/views.js'
import type { HttpApp, HttpContext } from './context.js'
import { pageOf, readCursor } from './cursor.js'
import { id, page, pathId, text } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const MATCH_PARAMS = PARAMS.extend({ match: z.string() })
const CONFIDENCE = z.string().regex(/^(0(\.\d{1,5})?|1(\.0{1,5})?)$/, 'must be a decimal number from 0 to 1, with at most five decimals')
const LIST = z.object({
  ...page,
  status: z.enum(MATCH_STATUSES).optional(),
  minConfidence: CONFIDENCE.optional(),
  rule: text(200).optional(),
  job: id<JobId>().optional(),
})
/** Highest confidence first: a page ends at a confidence and an id. */
const CONFIDENCE_KEY = z.tuple([CONFIDENCE, id<string>()])

const ALTERNATIVES_SHOWN = 20

/** What the engine found and what people made of it. */
export function matchRoutes(app: HttpApp, context: HttpContext): void {
  const { db } = context

  app.get('/v1/projects/:project/matches', { schema: { params: PARAMS, querystring: LIST } }, async (request) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor, ...filter } = request.query
    const key = readCursor(cursor, CONFIDENCE_KEY)
    const after = key && { confidence: key[0], id: key[1] }
    return pageOf(await listMatches(db, project, filter, { limit: limit + 1, after }), limit, (match) => [match.confidence, match.id])
  })

  app.get('/v1/projects/:project/matches/:match', { schema: { params: MATCH_PARAMS } }, async (request) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const matchId = pathId<MatchId>(request.params.match, 'match')
    const match = await getMatch(db, project, matchId)
    if (match === null) throw new AppError('NOT_FOUND', { message: 'no such match' })
    const records = await getRecords(db, [...match.left, ...match.right])
    const ofSide = (side: RecordView['side']) => records.filter((record) => record.side === side)
    return {
      match,
      leftRecords: ofSide('left'),
      rightRecords: ofSide('right'),
      // One to one: each record is allocated whole.
      members: records.map(({ id: record, amount }) => ({ record, allocated: amount })),
      alternatives: await listAlternatives(db, match, ALTERNATIVES_SHOWN),
      history: await listDecisions(db, matchId),
    }
  })
}
