import type { Frames, Message } from './transport.js'

/** Messages as server frames in one buffer, made when the first socket needs it. */
export class WsFrames implements Frames {
  readonly messages: readonly Message[]
  #wire: Buffer | null = null

  constructor(messages: readonly Message[]) {
    this.messages = messages
  }

  get wire(): Buffer {
    this.#wire ??= frame(this.messages)
    return this.#wire
  }
}

/** Longest header of a server frame. */
const MAX_HEADER_BYTES = 10
const TEXT = 0x81
const BINARY = 0x82

/** Whole frames, unmasked as servers send (RFC 6455 §5.2). */
function frame(messages: readonly Message[]): Buffer {
  const lengths = messages.map((message) => (typeof message === 'string' ? Buffer.byteLength(message) : message.length))
  const wire = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headerBytes(length) + length, 0))
  let at = 0
  for (const [index, message] of messages.entries()) {
    const length = lengths[index]!
    at = writeHeader(wire, at, typeof message === 'string' ? TEXT : BINARY, length)
    if (typeof message === 'string') wire.write(message, at)
    else wire.set(message, at)
    at += length
  }
  return wire
}

function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : MAX_HEADER_BYTES
}

/** Answers the offset behind it. */
function writeHeader(wire: Buffer, at: number, opcode: number, length: number): number {
  wire[at] = opcode
  const bytes = headerBytes(length)
  if (bytes === 2) wire[at + 1] = length
  else if (bytes === 4) {
    wire[at + 1] = 126
    wire.writeUInt16BE(length, at + 2)
  } else {
    wire[at + 1] = 127
    wire.writeUInt32BE(0, at + 2)
    wire.writeUInt32BE(length, at + 6)
  }
  return at + bytes
}
