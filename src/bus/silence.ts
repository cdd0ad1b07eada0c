import type { Redis } from 'ioredis'
import type { ProjectId } from '../ids.js'
import type { BusHead } from './bus.js'
import { hasLost, MUST_BE } from './redis-replies.js'
import type { RedisSubscription } from './redis-subscription.js'

/** How often is looked. */
export const SWEEP_MS = 500
/** A project silent for this long is compared with its meta (B2); with the sweep and its jitter within 4 s (D7). */
const SILENCE_MS = 3_000

export interface SilenceOptions {
  readonly commands: Redis
  readonly key: (project: ProjectId, name: 'meta' | 'latest' | 'stream') => string
  /** By channel. */
  readonly subscriptions: ReadonlyMap<string, ReadonlySet<RedisSubscription>>
  /** Subscribes the channel anew, for it may not be subscribed any more; none where it stays so for as long as its connection. */
  readonly hearAgain?: ((channel: string) => Promise<void>) | undefined
}

/** Since when channels are silent, and whether something was lost in their silence (D7). */
export class Silence {
  readonly #options: SilenceOptions
  readonly #heardAt = new Map<string, number>()

  constructor(options: SilenceOptions) {
    this.#options = options
  }

  heard(channel: string): void {
    this.#heardAt.set(channel, performance.now())
  }

  forget(channel: string): void {
    this.#heardAt.delete(channel)
  }

  /**
   * Once per sweep: stale subscriptions try again, and projects that have been silent are compared with their meta in one
   * pipeline, for the message that was the last before silence may have been lost.
   */
  async check(): Promise<void> {
    const now = performance.now()
    const suspects: { channel: string; subscription: RedisSubscription; before: BusHead | null }[] = []
    const pipeline = this.#options.commands.pipeline()
    for (const [channel, heardAt] of this.#heardAt) {
      const isSilent = now - heardAt >= SILENCE_MS - Math.random() * SWEEP_MS
      for (const subscription of this.#options.subscriptions.get(channel) ?? []) {
        if (subscription.isStale) void subscription.heal()
        else if (isSilent) {
          suspects.push({ channel, subscription, before: subscription.head })
          const { project } = subscription
          pipeline.hmget(this.#options.key(project, 'meta'), 'epoch', 'n', ...MUST_BE)
          pipeline.exists(this.#options.key(project, 'latest'), this.#options.key(project, 'stream'))
        }
      }
    }
    if (suspects.length === 0) return
    const replies = await pipeline.exec().catch(() => null)
    if (!replies) return
    for (const [index, { channel, subscription, before }] of suspects.entries()) {
      const [[failed, found] = [], [alsoFailed, keys] = []] = replies.slice(2 * index, 2 * index + 2)
      // Of a slot that has moved, say: that one is asked again, the others are not to wait for it.
      if (failed || alsoFailed) continue
      if (this.#heardAt.has(channel)) this.#heardAt.set(channel, now)
      // The reply of HMGET, untyped in a pipeline.
      const meta = (found ?? []) as (string | null)[]
      const [epoch, n] = meta
      const isWhole = !hasLost(meta, keys)
      const isSame = before !== null && epoch === before.epoch && Number(n) === before.n && isWhole
      // What arrived since the question makes the answer an old one.
      if (isSame || subscription.head !== before) continue
      void this.#heal(channel, subscription)
    }
  }

  async #heal(channel: string, subscription: RedisSubscription): Promise<void> {
    await this.#options.hearAgain?.(channel).catch(() => undefined)
    await subscription.heal()
  }
}
