/** Positions by block number, −1: none; in one array. */
export class Buckets {
  readonly #starts: Int32Array
  readonly #positions: Int32Array

  constructor(blocks: Int32Array, count: number) {
    this.#starts = new Int32Array(count + 1)
    for (const block of blocks) if (block >= 0) this.#starts[block + 1]!++
    for (let block = 0; block < count; block++) this.#starts[block + 1]! += this.#starts[block]!
    this.#positions = new Int32Array(this.#starts[count]!)
    const next = this.#starts.slice()
    for (const [position, block] of blocks.entries()) if (block >= 0) this.#positions[next[block]!++] = position
  }

  size(block: number): number {
    return this.#starts[block + 1]! - this.#starts[block]!
  }

  first(block: number): number {
    return this.#positions[this.#starts[block]!]!
  }

  of(block: number): number[] {
    return [...this.#positions.subarray(this.#starts[block]!, this.#starts[block + 1]!)]
  }
}
