import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodingNamed } from '../../src/imports/encoding.js'
import { HEAD_BYTES } from '../../src/imports/file-head.js'
import { readCsv, reasonsOf, refusalOf } from './csv-read.js'

const TEXT = 'id,name,amount\n1,Zoë Übel,1.50\n2,"Łódź, ул. Ленина",2.50\n'
const WESTERN = 'id,name,amount\n1,Zoë Übel,1.50\n2,€ 5 – “x”,2.50\n'

function utf16(text: string, order: 'le' | 'be', mark: 'with-mark' | 'without-mark'): Buffer {
  const bytes = Buffer.from(mark === 'with-mark' ? `\ufeff${text}` : text, 'utf16le')
  return order === 'le' ? bytes : bytes.swap16()
}

/** Latin 1 with the five characters of {@link WESTERN} that only Windows has. */
function windows1252(text: string): Buffer {
  const places: Readonly<Record<string, string>> = { '€': '\x80', '–': '\x96', '“': '\x93', '”': '\x94' }
  return Buffer.from(
    text.replace(/[€–“”]/g, (char) => places[char]!),
    'latin1',
  )
}

async function namesOf(file: Uint8Array, chunkBytes?: number): Promise<readonly (string | null)[]> {
  const { rows } = await readCsv(file, chunkBytes === undefined ? {} : { chunkBytes })
  return rows.map((row) => row.record?.counterparty ?? null)
}

const NAMES = ['Zoë Übel', 'Łódź, ул. Ленина']

test.each([
  ['utf-8', Buffer.from(TEXT), 'utf-8'],
  ['utf-8 with a byte order mark', Buffer.from(`\ufeff${TEXT}`), 'utf-8'],
  ['utf-16 little endian', utf16(TEXT, 'le', 'with-mark'), 'utf-16le'],
  ['utf-16 big endian', utf16(TEXT, 'be', 'with-mark'), 'utf-16be'],
  ['utf-16 little endian without a mark', utf16(TEXT, 'le', 'without-mark'), 'utf-16le'],
  ['utf-16 big endian without a mark', utf16(TEXT, 'be', 'without-mark'), 'utf-16be'],
])('%s is recognised, and its mark is no part of the first header', async (_, bytes, encoding) => {
  const { mapping, doubts } = await readCsv(bytes)
  expect(mapping).toMatchObject({ encoding, externalId: { column: 'id' } })
  expect(doubts.filter((doubt) => doubt.field === 'encoding')).toEqual([])
  expect(await namesOf(bytes)).toEqual(NAMES)
  expect(await namesOf(bytes, 1)).toEqual(NAMES)
})

test('what is not UTF-8 is read as Windows-1252, and that is said', async () => {
  const { mapping, doubts, rows } = await readCsv(windows1252(WESTERN))
  expect(mapping.encoding).toBe('windows-1252')
  expect(doubts).toContainEqual({ field: 'encoding', message: 'the file is not UTF-8; it was read as Windows-1252' })
  expect(rows.map((row) => row.record?.counterparty)).toEqual(['Zoë Übel', '€ 5 – “x”'])
})

test('a stated encoding decides: the same bytes are other letters', async () => {
  const { rows, doubts } = await readCsv(Buffer.from(WESTERN), { mapping: { encoding: 'ISO-8859-1' } })
  expect(rows[0]!.record!.counterparty).toBe('ZoÃ« Ãœbel')
  expect(doubts.filter((doubt) => doubt.field === 'encoding')).toEqual([])
  const stated = await readCsv(utf16(TEXT, 'be', 'with-mark'), { mapping: { encoding: 'utf-16' } })
  expect(stated.mapping.encoding).toBe('utf-16be')
})

test('an encoding that nobody knows is refused with the ones that are known', async () => {
  expect(await refusalOf(TEXT, { mapping: { encoding: 'ebcdic' } })).toMatchObject({
    code: 'INVALID',
    problems: [{ path: 'mapping.encoding', message: expect.stringContaining('utf-8, utf-16le, utf-16be, windows-1252') }],
  })
  expect(encodingNamed('UTF_8')).toBe('utf-8')
  expect(encodingNamed('__proto__')).toBeNull()
  expect(encodingNamed('constructor')).toBeNull()
})

test('bytes in the middle that are no UTF-8 cost their row a warning and nothing else', async () => {
  const file = Buffer.from('id,name,amount\n1,Zoë,1.50\n2,Zo\u0001,2.50\n3,Ünal,3.50\n')
  file[file.indexOf(1)] = 0xff
  const { rows, doubts } = await readCsv(file)
  expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'warning', 'accepted'])
  expect(rows[1]!.record!.counterparty).toBe('Zo\ufffd')
  expect(reasonsOf(rows)).toEqual(['the cell has characters that could not be decoded; they are shown as \ufffd'])
  expect(doubts).toContainEqual({ field: 'encoding', message: 'some bytes are not UTF-8: their rows have a warning' })
})

test('a character that the file ends in the middle of is a warning', async () => {
  const { rows } = await readCsv(Buffer.from('id,amount,name\n1,1.50,Zoë\n2,2.50,Zoë').subarray(0, -1))
  expect(rows.map((row) => row.outcome)).toEqual(['accepted', 'warning'])
})

const BINARY: readonly (readonly [string, Uint8Array, string])[] = [
  ['a spreadsheet', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(100, 7)]), 'a ZIP archive or a spreadsheet: save it as CSV'],
  ['a PDF', Buffer.from('%PDF-1.7\nid,amount\n1,2\n'), 'a PDF document'],
  ['an image', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'), 'NUL characters'],
  ['text with a NUL', Buffer.from('id,amount\n1,1.50\n2\0,2.50\n'), 'NUL characters'],
  ['a terminal recording', Buffer.from('\x1b[0m\x07\x08,\x01\x02\x03'.repeat(20)), 'control characters'],
]

test.each(BINARY)('%s is refused in one sentence', async (_, bytes, words) => {
  expect(await refusalOf(bytes)).toMatchObject({ code: 'INVALID', message: expect.stringMatching(/^the file is not text: it is|it has/) })
  expect((await refusalOf(bytes)).message).toContain(words)
})

test('a NUL beyond the head ends the import', async () => {
  const row = '1,1.50\n'
  const file = Buffer.from(`id,amount\n${row.repeat(Math.ceil(HEAD_BYTES / row.length) + 1000)}2\0,2.50\n`)
  expect(await refusalOf(file, { chunkBytes: 65_536 })).toMatchObject({ code: 'INVALID', message: expect.stringContaining('NUL') })
})

test('text is the same in every encoding and however its bytes are cut', async () => {
  const name = fc
    .string({ unit: fc.constantFrom('a', 'Z', ' ', 'é', 'ß', 'Ł', '日', '😀', '‰', ','), maxLength: 12 })
    .map((text) => `x${text}x`)
  const encode = fc.constantFrom<(text: string) => Buffer>(
    (text) => Buffer.from(text),
    (text) => utf16(text, 'le', 'with-mark'),
    (text) => utf16(text, 'be', 'with-mark'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(name, { minLength: 1, maxLength: 20 }),
      encode,
      fc.integer({ min: 1, max: 30 }),
      async (names, encoded, chunk) => {
        const file = encoded(`id,name,amount\n${names.map((text, no) => `${no},"${text}",1.50\n`).join('')}`)
        expect(await namesOf(file, chunk)).toEqual(names)
      },
    ),
    { numRuns: 60 },
  )
})
