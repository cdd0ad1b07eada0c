import type { BusEvent } from '../bus/bus.js'
import type { Position } from '../protocol/position.js'
import type { News } from './news.js'

export interface RecentEventsOptions {
  readonly maxEvents: number
  /** Of bodies. */
  readonly maxBytes: number
}

/** The events that a project has flushed last, so that who was away for a moment needs no reading of the stream. Bounded. */
export class RecentEvents {
  readonly #options: RecentEventsOptions
  /** `#events[#first]` is the oldest one kept; its `seq` is `#floor.seq + 1`. */
  #events: News<BusEvent>[] = []
  #first = 0
  #bytes = 0
  /** What comes directly before the oldest one kept. */
  #floor: Position

  constructor(floor: Position, options: RecentEventsOptions) {
    this.#options = options
    this.#floor = floor
  }

  /** They follow the last ones without a hole. */
  push(events: readonly News<BusEvent>[]): void {
    for (const event of events) {
      this.#events.push(event)
      this.#bytes += event.source.body.length
    }
    while (this.#size > this.#options.maxEvents || this.#bytes > this.#options.maxBytes) this.#dropOldest()
    // Moved seldom, so that each event is moved about once.
    if (this.#first < this.#size) return
    this.#events = this.#events.slice(this.#first)
    this.#first = 0
  }

  /** The id at `seq`; null when it is not kept. */
  idAt(seq: number): string | null {
    if (seq <= this.#floor.seq) return seq === this.#floor.seq ? this.#floor.id : null
    return this.#events[this.#first + seq - this.#floor.seq - 1]?.source.id ?? null
  }

  /** All events after `seq`; null when some of them are not kept. */
  after(seq: number): readonly News<BusEvent>[] | null {
    const offset = seq - this.#floor.seq
    return offset < 0 || offset > this.#size ? null : this.#events.slice(this.#first + offset)
  }

  get #size(): number {
    return this.#events.length - this.#first
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#first++]?.source
    if (!oldest) return
    this.#bytes -= oldest.body.length
    this.#floor = { epoch: this.#floor.epoch, seq: oldest.seq, id: oldest.id }
  }
}
