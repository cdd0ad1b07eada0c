import { z } from 'zod'
import type { HttpApp, HttpContext } from './context.js'

const PARAMS = z.object({ project: z.string() })
/** What stands in a publication is judged where sessions are judged too: one wrong one must not hide the others. */
const BODY = z.object({ events: z.array(z.unknown()) })

/** What services and people publish themselves (PROTOCOL §5). */
export function eventRoutes(app: HttpApp, { publisher, rateLimits }: HttpContext): void {
  const route = { config: { rate: 'events' }, schema: { params: PARAMS, body: BODY } } as const
  app.post('/v1/projects/:project/events', route, async (request, reply) => {
    // The request itself has counted as the first one.
    const further = request.body.events.length - 1
    if (further > 0) await rateLimits?.take(request, reply, 'events', further)
    return publisher.publish({
      publisher: request.principal,
      project: request.params.project,
      events: request.body.events,
      trace: request.id,
    })
  })
}
