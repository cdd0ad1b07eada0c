import { MILLIBITS, TOKEN_KINDS, type TokenLists, type Tokens } from './tokens.js'

/** A word may be as long as a file lets it be. */
const MAX_WORD = 40
/** A word that more than every eighth record has is not worth telling. */
const MIN_WORTH = 3 * MILLIBITS

/** The words and numbers that both texts have and that tell most, at most `limit`. */
export function sharedWords(tokens: Tokens, left: number, right: number, limit: number): string[] {
  const least = Math.min(MIN_WORTH, tokens.mostWorth)
  const shared = TOKEN_KINDS.flatMap((kind) => {
    const ofRight = tokensOf(tokens.right[kind], right)
    return tokensOf(tokens.left[kind], left).filter((token) => ofRight.includes(token) && tokens.worth(token) >= least)
  })
  const best = new Set(shared.toSorted((one, other) => tokens.worth(other) - tokens.worth(one) || one - other).slice(0, limit))
  return shared.filter((token) => best.has(token)).map((token) => shortened(tokens.word(token), MAX_WORD))
}

export function tokensOf({ starts, tokens }: TokenLists, position: number): number[] {
  return [...tokens.subarray(starts[position], starts[position + 1])]
}

/** Cut between characters, not inside one. */
export function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${[...text.slice(0, length)].slice(0, -1).join('')}…`
}
