/**
 * The value of MessagePack bytes, or undefined when they are none, hold more than one value, are nested deeper than `maxDepth`, or say
 * what JSON cannot: binary strings, extensions, keys that are no strings, numbers that are not finite. Strangers send these bytes: sizes
 * are checked against what is left before anything is built, which a general decoder does not do.
 */
export function readMsgpack(bytes: Uint8Array, maxDepth: number): unknown {
  const reader = new Reader(bytes)
  try {
    const value = reader.value(maxDepth)
    return reader.isAtEnd ? value : undefined
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined
    throw error
  }
}

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Every method throws RangeError or, for bad UTF-8, TypeError for what cannot be read. */
class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** `depth`: how many maps and arrays may lie in one another from here on. */
  value(depth: number): unknown {
    const first = this.#uint(1)
    if (first < 0x80) return first
    if (first < 0x90) return this.#map(first & 0x0f, depth)
    if (first < 0xa0) return this.#array(first & 0x0f, depth)
    if (first < 0xc0) return this.#string(first & 0x1f)
    if (first >= 0xe0) return first - 256
    switch (first) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xca:
        return this.#float(4)
      case 0xcb:
        return this.#float(8)
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return this.#uint(1 << (first - 0xcc))
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return this.#int(1 << (first - 0xd0))
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#uint(1 << (first - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(2 << (first - 0xdc)), depth)
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 << (first - 0xde)), depth)
      default:
        throw new RangeError('a type that JSON does not have')
    }
  }

  /** The offset of the next bytes, which are behind it then. */
  #take(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) throw new RangeError('ends too early')
    this.#at += count
    return at
  }

  #uint(size: number): number {
    const at = this.#take(size)
    if (size === 8) return Number(this.#view.getBigUint64(at))
    if (size === 4) return this.#view.getUint32(at)
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint8(at)
  }

  #int(size: number): number {
    const at = this.#take(size)
    if (size === 8) return Number(this.#view.getBigInt64(at))
    if (size === 4) return this.#view.getInt32(at)
    return size === 2 ? this.#view.getInt16(at) : this.#view.getInt8(at)
  }

  #float(size: number): number {
    const at = this.#take(size)
    const value = size === 8 ? this.#view.getFloat64(at) : this.#view.getFloat32(at)
    if (!Number.isFinite(value)) throw new RangeError('not a number of JSON')
    return value
  }

  #string(length: number): string {
    const at = this.#take(length)
    return text.decode(this.#bytes.subarray(at, at + length))
  }

  #array(length: number, depth: number): unknown[] {
    // Each value takes a byte at least.
    if (depth < 1 || length > this.#bytes.length - this.#at) throw new RangeError('too deep or too long')
    const array: unknown[] = []
    for (let index = 0; index < length; index++) array.push(this.value(depth - 1))
    return array
  }

  #map(size: number, depth: number): Record<string, unknown> {
    if (depth < 1 || 2 * size > this.#bytes.length - this.#at) throw new RangeError('too deep or too long')
    const map: Record<string, unknown> = {}
    for (let index = 0; index < size; index++) {
      const key = this.value(0)
      if (typeof key !== 'string') throw new RangeError('a key that is no string')
      const value = this.value(depth - 1)
      // As JSON.parse does: a key of this name is a field like any other, never a prototype.
      if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
      else map[key] = value
    }
    return map
  }
}
