import { spliceDeliver } from '../protocol/codec.js'
import { MAX_SERVER_FRAME_BYTES } from '../protocol/messages.js'

/** Of a `deliver` around its lists, in bytes. */
const ENVELOPE_BYTES = 512
const SPACE_BYTES = MAX_SERVER_FRAME_BYTES - ENVELOPE_BYTES

/** Texts of a list that fit into a frame. */
export interface Part {
  readonly texts: readonly string[]
  /** With a comma each. */
  readonly bytes: number
}

const NOTHING: Part = { texts: [], bytes: 0 }

/** The texts from `from` on that fit into `space` bytes. */
export function takeThatFit(texts: readonly string[], from: number, space: number): Part {
  let bytes = 0
  let end = from
  for (; end < texts.length; end++) {
    const next = Buffer.byteLength(texts[end]!) + 1
    if (bytes + next > space) break
    bytes += next
  }
  return { texts: texts.slice(from, end), bytes }
}

/**
 * Spliced events and latest values as one `deliver`, or as several when one would be above the limit of a frame. The bus bounds bodies
 * so that a single one always fits.
 */
export function deliverMessages(project: string, epoch: string, events: readonly string[], latest: readonly string[]): string[] {
  const messages: string[] = []
  let event = 0
  let value = 0
  while (event < events.length || value < latest.length) {
    const ownEvents = takeThatFit(events, event, SPACE_BYTES)
    event += ownEvents.texts.length
    // Latest values apply after the events, so they wait for the last of them.
    const ownLatest = event < events.length ? NOTHING : takeThatFit(latest, value, SPACE_BYTES - ownEvents.bytes)
    value += ownLatest.texts.length
    if (ownEvents.texts.length + ownLatest.texts.length > 0) messages.push(spliceDeliver(project, epoch, ownEvents.texts, ownLatest.texts))
    // Larger than the bus allows: better above the limit than never.
    else if (event < events.length) messages.push(spliceDeliver(project, epoch, [events[event++]!], []))
    else messages.push(spliceDeliver(project, epoch, [], [latest[value++]!]))
  }
  return messages
}
