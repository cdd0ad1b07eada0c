import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { deleteSession, redeemCode } from '../db/credentials.js'
import { AppError } from '../errors.js'
import { SESSION_COOKIE } from '../sessions/auth.js'
import { isLoopback } from '../sessions/origins.js'
import type { HttpApp, HttpContext } from './context.js'
import { originOf } from './who.js'

const BODY = z.object({ code: z.string().min(1).max(4096) })

/** Sign-in by a link's code; the only route that needs no credential. */
export function signInRoute(app: HttpApp, context: HttpContext): void {
  const route = {
    schema: { body: BODY },
    onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
      await context.rateLimits?.take(request, reply, 'sign-in')
    },
  }
  app.post('/v1/sessions', route, async (request, reply) => {
    // A foreign page must not sign people in under a name that they do not expect.
    if (originOf(request, context.isOriginAllowed) === 'foreign') throw new AppError('ORIGIN_FORBIDDEN')
    const now = Date.now()
    const session = await redeemCode(context.db, await context.tokens.verifySignInCode(request.body.code), now)
    const expires = new Date(session.expiresAt)
    reply.setCookie(SESSION_COOKIE, session.secret, { ...cookieOptions(context), expires })
    return reply.code(201).send({ user: session.user, expiresAt: expires.toISOString() })
  })
}

/** Sign-out. A token has no session to end: nothing happens. */
export function sessionRoutes(app: HttpApp, context: HttpContext): void {
  app.delete('/v1/sessions/current', async (request, reply) => {
    const { credential } = request.principal
    if (credential !== null) {
      await deleteSession(context.db, credential)
      context.closeSessions(credential)
    }
    return reply.clearCookie(SESSION_COOKIE, cookieOptions(context)).code(204).send()
  })
}

function cookieOptions({ publicUrl }: HttpContext) {
  return { path: '/', httpOnly: true, sameSite: 'lax', secure: !isLoopback(new URL(publicUrl()).hostname) } as const
}
