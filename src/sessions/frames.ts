import type { BusEvent, BusLatest } from '../bus/bus.js'
import type { Codec, Encoded } from '../protocol/codec.js'
import { MAX_SERVER_FRAME_BYTES } from '../protocol/messages.js'
import type { News } from './news.js'

/** Of frames, without what the transport puts around them. */
export function bytesOf(messages: readonly Encoded[]): number {
  return messages.reduce((sum, message) => sum + (typeof message === 'string' ? Buffer.byteLength(message) : message.length), 0)
}

/** News of one project that go out together, events before latest values. */
export interface Due {
  readonly epoch: string
  readonly events: readonly News<BusEvent>[]
  readonly latest: readonly News<BusLatest>[]
}

/** Of a `deliver` around its lists, in bytes. */
const ENVELOPE_BYTES = 512
/** What the lists of a `deliver` may take. */
export const SPACE_BYTES = MAX_SERVER_FRAME_BYTES - ENVELOPE_BYTES

/** The beginning of a list that fits into a frame. */
export interface Part {
  readonly pieces: readonly Encoded[]
  /** With a comma each. */
  readonly bytes: number
}

/** As many of the news from `from` on as fit into `space` bytes. */
export function takeThatFit(codec: Codec, news: readonly News[], from: number, space: number): Part {
  const pieces: Encoded[] = []
  let bytes = 0
  for (let at = from; at < news.length; at++) {
    const piece = news[at]!.encoded(codec)
    const next = (typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length) + 1
    if (bytes + next > space) break
    bytes += next
    pieces.push(piece)
  }
  return { pieces, bytes }
}

/** As {@link takeThatFit}, but one at least: the bus bounds bodies so that a single one always fits; if not, better above the limit than never. */
export function takePage(codec: Codec, news: readonly News[], from: number): Part {
  const page = takeThatFit(codec, news, from, SPACE_BYTES)
  const first = news[from]
  return page.pieces.length > 0 || !first ? page : { pieces: [first.encoded(codec)], bytes: SPACE_BYTES }
}

/** What is due as one `deliver`, or as several when one would be above the limit of a frame. */
export function deliverMessages(codec: Codec, project: string, { epoch, events, latest }: Due): Encoded[] {
  const messages: Encoded[] = []
  let event = 0
  let value = 0
  while (event < events.length || value < latest.length) {
    const ownEvents = takePage(codec, events, event)
    event += ownEvents.pieces.length
    // Latest values apply after the events, so they wait for the last of them.
    const space = event < events.length ? 0 : SPACE_BYTES - ownEvents.bytes
    const ownLatest = ownEvents.pieces.length > 0 ? takeThatFit(codec, latest, value, space) : takePage(codec, latest, value)
    value += ownLatest.pieces.length
    messages.push(codec.deliver(project, epoch, ownEvents.pieces, ownLatest.pieces))
  }
  return messages
}
