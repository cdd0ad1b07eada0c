import type { HttpApp, HttpContext } from './context.js'

/** Credentials for one hello (PROTOCOL C2). */
export function ticketRoutes(app: HttpApp, { tickets }: HttpContext): void {
  app.post('/v1/tickets', async (request, reply) => {
    const { ticket, expiresAt } = await tickets.issue(request.principal)
    return reply.code(201).send({ ticket, expiresAt: new Date(expiresAt).toISOString() })
  })
}
