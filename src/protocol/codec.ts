// The JSON codec. Bodies of events and latest values were encoded once by their publisher; frames splice them as text.

import { type ClientMessage, MAX_FRAME_DEPTH, type ServerMessage } from './messages.js'
import type { Position } from './position.js'

/** A message of either side as the text of one frame. */
export function encode(message: ClientMessage | ServerMessage): string {
  return JSON.stringify(message)
}

/**
 * The value of a frame, or undefined when it is no JSON or nested deeper than {@link MAX_FRAME_DEPTH}. The depth is
 * counted on the text, before anything is built from it.
 */
export function decode(text: string): unknown {
  if (isTooDeep(text, MAX_FRAME_DEPTH)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** An event whose body `{"actor":…,"data":…}` is text already. */
export interface EncodedEvent {
  readonly seq: number
  readonly id: string
  readonly at: string
  readonly type: string
  readonly body: string
}

/** A latest value whose body `{"data":…}` is text already. */
export interface EncodedLatest {
  readonly key: string
  readonly version: number
  readonly at: string
  readonly type: string
  readonly body: string
}

/** The event as it stands in a frame, `seq` first. */
export function spliceEvent({ seq, id, at, type, body }: EncodedEvent): string {
  return `{"seq":${seq},"id":${JSON.stringify(id)},"at":"${at}","type":"${type}",${body.slice(1)}`
}

/** The latest value as it stands in a frame. */
export function spliceLatest({ key, version, at, type, body }: EncodedLatest): string {
  return `{"key":${JSON.stringify(key)},"version":${version},"at":"${at}","type":"${type}",${body.slice(1)}`
}

/** A `deliver` of spliced events and latest values. */
export function spliceDeliver(project: string, epoch: string, events: readonly string[], latest: readonly string[]): string {
  return `{"type":"deliver","project":"${project}","epoch":"${epoch}","events":[${events.join(',')}],"latest":[${latest.join(',')}]}`
}

/** The part of a snapshot's `joined` that all sessions share; {@link spliceJoined} puts the session's own before it. */
export function spliceJoinedTail(position: Position, snapshot: string, latest: readonly string[]): string {
  return `"position":${JSON.stringify(position)},"mode":"snapshot","snapshot":${snapshot},"events":[],"latest":[${latest.join(',')}]}`
}

/** A `joined` for one session. */
export function spliceJoined(ref: number, project: string, role: string, tail: string): string {
  return `{"type":"joined","ref":${ref},"project":"${project}","role":"${role}",${tail}`
}

/** Whether a JSON text nests deeper than `maxDepth`; the outermost object or array is 1. */
export function isTooDeep(text: string, maxDepth: number): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (inString) {
      if (char === 0x5c) at++
      else if (char === 0x22) inString = false
    } else if (char === 0x22) inString = true
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > maxDepth) return true
    } else if (char === 0x7d || char === 0x5d) depth--
  }
  return false
}
