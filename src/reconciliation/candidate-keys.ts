import type { TokenKind, TokenLists, Tokens } from './tokens.js'

/** Characters of a word, from its beginning or, of a number, from its end, that bring two records together. */
const WORD_KEY_LENGTH = 4
const MIN_WORD_LENGTH = 3

/**
 * What brings two records together as candidates: beginnings of words (the ends are what gets cut off or misspelt), endings of numbers, and
 * first letters of words side by side (`J A MILLER` and `JAMES A MILLER` share `JA` and `AM`). As 32-bit hashes: a collision costs a
 * comparison, nothing else.
 */
export class CandidateKeys {
  readonly #lists: Readonly<Record<TokenKind, TokenLists>>
  readonly #tokens: Tokens
  /** Per token, 0: none. */
  readonly #beginnings: Uint32Array
  readonly #endings: Uint32Array
  readonly #found = new Uint32Array(64)

  constructor(tokens: Tokens, side: 'left' | 'right') {
    this.#tokens = tokens
    this.#lists = tokens[side]
    this.#beginnings = new Uint32Array(tokens.size)
    this.#endings = new Uint32Array(tokens.size)
    for (let token = 0; token < tokens.size; token++) {
      const word = tokens.word(token)
      if (word.length < MIN_WORD_LENGTH) continue
      this.#beginnings[token] = hashText(`^${word.slice(0, WORD_KEY_LENGTH)}`)
      if (tokens.isNumber(token) && word.length > WORD_KEY_LENGTH) this.#endings[token] = hashText(`$${word.slice(-WORD_KEY_LENGTH)}`)
    }
  }

  /** The keys of a record, each once. Valid until the next call. */
  of(position: number): Uint32Array {
    let count = 0
    const add = (key: number) => {
      for (let at = 0; at < count; at++) if (this.#found[at] === key) return
      if (key !== 0 && count < this.#found.length) this.#found[count++] = key
    }
    const { words, numbers } = this.#lists
    for (let at = numbers.starts[position]!; at < numbers.starts[position + 1]!; at++) {
      add(this.#beginnings[numbers.tokens[at]!]!)
      add(this.#endings[numbers.tokens[at]!]!)
    }
    for (let at = words.starts[position]!; at < words.starts[position + 1]!; at++) {
      const token = words.tokens[at]!
      add(this.#beginnings[token]!)
      if (at > words.starts[position]!) add(hashPair(this.#tokens.firstCode(words.tokens[at - 1]!), this.#tokens.firstCode(token)))
    }
    return this.#found.subarray(0, count)
  }
}

/** FNV-1a over UTF-16 code units, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mixed(hash)
}

function hashPair(first: number, second: number): number {
  return mixed((first << 16) | second)
}

/** The finaliser of MurmurHash3 (Appleby), so that near inputs lie far apart. */
export function mixed(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
