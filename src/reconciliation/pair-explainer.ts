import { subtract } from '../money.js'
import { countDays, Gates } from './gates.js'
import { type Compared, describeLevel, levelOf, type Pattern } from './levels.js'
import { MICROBITS, type Model } from './model.js'
import type { Pass } from './rules.js'
import { sharedWords, shortened, tokensOf } from './shared-words.js'
import type { Sides } from './sides.js'
import type { MatchDraft } from './stage.js'

/** An explanation is stored with every match: of a long text its beginning. */
const MAX_TEXT = 80
/** Words of a summary. */
const MAX_WORDS = 3

/** Says why a scored pair belongs together. */
export class PairExplainer {
  readonly #pass: Pass
  readonly #sides: Sides
  readonly #gates: Gates

  constructor(pass: Pass, sides: Sides) {
    this.#pass = pass
    this.#sides = sides
    this.#gates = new Gates(pass, sides)
  }

  explain(pair: {
    readonly left: number
    readonly right: number
    readonly pattern: Pattern
    readonly model: Model
    /** Microbits. */
    readonly margin: number | null
    readonly alternatives: number
  }): Pick<MatchDraft, 'amountDifference' | 'explanation'> {
    const { left, right, pattern, model, margin, alternatives } = pair
    const [one, other] = [this.#sides.left.amount(left), this.#sides.right.amount(right)]
    const amountDifference = one === null || other === null ? null : subtract(one, other)
    return {
      amountDifference,
      explanation: {
        pass: this.#pass.name,
        summary: this.#summary(left, right, amountDifference),
        gates: this.#gates.explain(left, right),
        levels: this.#pass.score!.map(({ field }) => {
          const level = levelOf(pattern, field)
          return {
            field,
            level: describeLevel(field, level),
            ...this.#values(field, left, right),
            weight: formatBits(model.weights[field][level]!),
          }
        }),
        prior: formatBits(model.prior),
        margin: margin === null ? null : formatBits(margin),
        alternatives,
      },
    }
  }

  #summary(left: number, right: number, difference: string | null): string {
    const [one, other] = [this.#sides.left.day(left), this.#sides.right.day(right)]
    const amount = difference === '0' ? 'amount equal' : `amounts ${difference?.replace('-', '')} apart`
    const date =
      one === null || other === null ? 'a date is missing' : one === other ? 'same day' : `${countDays(Math.abs(one - other))} apart`
    const words = sharedWords(this.#sides.tokens, left, right, MAX_WORDS)
    return `${amount}, ${date}, ${words.length === 0 ? 'no word in common' : `both say ${words.join(' ')}`}`
  }

  /** What was compared: words and numbers as they were read; amounts and dates stand in the gates already. */
  #values(field: Compared, left: number, right: number): { readonly left: string | null; readonly right: string | null } {
    if (field === 'amount' || field === 'date') return { left: null, right: null }
    const { tokens } = this.#sides
    const text = (list: number[]) => (list.length === 0 ? null : shortened(list.map((token) => tokens.word(token)).join(' '), MAX_TEXT))
    return { left: text(tokensOf(tokens.left[field], left)), right: text(tokensOf(tokens.right[field], right)) }
  }
}

/** Bits with two decimals. */
function formatBits(microbits: number): string {
  const text = (microbits / MICROBITS).toFixed(2)
  return text === '-0.00' ? '0.00' : text
}
