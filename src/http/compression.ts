import compress from '@fastify/compress'
import type { HttpApp } from './context.js'

/** Below this the headers cost more than the body saves. */
const MIN_BYTES = 1_024
/** What shrinks: text of any kind. Pictures, fonts and archives are compressed already. */
const COMPRESSIBLE =
  /^(?:text\/(?!event-stream)|application\/(?:[\w.-]+\+)?(?:json|xml)|application\/(?:x-ndjson|javascript)|image\/svg\+xml)/

/**
 * Answers go out as brotli or gzip to who takes that; files that the build has compressed go out as they are. To be called before the routes
 * are named. Bodies of requests are never unpacked: a few bytes can grow to gigabytes.
 */
export async function compressAnswers(app: HttpApp): Promise<void> {
  await app.register(compress, {
    globalCompression: true,
    globalDecompression: false,
    threshold: MIN_BYTES,
    encodings: ['br', 'gzip'],
    customTypes: COMPRESSIBLE,
  })
  // After the plugin's own hook of each route: the bytes are others now, and only a weak tag may name both (RFC 9110 §8.8.3).
  app.addHook('onRoute', (route) => {
    const hooks = route.onSend ?? []
    route.onSend = [
      ...(Array.isArray(hooks) ? hooks : [hooks]),
      async (_request, reply) => {
        const etag = reply.getHeader('etag')
        if (typeof etag === 'string' && etag.startsWith('"') && reply.hasHeader('content-encoding')) reply.header('etag', `W/${etag}`)
      },
    ]
  })
}
