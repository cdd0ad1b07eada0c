import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { AppError } from '../errors.js'
import { within } from './within.js'

/** What may be asked per minute, by what it costs: requests, but for `events`, which counts what is published. */
export const RATES = { 'sign-in': 10, reads: 600, writes: 100, bulk: 20, events: 50_000 } as const
export type Rate = keyof typeof RATES

export interface RateLimitsOptions {
  /** What the rates are multiplied by; above 0. */
  readonly factor: number
  /** The connection that all processes' counters go over; null: this process counts for itself. Its commands fail at once when it is away. */
  readonly redis: object | null
  /** First part of every key in Redis. Default `tallyroom`. */
  readonly prefix?: string
  /** Somebody was refused. */
  readonly onLimited?: (rate: Rate) => void
}

const WINDOW_SECONDS = 60
/** Redis answers within a millisecond. Longer than this nobody waits for a counter. */
const REDIS_TIMEOUT_MS = 200
/** How long a Redis that did not answer is not asked: who counts for himself meanwhile is not late. */
const AWAY_MS = 1_000

interface Limiters {
  readonly points: number
  readonly shared: RateLimiterRedis | null
  readonly own: RateLimiterMemory
}

/**
 * Counters of a fixed minute per rate and person, in Redis for all processes together. While Redis is away each process counts by itself,
 * with the same limits. No key holds what a client wrote, but its hash.
 */
export class RateLimits {
  readonly #limiters: ReadonlyMap<Rate, Limiters>
  readonly #onLimited: (rate: Rate) => void
  #awayUntil = 0

  constructor({ factor, redis, prefix = 'tallyroom', onLimited = () => undefined }: RateLimitsOptions) {
    this.#onLimited = onLimited
    this.#limiters = new Map(
      Object.entries(RATES).map(([rate, perMinute]) => {
        const points = Math.max(1, Math.floor(perMinute * factor))
        const options = { points, duration: WINDOW_SECONDS, keyPrefix: `${prefix}:{tallyroom}:rate:${rate}` }
        const shared = redis && new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true })
        // The keys of the table.
        return [rate as Rate, { points, shared, own: new RateLimiterMemory(options) }]
      }),
    )
  }

  /**
   * Counts `points` more for who asks: the user, or the address of somebody unknown. Says on the answer what is left.
   * @throws AppError `RATE_LIMITED`, with `Retry-After` on the answer.
   */
  async take(request: FastifyRequest, reply: FastifyReply, rate: Rate, points = 1): Promise<void> {
    // Absent before somebody has shown who he is.
    const user = (request.principal as FastifyRequest['principal'] | null | undefined)?.user.id
    const key = createHash('sha256')
      .update(user === undefined ? `address ${networkOf(request.ip)}` : `user ${user}`)
      .digest('base64url')
    const { points: limit, left, resetMs, isAllowed } = await this.#count(rate, key, points)
    const resetSeconds = Math.ceil(resetMs / 1000)
    // draft-ietf-httpapi-ratelimit-headers-10: a quota and its window; what is left of it and when it is whole again.
    reply
      .header('ratelimit-policy', `"${rate}";q=${limit};w=${WINDOW_SECONDS}`)
      .header('ratelimit', `"${rate}";r=${left};t=${resetSeconds}`)
    if (isAllowed) return
    this.#onLimited(rate)
    reply.header('retry-after', String(resetSeconds))
    throw new AppError('RATE_LIMITED', { message: `at most ${limit} ${NOUNS[rate]} per minute: again in ${resetSeconds} s` })
  }

  async #count(rate: Rate, key: string, points: number) {
    const { points: limit, shared, own } = this.#limiters.get(rate)!
    const outcome = (shared && (await this.#ask(shared, key, points))) ?? (await consumed(own.consume(key, points)))
    return {
      points: limit,
      left: outcome.remainingPoints,
      resetMs: outcome.msBeforeNext,
      isAllowed: outcome.consumedPoints <= limit,
    }
  }

  /** Null: Redis does not say. */
  async #ask(shared: RateLimiterRedis, key: string, points: number): Promise<RateLimiterRes | null> {
    if (performance.now() < this.#awayUntil) return null
    try {
      return await within(REDIS_TIMEOUT_MS, consumed(shared.consume(key, points)))
    } catch {
      this.#awayUntil = performance.now() + AWAY_MS
      return null
    }
  }
}

const NOUNS: Readonly<Record<Rate, string>> = {
  'sign-in': 'sign-ins',
  reads: 'requests that read',
  writes: 'requests that write',
  bulk: 'uploads and bulk requests',
  events: 'events',
}

/** Whoever has one address of IPv6 has the 2^64 of its network: they count as one. An IPv4 address written as IPv6 stays itself. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  const groups = [...head, ...zeros, ...tail].slice(0, 4)
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}

/** The limiter throws its answer when it is no. */
async function consumed(asked: Promise<RateLimiterRes>): Promise<RateLimiterRes> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof RateLimiterRes) return error
    throw error
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route counts as. Default: `reads` for GET, else `writes`. */
    rate?: Rate
  }
}
