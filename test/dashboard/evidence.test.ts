import { expect, test } from 'vitest'
import { aheadWord, evidenceWord } from '../../src/dashboard/evidence.js'

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
