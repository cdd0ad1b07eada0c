const ID_BYTES = 16

/**
 * Positions of records by id and back, in 24 bytes a record (a `Map` of id strings takes about 150): the engine knows positions, the
 * database ids. Open addressing with linear probing over the ids' random low bits.
 */
export class RecordIndex {
  readonly #ids: Buffer
  readonly #slots: Int32Array
  readonly #mask: number
  #size = 0

  /** `capacity`: how many records will be appended. */
  constructor(capacity: number) {
    let slots = 16
    while (slots < capacity * 2) slots *= 2
    this.#ids = Buffer.alloc(capacity * ID_BYTES)
    this.#slots = new Int32Array(slots).fill(-1)
    this.#mask = slots - 1
  }

  get size(): number {
    return this.#size
  }

  append(id: string): void {
    const position = this.#size++
    this.#ids.write(id.replaceAll('-', ''), position * ID_BYTES, 'hex')
    let slot = this.#slotOf(position * ID_BYTES, this.#ids)
    while (this.#slots[slot]! >= 0) slot = (slot + 1) & this.#mask
    this.#slots[slot] = position
  }

  /** The id at the position, as canonical UUID text. */
  id(position: number): string {
    const hex = this.#ids.toString('hex', position * ID_BYTES, (position + 1) * ID_BYTES)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** The position of the id, or -1. */
  positionOf(id: string): number {
    const wanted = Buffer.from(id.replaceAll('-', ''), 'hex')
    for (let slot = this.#slotOf(0, wanted); ; slot = (slot + 1) & this.#mask) {
      const position = this.#slots[slot]!
      if (position < 0 || wanted.compare(this.#ids, position * ID_BYTES, (position + 1) * ID_BYTES) === 0) return position
    }
  }

  #slotOf(offset: number, ids: Buffer): number {
    return ids.readUInt32LE(offset + ID_BYTES - 4) & this.#mask
  }
}
