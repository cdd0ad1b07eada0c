import { describe, expect, test } from 'vitest'
import type { Mapping } from '../../src/imports/statement-parser.js'
import { amountsOf, readCsv, reasonsOf, refusalOf } from './csv-read.js'

/** The part of the mapping that names columns. */
async function guess(header: string, ...lines: readonly string[]): Promise<Mapping> {
  const { separator, encoding, headerRow, decimal, thousands, ...columns } = (await readCsv([header, ...lines].join('\n'))).mapping
  return columns
}

describe('the guess', () => {
  test.each<readonly [string, readonly string[], Mapping]>([
    [
      'Trans No,Paid Date,Amount,Type,Supplier ID,Supplier Name',
      ['46281108_1,31/01/2024,1500.00,Revenue,20018506,ARTSWORK', '46281142_1,13/02/2024,-2.50,Capital,20018507,MOVE'],
      {
        externalId: { column: 'Trans No' },
        date: { column: 'Paid Date', format: 'dd/MM/yyyy' },
        amount: { column: 'Amount' },
        counterparty: { column: 'Supplier Name' },
      },
    ],
    [
      'Buchungstag;Valuta;Auftraggeber/Empfänger;Verwendungszweck;Kundenreferenz;Währung;Betrag;Saldo',
      ['02.01.2024;03.01.2024;Müller;Miete;R-1;EUR;-1.200,00;3.000,00', '04.01.2024;05.01.2024;Meier;Lohn;R-2;EUR;2.500,50;5.500,50'],
      {
        date: { column: 'Valuta', format: 'dd.MM.yyyy' },
        counterparty: { column: 'Auftraggeber/Empfänger' },
        memo: { column: 'Verwendungszweck' },
        reference: { column: 'Kundenreferenz' },
        currency: { column: 'Währung' },
        amount: { column: 'Betrag' },
      },
    ],
    [
      'Date,Description,Money out,Money in,Balance',
      ['2024-01-02,Rent,1200.00,,800.00', '2024-01-03,Salary,,2500.00,3300.00'],
      { date: { column: 'Date', format: 'iso' }, memo: { column: 'Description' }, amount: { debit: 'Money out', credit: 'Money in' } },
    ],
    [
      'Date,Amount,DR/CR,Details',
      ['2024-01-02,12.00,DR,Rent', '2024-01-03,30.00,CR,Salary'],
      {
        date: { column: 'Date', format: 'iso' },
        amount: { column: 'Amount', sign: { column: 'DR/CR', negative: 'DR' } },
        memo: { column: 'Details' },
      },
    ],
    [
      'Datum,Naam,Af Bij,Bedrag (EUR)',
      ['20240102,Jansen,Af,"12,00"', '20240103,De Vries,Bij,"30,00"'],
      {
        date: { column: 'Datum', format: 'yyyyMMdd' },
        amount: { column: 'Bedrag (EUR)', sign: { column: 'Af Bij', negative: 'Af' } },
        currency: { constant: 'EUR' },
      },
    ],
  ])('%s', async (header, lines, expected) => expect(await guess(header, ...lines)).toEqual(expected))

  test('an id that repeats is no id', async () => {
    expect(await guess('id,amount', '1,1.50', '1,2.50')).toEqual({ amount: { column: 'amount' } })
  })

  test('says what it did not find', async () => {
    const { doubts, rows } = await readCsv('name,note\nx,y\n')
    expect(doubts).toEqual([
      { field: 'amount', message: 'no column was recognised as the amount: rows have none' },
      { field: 'date', message: 'no column was recognised as the date: rows have none' },
    ])
    expect(rows).toMatchObject([{ outcome: 'accepted', record: { amount: null, currency: null, valueDate: null } }])
  })

  test('an unnamed amount is found by what stands in it, and that is said; of two none is taken', async () => {
    const one = await readCsv('when,what,how much\n2024-01-02,x,12.50\n2024-01-03,y,-3.00\n')
    expect(one.mapping.amount).toEqual({ column: 'how much' })
    expect(one.doubts).toContainEqual({ field: 'amount', message: 'column how much was taken for the amount by what stands in it' })
    const two = await readCsv('when,a,b\n2024-01-02,1.50,12.50\n2024-01-03,2.50,-3.00\n')
    expect(two.mapping.amount).toBeUndefined()
    expect(two.doubts).toContainEqual({ field: 'amount', message: 'several columns could be the amount: a, b' })
  })

  test('says that nobody named a currency', async () => {
    const file = 'id,amount\n1,1.50\n'
    const doubt = { field: 'currency', message: 'neither the file nor the project names a currency: amounts have none' }
    expect((await readCsv(file)).doubts).toContainEqual(doubt)
    expect((await readCsv(file, { currency: 'EUR' })).doubts).not.toContainEqual(doubt)
  })
})

describe('what can be read in two ways is refused and both readings are named', () => {
  test('amounts of one group of three digits', async () => {
    expect(await refusalOf('id,amount\n1,"-3.000"\n2,12.500\n')).toMatchObject({
      code: 'INVALID',
      message: 'the amounts in column amount can be read in two ways: state the decimal mark',
      problems: [
        {
          path: 'mapping.decimal',
          readings: [
            { value: '.', example: '-3.000 is -3.000' },
            { value: ',', example: '-3.000 is -3000' },
          ],
        },
      ],
      details: { mapping: { amount: { column: 'amount' }, externalId: { column: 'id' } } },
    })
    expect(await refusalOf('id,amount\n1,"3,000"\n')).toMatchObject({
      problems: [
        {
          readings: [
            { value: '.', example: '3,000 is 3000' },
            { value: ',', example: '3,000 is 3.000' },
          ],
        },
      ],
    })
  })

  test('amounts of both kinds in one file', async () => {
    expect(await refusalOf('id,amount\n1,1.50\n2,"2,50"\n')).toMatchObject({
      message: 'the amounts in column amount are written in two ways: state the decimal mark',
      problems: [{ readings: [{ value: '.' }, { value: ',' }] }],
    })
  })

  test('dates whose day and month could be swapped', async () => {
    expect(await refusalOf('id,amount,date\n1,1.50,03/04/2024\n2,2.50,05/06/2024\n')).toMatchObject({
      message: 'the dates in column date can be read in two ways: state the format',
      problems: [
        {
          path: 'mapping.date.format',
          readings: [
            { value: 'dd/MM/yyyy', example: '03/04/2024 is 2024-04-03' },
            { value: 'MM/dd/yyyy', example: '03/04/2024 is 2024-03-04' },
          ],
        },
      ],
    })
  })

  test('both at once are named at once', async () => {
    const { problems } = await refusalOf('id,amount,date\n1,1.500,03/04/2024\n')
    expect(problems?.map((problem) => problem.path)).toEqual(['mapping.decimal', 'mapping.date.format'])
  })

  test('a statement decides it', async () => {
    const file = 'id,amount,date\n1,1.500,03/04/2024\n'
    const { rows } = await readCsv(file, { mapping: { decimal: ',', date: { column: 'date', format: 'MM/dd/yyyy' } } })
    expect(rows[0]!.record).toMatchObject({ amount: '1500', valueDate: '2024-03-04' })
    expect(
      (await readCsv(file, { mapping: { thousands: ',', date: { column: 'date', format: 'dd/MM/yyyy' } } })).rows[0]!.record,
    ).toMatchObject({
      amount: '1.5',
      valueDate: '2024-04-03',
    })
  })

  test('beyond the sample too: a later amount that could be either rejects its row only where nothing told', async () => {
    const sample = Array.from({ length: 300 }, (_, no) => `${no},${no}`).join('\n')
    const { rows } = await readCsv(`id,amount\n${sample}\n300,3.000\n301,3.00\n`)
    expect(rows.slice(300).map((row) => row.record?.amount ?? null)).toEqual([null, '3'])
    expect(reasonsOf(rows)).toEqual(['"3.000" can be read in two ways: say which mark is the decimal one'])
    expect(amountsOf((await readCsv(`id,amount\n0,1.50\n${sample}\n300,3.000\n`)).rows).at(-1)).toBe('3')
  })
})

describe('a given mapping', () => {
  const FILE = 'a,b,c,d,e,f,g\nX1,INV-1,Ana,rent,EUR,1.50,2024-01-31\n'

  test('overrides the guess field by field', async () => {
    const { rows, mapping } = await readCsv(FILE, {
      mapping: {
        externalId: { column: 'a' },
        reference: { column: 1 },
        counterparty: { column: 'c' },
        memo: { column: 'd' },
        currency: { column: 'e' },
        amount: { column: 'f', negate: true },
        date: { column: 6, format: 'yyyy-MM-dd' },
      },
    })
    expect(rows[0]!.record).toEqual({
      externalId: 'X1',
      reference: 'INV-1',
      counterparty: 'Ana',
      memo: 'rent',
      currency: 'EUR',
      amount: '-1.5',
      amountMinor: -150n,
      valueDate: '2024-01-31',
    })
    expect(mapping).toMatchObject({ amount: { column: 'f', negate: true }, headerRow: 0, separator: ',' })
  })

  test.each<readonly [Mapping, string]>([
    [{ externalId: { column: 'nope' } }, 'mapping.externalId.column'],
    [{ reference: { column: 7 } }, 'mapping.reference.column'],
    [{ currency: { column: 'constructor' } }, 'mapping.currency.column'],
    [{ amount: { column: 'nope' } }, 'mapping.amount.column'],
    [{ amount: { debit: 'f', credit: 'nope' } }, 'mapping.amount.credit'],
    [{ amount: { column: 'f', sign: { column: 'nope', negative: 'D' } } }, 'mapping.amount.sign.column'],
    [{ date: { column: 'nope', format: 'iso' } }, 'mapping.date.column'],
  ])('%j names a column that is not there', async (mapping, path) => {
    const refusal = await refusalOf(FILE, { mapping })
    expect(refusal).toMatchObject({ code: 'INVALID', problems: [{ path }] })
    expect(refusal.message).toMatch(/^there is no column .+; there are a, b, c, d, e, f, g$/)
  })

  test('a format that names no day is refused', async () => {
    expect(await refusalOf(FILE, { mapping: { date: { column: 'g', format: 'MM/yyyy' } } })).toMatchObject({
      problems: [{ path: 'mapping.date.format' }],
    })
  })

  test('decimal and thousands cannot be one mark', async () => {
    expect(await refusalOf(FILE, { mapping: { decimal: ',', thousands: ',' } })).toMatchObject({
      problems: [{ path: 'mapping.thousands' }],
    })
  })

  test('one that fits no row is refused', async () => {
    expect(await refusalOf(FILE, { mapping: { amount: { column: 'c' } } })).toMatchObject({
      message: 'every row was rejected; row 1, column c: "Ana" is not an amount',
    })
  })

  test('the answer to a file is a mapping that reads it alike', async () => {
    const file = 'Datum;Betrag;Text\n31.01.2024;1.234,50;a\n01.02.2024;-3.000;b\n'
    const first = await readCsv(file)
    const again = await readCsv(file, { mapping: first.mapping })
    expect(again).toEqual({ ...first, doubts: again.doubts })
    expect(amountsOf(again.rows)).toEqual(['1234.5', '-3000'])
  })
})
