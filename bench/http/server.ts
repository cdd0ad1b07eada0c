// A server under load, in a process of its own: the whole of ours, or bare Fastify that answers what it is told. Says its address over IPC.
import Fastify from 'fastify'
import { startApp } from '../../src/app.js'
import { loadConfig } from '../../src/config.js'
import { createLog } from '../../src/log.js'

/** An answer that bare Fastify gives: the same object, turned into JSON anew each time, as ours is. */
export interface Canned {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly body: unknown
}

/** Our whole process, without limits of rate: one client is many here. */
async function ours(environment: Record<string, string>): Promise<string | null> {
  const app = await startApp(loadConfig(environment, 'server'), createLog('warn'))
  return app.address
}

async function bare(answers: readonly Canned[]): Promise<string> {
  const app = Fastify()
  for (const { method, path, body } of answers) app.route({ method, url: path.split('?')[0]!, handler: async () => body })
  return app.listen({ host: '127.0.0.1', port: 0 })
}

process.once('message', (start: { readonly environment: Record<string, string> } | { readonly answers: readonly Canned[] }) => {
  const opened = 'answers' in start ? bare(start.answers) : ours(start.environment)
  opened.then((address) => process.send!({ address })).catch((error) => process.send!({ error: String(error) }))
})
process.once('disconnect', () => process.exit(0))
