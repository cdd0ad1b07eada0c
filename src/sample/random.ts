/**
 * Random numbers that are the same on every machine: xoshiro128** 1.1 by Blackman and Vigna
 * (https://prng.di.unimi.it/xoshiro128starstar.c), its state filled as in SplitMix (Steele, Lea, Flood 2014): a Weyl sequence through the
 * 32-bit finaliser of MurmurHash3 (Appleby).
 */
export class Random {
  readonly #state: Uint32Array

  /** `seed`: a whole number; only its low 32 bits count. */
  constructor(seed: number) {
    let weyl = seed >>> 0
    this.#state = Uint32Array.from({ length: 4 }, () => {
      weyl = (weyl + 0x9e3779b9) >>> 0
      return finalise(weyl)
    })
  }

  /** A whole number from 0 to `below` − 1; `below` up to 2^31. */
  int(below: number): number {
    return Math.floor((this.#next() * below) / 2 ** 32)
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.int(max - min + 1)
  }

  /** True in `perMille` of 1 000 calls. */
  chance(perMille: number): boolean {
    return this.int(1_000) < perMille
  }

  /** One of the list, which must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)]!
  }

  /** One of the values, each with its weight (a whole number). */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.int(choices.reduce((sum, [weight]) => sum + weight, 0))
    let at = 0
    while (left >= choices[at]![0]) left -= choices[at++]![0]
    return choices[at]![1]
  }

  #next(): number {
    const s = this.#state
    const result = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0
    const t = s[1]! << 9
    s[2]! ^= s[0]!
    s[3]! ^= s[1]!
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= t
    s[3] = rotateLeft(s[3]!, 11)
    return result
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function finalise(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
