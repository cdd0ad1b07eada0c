import { describe, expect, test } from 'vitest'
import { appendMatches, isOpen, mergeMatch, nextOpen, type Suggestion } from '../../src/dashboard/matches.js'
import type { MatchView } from '../../src/protocol/views.js'

function match(id: string, news: Partial<MatchView> = {}): MatchView {
  return {
    id,
    project: 'p',
    job: null,
    rule: 'r',
    cardinality: '1:1',
    status: 'proposed',
    automatic: false,
    left: ['l'],
    right: ['r'],
    confidence: '0.9',
    amountDifference: '0',
    explanation: { pass: 'r', summary: '', gates: [], levels: [], prior: null, margin: null, alternatives: 0 },
    decidedBy: null,
    decidedAt: null,
    version: 1,
    ...news,
  }
}

const list = appendMatches([], [match('a'), match('b'), match('c')])
const ids = (entries: readonly Suggestion[]) => entries.map((entry) => entry.match.id)

describe('the list of suggestions', () => {
  test('a decision changes an entry and moves none', () => {
    const decided = mergeMatch(list, match('b', { status: 'confirmed', version: 2 }))
    expect(ids(decided)).toEqual(['a', 'b', 'c'])
    expect(decided.map(isOpen)).toEqual([true, false, true])
  })

  test('an older state is dropped, and so is a match that is not shown', () => {
    const decided = mergeMatch(list, match('b', { status: 'confirmed', version: 2 }))
    expect(mergeMatch(decided, match('b'))).toEqual(decided)
    expect(mergeMatch(list, match('z', { version: 9 }))).toEqual(list)
  })

  test('a page that overlaps adds only what is new', () => {
    expect(ids(appendMatches(list, [match('c'), match('d')]))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('the next undecided one, or where one is', () => {
    const decided = mergeMatch(list, match('b', { status: 'rejected', version: 2 }))
    expect(nextOpen(decided, 0, 1)).toBe(2)
    expect(nextOpen(decided, 2, 1)).toBe(2)
    expect(nextOpen(decided, 2, -1)).toBe(0)
  })
})
