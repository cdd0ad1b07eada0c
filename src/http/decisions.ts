import { z } from 'zod'
import { DECISIONS, type DecisionOutcome, decide } from '../db/decisions.js'
import { findMissingMatches } from '../db/matches.js'
import { AppError } from '../errors.js'
import type { MatchId } from '../ids.js'
import type { HttpApp, HttpContext } from './context.js'
import { id, text, version } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const BODY = z.object({
  items: z
    .array(z.object({ match: id<MatchId>(), version, decision: z.enum(DECISIONS), note: text(2000).nullish() }))
    .min(1)
    .max(1000),
})

interface DecidedItem extends DecisionOutcome {
  readonly match: MatchId
}

/** What people say about suggestions: each item is decided by itself, in order, and says how it went. */
export function decisionRoutes(app: HttpApp, context: HttpContext): void {
  const { db, wakeOutbox } = context

  app.post('/v1/projects/:project/decisions', { schema: { params: PARAMS, body: BODY } }, async (request) => {
    const { project, user } = await enter(context, request, request.params.project, 'analyst')
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
    const decided: DecidedItem[] = []
    try {
      for (const { note, ...item } of items) {
        const outcome = await decide(db, { ...item, project, note: note || null, actor: user, requestId: request.id })
        decided.push({ match: item.match, ...outcome })
      }
    } finally {
      // Also when a later item failed: what was committed is news.
      if (decided.some((item) => item.result === 'done')) wakeOutbox(project)
    }
    return { items: decided }
  })
}
