import { spliceDeliver } from '../protocol/codec.js'
import { MAX_SERVER_FRAME_BYTES } from '../protocol/messages.js'

/** Of a `deliver` or `joined` around its lists, in bytes. */
const ENVELOPE_BYTES = 512

/** The part of `texts` from `from` that fits into `room` bytes, joined by commas; at least one text. */
export function takeThatFit(texts: readonly string[], from: number, room: number): string[] {
  let bytes = 0
  let end = from
  for (; end < texts.length; end++) {
    bytes += Buffer.byteLength(texts[end] ?? '') + 1
    if (bytes > room && end > from) break
  }
  return texts.slice(from, end)
}

/** Spliced events and latest values as one `deliver`, or as several when one would be above the limit of a frame. */
export function deliverMessages(project: string, epoch: string, events: readonly string[], latest: readonly string[]): string[] {
  const messages: string[] = []
  const room = MAX_SERVER_FRAME_BYTES - ENVELOPE_BYTES
  let event = 0
  let value = 0
  while (event < events.length || value < latest.length) {
    const ownEvents = takeThatFit(events, event, room)
    event += ownEvents.length
    const used = ownEvents.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0)
    // Latest values apply after the events, so they wait for the last of them.
    const ownLatest = event < events.length ? [] : takeThatFit(latest, value, room - used)
    if (ownEvents.length > 0 && ownLatest.length === 1 && used + Buffer.byteLength(ownLatest[0] ?? '') > room) ownLatest.pop()
    value += ownLatest.length
    messages.push(spliceDeliver(project, epoch, ownEvents, ownLatest))
  }
  return messages
}
