import type { CacheEvent } from '../cache/cache.js'
import type { HttpApp } from './context.js'

/** Says on each answer that the cache was asked for what came of it, as `Cache-Status` (RFC 9211). */
export function tellCacheStatus(app: HttpApp): void {
  app.addHook('onSend', async (request, reply) => {
    const event = request.work.cacheEvents.at(-1)
    if (event) reply.header('cache-status', cacheStatus(event))
  })
}

/** From origin side to user side: what the second level did, if it was asked, then the first. */
export function cacheStatus(event: CacheEvent): string {
  const { outcome, isCollapsed, l2, isStoredInL1, isStoredInL2, ttlMs } = event
  const ttl = `ttl=${Math.floor(ttlMs / 1_000)}`
  if (outcome === 'bypass') return 'tallyroom-l1; fwd=bypass'
  if (outcome === 'l1-hit') return `tallyroom-l1; hit; ${ttl}`
  // What has outlived its time, because nothing newer could be had.
  if (outcome === 'grace') return `${secondLevel(l2, ttl, isStoredInL2)}tallyroom-l1; hit; ${ttl}; detail=grace`
  const collapsed = isCollapsed ? '; collapsed' : ''
  return `${secondLevel(l2, ttl, isStoredInL2)}tallyroom-l1; fwd=uri-miss${isStoredInL1 ? '; stored' : ''}${collapsed}`
}

function secondLevel(l2: CacheEvent['l2'], ttl: string, isStored: boolean): string {
  if (l2 === 'none') return ''
  if (l2 === 'hit') return `tallyroom-l2; hit; ${ttl}, `
  const reason = { miss: 'uri-miss', stale: 'stale', away: 'bypass' }[l2]
  return `tallyroom-l2; fwd=${reason}${isStored ? '; stored' : ''}, `
}
