import type { ServerMessage } from '../protocol/messages.js'
import { readMsgpack } from '../protocol/msgpack-reader.js'
import { MSGPACK_SUBPROTOCOL } from '../protocol/version.js'
import type { ClientCodec } from './codec.js'

/** More than any view or publication is nested; a bound all the same, as the reader calls itself. */
const MAX_DEPTH = 64

/** MessagePack in binary frames. */
export const msgpackCodec: ClientCodec = {
  subprotocol: MSGPACK_SUBPROTOCOL,
  encode(message) {
    const writer = new Writer()
    writer.value(message)
    return writer.bytes
  },
  decode(data) {
    // Sockets are asked for `arraybuffer`; some give what is a view of one.
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(data as ArrayBuffer)
    const message = readMsgpack(bytes, MAX_DEPTH)
    if (message === undefined) throw new TypeError('the server sent what is no MessagePack')
    return message as ServerMessage
  },
}

const STRING_8 = 0xd9
const ARRAY_16 = 0xdc
const MAP_16 = 0xde

const utf8 = new TextEncoder()

/** Values of JSON as MessagePack. What JSON leaves out is left out, what it cannot say becomes null. */
class Writer {
  #buffer = new Uint8Array(256)
  #view = new DataView(this.#buffer.buffer)
  #size = 0

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#size)
  }

  value(value: unknown): void {
    if (typeof value === 'string') this.#string(value)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2)
    else if (Array.isArray(value)) {
      this.#head(value.length, 0x90, 16, ARRAY_16 - 1)
      for (const item of value) this.value(item)
    } else if (typeof (value as { readonly toJSON?: unknown } | null | undefined)?.toJSON === 'function') {
      this.value((value as { toJSON(): unknown }).toJSON())
    } else if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value).filter(([, one]) => one !== undefined)
      this.#head(entries.length, 0x80, 16, MAP_16 - 1)
      for (const [key, one] of entries) {
        this.#string(key)
        this.value(one)
      }
    } else this.#byte(0xc0)
  }

  #string(text: string): void {
    const bytes = utf8.encode(text)
    this.#head(bytes.length, 0xa0, 32, STRING_8)
    const at = this.#grow(bytes.length)
    this.#buffer.set(bytes, at)
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) this.#byte(0xc0)
    else if (Number.isInteger(value) && value >= -32 && value < 128 && !Object.is(value, -0)) this.#byte(value & 0xff)
    else {
      this.#byte(0xcb)
      const at = this.#grow(8)
      this.#view.setFloat64(at, value)
    }
  }

  /** A small length stands in the first byte itself; a longer one in 1, 2 or 4 bytes behind it, of which the first byte tells. */
  #head(length: number, small: number, below: number, sized: number): void {
    if (length < below) this.#byte(small | length)
    // Of strings only.
    else if (length < 0x100 && sized === STRING_8) {
      this.#byte(sized)
      this.#byte(length)
    } else if (length < 0x10000) {
      this.#byte(sized + 1)
      const at = this.#grow(2)
      this.#view.setUint16(at, length)
    } else {
      this.#byte(sized + 2)
      const at = this.#grow(4)
      this.#view.setUint32(at, length)
    }
  }

  #byte(byte: number): void {
    const at = this.#grow(1)
    this.#buffer[at] = byte
  }

  /** The offset of so many bytes more. */
  #grow(count: number): number {
    const at = this.#size
    this.#size += count
    if (this.#size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#size))
      larger.set(this.#buffer)
      this.#buffer = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}
