import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scrollTo, windowOf } from '../../src/dashboard/virtual-window.js'

const list = fc.record({
  count: fc.integer({ min: 0, max: 100_000 }),
  rowHeight: fc.integer({ min: 20, max: 120 }),
  scrollTop: fc.double({ min: 0, max: 1e7, noNaN: true }),
  height: fc.integer({ min: 0, max: 2_000 }),
})

test('whatever is in view is drawn, and not much more', () => {
  fc.assert(
    fc.property(list, (given) => {
      const { first, end } = windowOf(given)
      const { count, rowHeight, scrollTop, height } = given
      const lastVisible = Math.min(count, Math.ceil((scrollTop + height) / rowHeight))
      expect(first).toBeLessThanOrEqual(Math.floor(scrollTop / rowHeight))
      if (scrollTop < count * rowHeight) expect(end).toBeGreaterThanOrEqual(lastVisible)
      expect(end - first).toBeLessThanOrEqual(Math.ceil(height / rowHeight) + 10)
      expect(end).toBeLessThanOrEqual(count)
    }),
  )
})

test('a row out of view comes just into view, one in view moves nothing', () => {
  const view = { rowHeight: 60, scrollTop: 600, height: 300 }
  expect(scrollTo(5, view)).toBe(300)
  expect(scrollTo(10, view)).toBe(600)
  expect(scrollTo(14, view)).toBe(600)
  expect(scrollTo(20, view)).toBe(960)
})
