import type { FastifyRequest } from 'fastify'
import type { Act } from '../db/acts.js'
import type { Db } from '../db/client.js'
import { findSession } from '../db/credentials.js'
import { hasRole } from '../db/members.js'
import type { Actor } from '../db/outbox.js'
import { ensureUser } from '../db/users.js'
import { AppError } from '../errors.js'
import { newId, type ProjectId, parseId } from '../ids.js'
import type { Role } from '../protocol/views.js'
import { bearerToken, type Principal, sessionCookie } from '../sessions/auth.js'
import type { HttpContext } from './context.js'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The principal of the dashboard's cookie, or null when it signs nobody in (any more). */
export async function cookiePrincipal(db: Db, secret: string, now: number = Date.now()): Promise<Principal | null> {
  const session = await findSession(db, secret, now)
  return session && { ...session, admin: false, projects: {}, publish: [] }
}

/**
 * Who asks: the Bearer token, else the cookie; the first one present decides. A cookie travels with requests that other sites cause,
 * so it writes only where the page that asks is ours.
 * @throws AppError `UNAUTHENTICATED`, `TOKEN_EXPIRED`, `ORIGIN_FORBIDDEN`.
 */
export async function authenticate({ db, tokens, isOriginAllowed }: HttpContext, request: FastifyRequest): Promise<Principal> {
  const { authorization, cookie } = request.headers
  if (authorization !== undefined) {
    const token = bearerToken(authorization)
    if (token === null) throw new AppError('UNAUTHENTICATED', { message: 'the Authorization header is not "Bearer <token>"' })
    return tokens.verifyToken(token)
  }
  const secret = sessionCookie(cookie)
  const principal = secret === null ? null : await cookiePrincipal(db, secret)
  if (principal === null) throw new AppError('UNAUTHENTICATED')
  if (!SAFE_METHODS.has(request.method) && !isSameOrigin(request, isOriginAllowed)) throw new AppError('ORIGIN_FORBIDDEN')
  return principal
}

/** Whether the browser says that a page of ours caused the request. A client that says nothing is no browser: `'silent'`. */
export function originOf(request: FastifyRequest, isOriginAllowed: (origin: string) => boolean): 'ours' | 'foreign' | 'silent' {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (site === 'same-origin') return 'ours'
  if (origin !== undefined) return isOriginAllowed(origin) ? 'ours' : 'foreign'
  return site === undefined ? 'silent' : 'foreign'
}

function isSameOrigin(request: FastifyRequest, isOriginAllowed: (origin: string) => boolean): boolean {
  return originOf(request, isOriginAllowed) === 'ours'
}

/** A person inside a project. */
export interface Entrance {
  readonly project: ProjectId
  readonly role: Role
  readonly user: Actor
}

/**
 * Opens the project of the path to who has at least the role in it. A person unknown to the database is stored at a write.
 * @throws AppError `FORBIDDEN`, also for a project that does not exist: existence is not revealed.
 */
export async function enter({ db, memberships }: HttpContext, request: FastifyRequest, project: string, needed: Role): Promise<Entrance> {
  const { principal } = request
  const projectId = parseId<ProjectId>(project)
  const role = projectId === null ? null : await memberships.role(principal, projectId)
  if (projectId === null || role === null) throw new AppError('FORBIDDEN')
  if (!hasRole(role, needed)) throw new AppError('FORBIDDEN', { message: `this needs the role ${needed}; yours is ${role}` })
  if (!SAFE_METHODS.has(request.method)) await ensureUser(db, principal.user)
  return { project: projectId, role, user: { ...principal.user, requestId: request.id } }
}

/** What the person of this request is about to do to matches. */
export function newAct({ project, user: { requestId, ...actor } }: Entrance): Act {
  return { id: newId(), project, actor, requestId: requestId ?? null }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set before any handler that needs it. */
    principal: Principal
  }
}
