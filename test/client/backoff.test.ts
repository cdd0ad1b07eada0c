import { expect, test } from 'vitest'
import { RECONNECT, reconnectDelayMs } from '../../src/client/backoff.js'

test('waits anything from nothing to a ceiling that doubles up to 20 s', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => reconnectDelayMs(attempt, () => 1))
  expect(ceilings).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, RECONNECT.maxDelayMs])
  expect(reconnectDelayMs(50, () => 0)).toBe(0)
})
