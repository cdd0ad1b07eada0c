import { setTimeout as passed } from 'node:timers/promises'
import { Publisher } from '../../src/publisher/index.js'

export interface PublishingOptions {
  /** Of a balancer before the processes. */
  readonly url: string
  readonly token: string
  readonly rooms: readonly string[]
  /** To all rooms together, in turn. */
  readonly perSecond: number
}

/** Events a second over HTTP through the publisher of the SDK, numbered in each room, repeated until they are acknowledged. */
export class Publishing {
  /** Published so far, by room. */
  readonly counts: number[]
  acknowledged = 0
  /** Of these: kept for later, for the bus was away. */
  queued = 0
  /** Attempts that came to nothing and were repeated. */
  repeated = 0
  readonly #options: PublishingOptions
  readonly #publisher: Publisher
  readonly #running = new Set<Promise<void>>()
  #isStopped = false
  readonly #loop: Promise<void>

  constructor(options: PublishingOptions) {
    this.#options = options
    this.counts = options.rooms.map(() => 0)
    this.#publisher = new Publisher({
      url: options.url,
      token: () => options.token,
      lingerMs: 0,
      onRetry: () => this.repeated++,
    })
    this.#loop = this.#run()
  }

  /** Resolves when all is acknowledged. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#loop
    await Promise.all(this.#running)
    await this.#publisher.close()
  }

  async #run(): Promise<void> {
    const { rooms, perSecond } = this.#options
    const startedAt = performance.now()
    for (let sent = 0; !this.#isStopped; await passed(1)) {
      for (; startedAt + (sent / perSecond) * 1_000 <= performance.now(); sent++) {
        const room = sent % rooms.length
        const published = this.#publish(rooms[room]!, ++this.counts[room]!)
        this.#running.add(published)
        void published.finally(() => this.#running.delete(published))
      }
    }
  }

  async #publish(room: string, no: number): Promise<void> {
    const { results } = await this.#publisher.publish(room, { type: 'bench.event', data: { no } })
    this.acknowledged++
    if (results.some((result) => 'queued' in result)) this.queued++
  }
}
