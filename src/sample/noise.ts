import type { Random } from './random.js'

/** One slip of a hand: two neighbours exchanged, a character lost, or a digit or letter replaced. */
export function typo(random: Random, text: string): string {
  if (text.length < 3) return text
  const at = random.between(1, text.length - 2)
  const [here, next] = [text[at]!, text[at + 1]!]
  switch (random.int(3)) {
    case 0:
      return text.slice(0, at) + next + here + text.slice(at + 2)
    case 1:
      return text.slice(0, at) + text.slice(at + 1)
    default:
      return (
        text.slice(0, at) +
        (/\d/.test(here) ? String((Number(here) + random.between(1, 9)) % 10) : random.pick(LETTERS)) +
        text.slice(at + 1)
      )
  }
}

/** What a form field or a hurried person leaves of a reference: its digits alone, or without its last two or three characters. */
export function truncated(random: Random, reference: string): string {
  const longest = reference.match(/\d{5,}/)?.[0]
  if (longest !== undefined && longest !== reference && random.chance(500)) return longest
  return reference.slice(0, -random.between(2, 3))
}

/** The same reference in another spelling: no marks, spaces for marks, or small letters. */
export function respelled(random: Random, reference: string): string {
  switch (random.int(3)) {
    case 0:
      return reference.replace(/[-/]/g, '')
    case 1:
      return reference.replace(/[-/]/g, ' ')
    default:
      return reference.toLowerCase()
  }
}

/** As bank systems write: capitals of the Latin alphabet, at most `width` characters. */
export function bankText(text: string, width: number): string {
  const plain = text.replace(/[ÄÖÜäöüßøØ’]/g, (letter) => SPELLED[letter]!).normalize('NFKD')
  return plain.replace(/\p{M}/gu, '').toUpperCase().slice(0, width).trim()
}

const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
const SPELLED: Readonly<Record<string, string>> = {
  Ä: 'Ae',
  Ö: 'Oe',
  Ü: 'Ue',
  ä: 'ae',
  ö: 'oe',
  ü: 'ue',
  ß: 'ss',
  ø: 'oe',
  Ø: 'Oe',
  '’': '',
}
