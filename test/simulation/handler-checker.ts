import type { Joined } from '../../src/client/index.js'
import type { Event } from '../../src/protocol/events.js'
import type { Position } from '../../src/protocol/position.js'
import type { History } from './history.js'
import type { Situations } from './situations.js'

/**
 * Reads what the handlers of one client heard of a project against what was published, by D3 alone: from each snapshot on every event of its
 * epoch in order, but none twice, whatever the epoch and however often the room was left.
 */
export class HandlerChecker {
  readonly faults: string[] = []
  readonly #project: string
  readonly #history: History
  readonly #situations: Situations
  readonly #handled = new Set<string>()
  #place: Position | null = null
  #waiting: Promise<unknown> | null = null

  constructor(project: string, history: History, situations: Situations) {
    this.#project = project
    this.#history = history
    this.#situations = situations
  }

  /** A handler is called, before anything else is said of it. */
  call(): void {
    if (this.#waiting !== null) this.#fault('[D3] a handler is called while another one is not done')
  }

  /** The handler that was called is done when this is. */
  wait(done: Promise<unknown>): void {
    this.#waiting = done
    const end = () => {
      if (this.#waiting === done) this.#waiting = null
    }
    void done.then(end, end)
  }

  joined({ snapshot, position }: Joined): void {
    if (snapshot !== null) {
      this.#place = position
      return
    }
    if (this.#place === null) this.#fault('[J4] a handler is to go on without a snapshot')
    else if (this.#place.epoch !== position.epoch) this.#fault('[J3] a handler is to go on in another epoch')
  }

  event({ seq, id }: Event): void {
    if (this.#handled.has(id)) this.#fault(`[D3] ${seq} is handled twice`)
    if (this.#place !== null) this.#pass(this.#place, seq)
    const published = this.#place && this.#published(this.#place.epoch, seq)
    if (published?.id !== id || this.#place?.seq !== seq - 1) this.#fault(`[D3] ${seq} is handled after ${this.#place?.seq}`)
    this.#handled.add(id)
    if (this.#place !== null) this.#place = { epoch: this.#place.epoch, seq, id }
  }

  /** What is under way goes on, unheard. */
  leave(): void {
    this.#place = null
    this.#waiting = null
  }

  /** Everything was handled, up to where the room says that it is. */
  finish(position: Position | null): void {
    const { epoch, history } = this.#history.current(this.#project)
    if (this.#place === null) return void this.#fault('[D3] no handler heard anything')
    this.#pass(this.#place, history.events.length + 1)
    const { seq } = this.#place
    if (this.#place.epoch !== epoch || seq !== history.events.length) this.#fault(`[D3] handled ${seq} of ${history.events.length}`)
    if (position?.epoch !== epoch || position.seq !== history.events.length) this.#fault(`the room stands at ${JSON.stringify(position)}`)
  }

  /** What stands before `seq` and was handled already comes to no handler. */
  #pass({ epoch, seq: from }: Position, seq: number): void {
    for (let next = from + 1; next < seq; next++) {
      const published = this.#published(epoch, next)
      if (!published || !this.#handled.has(published.id)) return
      this.#situations.count('an event comes again in another epoch')
      this.#place = { epoch, seq: next, id: published.id }
    }
  }

  #published(epoch: string, seq: number) {
    return this.#history.epoch(this.#project, epoch)?.events[seq - 1]
  }

  #fault(fault: string): void {
    this.faults.push(`${fault} (${this.#project})`)
  }
}
