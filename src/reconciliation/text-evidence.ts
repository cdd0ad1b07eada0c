import type { Tokens } from './tokens.js'

/** Digits that one number must have to count as found inside another. */
const MIN_CONTAINED = 5
/** Characters that both words must have to count as the same with a slip. */
const MIN_MISSPELT = 5
/** Of what equal words are worth, in per cent: a number inside another; words that are one slip behind the first character apart. */
const CONTAINED_PERCENT = 80
const MISSPELT_PERCENT = 60

/** What two records have in common in one respect, and what speaks against it: what both say besides, the smaller of the two. Millibits. */
export interface Evidence {
  shared: number
  /** One side saying more than the other is no contradiction. */
  against: number
  /** Neither side of the pair is silent. */
  isGiven: boolean
}

/** Compares the texts of two records word by word and number by number. */
export class TextEvidence {
  readonly #tokens: Tokens
  readonly #restLeft = new Int32Array(64)
  readonly #restRight = new Int32Array(64)
  /** What the last {@link compare} found: an object per pair would be the most expensive part of it. */
  readonly words: Evidence = { shared: 0, against: 0, isGiven: false }
  readonly numbers: Evidence = { shared: 0, against: 0, isGiven: false }

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  compare(left: number, right: number): void {
    this.#compare(left, right, { numbers: false, into: this.words })
    this.#compare(left, right, { numbers: true, into: this.numbers })
  }

  /** Equal words first; of the others the closest ones pair off. */
  #compare(left: number, right: number, { numbers, into }: { readonly numbers: boolean; readonly into: Evidence }): void {
    const { left: one, right: other } = this.#tokens
    let shared = 0
    let restRight = 0
    for (let at = other.starts[right]!; at < other.starts[right + 1]!; at++) {
      const token = other.tokens[at]!
      if (this.#tokens.isNumber(token) === numbers) this.#restRight[restRight++] = token
    }
    const given = restRight
    let restLeft = 0
    let count = 0
    for (let at = one.starts[left]!; at < one.starts[left + 1]!; at++) {
      const token = one.tokens[at]!
      if (this.#tokens.isNumber(token) !== numbers) continue
      count++
      let found = 0
      while (found < restRight && this.#restRight[found] !== token) found++
      if (found === restRight) {
        this.#restLeft[restLeft++] = token
        continue
      }
      shared += this.#tokens.worth(token)
      for (restRight--; found < restRight; found++) this.#restRight[found] = this.#restRight[found + 1]!
    }
    into.isGiven = given > 0 && count > 0
    while (restLeft > 0 && restRight > 0) {
      let best = 0
      let bestLeft = 0
      let bestRight = 0
      for (let l = 0; l < restLeft; l++) {
        for (let r = 0; r < restRight; r++) {
          const worth = this.#relate(this.#restLeft[l]!, this.#restRight[r]!)
          if (worth === 0 || worth < best) continue
          if (worth === best && !this.#isBefore(l, r, bestLeft, bestRight)) continue
          best = worth
          bestLeft = l
          bestRight = r
        }
      }
      if (best === 0) break
      shared += best
      this.#restLeft[bestLeft] = this.#restLeft[--restLeft]!
      this.#restRight[bestRight] = this.#restRight[--restRight]!
    }
    into.shared = shared
    into.against = Math.min(this.#sum(this.#restLeft, restLeft), this.#sum(this.#restRight, restRight))
  }

  #sum(rest: Int32Array, count: number): number {
    let sum = 0
    for (let index = 0; index < count; index++) sum += this.#tokens.worth(rest[index]!)
    return sum
  }

  /** Of equally close pairs the first by words, whichever side they are on. */
  #isBefore(l: number, r: number, otherL: number, otherR: number): boolean {
    const [a, b, c, d] = [this.#restLeft[l]!, this.#restRight[r]!, this.#restLeft[otherL]!, this.#restRight[otherR]!]
    const byLow = Math.min(a, b) - Math.min(c, d)
    return byLow === 0 ? Math.max(a, b) < Math.max(c, d) : byLow < 0
  }

  #relate(left: number, right: number): number {
    const tokens = this.#tokens
    const isLeftShort = tokens.length(left) < tokens.length(right)
    const short = isLeftShort ? left : right
    const long = isLeftShort ? right : left
    const length = tokens.length(short)
    if (tokens.firstCode(left) === tokens.firstCode(right)) {
      if (tokens.word(long).startsWith(tokens.word(short))) return tokens.prefixWorth(short)
      if (length >= MIN_MISSPELT && isOneSlipApart(tokens.word(short), tokens.word(long))) return this.#part(left, right, MISSPELT_PERCENT)
    }
    if (tokens.isNumber(short) && length >= MIN_CONTAINED && tokens.word(long).includes(tokens.word(short)))
      return this.#part(left, right, CONTAINED_PERCENT)
    return 0
  }

  #part(left: number, right: number, percent: number): number {
    return Math.floor((Math.min(this.#tokens.worth(left), this.#tokens.worth(right)) * percent) / 100)
  }
}

/** Whether one character lost, replaced or exchanged with its neighbour makes one word the other; `short` is not longer. */
export function isOneSlipApart(short: string, long: string): boolean {
  if (long.length - short.length > 1) return false
  let start = 0
  while (start < short.length && short[start] === long[start]) start++
  if (short.length < long.length) return short.slice(start) === long.slice(start + 1)
  if (short.slice(start + 1) === long.slice(start + 1)) return true
  return short[start] === long[start + 1] && short[start + 1] === long[start] && short.slice(start + 2) === long.slice(start + 2)
}
