import type { FakeClock } from '../sessions/fake-clock.js'
import type { History, HistoryDump } from './history.js'
import type { Random } from './random.js'
import type { RedisNetwork } from './redis-network.js'
import type { Dump } from './simulated-redis.js'
import type { Situations } from './situations.js'

/** What is done to Redis and to the connections to it. */
export type RedisFault = 'cut' | 'swallow' | 'swallowAll' | 'standStill' | 'copy' | 'restart' | 'empty' | 'loseKey'

export interface RedisFaultsOptions {
  readonly network: RedisNetwork
  /** Goes back when Redis does. */
  readonly history: History
  readonly clock: FakeClock
  readonly random: Random
  readonly situations: Situations
}

/** Does it, or makes the copy that a later restart brings back. */
export class RedisFaults {
  readonly #options: RedisFaultsOptions
  #copy: { readonly dump: Dump; readonly history: HistoryDump } | null = null

  constructor(options: RedisFaultsOptions) {
    this.#options = options
  }

  begin(fault: RedisFault): void {
    const { network, random, situations, history, clock } = this.#options
    switch (fault) {
      case 'cut':
        if (network.connections.size === 0) return
        random.pick([...network.connections]).cut()
        situations.count('a connection is cut')
        return
      case 'swallow':
        if (network.connections.size === 0) return
        random.pick([...network.connections]).swallow()
        situations.count('a connection carries nothing')
        return
      case 'swallowAll':
        for (const connection of network.connections) connection.swallow()
        network.swallowsConnections = true
        situations.count('new connections carry nothing')
        clock.after(random.below(5_000), () => {
          network.swallowsConnections = false
        })
        return
      case 'standStill':
        network.stopFor(random.below(4_000))
        situations.count('Redis stands still')
        return
      case 'copy':
        if (!network.isDown) this.#copy = { dump: network.redis.dump(), history: history.dump() }
        return
      case 'restart':
        this.#restart()
        return
      case 'empty':
        if (network.isDown) return
        network.redis.restore(new Map())
        situations.count('Redis is emptied')
        return
      case 'loseKey': {
        const { keys } = network.redis
        if (keys.length === 0) return
        network.redis.lose(random.pick(keys))
        situations.count('a key is lost')
        return
      }
      default:
        fault satisfies never
    }
  }

  #restart(): void {
    const { network, random, situations, history } = this.#options
    if (network.isDown) return
    const chance = random.next()
    // Mostly soon, when others may have published anew before somebody has noticed.
    network.restart(random.below(random.chance(0.6) ? 200 : 4_000), () => {
      const copy = this.#copy
      if (chance < 0.2) situations.count('Redis restarts with its data')
      else if (chance < 0.35) {
        network.redis.restore(new Map())
        situations.count('Redis restarts empty')
      } else if (copy) {
        network.redis.restore(copy.dump)
        history.restore(copy.history)
        this.#copy = null
        situations.count('Redis restarts with an older copy')
      }
    })
  }
}
