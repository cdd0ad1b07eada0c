import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import { AppError } from '../errors.js'
import type { HttpApp } from './context.js'
import { sendProblem } from './problem.js'

/**
 * Serves the built dashboard: hashed assets for ever, HTML asked for anew each time. A path that is neither a file nor under `/v1` is the
 * dashboard's own and gets its page. What is left is 404.
 */
export function serveDashboard(app: HttpApp, dir: string | null): void {
  const isBuilt = dir !== null && existsSync(join(dir, 'index.html'))
  if (isBuilt) {
    app.register(fastifyStatic, {
      root: dir,
      cacheControl: false,
      // The build puts them there.
      preCompressed: true,
      setHeaders: (reply, path) => {
        reply.header('cache-control', path.startsWith(join(dir, 'assets')) ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    })
  }
  app.setNotFoundHandler((request, reply) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const isPage = (request.method === 'GET' || request.method === 'HEAD') && !/^\/v1(\/|$)/.test(pathname) && !/\.[^/]*$/.test(pathname)
    if (isBuilt && isPage) return reply.sendFile('index.html')
    const message = isPage ? 'the dashboard is not built here: run npm run build' : `there is no ${request.method} ${pathname}`
    return sendProblem(new AppError('NOT_FOUND', { message }), request, reply)
  })
}
