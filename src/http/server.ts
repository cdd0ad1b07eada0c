import type { Server } from 'node:http'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import Fastify, { type FastifyBaseLogger, type FastifyRequest, LogController } from 'fastify'
import { AppError, ERRORS } from '../errors.js'
import { newId } from '../ids.js'
import type { Log } from '../log.js'
import type { Principal } from '../sessions/auth.js'
import { breakRoutes } from './breaks.js'
import { tellCacheStatus } from './cache-status.js'
import { compressAnswers } from './compression.js'
import type { HttpApp, HttpContext } from './context.js'
import { serveDashboard } from './dashboard.js'
import { decisionRoutes } from './decisions.js'
import { eventRoutes } from './events.js'
import { exportRoute } from './export.js'
import { jobRoutes } from './jobs.js'
import { matchRoutes } from './matches.js'
import { memberRoutes } from './members.js'
import { serveOpenApi } from './openapi.js'
import { problemOf, rawProblem, sendProblem } from './problem.js'
import { projectRoutes } from './projects.js'
import type { Rate } from './rate-limits.js'
import { recordRoutes } from './records.js'
import { countWork } from './request-work.js'
import { sessionRoutes, signInRoute } from './sessions.js'
import { sourceRoutes, uploadRoute } from './sources.js'
import { ticketRoutes } from './tickets.js'
import { compileValidator, type ZodTypes } from './validation.js'
import { authenticate } from './who.js'

export interface HttpServerOptions extends Omit<HttpContext, 'maxUploadBytes' | 'rateLimits'> {
  /** Folder of the built dashboard; null or not built: its pages are 404. */
  readonly dashboardDir: string | null
  readonly log: Log
  /** Most bytes of an uploaded file. Default 2 GiB. */
  readonly maxUploadBytes?: number
  /** Default null: nobody is limited. */
  readonly rateLimits?: HttpContext['rateLimits']
  /** Networks (CIDR) of proxies whose `X-Forwarded-For` is believed, from the right. Default none. */
  readonly trustedProxies?: readonly string[]
}

/** The HTTP side of a process. */
export interface HttpServer {
  /** Node's own server, for the live transport. */
  readonly server: Server
  /** Opens the port (0: a free one) and answers the one it got. @throws what Node throws, `EADDRINUSE` for instance. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>
  /** Takes no new connection, lets running requests end, closes idle ones. */
  close(): Promise<void>
}

const MAX_UPLOAD_BYTES = 2 * 1024 ** 3
/** JSON bodies; uploads have their own limit. */
const MAX_JSON_BYTES = 1_048_576
/** A user id: 128 characters, of which UTF-8 makes up to four bytes and a URL three characters of each byte. */
const MAX_PARAM_CHARS = 128 * 4 * 3
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** All routes over one context. Nothing listens yet. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const context: HttpContext = {
    ...options,
    rateLimits: options.rateLimits ?? null,
    maxUploadBytes: options.maxUploadBytes ?? MAX_UPLOAD_BYTES,
  }
  const { rateLimits, metrics } = context
  const app: HttpApp = Fastify({
    // Pino's own type knows more than Fastify asks for.
    loggerInstance: options.log as FastifyBaseLogger,
    // One line per answer, written by the hook below, instead of Fastify's two.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: MAX_JSON_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    trustProxy: options.trustedProxies?.length ? [...options.trustedProxies] : false,
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : newId()
    },
    frameworkErrors: (error, request, reply) => {
      void sendProblem(error, request, reply)
    },
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.end(rawProblem(error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400, newId()))
      else socket.destroy()
    },
  }).withTypeProvider<ZodTypes>()
  app.setValidatorCompiler(compileValidator)
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof AppError && ERRORS[error.code].status === 401) metrics?.http.authFailed(error.code)
    return sendProblem(error, request, reply)
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  countWork(app)
  tellCacheStatus(app)
  app.addHook('onResponse', async (request, reply) => {
    // Without its query: file names and what people look for are no business of a log.
    const { method } = request
    metrics?.http.answered(request.routeOptions.url ?? null, method, reply.statusCode, reply.elapsedTime / 1_000)
    const path = request.url.split('?', 1)[0]
    request.log.info({ method, path, status: reply.statusCode, elapsedMs: Math.round(reply.elapsedTime) }, 'answered')
  })
  await app.register(helmet, securityHeaders(context))
  await app.register(cookie)
  await compressAnswers(app)
  serveOpenApi(app)

  signInRoute(app, context)
  await app.register(async (plain) => liveWithoutUpgrade(plain.withTypeProvider<ZodTypes>()))
  await app.register(async (scope) => {
    const signedIn = scope.withTypeProvider<ZodTypes>()
    // No default: a handler without the hook below would have no principal, and fails.
    signedIn.decorateRequest('principal', null as unknown as Principal)
    signedIn.addHook('onRequest', async (request, reply) => {
      // Nobody's answer may stand in a shared cache.
      reply.header('cache-control', 'no-store')
      try {
        request.principal = await authenticate(context, request)
      } finally {
        // Who is nobody counts by address.
        await rateLimits?.take(request, reply, rateOf(request))
      }
    })
    sessionRoutes(signedIn, context)
    ticketRoutes(signedIn, context)
    projectRoutes(signedIn, context)
    memberRoutes(signedIn, context)
    sourceRoutes(signedIn, context)
    recordRoutes(signedIn, context)
    jobRoutes(signedIn, context)
    matchRoutes(signedIn, context)
    decisionRoutes(signedIn, context)
    breakRoutes(signedIn, context)
    exportRoute(signedIn, context)
    eventRoutes(signedIn, context)
    await signedIn.register(async (uploads) => uploadRoute(uploads.withTypeProvider<ZodTypes>(), context))
  })
  serveDashboard(app, options.dashboardDir)
  await app.ready()
  return {
    server: app.server,
    async listen(address) {
      await app.listen(address)
      const bound = app.server.address()
      return typeof bound === 'object' && bound !== null ? bound.port : address.port
    },
    close: () => app.close(),
  }
}

function rateOf({ method, routeOptions }: FastifyRequest): Rate {
  return routeOptions.config.rate ?? (method === 'GET' || method === 'HEAD' ? 'reads' : 'writes')
}

/** The address of the live sessions asked without an upgrade (C1); upgrades never get here. */
function liveWithoutUpgrade(app: HttpApp): void {
  app.get('/v1/live', async (request, reply) => {
    const error = new AppError('UNSUPPORTED', { message: 'this address speaks WebSocket only' })
    return reply
      .code(426)
      .header('upgrade', 'websocket')
      .header('connection', 'upgrade')
      .type('application/problem+json')
      .send(problemOf(error, 426, request.id))
  })
}

/** No inline script, no frame, nothing from elsewhere; HSTS only where people come over TLS. */
function securityHeaders({ publicUrl, liveUrl }: HttpContext) {
  // Its port may be another one, which `'self'` does not cover.
  const liveOrigin = () => (liveUrl ? new URL(liveUrl()).origin : "'self'")
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        connectSrc: ["'self'", liveOrigin],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    hsts: publicUrl().startsWith('https:'),
  } as const
}
