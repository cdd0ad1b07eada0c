import { foldText } from './fold.js'
import type { RecordTable } from './record-table.js'

/** Evidence is counted in whole thousandths of a bit, so that no order of adding changes a sum. */
export const MILLIBITS = 1_000
/** A longer text says no more about which record is meant, but costs a comparison with each of its words. */
export const MAX_TOKENS = 16
/** In small files every word is rare or common by chance: words are counted as if there were so many more records without them. */
const OTHER_RECORDS = 16
const FIELDS = ['reference', 'counterparty', 'memo'] as const
/** `RE0017`: a word before a number, which others write apart. What changes more often, `5fb3cea5`, is one number. */
const WORD_AND_NUMBER = /^(\p{L}+)(\p{N}+)$/u
const DIGIT = /\p{N}/u

/** The tokens of each record, each once, in the order of the text. */
export interface TokenLists {
  /** By position, one more than there are records. */
  readonly starts: Int32Array
  readonly tokens: Int32Array
}

/** Numbers, which have a digit, tell transactions apart; words tell people and companies apart. */
export const TOKEN_KINDS = ['words', 'numbers'] as const
export type TokenKind = (typeof TOKEN_KINDS)[number]

/** The words of both sides and how much it tells that two records share one: log2(records / records that have it). */
export class Tokens {
  readonly left: Readonly<Record<TokenKind, TokenLists>>
  readonly right: Readonly<Record<TokenKind, TokenLists>>
  /** Sorted by code units, so a token's number does not depend on the order of records. */
  readonly #words: readonly string[]
  readonly #isNumber: Uint8Array
  /** Millibits that sharing the token is worth. */
  readonly #worth: Int32Array
  /** Millibits that it is worth to have a word that begins with this one, and the last such word: they stand right behind it. */
  readonly #prefixWorth: Int32Array
  readonly #lastWith: Int32Array
  readonly #firstCodes: Uint16Array
  readonly #lengths: Uint16Array
  readonly #records: number

  constructor(left: RecordTable, right: RecordTable) {
    const numbers = new Map<string, number>()
    this.left = listTokens(left, numbers)
    this.right = listTokens(right, numbers)
    this.#words = [...numbers.keys()].sort()
    const order = new Int32Array(numbers.size)
    for (const [index, word] of this.#words.entries()) order[numbers.get(word)!] = index
    const frequency = new Int32Array(numbers.size)
    for (const { tokens } of [this.left, this.right].flatMap(({ words, numbers }) => [words, numbers])) {
      for (const [index, token] of tokens.entries()) {
        tokens[index] = order[token]!
        frequency[order[token]!]!++
      }
    }
    this.#records = left.size + right.size + OTHER_RECORDS
    this.#worth = Int32Array.from(frequency, (records) => this.#worthOf(records))
    this.#isNumber = Uint8Array.from(this.#words, (word) => (DIGIT.test(word) ? 1 : 0))
    this.#firstCodes = Uint16Array.from(this.#words, (word) => word.charCodeAt(0))
    this.#lengths = Uint16Array.from(this.#words, (word) => word.length)
    this.#prefixWorth = new Int32Array(numbers.size)
    this.#lastWith = new Int32Array(numbers.size)
    this.#countPrefixes(frequency)
  }

  /** How many different words there are. */
  get size(): number {
    return this.#words.length
  }

  /** What a word is worth that one record of each side has. */
  get mostWorth(): number {
    return this.#worthOf(2)
  }

  word(token: number): string {
    return this.#words[token]!
  }

  length(token: number): number {
    return this.#lengths[token]!
  }

  /** UTF-16 code of the first character. */
  firstCode(token: number): number {
    return this.#firstCodes[token]!
  }

  isNumber(token: number): boolean {
    return this.#isNumber[token] === 1
  }

  worth(token: number): number {
    return this.#worth[token]!
  }

  /** Whether the other word begins with this one. */
  isPrefix(token: number, other: number): boolean {
    return other >= token && other <= this.#lastWith[token]!
  }

  prefixWorth(token: number): number {
    return this.#prefixWorth[token]!
  }

  #countPrefixes(frequency: Int32Array): void {
    const open: { readonly token: number; records: number }[] = []
    const close = (last: number) => {
      const { token, records } = open.pop()!
      this.#lastWith[token] = last
      this.#prefixWorth[token] = this.#worthOf(Math.min(records, this.#records))
      const outer = open.at(-1)
      if (outer) outer.records += records
    }
    for (const [token, word] of this.#words.entries()) {
      while (open.length > 0 && !word.startsWith(this.#words[open.at(-1)!.token]!)) close(token - 1)
      open.push({ token, records: frequency[token]! })
    }
    while (open.length > 0) close(this.#words.length - 1)
  }

  #worthOf(records: number): number {
    return Math.max(0, Math.round(MILLIBITS * Math.log2(this.#records / records)))
  }
}

function listTokens(table: RecordTable, numbers: Map<string, number>): Record<TokenKind, TokenLists> {
  const lists = { words: new ListWriter(table.size), numbers: new ListWriter(table.size) }
  for (let position = 0; position < table.size; position++) {
    let left = MAX_TOKENS
    for (const field of FIELDS) {
      const text = table.text(field, position)
      if (text === null) continue
      for (const word of splitWords(foldText(text))) {
        if (left-- === 0) break
        let number = numbers.get(word)
        if (number === undefined) {
          number = numbers.size
          numbers.set(word, number)
        }
        lists[DIGIT.test(word) ? 'numbers' : 'words'].add(number)
      }
    }
    for (const kind of TOKEN_KINDS) lists[kind].endRecord()
  }
  return lists
}

class ListWriter implements TokenLists {
  readonly starts: Int32Array
  tokens = new Int32Array(1_024)
  #record = 0
  #length = 0

  constructor(records: number) {
    this.starts = new Int32Array(records + 1)
  }

  add(token: number): void {
    for (let at = this.starts[this.#record]!; at < this.#length; at++) if (this.tokens[at] === token) return
    if (this.#length === this.tokens.length) {
      const larger = new Int32Array(this.#length * 2)
      larger.set(this.tokens)
      this.tokens = larger
    }
    this.tokens[this.#length++] = token
  }

  endRecord(): void {
    this.starts[++this.#record] = this.#length
    // What follows the last record is no token.
    if (this.#record === this.starts.length - 1) this.tokens = this.tokens.slice(0, this.#length)
  }
}

function splitWords(folded: string): string[] {
  if (folded === '') return []
  return folded.split(' ').flatMap((word) => WORD_AND_NUMBER.exec(word)?.slice(1) ?? word)
}
