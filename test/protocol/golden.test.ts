import { unpack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import type { Codec, Encoded } from '../../src/protocol/codec.js'
import { jsonCodec } from '../../src/protocol/json-codec.js'
import { CLIENT_MESSAGE_TYPES, type ServerMessage } from '../../src/protocol/messages.js'
import { msgpackCodec } from '../../src/protocol/msgpack-codec.js'
import { clientMessageSchema, parseClientFrame, serverMessageSchema } from '../../src/protocol/schemas.js'
import { GOLDEN_MESSAGES } from './golden-messages.js'

const hex = (bytes: Encoded) => Buffer.from(bytes as Uint8Array).toString('hex')

/** As the hub makes it: of pieces that were encoded before. */
function spliced(codec: Codec, message: ServerMessage): Encoded | null {
  if (message.type !== 'deliver' && message.type !== 'joined') return null
  const events = message.events.map(({ seq, id, at, type, ...body }) => codec.event({ seq, id, at, type, body: JSON.stringify(body) }))
  const latest = message.latest.map(({ data, ...head }) => codec.latest({ ...head, body: JSON.stringify({ data }) }))
  if (message.type === 'deliver') return codec.deliver(message.project, message.epoch, events, latest)
  const snapshot = message.snapshot && codec.value(message.snapshot)
  const tail = codec.joinedTail({ position: message.position, mode: message.mode, snapshot, events, latest })
  return codec.joined(message.ref, message.project, message.role, tail)
}

test('[C1] the frames of every message are those that clients of other languages are tested with', async () => {
  const frames = GOLDEN_MESSAGES.map(({ name, from, message }) => ({
    name,
    from,
    message,
    json: jsonCodec.encode(message),
    msgpack: hex(msgpackCodec.encode(message)),
  }))
  // A line each: what changed is seen at a glance, and any language can read it.
  await expect(frames.map((frame) => `${JSON.stringify(frame)}\n`).join('')).toMatchFileSnapshot('golden-frames.jsonl')
})

test('no message is without a frame there', () => {
  const types = (from: 'client' | 'server') =>
    new Set(GOLDEN_MESSAGES.filter((golden) => golden.from === from).map(({ message }) => message.type))
  expect(types('client')).toEqual(new Set(CLIENT_MESSAGE_TYPES))
  const serverTypes = serverMessageSchema.options.map(({ shape }) => shape.type.value)
  expect(types('server')).toEqual(new Set(serverTypes))
})

describe.each(GOLDEN_MESSAGES)('$name', ({ from, message }) => {
  test('[C1] is read from both frames as what it is, type first', () => {
    for (const codec of [jsonCodec, msgpackCodec]) {
      const frame = codec.encode(message)
      expect(codec.decode(frame)).toEqual(message)
      expect(typeof frame === 'string' ? JSON.parse(frame) : unpack(frame)).toEqual(message)
      expect(Object.keys(codec.decode(frame) as object)[0]).toBe('type')
    }
    if (from === 'server') expect(serverMessageSchema.parse(message)).toEqual(message)
    else {
      expect(clientMessageSchema.parse(message)).toEqual(message)
      expect(parseClientFrame(message)).toMatchObject({ kind: 'message', message })
    }
  })

  test('[B3] is the same when it is spliced', () => {
    for (const codec of [jsonCodec, msgpackCodec]) {
      const frame = from === 'server' ? spliced(codec, message as ServerMessage) : null
      if (frame !== null)
        expect(frame).toEqual(codec === jsonCodec ? codec.encode(message) : new Uint8Array(codec.encode(message) as Uint8Array))
    }
  })
})
