import { MAX_TOKENS, type TokenKind, type Tokens } from './tokens.js'

/** Characters that both must have to count as the same with a slip, or one as found inside the other. */
const MIN_COMPARED = 5
/** Of what equal words are worth, in per cent: a number inside another; words that are one slip behind the first character apart. */
const CONTAINED_PERCENT = 80
const MISSPELT_PERCENT = 60

/** Stands where a token has found its like. */
const PAIRED = -1

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
  readonly #restLeft = new Int32Array(MAX_TOKENS)
  readonly #restRight = new Int32Array(MAX_TOKENS)
  /** Place in the left rest, place in the right one, worth, again and again: room for all with all. */
  readonly #related = new Int32Array(3 * MAX_TOKENS * MAX_TOKENS)
  /** What the last {@link compare} found: an object per pair would be the most expensive part of it. */
  readonly words: Evidence = { shared: 0, against: 0, isGiven: false }
  readonly numbers: Evidence = { shared: 0, against: 0, isGiven: false }

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  compare(left: number, right: number): void {
    this.#compareKind(left, right, 'words')
    this.#compareKind(left, right, 'numbers')
  }

  /** Equal tokens first; of the others the closest ones pair off. */
  #compareKind(left: number, right: number, kind: TokenKind): void {
    const into = this[kind]
    const one = this.#tokens.left[kind]
    const other = this.#tokens.right[kind]
    const start = one.starts[left]!
    const end = one.starts[left + 1]!
    const startRight = other.starts[right]!
    const endRight = other.starts[right + 1]!
    into.isGiven = end > start && endRight > startRight
    into.shared = 0
    into.against = 0
    if (!into.isGiven) return
    let shared = 0
    let restRight = 0
    for (let at = startRight; at < endRight; at++) this.#restRight[restRight++] = other.tokens[at]!
    let restLeft = 0
    for (let at = start; at < end; at++) {
      const token = one.tokens[at]!
      let found = 0
      while (found < restRight && this.#restRight[found] !== token) found++
      if (found === restRight) {
        this.#restLeft[restLeft++] = token
        continue
      }
      shared += this.#tokens.worth(token)
      for (restRight--; found < restRight; found++) this.#restRight[found] = this.#restRight[found + 1]!
    }
    shared += this.#pairOff(restLeft, restRight)
    into.shared = shared
    into.against = Math.min(this.#sum(this.#restLeft, restLeft), this.#sum(this.#restRight, restRight))
  }

  /** Takes the closest pairs out of the two rests, a token once; answers what they are worth together. */
  #pairOff(restLeft: number, restRight: number): number {
    let related = 0
    for (let l = 0; l < restLeft; l++) {
      for (let r = 0; r < restRight; r++) {
        const worth = this.#relate(this.#restLeft[l]!, this.#restRight[r]!)
        if (worth === 0) continue
        this.#related[related++] = l
        this.#related[related++] = r
        this.#related[related++] = worth
      }
    }
    let shared = 0
    while (related > 0) {
      let best = -1
      for (let at = 0; at < related; at += 3) if (this.#isFree(at) && (best < 0 || this.#isBefore(at, best))) best = at
      if (best < 0) break
      shared += this.#related[best + 2]!
      this.#restLeft[this.#related[best]!] = PAIRED
      this.#restRight[this.#related[best + 1]!] = PAIRED
    }
    return shared
  }

  #isFree(at: number): boolean {
    return this.#restLeft[this.#related[at]!] !== PAIRED && this.#restRight[this.#related[at + 1]!] !== PAIRED
  }

  /** The closer pair first; of equally close ones the first by words, whichever side they are on. */
  #isBefore(at: number, other: number): boolean {
    const closer = this.#related[at + 2]! - this.#related[other + 2]!
    if (closer !== 0) return closer > 0
    const one = this.#restLeft[this.#related[at]!]!
    const two = this.#restRight[this.#related[at + 1]!]!
    const three = this.#restLeft[this.#related[other]!]!
    const four = this.#restRight[this.#related[other + 1]!]!
    const byLow = Math.min(one, two) - Math.min(three, four)
    return byLow === 0 ? Math.max(one, two) < Math.max(three, four) : byLow < 0
  }

  #sum(rest: Int32Array, count: number): number {
    let sum = 0
    for (let index = 0; index < count; index++) if (rest[index] !== PAIRED) sum += this.#tokens.worth(rest[index]!)
    return sum
  }

  #relate(left: number, right: number): number {
    const tokens = this.#tokens
    const isAlikeAtStart = tokens.firstCode(left) === tokens.firstCode(right)
    if (!isAlikeAtStart && !tokens.isNumber(left)) return 0
    if (tokens.isPrefix(left, right)) return tokens.prefixWorth(left)
    if (tokens.isPrefix(right, left)) return tokens.prefixWorth(right)
    const shorter = Math.min(tokens.length(left), tokens.length(right))
    if (shorter < MIN_COMPARED) return 0
    const apart = Math.abs(tokens.length(left) - tokens.length(right))
    if (apart <= 1 && isAlikeAtStart && isOneSlipApart(tokens.word(left), tokens.word(right)))
      return this.#part(left, right, MISSPELT_PERCENT)
    if (apart > 0 && tokens.isNumber(left) && isContained(tokens.word(left), tokens.word(right)))
      return this.#part(left, right, CONTAINED_PERCENT)
    return 0
  }

  #part(left: number, right: number, percent: number): number {
    return Math.floor((Math.min(this.#tokens.worth(left), this.#tokens.worth(right)) * percent) / 100)
  }
}

/** Whether one character lost, replaced or exchanged with its neighbour makes one word the other. */
export function isOneSlipApart(one: string, other: string): boolean {
  if (one.length > other.length) return isOneSlipApart(other, one)
  if (other.length - one.length > 1) return false
  let start = 0
  while (start < one.length && one.charCodeAt(start) === other.charCodeAt(start)) start++
  let end = 0
  while (end < one.length - start && one.charCodeAt(one.length - 1 - end) === other.charCodeAt(other.length - 1 - end)) end++
  const differing = other.length - start - end
  if (differing <= 1) return true
  return one.length === other.length && differing === 2 && one[start] === other[start + 1] && one[start + 1] === other[start]
}

function isContained(one: string, other: string): boolean {
  return one.length < other.length ? other.includes(one) : one.includes(other)
}
