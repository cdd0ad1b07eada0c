import { describe, expect, test } from 'vitest'
import { chooseReading, columnsOf, type Preview, pickColumn } from '../../src/dashboard/mapping.js'

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
