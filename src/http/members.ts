import { z } from 'zod'
import { listMembers, putMember, removeMember } from '../db/members.js'
import { AppError } from '../errors.js'
import { parseUserId, type UserId } from '../ids.js'
import { ROLES } from '../protocol/views.js'
import { sendList } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { pageOf, readCursor } from './cursor.js'
import { name, page } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const MEMBER_PARAMS = PARAMS.extend({ user: z.string() })
const PUT = z.object({ role: z.enum(ROLES), name: name(128).optional() })
const USER_KEY = z.tuple([z.string()])

/** Who may do what in a project. */
export function memberRoutes(app: HttpApp, context: HttpContext): void {
  const { db, wakeOutbox } = context

  app.get('/v1/projects/:project/members', { schema: { params: PARAMS, querystring: z.object(page) } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor } = request.query
    const after = readCursor(cursor, USER_KEY)?.[0] ?? null
    return sendList(context, request, reply, {
      project,
      name: 'members',
      tags: ['members'],
      load: () => listMembers(db, project, { limit: limit + 1, after }),
      show: (rows) => pageOf(rows, limit, (member) => [member.user.id]),
    })
  })

  app.put('/v1/projects/:project/members/:user', { schema: { params: MEMBER_PARAMS, body: PUT } }, async (request) => {
    const { project, user } = await enter(context, request, request.params.project, 'admin')
    const { role, name: memberName } = request.body
    const member = await putMember(db, project, { user: userOf(request.params.user), name: memberName ?? null, role }, user)
    wakeOutbox(project, ['members'])
    return { member }
  })

  app.delete('/v1/projects/:project/members/:user', { schema: { params: MEMBER_PARAMS } }, async (request, reply) => {
    const { project, user } = await enter(context, request, request.params.project, 'admin')
    await removeMember(db, project, userOf(request.params.user), user)
    wakeOutbox(project, ['members'])
    return reply.code(204).send()
  })
}

function userOf(param: string): UserId {
  const user = parseUserId(param)
  if (user === null) throw new AppError('INVALID', { problems: [{ path: 'user', message: 'must be 1–128 printable characters' }] })
  return user
}
