import { z } from 'zod'
import { cancelJob, createJob, getJob, listJobs } from '../db/jobs.js'
import { AppError } from '../errors.js'
import { sendList } from './cached.js'
import type { HttpApp, HttpContext } from './context.js'
import { idPageOf, readIdCursor } from './cursor.js'
import { page, pathId } from './validation.js'
import { enter } from './who.js'

const PARAMS = z.object({ project: z.string() })
const JOB_PARAMS = PARAMS.extend({ job: z.string() })
/** Rules, or the id of those of an earlier job. They are judged where they are defined, in reconciliation/. */
const CREATE = z.object({ kind: z.literal('match'), ruleSet: z.unknown().optional(), dryRun: z.boolean().default(false) })
const LIST = z.object({ ...page, state: z.enum(['queued', 'running', 'ended']).optional() })

/** Match jobs: queued here, worked off elsewhere. */
export function jobRoutes(app: HttpApp, context: HttpContext): void {
  const { db, wakeJobs, wakeOutbox, metrics } = context

  app.get('/v1/projects/:project/jobs', { schema: { params: PARAMS, querystring: LIST } }, async (request, reply) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const { limit, cursor, state } = request.query
    const before = readIdCursor(cursor)
    return sendList(context, request, reply, {
      project,
      name: 'jobs',
      tags: ['jobs'],
      load: () => listJobs(db, project, { state, limit: limit + 1, before }),
      show: (rows) => idPageOf(rows, limit),
    })
  })

  app.post('/v1/projects/:project/jobs', { schema: { params: PARAMS, body: CREATE } }, async (request, reply) => {
    const { project, user } = await enter(context, request, request.params.project, 'analyst')
    const { ruleSet, dryRun } = request.body
    const job = await createJob(db, { project, ruleSet, dryRun, actor: user, requestId: request.id })
    wakeOutbox(project, ['jobs'])
    wakeJobs()
    return reply.code(202).header('location', `/v1/projects/${project}/jobs/${job.id}`).send({ job })
  })

  app.get('/v1/projects/:project/jobs/:job', { schema: { params: JOB_PARAMS } }, async (request) => {
    const { project } = await enter(context, request, request.params.project, 'viewer')
    const job = await getJob(db, project, pathId(request.params.job, 'job'))
    if (job === null) throw new AppError('NOT_FOUND', { message: 'no such job' })
    return { job }
  })

  app.post('/v1/projects/:project/jobs/:job/cancel', { schema: { params: JOB_PARAMS } }, async (request, reply) => {
    const { project, user } = await enter(context, request, request.params.project, 'analyst')
    const job = await cancelJob(db, project, pathId(request.params.job, 'job'), user)
    metrics?.jobs.ended(job)
    wakeOutbox(project, ['jobs'])
    // A place is free: the next one in the queue may begin.
    wakeJobs()
    return reply.code(202).send({ job })
  })
}
