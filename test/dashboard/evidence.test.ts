import { expect, test } from 'vitest'
import { aheadWord, evidenceWord, levelWords } from '../../src/dashboard/evidence.js'
import { COMPARED, describeLevel, LEVEL_COUNTS } from '../../src/reconciliation/levels.js'

test('weights are called what they come to', () => {
  const words = ['12.30', '6.00', '3.10', '1.00', '0.00', '-0.99', '-2.00', '-5.00', '-9.00'].map(evidenceWord)
  expect(words).toEqual([
    'Strong sign',
    'Strong sign',
    'Good sign',
    'Weak sign',
    'Says little',
    'Says little',
    'Weak doubt',
    'Doubt',
    'Strong doubt',
  ])
})

test('how far a match is ahead is said in times', () => {
  expect(['-2.00', '0.00', '2.00', '40.00'].map(aheadWord)).toEqual([
    'another one is likelier',
    'the next best is as likely',
    'this one is about 4 times as likely as the next best',
    'this one is more than 1,000 times as likely as the next best',
  ])
})

test('every level of the engine is said without its measures', () => {
  expect(levelWords('equal, mostly by chance')).toBe('equal, a very common amount')
  expect(levelWords('nothing shared, much against')).toBe('nothing in common, much differs')
  expect(levelWords('4 to 6 bits shared, some against')).toBe('a little in common, some differs')
  expect(levelWords('12 to 14 bits shared, nothing against')).toBe('much in common, nothing differs')
  expect(levelWords('over 30 bits shared, nothing against')).toBe('very much in common, nothing differs')
  expect(levelWords('0.1 to 0.5 % more on the right')).toBe('0.1 to 0.5 % more on the right')
  for (const compared of COMPARED) {
    for (let level = 0; level < LEVEL_COUNTS[compared]; level++)
      expect(levelWords(describeLevel(compared, level))).not.toMatch(/bits|chance|against|undefined/)
  }
})
