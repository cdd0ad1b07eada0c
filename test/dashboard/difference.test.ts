import { describe, expect, test } from 'vitest'
import { differencesOf } from '../../src/dashboard/difference.js'

/** What differs in brackets. */
function marked(text: string, ...others: readonly string[]): string {
  return differencesOf(text, others)
    .map((piece) => (piece.isShared ? piece.text : `[${piece.text}]`))
    .join('')
}

describe('what differs between two rows', () => {
  test.each([
    ['case and accents do not count', 'MÜLLER Werkzeugbau', ['Muller werkzeugbau'], 'MÜLLER Werkzeugbau'],
    [
      'words may stand in another field and order',
      'Invoice 341, Elbe Logistik',
      ['Elbe Logistik', '341 invoice'],
      'Invoice 341, Elbe Logistik',
    ],
    ['a word that the other row has nowhere is marked', 'Elbe Logistik GmbH', ['Elbe Logistik'], 'Elbe Logistik [GmbH]'],
    ['of a typo only the letters', 'Lindqvist', ['Lindquist'], 'Lindq[v]ist'],
    ['of a shortened reference only the rest', 'INV-2026001005', ['INV-20260010'], 'INV-20260010[05]'],
    ['a word of which less than half is shared is marked whole', 'Karlsson', ['Kast Ingenieure'], '[Karlsson]'],
    ['nothing to compare with', 'Elbe', [], '[Elbe]'],
    ['no words at all', ' · ', ['Elbe'], ' · '],
  ])('%s', (_name, text, others, expected) => {
    expect(marked(text, ...others)).toBe(expected)
  })

  test('the pieces together are the text', () => {
    const text = 'Čokoládovny – závod 7/b (Praha)'
    expect(
      differencesOf(text, ['Cokoladovny Praha'])
        .map((piece) => piece.text)
        .join(''),
    ).toBe(text)
  })
})
