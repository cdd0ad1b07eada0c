import type { BusEvent, BusLatest } from '../bus/bus.js'
import type { Codec, Encoded } from '../protocol/codec.js'
import { TOMBSTONE_BODY } from '../protocol/events.js'
import { jsonCodec } from '../protocol/json-codec.js'

/** What the fan-out of a process has done since its start. */
export interface FanoutCounters {
  /** Events and latest values made ready for frames: one each per codec, however many sessions hear them. */
  encodings: number
  /** Flushes that had somebody to go to. */
  flushes: number
  /** Frames of flushes, however many sockets each of them went to. */
  frames: number
}

/** An event or a latest value that goes into frames. Each codec encodes it once, when the first session of that codec needs it. */
export class News<Source extends BusEvent | BusLatest = BusEvent | BusLatest> {
  readonly source: Source
  readonly #counters: FanoutCounters
  // Two fields instead of a map: there are as many of these as there are recent events.
  #json: Encoded | null = null
  #msgpack: Encoded | null = null

  constructor(source: Source, counters: FanoutCounters) {
    this.source = source
    this.#counters = counters
  }

  /** Whether it says that a latest value is gone. */
  get isGone(): boolean {
    return 'key' in this.source && this.source.body === TOMBSTONE_BODY
  }

  encoded(codec: Codec): Encoded {
    if (codec === jsonCodec) {
      this.#json ??= this.#encode(codec)
      return this.#json
    }
    this.#msgpack ??= this.#encode(codec)
    return this.#msgpack
  }

  #encode(codec: Codec): Encoded {
    this.#counters.encodings++
    return 'key' in this.source ? codec.latest(this.source) : codec.event(this.source)
  }
}
