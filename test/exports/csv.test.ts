import { describe, expect, test } from 'vitest'
import { csvLine } from '../../src/exports/csv.js'

describe('a CSV line', () => {
  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '-cmd|x'])('text that begins like a formula is neutralised: %j', (cell) => {
    expect(csvLine([cell], ['text'])).toBe(`'${cell}\r\n`)
  })

  test('text that begins with a carriage return is neutralised and quoted', () => {
    expect(csvLine(['\r=1'], ['text'])).toBe('"\'\r=1"\r\n')
  })

  test('a negative amount stays a number', () => {
    expect(csvLine(['-12.50', '0', '12345678901234567890.123'], ['number', 'number', 'number'])).toBe(
      '-12.50,0,12345678901234567890.123\r\n',
    )
  })

  test.each(['-1+1', '=1', '-', '-1e5', '+5'])('what is no canonical number is text in a number column too: %j', (cell) => {
    expect(csvLine([cell], ['number'])).toBe(`'${cell}\r\n`)
  })

  test('separators, quotes and line breaks are quoted; null is empty', () => {
    expect(csvLine(['a,b', 'say "x"', 'a\nb', null, ''], [])).toBe('"a,b","say ""x""","a\nb",,\r\n')
  })
})
