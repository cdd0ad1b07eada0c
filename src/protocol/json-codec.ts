import type { Codec, Encoded, EncodedEvent, EncodedLatest, JoinedTail } from './codec.js'
import { type ClientMessage, MAX_FRAME_DEPTH, type ServerMessage } from './messages.js'
import { JSON_SUBPROTOCOL } from './version.js'

/** Messages as JSON in text frames. */
export const jsonCodec: Codec = {
  subprotocol: JSON_SUBPROTOCOL,
  encode: (message: ClientMessage | ServerMessage) => JSON.stringify(message),
  decode: (frame) => (typeof frame === 'string' ? decodeJson(frame) : undefined),
  value: (value) => JSON.stringify(value),
  event: ({ seq, id, at, type, body }: EncodedEvent) =>
    `{"seq":${seq},"id":${JSON.stringify(id)},"at":"${at}","type":"${type}",${body.slice(1)}`,
  latest: ({ key, version, at, type, body }: EncodedLatest) =>
    `{"key":${JSON.stringify(key)},"version":${version},"at":"${at}","type":"${type}",${body.slice(1)}`,
  deliver: (project, epoch, events, latest) =>
    `{"type":"deliver","project":"${project}","epoch":"${epoch}","events":${list(events)},"latest":${list(latest)}}`,
  joinedTail: ({ position, mode, snapshot, events, latest }: JoinedTail) =>
    `"position":${JSON.stringify(position)},"mode":"${mode}","snapshot":${snapshot},"events":${list(events)},"latest":${list(latest)}}`,
  joined: (ref, project, role, tail) => `{"type":"joined","ref":${ref},"project":"${project}","role":"${role}",${tail}`,
}

/**
 * The value of a JSON text, or undefined when it is none or nested deeper than `MAX_FRAME_DEPTH`. The depth is counted on the text,
 * before anything is built from it.
 */
export function decodeJson(text: string): unknown {
  if (isTooDeep(text, MAX_FRAME_DEPTH)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function list(pieces: readonly Encoded[]): string {
  return `[${pieces.join(',')}]`
}

/** Whether a JSON text nests deeper than `maxDepth`; its outermost object or array is 1. */
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
