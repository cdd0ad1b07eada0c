import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ProjectId } from '../ids.js'
import type { CacheTag } from '../protocol/cache-tags.js'
import type { FirstPage } from '../reads/project-reads.js'
import type { HttpContext } from './context.js'

/** What a decision changes. */
export const REVIEW_TAGS: readonly CacheTag[] = ['matches', 'records', 'breaks']

/** The value with its entity tag; 304 without it for who has it already. */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, etag: string, value: unknown): FastifyReply {
  reply.header('etag', etag)
  const known = request.headers['if-none-match']
  return known !== undefined && hasTag(known, etag) ? reply.code(304).send() : reply.send(value)
}

export interface ListQuestion<Value> extends Omit<FirstPage<Value>, 'query'> {
  readonly project: ProjectId
  /** The answer, made of what was loaded. */
  readonly show: (rows: Value) => unknown
}

/** Longer pages are nobody's habit, and would let one reader fill the memory that all share. */
const MAX_CACHED_ROWS = 100

/** A list: how it begins comes from the cache; what follows a cursor, or was asked in somebody's own way, is asked of the database. */
export async function sendList<Value>(
  { reads }: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { project, show, ...page }: ListQuestion<Value>,
): Promise<FastifyReply> {
  // Parsed by the route's schema.
  const query = request.query as { readonly cursor?: string; readonly q?: string; readonly limit?: number; readonly minConfidence?: string }
  const { cacheEvents } = request.work
  const isOwn = query.q || query.minConfidence !== undefined || (query.limit ?? 0) > MAX_CACHED_ROWS
  if (query.cursor !== undefined || isOwn) {
    cacheEvents.push(bypassOf(`${project}/${page.name}`))
    return reply.send(show(await page.load()))
  }
  const { revision, value } = await reads.firstPage(project, { ...page, query }, cacheEvents)
  return sendTagged(request, reply, `"${revision}"`, show(value))
}

function bypassOf(key: string) {
  return {
    key,
    outcome: 'bypass',
    isCollapsed: false,
    l2: 'none',
    isStoredInL1: false,
    isStoredInL2: false,
    ttlMs: 0,
  } as const
}

/** RFC 9110 §13.1.2: `*`, or a list of tags that are compared weakly, for whoever compresses may have made ours weak. */
function hasTag(header: string, etag: string): boolean {
  return header.split(',').some((part) => ['*', etag].includes(part.trim().replace(/^W\//, '')))
}
