import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dateReader, type FoundDateFormat, findDateFormat } from '../../src/imports/dates.js'

function found(cells: readonly string[], mayBeSerial = true): FoundDateFormat {
  return findDateFormat(cells, { minShare: 0.8, mayBeSerial })
}

test.each([
  ['iso', '2024-02-29', '2024-02-29'],
  ['iso', '2024-02-29T23:59:59.123Z', '2024-02-29'],
  ['iso', '2024-02-29 23:59+02:00', '2024-02-29'],
  ['dd/MM/yyyy', '03/04/2024', '2024-04-03'],
  ['dd/MM/yyyy', '3/4/2024', '2024-04-03'],
  ['MM/dd/yyyy', '03/04/2024', '2024-03-04'],
  ['dd.MM.yy', '31.12.69', '2069-12-31'],
  ['dd.MM.yy', '01.01.70', '1970-01-01'],
  ['dd.MM.yy', '01.01.99', '1999-01-01'],
  ['yyyyMMdd', '20240403', '2024-04-03'],
  ['ddMMyyyy', '03042024', '2024-04-03'],
  ['dd MMM yyyy', '3 April 2024', '2024-04-03'],
  ['dd-MMM-yy', '03-Apr-24', '2024-04-03'],
  ['dd. MMM yyyy', '3. März 2024', '2024-03-03'],
  ['MMM dd, yyyy', 'Dec 24, 2024', '2024-12-24'],
  ['dd/MM/yyyy HH:mm:ss', '03/04/2024 10:11:12', '2024-04-03'],
  ['excel', '45000', '2023-03-15'],
  ['excel', '45000.75', '2023-03-15'],
  ['excel', '61', '1900-03-01'],
])('%s reads %s as %s', (format, text, day) => expect(dateReader(format)?.(text)).toBe(day))

test.each([
  ['dd.MM.yyyy', '31.02.2024'],
  ['dd.MM.yyyy', '29.02.2023'],
  ['dd.MM.yyyy', '00.01.2024'],
  ['dd.MM.yyyy', '01.13.2024'],
  ['dd.MM.yyyy', '01.01.24'],
  ['dd.MM.yyyy', '01/01/2024'],
  ['dd.MM.yyyy', '01.01.1899'],
  ['dd.MM.yyyy', '01.01.2200'],
  ['yyyyMMdd', '2024043'],
  ['iso', '2024-13-01'],
  ['iso', '00:00:00'],
  ['excel', '60'],
  ['excel', '999999'],
  ['dd MMM yyyy', '3 Foo 2024'],
])('%s does not read %s', (format, text) => expect(dateReader(format)?.(text)).toBeNull())

test.each(['', 'dd/MM', 'yyyy', 'dd/dd/yyyy', 'DD/MM/yyyy', 'dd/MM/yyyy x', 'EEE dd MM yyyy'])('%j is no format', (format) =>
  expect(dateReader(format)).toBeNull(),
)

test.each([
  [['2024-01-02'], 'iso'],
  [['31/01/2024', '01/02/2024'], 'dd/MM/yyyy'],
  [['01/31/2024', '02/01/2024'], 'MM/dd/yyyy'],
  [['03.04.2024'], 'dd.MM.yyyy'],
  [['03.04.24'], 'dd.MM.yy'],
  [['20240304'], 'yyyyMMdd'],
  [['31-Jan-2024'], 'dd-MMM-yyyy'],
  [['31/01/2024 08:00'], 'dd/MM/yyyy HH:mm'],
  [['45000', '45001'], 'excel'],
] as const)('%j are dates of the form %s', (cells, format) => expect(found(cells)).toEqual({ kind: 'found', format }))

test.each([['03/04/2024'], ['03-04-2024'], ['3/4/24']])('%s can be read in two ways and is not guessed', (cell) => {
  const { kind, ...format } = found([cell, cell])
  expect(kind).toBe('ambiguous')
  expect('readings' in format && format.readings.map(({ value }) => value.slice(0, 2)).sort()).toEqual(['MM', 'dd'])
})

test('one impossible day among many does not make the others ambiguous', () => {
  const cells = [...Array.from({ length: 40 }, (_, no) => `${String((no % 15) + 13).padStart(2, '0')}/04/2024`), '04/31/2024']
  expect(found(cells)).toEqual({ kind: 'found', format: 'dd/MM/yyyy' })
})

test('as many one way as the other is ambiguous', () => {
  expect(found(['13/04/2024', '04/13/2024', '03/04/2024', '01/02/2024', '01/03/2024', '01/04/2024', '01/05/2024']).kind).toBe('ambiguous')
})

test('what has no dates has no format', () => {
  expect(found(['00:00:00', '00:00:00'])).toEqual({ kind: 'none' })
  expect(found([])).toEqual({ kind: 'none' })
  expect(found(['45000'], false)).toEqual({ kind: 'none' })
})

test('every day that a format writes is read back', () => {
  const day = fc.date({ min: new Date('1970-01-01'), max: new Date('2069-12-31T23:59:59Z'), noInvalidDate: true })
  fc.assert(
    fc.property(day, fc.constantFrom('dd/MM/yyyy', 'MM-dd-yyyy', 'yyyyMMdd', 'dd.MM.yy', 'yyyy/MM/dd'), (date, format) => {
      const iso = date.toISOString().slice(0, 10)
      const [year = '', month = '', dayOfMonth = ''] = iso.split('-')
      const text = format.replace('yyyy', year).replace('yy', year.slice(2)).replace('MM', month).replace('dd', dayOfMonth)
      expect(dateReader(format)?.(text)).toBe(iso)
    }),
  )
})
