import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignRows } from '../../src/reconciliation/hungarian.js'

test('the assignment of rows to columns gains as much as the best of all', () => {
  const matrix = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })).chain(([rows, columns]) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      gains: fc.array(fc.nat(20), { minLength: rows * columns, maxLength: rows * columns }),
    }),
  )
  fc.assert(
    fc.property(matrix, ({ rows, columns, gains }) => {
      const found = assignRows(Float64Array.from(gains), rows, columns)
      const taken = [...found].filter((column) => column >= 0)
      expect(new Set(taken).size).toBe(taken.length)
      const total = [...found].reduce((sum, column, row) => (column < 0 ? sum : sum + gains[row * columns + column]!), 0)
      expect(total).toBe(best(gains, columns, 0, new Set()))
    }),
    { numRuns: 300 },
  )
})

function best(gains: readonly number[], columns: number, row: number, taken: ReadonlySet<number>): number {
  if (row * columns >= gains.length) return 0
  let most = best(gains, columns, row + 1, taken)
  for (let column = 0; column < columns; column++)
    if (!taken.has(column))
      most = Math.max(most, gains[row * columns + column]! + best(gains, columns, row + 1, new Set([...taken, column])))
  return most
}
