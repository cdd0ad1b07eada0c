import { foldText } from './fold.js'
import type { RecordTable } from './record-table.js'

/** Evidence is counted in whole thousandths of a bit, so that no order of adding changes a sum. */
export const MILLIBITS = 1_000
/** A longer text says no more about which record is meant, but costs a comparison with each of its words. */
const MAX_TOKENS = 16
const FIELDS = ['reference', 'counterparty', 'memo'] as const
/** `RE0017`: a word before a number, which others write apart. What changes more often, `5fb3cea5`, is one number. */
const WORD_AND_NUMBER = /^(\p{L}+)(\p{N}+)$/u
const DIGIT = /\p{N}/u

/** The words of a record: numbers of tokens, each once, in the order of the text. */
export interface TokenLists {
  readonly starts: Int32Array
  readonly tokens: Int32Array
}

/** The words of both sides and how much it tells that two records share one: log2(records / records that have it). */
export class Tokens {
  readonly left: TokenLists
  readonly right: TokenLists
  /** Sorted by code units, so a token's number does not depend on the order of records. */
  readonly #words: readonly string[]
  readonly #isNumber: Uint8Array
  /** Millibits that sharing the token is worth. */
  readonly #worth: Int32Array
  /** Millibits that it is worth to have a word that begins with this one. */
  readonly #prefixWorth: Int32Array
  readonly #firstCodes: Uint16Array
  readonly #lengths: Uint16Array
  readonly #records: number

  constructor(left: RecordTable, right: RecordTable) {
    const numbers = new Map<string, number>()
    const lists = [left, right].map((table) => listTokens(table, numbers)) as [TokenLists, TokenLists]
    this.#words = [...numbers.keys()].sort()
    const order = new Int32Array(numbers.size)
    for (const [index, word] of this.#words.entries()) order[numbers.get(word)!] = index
    const frequency = new Int32Array(numbers.size)
    for (const { tokens } of lists) {
      for (const [index, token] of tokens.entries()) {
        tokens[index] = order[token]!
        frequency[order[token]!]!++
      }
    }
    ;[this.left, this.right] = lists
    this.#records = left.size + right.size
    this.#worth = Int32Array.from(frequency, (records) => this.#worthOf(records))
    this.#isNumber = Uint8Array.from(this.#words, (word) => (DIGIT.test(word) ? 1 : 0))
    this.#firstCodes = Uint16Array.from(this.#words, (word) => word.charCodeAt(0))
    this.#lengths = Uint16Array.from(this.#words, (word) => word.length)
    this.#prefixWorth = this.#countPrefixes(frequency)
  }

  /** How many different words there are. */
  get size(): number {
    return this.#words.length
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

  /** Whether it has a digit: numbers tell transactions apart, words tell people and companies apart. */
  isNumber(token: number): boolean {
    return this.#isNumber[token] === 1
  }

  worth(token: number): number {
    return this.#worth[token]!
  }

  prefixWorth(token: number): number {
    return this.#prefixWorth[token]!
  }

  /** Words that begin with a word stand right behind it. */
  #countPrefixes(frequency: Int32Array): Int32Array {
    const worth = new Int32Array(frequency.length)
    const open: { readonly token: number; records: number }[] = []
    const close = () => {
      const { token, records } = open.pop()!
      worth[token] = this.#worthOf(Math.min(records, this.#records))
      const outer = open.at(-1)
      if (outer) outer.records += records
    }
    for (const [token, word] of this.#words.entries()) {
      while (open.length > 0 && !word.startsWith(this.#words[open.at(-1)!.token]!)) close()
      open.push({ token, records: frequency[token]! })
    }
    while (open.length > 0) close()
    return worth
  }

  #worthOf(records: number): number {
    return Math.max(0, Math.round(MILLIBITS * Math.log2(this.#records / records)))
  }
}

function listTokens(table: RecordTable, numbers: Map<string, number>): TokenLists {
  const starts = new Int32Array(table.size + 1)
  const tokens: number[] = []
  for (let position = 0; position < table.size; position++) {
    const start = tokens.length
    for (const field of FIELDS) {
      const text = table.text(field, position)
      if (text === null) continue
      for (const word of splitWords(foldText(text))) {
        if (tokens.length - start === MAX_TOKENS) break
        let number = numbers.get(word)
        if (number === undefined) {
          number = numbers.size
          numbers.set(word, number)
        }
        if (!tokens.includes(number, start)) tokens.push(number)
      }
    }
    starts[position + 1] = tokens.length
  }
  return { starts, tokens: Int32Array.from(tokens) }
}

function splitWords(folded: string): string[] {
  if (folded === '') return []
  return folded.split(' ').flatMap((word) => WORD_AND_NUMBER.exec(word)?.slice(1) ?? word)
}
