import { expect, test } from 'vitest'
import { resultHash } from '../../src/reconciliation/result-hash.js'

const KEY = { left: 'a', right: 'b', rule: 'exact', confidence: '1.00000' }

test('the hash of a result depends on what was matched and not on the order in which it was found', () => {
  const other = { ...KEY, left: 'c', right: 'd' }
  expect(resultHash([KEY, other])).toBe(resultHash([other, KEY]))
  expect(resultHash([KEY])).not.toBe(resultHash([{ ...KEY, confidence: '0.99999' }]))
  expect(resultHash([{ ...KEY, left: 'a","b' }])).not.toBe(resultHash([{ ...KEY, right: '","bb' }]))
})
