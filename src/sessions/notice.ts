import type { Codec } from '../protocol/codec.js'
import type { ServerMessage } from '../protocol/messages.js'
import type { Frames, Transport } from '../transport/transport.js'

/** One message for many sessions, encoded once per codec, when the first session of that codec gets it. */
export class Notice {
  readonly message: ServerMessage
  readonly #transport: Pick<Transport, 'prepare'>
  readonly #frames = new Map<Codec, Frames>()

  constructor(transport: Pick<Transport, 'prepare'>, message: ServerMessage) {
    this.#transport = transport
    this.message = message
  }

  framesFor(codec: Codec): Frames {
    let frames = this.#frames.get(codec)
    if (!frames) {
      frames = this.#transport.prepare([codec.encode(this.message)])
      this.#frames.set(codec, frames)
    }
    return frames
  }
}
