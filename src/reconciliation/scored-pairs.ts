import { assert } from '../errors.js'
import { COMPARED, LEVEL_COUNTS, type Pattern } from './levels.js'
import { byField, type Model } from './model.js'

const VERSION = 1
const MODEL_INTS = 2 + COMPARED.reduce((sum, compared) => sum + LEVEL_COUNTS[compared], 0)
const PAIR_INTS = 4

/** Pairs that one chunk compared, with the model that weighed them. `weights` in microbits. */
export interface ScoredPairs {
  readonly model: Model
  readonly left: Int32Array
  readonly right: Int32Array
  readonly weights: Int32Array
  readonly patterns: Int32Array
}

/** Collects the pairs of a chunk for the stage that decides. */
export class PairWriter {
  #ints = new Int32Array(4_096)
  #length = 0

  constructor(model: Model) {
    this.#push(VERSION, model.prior)
    for (const compared of COMPARED) this.#push(...model.weights[compared])
  }

  add(left: number, right: number, weight: number, pattern: Pattern): void {
    this.#push(left, right, weight, pattern)
  }

  /** 32-bit integers, little-endian: version, prior, weights of the levels, then left, right, weight, pattern of each pair. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length * 4)
    const view = new DataView(bytes.buffer)
    for (let index = 0; index < this.#length; index++) view.setInt32(index * 4, this.#ints[index]!, true)
    return bytes
  }

  #push(...values: number[]): void {
    if (this.#length + values.length > this.#ints.length) {
      const larger = new Int32Array(Math.max(this.#ints.length * 2, this.#length + values.length))
      larger.set(this.#ints)
      this.#ints = larger
    }
    this.#ints.set(values, this.#length)
    this.#length += values.length
  }
}

/** @throws when the bytes are not what {@link PairWriter} of this version wrote. */
export function readPairs(bytes: Uint8Array): ScoredPairs {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (index: number) => view.getInt32(index * 4, true)
  const count = (bytes.byteLength / 4 - MODEL_INTS) / PAIR_INTS
  assert(Number.isInteger(count) && count >= 0 && at(0) === VERSION, 'scored pairs are read by the version that wrote them')
  let next = 2
  const levels = (length: number) => Int32Array.from({ length }, () => at(next++))
  const weights = byField((compared) => levels(LEVEL_COUNTS[compared]))
  const column = (offset: number) => Int32Array.from({ length: count }, (_, pair) => at(MODEL_INTS + pair * PAIR_INTS + offset))
  return { model: { prior: at(1), weights }, left: column(0), right: column(1), weights: column(2), patterns: column(3) }
}
