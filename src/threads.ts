import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts the module `name` (without its ending) beside the module whose `import.meta.url` is `base` in a worker thread.
 * From source (tests, development) the thread has to load TypeScript as its parent does: a first line registers tsx.
 */
export function startThread(base: string, name: string, options: WorkerOptions = {}): Worker {
  if (!base.endsWith('.ts')) return new Worker(new URL(`${name}.js`, base), options)
  const tsx = new URL('dist/esm/api/index.mjs', pathToFileURL(createRequire(base).resolve('tsx/package.json')))
  const source = `import { register } from '${tsx}'; register(); await import('${new URL(`${name}.ts`, base)}')`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), options)
}
