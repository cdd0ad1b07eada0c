// Where the words of one row differ from those of the row on the other side, for the eye: what decides is the engine's comparison.

/** A piece of a text; `isShared`: the other row has it too, or it is no word. */
export interface Piece {
  readonly text: string
  readonly isShared: boolean
}

/** Per character of a word, what it counts as: case and accents do not. */
type FoldedWord = readonly string[]

const WORDS = /[\p{L}\p{N}]+/gu

/**
 * Cuts `text` into pieces that `others` (all texts of the other row) have and pieces they have not. Of a word that is nearly one of
 * theirs, a typo or a shortened reference, only the letters that differ are marked.
 */
export function differencesOf(text: string, others: readonly string[]): readonly Piece[] {
  const known = others.flatMap(wordsOf)
  const composed = text.normalize('NFC')
  const pieces: Piece[] = []
  let done = 0
  const put = (piece: string, isShared: boolean) => {
    if (piece !== '') pieces.push({ text: piece, isShared })
  }
  for (const found of composed.matchAll(WORDS)) {
    put(composed.slice(done, found.index), true)
    const letters = [...found[0]]
    const { start, end } = nearest(letters.map(fold), known)
    put(letters.slice(0, start).join(''), true)
    put(letters.slice(start, letters.length - end).join(''), false)
    put(letters.slice(letters.length - end).join(''), true)
    done = found.index + found[0].length
  }
  put(composed.slice(done), true)
  return pieces
}

/** How many letters at the start and at the end the word has in common with the known word that is nearest to it; none when none is near. */
function nearest(word: FoldedWord, known: readonly FoldedWord[]): { readonly start: number; readonly end: number } {
  let best = { start: 0, end: 0 }
  for (const other of known) {
    const shortest = Math.min(word.length, other.length)
    let start = 0
    while (start < shortest && word[start] === other[start]) start++
    let end = 0
    while (end < shortest - start && word[word.length - 1 - end] === other[other.length - 1 - end]) end++
    const isNear = (start + end) * 2 >= Math.max(word.length, other.length)
    if (isNear && start + end > best.start + best.end) best = { start, end }
  }
  return best
}

function wordsOf(text: string): readonly FoldedWord[] {
  return [...text.normalize('NFC').matchAll(WORDS)].map(([word]) => [...word].map(fold))
}

function fold(letter: string): string {
  return letter.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}
