import { z } from 'zod'
import { listDecisions } from '../db/decisions.js'
import { createMatch, removeMatch } from '../db/manual-matches.js'
import { getMatch, listAlternatives, listMatches } from '../db/matches.js'
import { getRecords } from '../db/records.js'
import { AppError } from '../errors.js'
import type { JobId, MatchId } from '../ids.js'
import { MATCH_STATUSES, MAX_REASON_CHARS, type RecordView } from '../protocol/views.js'
import { REVIEW_TAGS, sendList } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { pageOf, readCursor } from './cursor.js'
import { confidence, id, note, page, pathId, text, version } from './validation.js'
import { enter, newAct } from './who.js'

const PARAMS = z.object({ project: z.string() })
const MATCH_PARAMS = PARAMS.extend({ match: z.string() })
const LIST = z.object({
  ...page,
  status: z.enum(MATCH_STATUSES).optional(),
  minConfidence: confidence.optional(),
  rule: text(200).optional(),
  job: id<JobId>().optional(),
  q: text(200).optional(),
})
/** More on one side than a person looks at. */
const MAX_SIDE = 500
const SIDE = z
  .array(id<string>())
  .min(1)
  .max(MAX_SIDE)
  .refine((ids) => new Set(ids).size === ids.length, 'must not name a record twice')
const CREATE = z.object({ left: SIDE, right: SIDE, note, reason: text(MAX_REASON_CHARS).nullish() })
const REMOVE = z.object({ version, note })
/** Highest confidence first: a page ends at a confidence and an id. */
const CONFIDENCE_KEY = z.tuple([confidence, id<string>()])

const ALTERNATIVES_SHOWN = 20

/** What the engine found, what people made of it, and what they matched themselves. */
export function matchRoutes(app: HttpApp, context: HttpContext): void {
  const { db, wakeOutbox } = context

  app.get('/v1/projects/:project/matches', { schema: { params: PARAMS, querystring: LIST } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor, ...filter } = request.query
    const key = readCursor(cursor, CONFIDENCE_KEY)
    const after = key && { confidence: key[0], id: key[1] }
    return sendList(context, request, reply, {
      project,
      name: 'matches',
      tags: ['matches'],
      load: () => listMatches(db, project, filter, { limit: limit + 1, after }),
      show: (rows) => pageOf(rows, limit, (match) => [match.confidence, match.id]),
    })
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
      // Each record is in one match only, with all that it has.
      members: records.map(({ id: record, amount }) => ({ record, allocated: amount })),
      alternatives: await listAlternatives(db, match, ALTERNATIVES_SHOWN),
      history: await listDecisions(db, matchId),
    }
  })

  app.post('/v1/projects/:project/matches', { schema: { params: PARAMS, body: CREATE } }, async (request, reply) => {
    const entrance = await enter(context, request, request.params.project, 'analyst')
    const { left, right, note, reason } = request.body
    const act = newAct(entrance)
    const match = await createMatch(db, act, { left, right, note: note || null, reason: reason || null })
    wakeOutbox(entrance.project, REVIEW_TAGS)
    return reply.code(201).header('location', `/v1/projects/${entrance.project}/matches/${match.id}`).send({ act: act.id, match })
  })

  app.delete('/v1/projects/:project/matches/:match', { schema: { params: MATCH_PARAMS, body: REMOVE } }, async (request) => {
    const entrance = await enter(context, request, request.params.project, 'analyst')
    const act = newAct(entrance)
    const { version, note } = request.body
    const match = await removeMatch(db, act, { match: pathId<MatchId>(request.params.match, 'match'), version, note: note || null })
    wakeOutbox(entrance.project, REVIEW_TAGS)
    return { act: act.id, match }
  })
}
