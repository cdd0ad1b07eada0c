// The dashboard's service worker: keeps the shell of its version, so that a page opens at once and without a network; reads of the API come
// from the network, and from the last answer when there is none. Built by vite.config.ts, which fills in `SHELL`.
import { FORGET, READ_AT, READS, TAKE_OVER } from './messages.js'
import { handlingOf } from './requests.js'

/** What is needed of the worker's global scope; the types of browsers and of workers do not fit into one program. */
interface Scope {
  readonly location: Location
  readonly clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void
  addEventListener(type: 'fetch', listener: (event: Lasting & FetchEvent) => void): void
  addEventListener(type: 'message', listener: (event: Lasting & MessageEvent) => void): void
}
interface Lasting {
  waitUntil(done: Promise<unknown>): void
}
interface FetchEvent {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}

declare const SHELL: { readonly version: string; readonly files: readonly string[] }

const scope = self as unknown as Scope
const { version, files } = SHELL
const SHELL_CACHE = `shell-${version}`
const PAGE = '/index.html'
/** Reads that are kept; the oldest go first. */
const MAX_READS = 300
/** What was read longer ago is shown to nobody. */
const MAX_AGE_MS = 7 * 86_400_000
const FILES = new Set(files)

/** Rises when reads are forgotten: what was under way then is not kept. */
let generation = 0

scope.addEventListener('install', (event) => {
  // Past the browser's own cache, in which HTML of before may stand.
  const fresh = files.map((path) => new Request(path, { cache: path === PAGE ? 'reload' : 'default' }))
  event.waitUntil(caches.open(SHELL_CACHE).then((cache) => cache.addAll(fresh)))
})

scope.addEventListener('activate', (event) => {
  const isOld = (name: string) => name.startsWith('shell-') && name !== SHELL_CACHE
  const forgetOld = async () => Promise.all((await caches.keys()).filter(isOld).map((name) => caches.delete(name)))
  event.waitUntil(forgetOld().then(() => scope.clients.claim()))
})

scope.addEventListener('message', (event) => {
  if (event.data === TAKE_OVER) event.waitUntil(scope.skipWaiting())
  else if (event.data === FORGET) event.waitUntil(forget().then(() => event.ports[0]?.postMessage(FORGET)))
})

scope.addEventListener('fetch', (event) => {
  const { request } = event
  switch (handlingOf(request, { origin: scope.location.origin, files: FILES })) {
    case 'page':
      event.respondWith(shell(PAGE, request))
      break
    case 'asset':
      event.respondWith(shell(new URL(request.url).pathname, request))
      break
    case 'read':
      event.respondWith(read(request, event))
      break
    case 'network':
      break
  }
})

async function shell(path: string, request: Request): Promise<Response> {
  return (await (await caches.open(SHELL_CACHE)).match(path)) ?? fetch(request)
}

/** Network first. Who is signed in is the server's to say: a refusal ends all that was read. */
async function read(request: Request, event: Lasting): Promise<Response> {
  const begun = generation
  let response: Response
  try {
    response = await fetch(request)
  } catch (error) {
    const kept = await (await caches.open(READS)).match(request)
    if (kept && Date.now() - Number(kept.headers.get(READ_AT)) < MAX_AGE_MS) return kept
    throw error
  }
  if (response.status === 401) event.waitUntil(forget())
  else if (response.ok && response.headers.get('content-type')?.includes('json')) event.waitUntil(keep(request, response.clone(), begun))
  return response
}

async function keep(request: Request, response: Response, begun: number): Promise<void> {
  const headers = new Headers(response.headers)
  headers.set(READ_AT, String(Date.now()))
  const body = await response.blob()
  const cache = await caches.open(READS)
  if (begun !== generation) return
  // Deleted first: so the order of the keys is the order of the reads.
  await cache.delete(request)
  await cache.put(request, new Response(body, { status: response.status, headers }))
  const keys = await cache.keys()
  await Promise.all(keys.slice(0, Math.max(0, keys.length - MAX_READS)).map((key) => cache.delete(key)))
  if (begun !== generation) await caches.delete(READS)
}

async function forget(): Promise<void> {
  generation++
  await caches.delete(READS)
}
