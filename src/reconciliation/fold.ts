const PLAIN = /^[A-Z0-9 ]*$/
const MARKS = /\p{M}+/gu
const OTHER = /[^\p{L}\p{N}]+/gu

/** Upper case without accents; whatever is no letter or digit becomes one space. Empty when nothing is left. */
export function foldText(text: string): string {
  const upper = text.toUpperCase()
  const bare = PLAIN.test(upper) ? upper : upper.normalize('NFKD').replace(MARKS, '')
  return bare.replace(OTHER, ' ').trim()
}

/** Letters and digits only, upper case, without accents: `inv-0017` and `INV 0017` are the same code. */
export function foldCode(text: string): string {
  return foldText(text).replaceAll(' ', '')
}
