import { describe, expect, test } from 'vitest'
import { chooseReading, columnsOf, type Mapping, type Preview, pickColumn, shapeOf, withShape } from '../../src/dashboard/mapping.js'

function preview(headerRow: number | null, ...payloads: Readonly<Record<string, string>>[]): Preview {
  return {
    mapping: { headerRow },
    doubts: [],
    rows: payloads.map((payload, index) => ({ rowNo: index + 1, outcome: 'accepted', record: null, payload, problems: [] })),
  }
}

describe('columns of a preview', () => {
  test('are all that its rows have, in their order', () => {
    expect(columnsOf(preview(0, { Date: '1', Amount: '2' }, { Date: '1', Amount: '2', Extra: '3' }))).toEqual(['Date', 'Amount', 'Extra'])
  })

  test('are positions where there is no header', () => {
    const columns = columnsOf(preview(null, { 0: 'a', 1: 'b' }))
    expect(columns).toEqual([0, 1])
    expect(pickColumn(columns, '1')).toBe(1)
    expect(pickColumn(columns, '7')).toBeNull()
  })
})

describe('a reading that was chosen', () => {
  const mapping = { date: { column: 'Date', format: 'dd/MM/yyyy' } }

  test('of the dates changes the format and keeps the column', () => {
    expect(chooseReading(mapping, 'mapping.date.format', 'MM/dd/yyyy')).toEqual({ date: { column: 'Date', format: 'MM/dd/yyyy' } })
  })

  test('of the amounts is the decimal mark', () => {
    expect(chooseReading(mapping, 'mapping.decimal', ',')).toEqual({ ...mapping, decimal: ',' })
  })
})

describe('the shape of the amounts', () => {
  const columns = ['Date', 'Out', 'In']

  test('can be turned round, and comes back', () => {
    const negated = withShape({ amount: { column: 'Out' } }, 'negated', columns)
    expect([negated.amount, shapeOf(negated)]).toEqual([{ column: 'Out', negate: true }, 'negated'])
    expect(withShape(negated, 'one', columns).amount).toEqual({ column: 'Out' })
  })

  test('in two columns takes the one beside it, and the last one twice', () => {
    const split = withShape({ amount: { column: 'Out' } }, 'split', columns)
    expect([split.amount, shapeOf(split)]).toEqual([{ debit: 'Out', credit: 'In' }, 'split'])
    expect(withShape({ amount: { column: 'In' } }, 'split', columns).amount).toEqual({ debit: 'In', credit: 'In' })
    expect(withShape(split, 'one', columns).amount).toEqual({ column: 'Out' })
  })

  test('begins with the first column, where there is one', () => {
    const none: Mapping = {}
    expect([withShape(none, 'one', columns).amount, withShape(none, 'one', [])]).toEqual([{ column: 'Date' }, none])
  })
})
