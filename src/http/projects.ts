import { z } from 'zod'
import { createProject, deleteProject, listProjects, updateProject } from '../db/projects.js'
import { ensureUser } from '../db/users.js'
import { AppError } from '../errors.js'
import { sendTagged } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { pageOf, readIdCursor } from './cursor.js'
import { name, page, text, version } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const NAME = name(200)
/** A NUL or half of a character as JSON writes them; a backslash that is text is doubled. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/
/** Free-form, but stored as jsonb. */
const SETTINGS = z
  .record(z.string(), z.json())
  .refine((value) => !UNSTORABLE.test(JSON.stringify(value)), 'must not have NUL characters or halves of characters')
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= 65_536, 'must be at most 64 KiB as JSON')
const CREATE = z.object({
  name: NAME,
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be three capital letters (ISO 4217)')
    .nullish(),
  settings: SETTINGS.default({}),
})
const UPDATE = z
  .object({ version, name: NAME.optional(), settings: SETTINGS.optional() })
  .refine((change) => change.name !== undefined || change.settings !== undefined, 'must change name or settings')

/** How many projects `/v1/me` names; who has more pages through `/v1/projects`. */
const MY_PROJECTS = 500

/** Who one is, and the projects one may see. */
export function projectRoutes(app: HttpApp, context: HttpContext): void {
  const { db, publicUrl, wakeOutbox, projectDeleted } = context
  const liveUrl = context.liveUrl ?? (() => new URL('/v1/live', publicUrl().replace(/^http/, 'ws')).href)

  app.get('/v1/me', async (request) => {
    const { principal } = request
    const listed = await listProjects(db, principal, { limit: MY_PROJECTS })
    return {
      user: principal.user,
      projects: listed.map(({ project, role }) => ({ id: project.id, name: project.name, role })),
      liveUrl: liveUrl(),
    }
  })

  app.get('/v1/projects', { schema: { querystring: z.object(page) } }, async (request) => {
    const { limit, cursor } = request.query
    const listed = await listProjects(db, request.principal, { limit: limit + 1, after: readIdCursor(cursor) })
    return pageOf(
      listed.map((item) => item.project),
      limit,
      (project) => [project.id],
    )
  })

  app.post('/v1/projects', { schema: { body: CREATE } }, async (request, reply) => {
    const { principal, body } = request
    await ensureUser(db, principal.user)
    const project = await createProject(db, { name: body.name, currency: body.currency ?? null, settings: body.settings }, principal.user)
    return reply.code(201).header('location', `/v1/projects/${project.id}`).send({ project })
  })

  app.get('/v1/projects/:project', { schema: { params: PARAMS } }, async (request, reply) => {
    const { project, role } = await enter(context, request, request.params.project, 'viewer')
    const found = await context.reads.project(project, request.work.cacheEvents)
    if (found === null) throw new AppError('FORBIDDEN')
    return sendTagged(request, reply, `"${found.value.version}-${role}"`, { project: found.value, role })
  })

  app.patch('/v1/projects/:project', { schema: { params: PARAMS, body: UPDATE } }, async (request) => {
    const { project, user } = await enter(context, request, request.params.project, 'admin')
    const view = await updateProject(db, project, request.body, user)
    wakeOutbox(project, ['project'])
    return { project: view }
  })

  app.delete(
    '/v1/projects/:project',
    { schema: { params: PARAMS, querystring: z.object({ name: text(200) }) } },
    async (request, reply) => {
      const { project } = await enter(context, request, request.params.project, 'admin')
      await deleteProject(db, project, request.query.name)
      projectDeleted(project)
      return reply.code(204).send()
    },
  )

  app.get('/v1/projects/:project/summary', { schema: { params: PARAMS } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const summary = await context.reads.summary(project, request.work.cacheEvents)
    return sendTagged(request, reply, `"${summary.revision}"`, summary)
  })
}
