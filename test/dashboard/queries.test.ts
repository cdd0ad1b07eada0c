import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Queries } from '../../src/dashboard/queries.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('what is on the screen and stale is fetched again, once, within half a second', () => {
  const queries = new Queries(() => 0.5)
  const fetched: string[] = []
  queries.show(['matches', 'records'], () => fetched.push('summary'))
  queries.show(['matches'], () => fetched.push('matches'))
  queries.show(['jobs'], () => fetched.push('jobs'))
  for (const tag of ['matches', 'records', 'matches']) queries.invalidate(tag)
  expect(fetched).toEqual([])
  vi.advanceTimersByTime(500)
  expect(fetched).toEqual(['summary', 'matches'])
  vi.advanceTimersByTime(5_000)
  expect(fetched.length, 'nothing twice').toBe(2)
  queries.invalidate('jobs')
  vi.advanceTimersByTime(500)
  expect(fetched.at(-1)).toBe('jobs')
})

test('what has left the screen meanwhile is not fetched', () => {
  const queries = new Queries(() => 0.9)
  const fetched: string[] = []
  const hide = queries.show(['breaks'], () => fetched.push('breaks'))
  queries.invalidate('breaks')
  hide()
  vi.advanceTimersByTime(1_000)
  expect(fetched).toEqual([])
})
