import { z } from 'zod'
import { confirmAll, previewConfirmable } from '../db/bulk-decisions.js'
import { DECISIONS, type DecisionOutcome, decide } from '../db/decisions.js'
import { findMissingMatches } from '../db/matches.js'
import { undo } from '../db/undo.js'
import { AppError } from '../errors.js'
import type { MatchId } from '../ids.js'
import { REVIEW_TAGS } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { confidence, id, note, text, version } from './validation.js'
import { enter, newAct } from './who.js'

const PARAMS = z.object({ project: z.string() })
const BODY = z.object({
  items: z
    .array(z.object({ match: id<MatchId>(), version, decision: z.enum(DECISIONS), note }))
    .min(1)
    .max(1000),
})
const FILTER = z.object({ minConfidence: confidence, rule: text(200).optional() })
const BULK = z
  .object({ filter: FILTER, expectedCount: z.int().min(0).optional(), dryRun: z.boolean().default(false) })
  .refine((body) => body.dryRun !== (body.expectedCount !== undefined), 'must have an expectedCount, or be a dry run')
const UNDO = z.object({ act: id<string>() })

interface DecidedItem extends DecisionOutcome {
  readonly match: MatchId
}

/** What people say about suggestions, one by one or all of a filter, and how they take it back. */
export function decisionRoutes(app: HttpApp, context: HttpContext): void {
  const { db, wakeOutbox } = context

  // Each item is decided by itself, in order, and says how it went; all are one act.
  app.post('/v1/projects/:project/decisions', { schema: { params: PARAMS, body: BODY } }, async (request) => {
    const entrance = await enter(context, request, request.params.project, 'analyst')
    const { project } = entrance
    const { items } = request.body
    const missing = await findMissingMatches(
      db,
      project,
      items.map((item) => item.match),
    )
    if (missing.size > 0) {
      const problems = items.flatMap(({ match }, index) =>
        missing.has(match) ? [{ path: `items.${index}.match`, message: 'no such match' }] : [],
      )
      throw new AppError('NOT_FOUND', { message: 'no such match; nothing was decided', problems })
    }
    const act = newAct(entrance)
    const decided: DecidedItem[] = []
    try {
      for (const { note, ...item } of items)
        decided.push({ match: item.match, ...(await decide(db, act, { ...item, note: note || null })) })
    } finally {
      // Also when a later item failed: what was committed is news.
      if (decided.some((item) => item.result === 'done')) wakeOutbox(project, REVIEW_TAGS)
    }
    return { act: act.id, items: decided }
  })

  const bulk = { config: { rate: 'bulk' }, schema: { params: PARAMS, body: BULK } } as const
  app.post('/v1/projects/:project/decisions/bulk', bulk, async (request) => {
    const { filter, expectedCount } = request.body
    const entrance = await enter(context, request, request.params.project, 'analyst')
    const { project } = entrance
    if (expectedCount === undefined) return previewConfirmable(db, project, filter)
    const act = newAct(entrance)
    const count = await confirmAll(db, act, filter, expectedCount)
    if (count > 0) wakeOutbox(project, REVIEW_TAGS)
    return { act: act.id, count }
  })

  app.post('/v1/projects/:project/decisions/undo', { schema: { params: PARAMS, body: UNDO } }, async (request) => {
    const entrance = await enter(context, request, request.params.project, 'analyst')
    const count = await undo(db, newAct(entrance), request.body.act)
    wakeOutbox(entrance.project, REVIEW_TAGS)
    return { count }
  })
}
