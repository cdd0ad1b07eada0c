import { subtract } from '../money.js'
import { formatDay } from './civil-day.js'
import { countDays, Gates } from './gates.js'
import { type Compared, describeLevel, levelOf, type Pattern } from './levels.js'
import { MICROBITS, type Model } from './model.js'
import type { Pass } from './rules.js'
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
        summary: `${this.#summary(left, right, amountDifference)}`,
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
    const words = this.#sharedWords(left, right)
    return `${amount}, ${date}, ${words.length === 0 ? 'no word in common' : `both say ${words.join(' ')}`}`
  }

  /** The words that tell most, in the order of the left text. */
  #sharedWords(left: number, right: number): string[] {
    const { tokens } = this.#sides
    const ofRight = new Set(tokens.right.tokens.subarray(tokens.right.starts[right]!, tokens.right.starts[right + 1]!))
    const shared = [...tokens.left.tokens.subarray(tokens.left.starts[left]!, tokens.left.starts[left + 1]!)].filter((token) =>
      ofRight.has(token),
    )
    const best = new Set(shared.toSorted((one, other) => tokens.worth(other) - tokens.worth(one) || one - other).slice(0, MAX_WORDS))
    return shared.filter((token) => best.has(token)).map((token) => shortened(tokens.word(token)))
  }

  #values(field: Compared, left: number, right: number): { readonly left: string | null; readonly right: string | null } {
    const value = (side: 'left' | 'right', position: number) => {
      const table = this.#sides[side]
      if (field === 'amount') return table.amount(position)
      if (field === 'words' || field === 'numbers') {
        const texts = (['reference', 'counterparty', 'memo'] as const).flatMap((name) => table.text(name, position) ?? [])
        return texts.length === 0 ? null : shortened(texts.join(' · '))
      }
      const day = table.day(position)
      return day === null ? null : formatDay(day)
    }
    return { left: value('left', left), right: value('right', right) }
  }
}

/** Bits with two decimals. */
function formatBits(microbits: number): string {
  const text = (microbits / MICROBITS).toFixed(2)
  return text === '-0.00' ? '0.00' : text
}

/** Cut between characters, not inside one. */
function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${[...text.slice(0, MAX_TEXT)].slice(0, -1).join('')}…`
}
