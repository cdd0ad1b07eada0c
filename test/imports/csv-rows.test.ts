import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CsvParser } from '../../src/imports/csv-parser.js'
import { MAX_ROW_BYTES } from '../../src/imports/csv-splitter.js'
import { HEAD_BYTES } from '../../src/imports/file-head.js'
import { amountsOf, readCsv, reasonsOf, refusalOf } from './csv-read.js'

const HEADER = 'id,date,amount,memo\n'

/** The rows as they stood in the file. */
async function cellsOf(file: string | Uint8Array, options: Parameters<typeof readCsv>[1] = {}): Promise<readonly Record<string, string>[]> {
  const { rows } = await readCsv(file, options)
  return rows.map((row) => ({ ...row.payload }))
}

describe('line ends and separators', () => {
  test.each([
    ['line feed', '\n'],
    ['carriage return and line feed', '\r\n'],
    ['carriage return alone', '\r'],
  ])('%s ends a row', async (_, end) => {
    const file = `id,amount${end}1,1.50${end}2,2.50${end}`
    expect(amountsOf((await readCsv(file)).rows)).toEqual(['1.5', '2.5'])
    expect(amountsOf((await readCsv(file, { chunkBytes: 1 })).rows)).toEqual(['1.5', '2.5'])
  })

  test('all three in one file, and a last line without an end', async () => {
    expect(amountsOf((await readCsv('id,amount\r\n1,1.50\r2,2.50\n3,3.50')).rows)).toEqual(['1.5', '2.5', '3.5'])
  })

  test.each([
    [',', 'comma'],
    [';', 'semicolon'],
    ['\t', 'tab'],
    ['|', 'bar'],
  ])('%j is recognised as the separator', async (separator) => {
    const file = [
      ['id', 'amount', 'memo'],
      ['1', '1.50', 'a, b; c | d'],
      ['2', '2.50', 'x'],
    ]
      .map((cells) => cells.map((cell) => `"${cell}"`).join(separator))
      .join('\n')
    const { mapping, rows } = await readCsv(file)
    expect(mapping.separator).toBe(separator)
    expect(rows.map((row) => row.record?.memo)).toEqual(['a, b; c | d', 'x'])
  })

  test('decimal commas do not make the comma the separator', async () => {
    const { mapping, rows } = await readCsv('id;betrag;datum\n1;1,50;01.02.2024\n2;2,50;02.02.2024\n')
    expect(mapping).toMatchObject({ separator: ';', decimal: ',' })
    expect(amountsOf(rows)).toEqual(['1.5', '2.5'])
  })

  test("Excel's first line sep=; decides and is no row", async () => {
    const { mapping, rows } = await readCsv('sep=;\r\nid;amount\r\n1;1.50\r\n')
    expect(mapping).toMatchObject({ separator: ';', headerRow: 1 })
    expect(rows.map((row) => row.rowNo)).toEqual([1])
    expect((await readCsv('sep=|\n1|1.50|x\n2|2.50|y\n', { mapping: { headerRow: null, amount: { column: 1 } } })).rows).toHaveLength(2)
  })

  test('a stated separator wins; one that cannot be is refused', async () => {
    expect(await cellsOf('a;b,amount;c\n1;2,2.50;2\n', { mapping: { separator: ';' } })).toEqual([{ a: '1', 'b,amount': '2,2.50', c: '2' }])
    for (const separator of ['"', '\n', '\0', ';;', '']) {
      expect(await refusalOf('a,amount\n1,2\n', { mapping: { separator } })).toMatchObject({
        code: 'INVALID',
        problems: [{ path: 'mapping.separator' }],
      })
    }
  })
})

describe('quotes', () => {
  test('a quoted cell holds separators, line ends and doubled quotes', async () => {
    expect(await cellsOf('id,amount,memo\n1,1.50,"a ""b"", c\r\nd"\n')).toEqual([{ id: '1', amount: '1.50', memo: 'a "b", c\r\nd' }])
  })

  test('a quote inside a bare cell is text', async () => {
    expect(await cellsOf('id,amount,memo\n1,1.50,12" pipe\n2,2.50,x "y" z\n')).toMatchObject([{ memo: '12" pipe' }, { memo: 'x "y" z' }])
  })

  test('a quote that nobody closes is refused with its row', async () => {
    expect(await refusalOf('id,amount,memo\n1,1.50,a\n2,2.50,"b\n3,3.50,c\n')).toMatchObject({
      code: 'INVALID',
      message: 'a quote that row 3 of the file opens is never closed',
    })
  })

  test('in a large file it is refused after the cap of a row, not after the file', async () => {
    let sent = 0
    async function* file() {
      yield Buffer.from('id,amount,memo\n1,1.50,"a\n')
      const filler = Buffer.from('2,2.50,b\n'.repeat(1000))
      for (; sent < 100; sent++) yield filler
    }
    const opened = new CsvParser().open(file(), {})
    await expect(opened).rejects.toMatchObject({
      code: 'INVALID',
      message: `row 2 of the file is longer than ${MAX_ROW_BYTES} bytes: is a quote not closed?`,
    })
    // No more than the head was taken.
    expect(sent * 9000).toBeLessThanOrEqual(HEAD_BYTES + 9000)
  })
})

describe('rows that are too long', () => {
  const rowOf = (bytes: number) => `1,1.50,${'x'.repeat(bytes - '1,1.50,'.length)}\n`

  test('a cell that no spreadsheet would take costs its row', async () => {
    const { rows } = await readCsv(`id,amount,memo\n${rowOf(32_767 + 7)}${rowOf(32_768 + 7)}`)
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'rejected'])
    expect(reasonsOf(rows)).toEqual(['the cell has 32768 characters; at most 32767 are read'])
    expect(rows[1]!.payload.memo).toHaveLength(32_767)
  })

  test('a row above the cap ends the import', async () => {
    expect((await readCsv(`id,amount,memo\n2,2.50,y\n${rowOf(200_000)}`)).rows).toHaveLength(2)
    expect(await refusalOf(`id,amount,memo\n2,2.50,y\n${rowOf(3 * MAX_ROW_BYTES)}`)).toMatchObject({
      message: expect.stringContaining('row 3'),
    })
    expect(await refusalOf(`id,amount,memo\n2,2.50,y\n${','.repeat(3 * MAX_ROW_BYTES)}\n`)).toMatchObject({ code: 'INVALID' })
  })

  test('a cell of 64 MB is refused without being held', async () => {
    const chunk = Buffer.alloc(65_536, 'x')
    let sent = 0
    async function* file() {
      // More than the head, which is read before the first row is.
      yield Buffer.from(`id,amount,memo\n${`1,1.50,${'a'.repeat(500)}\n`.repeat(3_000)}2,2.50,`)
      for (; sent < 1024; sent++) yield chunk
    }
    const statement = await new CsvParser().open(file(), {})
    const read = (async () => {
      let rows = 0
      for await (const batch of statement.rows()) rows += batch.length
      return rows
    })()
    await expect(read).rejects.toMatchObject({ code: 'INVALID', message: expect.stringContaining('row 3002') })
    expect(sent * chunk.length).toBeLessThanOrEqual(4 * MAX_ROW_BYTES)
  })

  test('more columns than a statement can have are refused', async () => {
    const wide = (columns: number) =>
      `${Array.from({ length: columns }, (_, no) => `c${no}`).join(',')}\n${Array(columns).fill('1').join(',')}\n`
    expect((await readCsv(wide(1000))).rows).toHaveLength(1)
    expect(await refusalOf(wide(1001))).toMatchObject({ message: 'the file has 1001 columns; at most 1000 are read' })
  })
})

describe('ragged rows', () => {
  test('a row that lacks cells which matter is rejected, others get a warning; one with too many is rejected', async () => {
    const { rows } = await readCsv('id,amount,memo,note,more\n1,1.50,a,b,c\n2,2.50,x\n3\n4,4.50,a,b,c,d\n5,5.50,a,b,c,,\n', {
      mapping: { memo: { column: 'memo' } },
    })
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'warning', 'rejected', 'rejected', 'accepted'])
    expect(reasonsOf(rows)).toEqual([
      'the row ends after 3 of 5 cells',
      'the row ends after 1 of 5 cells',
      'the row has 6 cells, the file has 5 columns',
    ])
    expect({ ...rows[3]!.payload }).toEqual({ id: '4', amount: '4.50', memo: 'a', note: 'b', more: 'c', 'column 6': 'd' })
  })

  test('a last line that breaks off is rejected, and the rest stands', async () => {
    const { rows } = await readCsv(`${HEADER}1,2024-01-31,1.50,a\n2,2024-01-31,2.50,b\n3,2024-0`)
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'accepted', 'rejected'])
  })

  test('blank lines are no rows and cost no numbers', async () => {
    const { rows } = await readCsv(`\n\n${HEADER}\n1,2024-01-31,1.50,a\n,,,\n   \n2,2024-01-31,2.50,b\n\n`)
    expect(rows.map((row) => [row.rowNo, row.record?.externalId])).toEqual([
      [1, '1'],
      [2, '2'],
    ])
  })
})

describe('headers', () => {
  test('duplicate and blank names become different ones', async () => {
    expect(await cellsOf('id,amount,,memo,memo,  memo  ,\n1,1.50,x,a,b,c,\n')).toEqual([
      { id: '1', amount: '1.50', 'column 3': 'x', memo: 'a', 'memo (2)': 'b', 'memo (3)': 'c' },
    ])
  })

  test('names that objects inherit are columns like others', async () => {
    const { rows } = await readCsv('__proto__,constructor,amount,toString\npolluted,x,1.50,y\n', {
      mapping: { reference: { column: '__proto__' } },
    })
    expect(rows[0]!.record).toMatchObject({ reference: 'polluted', amount: '1.5' })
    expect(Object.keys(rows[0]!.payload)).toEqual(['__proto__', 'constructor', 'amount', 'toString'])
    expect(JSON.stringify(rows[0]!.payload)).toBe('{"__proto__":"polluted","constructor":"x","amount":"1.50","toString":"y"}')
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('what stands above the header is no data', async () => {
    const preamble = 'Account statement,,,\nIBAN,DE02 1203 0000 0000 2020 51,,\nFrom,2024-01-01,To,2024-01-31\n\n'
    const { mapping, rows } = await readCsv(`${preamble}${HEADER}1,2024-01-31,1.50,a\n2,2024-01-31,2.50,b\n`)
    expect(mapping.headerRow).toBe(4)
    expect(amountsOf(rows)).toEqual(['1.5', '2.5'])
    expect(rows[0]!.rowNo).toBe(1)
  })

  test('a stated header row decides; one that is not there is refused', async () => {
    const file = 'amount,memo,x\nBetrag,Text,y\n1.50,a,z\n'
    expect((await readCsv(file, { mapping: { headerRow: 1 } })).rows).toMatchObject([{ record: { amount: '1.5', memo: 'a' } }])
    for (const [text, headerRow] of [
      [file, 3],
      [`\n${file}`, 0],
    ] as const) {
      expect(await refusalOf(text, { mapping: { headerRow } })).toMatchObject({
        code: 'INVALID',
        problems: [{ path: 'mapping.headerRow' }],
      })
    }
  })

  test('without a header columns are positions', async () => {
    const { mapping, rows } = await readCsv('2024-01-31,-1.50,a\n2024-02-01,2.50,b\n')
    expect(mapping).toMatchObject({ headerRow: null, date: { column: 0, format: 'iso' }, amount: { column: 1 } })
    expect(rows.map((row) => row.record?.amount)).toEqual(['-1.5', '2.5'])
    expect({ ...rows[0]!.payload }).toEqual({ '0': '2024-01-31', '1': '-1.50', '2': 'a' })
  })
})

describe('rows that are no records', () => {
  test.each([
    ['Total,,4.00,', 'a summary row ("Total"), not a record'],
    [',,Grand total,', 'a summary row ("Grand total"), not a record'],
    ['Closing balance,,4.00,', 'a summary row ("Closing balance"), not a record'],
    ['Summe:,,4.00,', 'a summary row ("Summe:"), not a record'],
    [',,4.00,', 'the row has nothing but an amount: a total'],
    ['End of report,,,', 'the row has neither a date nor an amount'],
  ])('%j is rejected with the reason', async (line, reason) => {
    const { rows } = await readCsv(`${HEADER}1,2024-01-31,1.50,a\n2,2024-01-31,2.50,b\n${line}\n`)
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'accepted', 'rejected'])
    expect(reasonsOf(rows)).toEqual([reason])
  })

  test('a supplier whose name begins with the word is a record', async () => {
    const { rows } = await readCsv(`${HEADER}1,2024-01-31,1.50,TOTAL GAS & POWER LTD\n2,2024-01-31,2.50,Total\n`)
    expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'warning'])
    expect(amountsOf(rows)).toEqual(['1.5', '2.5'])
  })
})

test.each([
  ['', 'the file is empty'],
  ['\ufeff', 'the file is empty'],
  [' \r\n\t\n', 'the file is empty'],
  ['id,amount', 'the file has a header and no rows'],
  ['id,amount\n\n , \n', 'the file has a header and no rows'],
])('%j is refused: %s', async (file, message) => expect(await refusalOf(file)).toMatchObject({ code: 'INVALID', message }))

test('a file of which every row is rejected is refused with the first reason', async () => {
  expect(await refusalOf('id,amount\n1,abc\n2,def\n', { mapping: { amount: { column: 'amount' } } })).toMatchObject({
    code: 'INVALID',
    message: 'every row was rejected; row 1, column amount: "abc" is not an amount',
  })
})

test('rows survive whatever they hold and however their bytes are cut', async () => {
  const cell = fc.string({ unit: fc.constantFrom('a', ' ', 'é', '"', ',', '\n', '\r', ';', "'", '=', '日'), maxLength: 8 })
  const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.constantFrom(',', ';', '\t', '|'),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.nat({ max: 40 }),
      async (rows, separator, end, cut) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
        const lines = rows.map(([one, other], no) => [String(no), '1.50', quoted(one), quoted(other)].join(separator))
        const file = [['id', 'amount', 'one', 'other'].join(separator), ...lines].join(end)
        const read = await cellsOf(file, { mapping: { separator, headerRow: 0 }, chunkBytes: cut + 1 })
        expect(read).toEqual(rows.map(([one, other], no) => ({ id: String(no), amount: '1.50', one, other })))
      },
    ),
    { numRuns: 100 },
  )
})

test('memory does not grow with the file', async () => {
  setFlagsFromString('--expose_gc')
  const collect: () => void = runInNewContext('gc')
  const rows = '1,2024-01-31,1.50,some text of a usual length\n'.repeat(2_000)
  async function* file() {
    yield Buffer.from(HEADER)
    for (let no = 0; no < 30; no++) yield Buffer.from(rows)
  }
  const statement = await new CsvParser().open(file(), {})
  const usedBytes: number[] = []
  let count = 0
  for await (const batch of statement.rows()) {
    count += batch.length
    expect(batch.length).toBeLessThanOrEqual(2_000)
    if (count % 20_000 > 0) continue
    collect()
    usedBytes.push(process.memoryUsage().heapUsed + process.memoryUsage().external)
  }
  expect(count).toBe(60_000)
  expect(usedBytes.at(-1)! - usedBytes[0]!).toBeLessThan(4_000_000)
})

test('nor with the length of its rows: of long ones a batch has few', async () => {
  const cell = 'x'.repeat(30_000)
  async function* file(): AsyncGenerator<Buffer> {
    yield Buffer.from('id,date,amount,one,two,three,four\n')
    for (let row = 0; row < 60; row++) yield Buffer.from(`${row},2024-01-31,1.50,${cell},${cell},${cell},${cell}\n`)
  }
  const statement = await new CsvParser().open(file(), {})
  let count = 0
  for await (const batch of statement.rows()) {
    count += batch.length
    // Two million characters and one row more.
    expect(batch.length).toBeLessThanOrEqual(Math.ceil(2_097_152 / (4 * cell.length)))
  }
  expect(count).toBe(60)
})
