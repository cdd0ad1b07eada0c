import type { Codec, Encoded } from '../protocol/codec.js'
import { MAX_SERVER_FRAME_BYTES } from '../protocol/messages.js'

/** Of a `deliver` around its lists, in bytes. */
const ENVELOPE_BYTES = 512
const SPACE_BYTES = MAX_SERVER_FRAME_BYTES - ENVELOPE_BYTES

/** Pieces of a list that fit into a frame. */
export interface Part {
  readonly pieces: readonly Encoded[]
  /** With a comma each. */
  readonly bytes: number
}

const NOTHING: Part = { pieces: [], bytes: 0 }

/** The pieces from `from` on that fit into `space` bytes. */
export function takeThatFit(pieces: readonly Encoded[], from: number, space: number): Part {
  let bytes = 0
  let end = from
  for (; end < pieces.length; end++) {
    const next = Buffer.byteLength(pieces[end]!) + 1
    if (bytes + next > space) break
    bytes += next
  }
  return { pieces: pieces.slice(from, end), bytes }
}

/**
 * Spliced events and latest values as one `deliver`, or as several when one would be above the limit of a frame. The bus bounds bodies
 * so that a single one always fits.
 */
export function deliverMessages(
  codec: Codec,
  project: string,
  epoch: string,
  events: readonly Encoded[],
  latest: readonly Encoded[],
): Encoded[] {
  const messages: Encoded[] = []
  let event = 0
  let value = 0
  while (event < events.length || value < latest.length) {
    const ownEvents = takeThatFit(events, event, SPACE_BYTES)
    event += ownEvents.pieces.length
    // Latest values apply after the events, so they wait for the last of them.
    const ownLatest = event < events.length ? NOTHING : takeThatFit(latest, value, SPACE_BYTES - ownEvents.bytes)
    value += ownLatest.pieces.length
    if (ownEvents.pieces.length + ownLatest.pieces.length > 0)
      messages.push(codec.deliver(project, epoch, ownEvents.pieces, ownLatest.pieces))
    // Larger than the bus allows: better above the limit than never.
    else if (event < events.length) messages.push(codec.deliver(project, epoch, [events[event++]!], []))
    else messages.push(codec.deliver(project, epoch, [], [latest[value++]!]))
  }
  return messages
}
