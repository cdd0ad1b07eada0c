import { redisConnection } from '../bus/redis-connection.js'
import { type Rate, RateLimits } from './rate-limits.js'

export interface LimitsOptions {
  /** What the rates are multiplied by; 0: nobody is limited. */
  readonly factor: number
  /** Redis that all processes count in; none: this one counts by itself. */
  readonly url: string | undefined
  readonly onLimited: (rate: Rate) => void
  /** Hears how to stop. */
  readonly stops: (() => void)[]
}

/** Limits over a connection of their own. Null: rates are not limited. */
export function startRateLimits({ factor, url, onLimited, stops }: LimitsOptions): RateLimits | null {
  if (factor === 0) return null
  const redis = url === undefined ? null : redisConnection(url, 'tallyroom-limits', () => undefined)
  if (redis) stops.push(() => redis.disconnect())
  // Until it is there, and whenever it is not, this process counts by itself.
  redis?.connect().catch(() => undefined)
  return new RateLimits({ factor, redis, onLimited })
}
