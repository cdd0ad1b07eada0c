/**
 * How the service worker answers a request:
 * `page` a navigation, with the shell of this version; `asset` a file of this version; `read` from the network, and from what was read
 * before when there is none; `network` not at all: sign-in, writes, downloads, sockets, other origins.
 */
export type Handling = 'page' | 'asset' | 'read' | 'network'

/** Answers that are streamed into files, and may be larger than what a cache should hold. */
const DOWNLOAD = /\/(export|rejected)$/
/** Sign-in and what belongs to it; `me` says who is here, and a page needs it to open without a network. */
const NEVER = /^\/v1\/(sessions|tickets|live)(\/|$)/

/** @param files paths of the shell, each beginning with `/`. */
export function handlingOf(
  request: { readonly method: string; readonly url: string; readonly mode: string },
  { origin, files }: { readonly origin: string; readonly files: ReadonlySet<string> },
): Handling {
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== origin) return 'network'
  if (files.has(url.pathname)) return 'asset'
  if (/^\/v1(\/|$)/.test(url.pathname)) return NEVER.test(url.pathname) || DOWNLOAD.test(url.pathname) ? 'network' : 'read'
  // What looks like a file and is none of this version's was loaded by another one.
  return request.mode === 'navigate' && !/\.[^/]*$/.test(url.pathname) ? 'page' : 'network'
}
