import type { FakeClock } from '../sessions/fake-clock.js'
import type { Random } from './random.js'
import type { RedisConnection } from './redis-connection.js'
import { SimulatedRedis } from './simulated-redis.js'
import type { Situations } from './situations.js'

export interface RedisNetworkOptions {
  readonly clock: FakeClock
  readonly random: Random
  readonly situations: Situations
  /** Hears of each message that is published, in its moment. */
  readonly onPublished: (channel: string, message: string) => void
}

/** How often a message has which fault, while there are faults. */
const FAULTS = { lost: 0.06, twice: 0.03, late: 0.06 }
const MAX_LATE_MS = 400
const MAX_LAG_MS = 12

/** One Redis, and what lies between it and the processes. */
export class RedisNetwork {
  readonly options: RedisNetworkOptions
  readonly redis: SimulatedRedis
  readonly connections = new Set<RedisConnection>()
  /** Nobody listens at its port. */
  isDown = false
  /** Whoever tries to connect hears nothing. */
  swallowsConnections = false
  /** Messages may be lost, twice or late; so may nothing else. */
  hasFaults = true
  #waiting: (() => void)[] | null = null

  constructor(options: RedisNetworkOptions) {
    this.options = options
    this.redis = new SimulatedRedis({
      now: () => options.clock.today(),
      onPublished: options.onPublished,
      deliver: (channel, message) => this.#deliver(channel, message),
    })
  }

  /** Whether it stands still: what is sent waits. */
  get isStopped(): boolean {
    return this.#waiting !== null
  }

  /** Calls at once or later, but never before what was sent before, which arrives at `notBefore`; answers before when nothing sent later arrives. */
  carry(notBefore: number, arrive: () => void): number {
    const { clock } = this.options
    const at = Math.max(notBefore, clock.now() + this.#lag())
    // In the very moment in which the one before arrives it may not have arrived yet.
    if (at <= clock.now() && notBefore < clock.now()) {
      arrive()
      return notBefore
    }
    clock.after(at - clock.now(), arrive)
    return at
  }

  whenRunning(run: () => void): void {
    if (this.#waiting) this.#waiting.push(run)
    else run()
  }

  /** It stands still for so long (SIGSTOP). */
  stopFor(ms: number): void {
    if (this.#waiting || this.isDown) return
    this.#waiting = []
    for (const connection of this.connections) connection.watch()
    this.options.clock.after(ms, () => this.#goOn())
  }

  /** It is gone for so long; `restore` says what it comes back with. */
  restart(ms: number, restore: () => void): void {
    if (this.isDown) return
    // What waited was never read.
    this.#waiting = null
    this.isDown = true
    for (const connection of [...this.connections]) connection.cut()
    this.options.clock.after(ms, () => {
      restore()
      this.redis.forgetScripts()
      this.isDown = false
    })
  }

  #goOn(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = null
    for (const run of waiting) run()
  }

  #lag(): number {
    const { random } = this.options
    return random.chance(0.7) ? 0 : random.below(MAX_LAG_MS)
  }

  #deliver(channel: string, message: string): void {
    const { random, situations } = this.options
    for (const connection of this.connections) {
      if (!connection.channels.has(channel)) continue
      const chance = this.hasFaults ? random.next() : 1
      if (chance < FAULTS.lost) situations.count('a message is lost')
      else if (chance < FAULTS.lost + FAULTS.late) {
        situations.count('a message is overtaken')
        connection.deliver(channel, message, random.below(MAX_LATE_MS), true)
      } else connection.deliver(channel, message, this.#lag(), false)
      if (chance > 1 - FAULTS.twice && chance < 1) {
        situations.count('a message comes twice')
        connection.deliver(channel, message, random.below(MAX_LATE_MS), true)
      }
    }
  }
}
