import { expect, test } from 'vitest'
import { type Entry, isOpen, nextOpen, reaches, rowOf, statusWord } from '../../src/dashboard/matches.js'
import { matchView } from './match-view.js'

const entry = (news: Partial<Entry> = {}): Entry => ({ row: rowOf(matchView('a')), pending: null, refusal: null, ...news })

test('what was decided, or is being decided, is not open', () => {
  expect(isOpen(entry())).toBe(true)
  expect(isOpen(entry({ pending: 'reject' }))).toBe(false)
  expect(isOpen(entry({ row: rowOf(matchView('a', { status: 'confirmed' })) }))).toBe(false)
})

test('the next undecided one, from the beginning at the end, or where one is', () => {
  const list = [entry(), entry({ pending: 'confirm' }), entry()]
  expect(nextOpen(list, 0)).toBe(2)
  expect(nextOpen(list, 2)).toBe(0)
  expect(nextOpen(list.slice(1, 2), 0)).toBe(0)
})

test.each([
  ['0.95000', '0.95', true],
  ['0.94999', '0.95', false],
  ['1.00000', '1', true],
  ['0.99999', '1', false],
  ['0.10000', '0.1', true],
])('a confidence of %s against %s', (confidence, least, expected) => {
  expect(reaches(confidence, least)).toBe(expected)
})

test('a match by hand shows its sums, where it has one currency', () => {
  const sum = (field: string) => ({ field, left: '5', right: '6', difference: '-1', allowed: 'fee' })
  const manual = (...gates: ReturnType<typeof sum>[]) =>
    rowOf(matchView('a', { rule: 'manual', left: ['l1', 'l2'], explanation: { ...matchView('a').explanation, gates } }))
  expect(manual(sum('sum EUR'))).toMatchObject({ left: { amount: '5', text: '2 rows' }, right: { amount: '6', text: '1 row' } })
  expect(manual(sum('sum EUR'), sum('sum USD')).left.amount).toBeNull()
})

test.each([
  ['removed', { id: 'ana', name: 'Ana' }, 'Taken apart'],
  ['removed', null, 'Withdrawn'],
  ['confirmed', null, 'Confirmed'],
] as const)('%s by %o is called so', (status, decidedBy, word) => {
  expect(statusWord({ status, decidedBy })).toBe(word)
})

test('a row shows what was compared, or says what it is', () => {
  const compared = matchView('a', {
    explanation: {
      ...matchView('a').explanation,
      gates: [{ field: 'amount', left: '5', right: '6', difference: '-1', allowed: 'any' }],
      levels: [{ field: 'words', level: 'some', left: 'ACME', right: 'ACME LTD', weight: '1' }],
    },
  })
  expect(rowOf(compared)).toMatchObject({ left: { amount: '5', text: 'ACME' }, right: { amount: '6', text: 'ACME LTD' } })
  const manual = rowOf(matchView('b', { left: ['l1', 'l2'] }))
  expect([manual.left.text, manual.right.text]).toEqual(['2 rows', 'amount equal'])
})
