import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AmountStyle, readAmount } from '../../src/imports/amounts.js'
import type { Mapping, ParsedRow } from '../../src/imports/statement-parser.js'
import { sum } from '../../src/money.js'
import { amountsOf, readCsv, reasonsOf } from './csv-read.js'

/** Reads amounts that stand in a column of their own, one row each. */
async function rowsOf(amounts: readonly string[], mapping: Mapping = { decimal: '.' }): Promise<readonly ParsedRow[]> {
  const lines = amounts.map((amount, no) => `${no},"${amount.replaceAll('"', '""')}"`)
  return (await readCsv(`id,amount\n0,1\n${lines.join('\n')}\n`, { mapping, currency: 'EUR' })).rows.slice(1)
}

describe('amounts', () => {
  test('however the sign is written it is the same amount', async () => {
    const written = ['-12.00', '(12.00)', '12.00-', '12.00 DR', '\u221212.00', '- 12.00']
    expect(amountsOf(await rowsOf(written))).toEqual(written.map(() => '-12'))
    expect(amountsOf(await rowsOf(['12,00 DR', '12,00 S', '12,00-'], { decimal: ',' }))).toEqual(['-12', '-12', '-12'])
  })

  test('minus zero is zero', async () => {
    expect((await rowsOf(['-0', '-0.00', '(0.00)'])).map((row) => [row.record?.amount, row.record?.amountMinor])).toEqual([
      ['0', 0n],
      ['0', 0n],
      ['0', 0n],
    ])
  })

  test.each([
    ['1e5', '"1e5" has an exponent'],
    ['NaN', '"NaN" is not an amount'],
    ['Infinity', '"Infinity" is not an amount'],
    ['0x1F', '"0x1F" is not an amount'],
    ['9'.repeat(40), `"${'9'.repeat(40)}" has more than 26 digits before or 12 after the decimal mark`],
    ['1.2.3', '"1.2.3" is not an amount with the decimal mark .'],
    ['=1+1', '"=1+1" is not an amount'],
  ])('%s rejects its row and no other', async (text, reason) => {
    const rows = await rowsOf([text, '7'])
    expect(rows.map((row) => row.outcome)).toEqual(['rejected', 'accepted'])
    expect(rows[0]!.problems).toEqual([{ row: 2, column: 'amount', message: reason }])
    expect(rows[0]!.record).toBeNull()
  })

  test('all 38 digits are kept', async () => {
    const widest = `${'9'.repeat(26)}.${'9'.repeat(12)}`
    expect((await rowsOf([widest]))[0]).toMatchObject({ outcome: 'warning', record: { amount: widest, amountMinor: null } })
  })

  test('more decimals than the currency has are kept, and that is said', async () => {
    const rows = await rowsOf(['1.005', '1.500'])
    expect(rows).toMatchObject([
      { outcome: 'warning', record: { amount: '1.005', amountMinor: null } },
      { outcome: 'accepted', record: { amount: '1.5', amountMinor: 150n } },
    ])
    expect(reasonsOf(rows)).toEqual(['1.005 has more decimals than EUR (2)'])
  })

  test('a blank amount is no amount: a warning', async () => {
    const { rows } = await readCsv('id,date,amount\n1,2024-01-31,1.50\n2,2024-01-31,\n', { currency: 'EUR' })
    expect(rows[1]).toMatchObject({ outcome: 'warning', record: { amount: null, amountMinor: null, currency: null } })
  })

  test('debit and credit are one amount', async () => {
    const { rows } = await readCsv(
      ['id,debit,credit', '1,12.00,', '2,,5.50', '3,0.00,7.00', '4,3.00,4.00', '5,-1.00,', '6,,', '7,x,'].join('\n'),
    )
    expect(amountsOf(rows)).toEqual(['-12', '5.5', '7', null, null, null, null])
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'accepted', 'accepted', 'rejected', 'rejected', 'warning', 'rejected'])
    expect(reasonsOf(rows)).toEqual([
      'the row has a debit and a credit',
      '-1 is negative in a debit or credit column',
      'there is no amount',
      '"x" is not an amount',
    ])
  })

  test('a sign in a column of its own', async () => {
    const { rows } = await readCsv('id,amount,type\n1,12.00,Debit\n2,5.50,credit\n3,1.00,\n4,1.00,refund\n', {
      mapping: { amount: { column: 'amount', sign: { column: 'type', negative: 'debit' } } },
    })
    expect(amountsOf(rows)).toEqual(['-12', '5.5', null, null])
    expect(reasonsOf(rows)).toEqual(['"" is no sign: debit is the negative one', '"refund" is no sign: debit is the negative one'])
    const twice = await readCsv('id,amount,type\n1,-12.00,D\n2,1.00,C\n', {
      mapping: { amount: { column: 'amount', sign: { column: 'type', negative: 'D' } } },
    })
    expect(reasonsOf(twice.rows)).toEqual(['the amount has a sign of its own beside the one in its column'])
  })

  test('what is written is what is read, exactly, and so are sums', async () => {
    const style = fc.constantFrom<AmountStyle>(
      { decimal: '.', thousands: ',', isKnown: true },
      { decimal: ',', thousands: '.', isKnown: true },
      { decimal: ',', thousands: ' ', isKnown: true },
      { decimal: '.', thousands: "'", isKnown: true },
    )
    const minor = fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })
    await fc.assert(
      fc.asyncProperty(fc.array(minor, { minLength: 1, maxLength: 40 }), style, async (amounts, written) => {
        const rows = await rowsOf(
          amounts.map((amount) => write(amount, written)),
          { decimal: written.decimal, thousands: written.thousands },
        )
        expect(rows.map((row) => row.record?.amountMinor)).toEqual(amounts)
        const total = amounts.reduce((one, other) => one + other, 0n)
        expect(sum(rows.map((row) => row.record!.amount!))).toBe(amountOf(write(total, { ...written, thousands: '' }), written))
      }),
      { numRuns: 60 },
    )
  })
})

describe('currencies', () => {
  const mapping: Mapping = { currency: { column: 'ccy' }, amount: { column: 'amount' }, decimal: '.' }

  test('of the row, else of the project, else none', async () => {
    const file = 'id,amount,ccy\n1,1.50,usd\n2,2.50,\n3,3.50,EURO\n4,,\n'
    const { rows } = await readCsv(file, { mapping, currency: 'EUR' })
    expect(rows.map((row) => row.record?.currency ?? null)).toEqual(['USD', 'EUR', null, null])
    expect(reasonsOf(rows)).toEqual([
      'there is no currency; EUR is taken',
      '"EURO" is not a currency code of three letters',
      'there is no amount',
    ])
    expect((await readCsv(file, { mapping })).rows.map((row) => row.record?.currency ?? null)).toEqual(['USD', 'XXX', null, null])
  })

  test('minor units are those of the currency', async () => {
    const { rows } = await readCsv('id,amount,ccy\n1,1500,JPY\n2,1.234,KWD\n3,1.2345,CLF\n4,1.5,JPY\n5,1.50,XXX\n', { mapping })
    expect(rows.map((row) => row.record?.amountMinor)).toEqual([1500n, 1234n, 12345n, null, null])
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'accepted', 'accepted', 'warning', 'accepted'])
  })

  test('a sign beside the digits must not contradict', async () => {
    const { rows } = await readCsv('id,amount,ccy\n1,£1.50,GBP\n2,£1.50,EUR\n3,$1.50,CAD\n', { mapping })
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'rejected', 'accepted'])
    expect(reasonsOf(rows)).toEqual(['£ is not EUR'])
  })
})

describe('dates', () => {
  async function daysOf(format: string, dates: readonly string[]) {
    const file = `id,amount,date\n${dates.map((date, no) => `${no},1.50,"${date}"`).join('\n')}\n`
    const { rows } = await readCsv(file, { mapping: { date: { column: 'date', format } } })
    return { days: rows.map((row) => row.record?.valueDate ?? null), reasons: reasonsOf(rows) }
  }

  test('two-digit years from 70 on are 19xx', async () => {
    expect((await daysOf('dd.MM.yy', ['31.12.69', '01.01.70', '31.12.99', '1.1.00'])).days).toEqual([
      '2069-12-31',
      '1970-01-01',
      '1999-12-31',
      '2000-01-01',
    ])
  })

  test('a day that no calendar has rejects its row', async () => {
    const { days, reasons } = await daysOf('dd.MM.yyyy', ['28.02.2023', '29.02.2023', '31.02.2024'])
    expect(days).toEqual(['2023-02-28', null, null])
    expect(reasons).toEqual(['"29.02.2023" is not a date of the form dd.MM.yyyy', '"31.02.2024" is not a date of the form dd.MM.yyyy'])
  })

  test('serial numbers of a spreadsheet are days where a header says that they are dates', async () => {
    expect((await daysOf('excel', ['45000', '45000.75', '61', '60'])).days).toEqual(['2023-03-15', '2023-03-15', '1900-03-01', null])
    expect((await readCsv('id,amount,date\n1,1.50,45000\n2,2.50,45001\n')).mapping.date).toEqual({ column: 'date', format: 'excel' })
  })

  test('no zone moves a day', async () => {
    expect((await daysOf('iso', ['2024-01-31T23:30:00-11:00', '2024-01-31T00:30:00Z'])).days).toEqual(['2024-01-31', '2024-01-31'])
  })

  test('a blank date is a warning', async () => {
    expect(await daysOf('iso', ['2024-01-31', ''])).toEqual({ days: ['2024-01-31', null], reasons: ['there is no date'] })
  })
})

test('formulas are text and stay it', async () => {
  const formulas = ['=HYPERLINK("http://x")', '+1+1', '-2+3', '@SUM(A1)', "=cmd|' /C calc'!A0"]
  const { rows } = await readCsv(`id,amount,memo\n${formulas.map((text, no) => `${no},1.50,"${text.replaceAll('"', '""')}"`).join('\n')}\n`)
  expect(rows.map((row) => row.record?.memo)).toEqual(formulas)
  expect(rows.map((row) => row.payload.memo)).toEqual(formulas)
})

/** Minor units as text of the style, two decimals, digits grouped. */
function write(minor: bigint, { decimal, thousands }: AmountStyle): string {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(3, '0')
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, thousands)
  return `${minor < 0n ? '-' : ''}${whole}${decimal}${digits.slice(-2)}`
}

function amountOf(text: string, style: AmountStyle): string | null {
  const reading = readAmount(text, style)
  return reading.kind === 'amount' ? reading.value : null
}
