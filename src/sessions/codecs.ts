import type { Codec } from '../protocol/codec.js'
import { jsonCodec } from '../protocol/json-codec.js'
import { msgpackCodec } from '../protocol/msgpack-codec.js'

/** Every codec that a session may ask for (C1). */
export const CODECS: readonly Codec[] = [jsonCodec, msgpackCodec]

/** The codec of a subprotocol; JSON for who offered none. */
export function codecOf(subprotocol: string): Codec {
  return CODECS.find((codec) => codec.subprotocol === subprotocol) ?? jsonCodec
}
