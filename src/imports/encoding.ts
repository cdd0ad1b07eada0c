import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { AppError } from '../errors.js'

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'

const NAMES: ReadonlyMap<string, Encoding> = new Map([
  ['utf8', 'utf-8'],
  ['utf16', 'utf-16le'],
  ['utf16le', 'utf-16le'],
  ['utf16be', 'utf-16be'],
  ['windows1252', 'windows-1252'],
  ['cp1252', 'windows-1252'],
  // As browsers do (WHATWG Encoding §4.2): what calls itself Latin 1 is Windows 1252.
  ['latin1', 'windows-1252'],
  ['iso88591', 'windows-1252'],
  ['ascii', 'utf-8'],
])

/** What windows-1252 has at 0x80–0x9F instead of control characters (WHATWG index; five places keep theirs). */
const WINDOWS_1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178'

/** Text has hardly any; compressed data has about one in ten. */
const MAX_CONTROL_SHARE = 0.01
const UTF16_LOOK_BYTES = 4_096

/** The encoding that goes by this name, or null. */
export function encodingNamed(name: string): Encoding | null {
  return NAMES.get(name.toLowerCase().replace(/[^a-z0-9]/g, '')) ?? null
}

/** Decides by byte order mark, by where the zeros are, by what is valid UTF-8; else Windows-1252. `damaged`: some bytes are not of it. */
export function detectEncoding(head: Buffer, isWhole: boolean): { readonly encoding: Encoding; readonly isDamaged: boolean } {
  const isSound = (encoding: Encoding) => ({ encoding, isDamaged: false })
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) {
    return { encoding: 'utf-8', isDamaged: !isUtf8(wholeCharacters(head, isWhole)) }
  }
  if (head[0] === 0xff && head[1] === 0xfe) return isSound('utf-16le')
  if (head[0] === 0xfe && head[1] === 0xff) return isSound('utf-16be')
  const utf16 = utf16ByZeros(head)
  if (utf16 !== null) return isSound(utf16)
  if (isUtf8(wholeCharacters(head, isWhole))) return isSound('utf-8')
  // UTF-8 with a broken spot has at least as many sound characters as broken ones; Windows-1252 read as UTF-8 is all breaks.
  const text = head.toString('utf8')
  const broken = text.match(/\ufffd/g)?.length ?? 0
  const sound = text.match(/[\u0080-\ufffc]/g)?.length ?? 0
  return sound >= broken ? { encoding: 'utf-8', isDamaged: true } : isSound('windows-1252')
}

/**
 * Turns a file into UTF-8 without byte order mark, chunk by chunk; the first chunk holds the whole mark. What cannot be decoded
 * becomes U+FFFD.
 * @throws AppError `INVALID` at a NUL character: the file is no text, and Postgres cannot store one.
 */
export class Transcoder {
  readonly #encoding: Encoding
  readonly #decoder: TextDecoder | null
  #isFirst = true

  constructor(encoding: Encoding) {
    this.#encoding = encoding
    this.#decoder = encoding.startsWith('utf-16') ? new TextDecoder(encoding) : null
  }

  write(chunk: Uint8Array): Buffer {
    const bytes = this.#utf8(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    if (bytes.includes(0)) throw binary('it has NUL characters')
    return bytes
  }

  /** What an unfinished character at the end comes to. */
  end(): Buffer {
    return Buffer.from(this.#decoder?.decode() ?? '')
  }

  #utf8(chunk: Buffer): Buffer {
    if (this.#decoder !== null) return Buffer.from(this.#decoder.decode(chunk, { stream: true }))
    if (this.#encoding === 'windows-1252') {
      return Buffer.from(chunk.toString('latin1').replace(/[\u0080-\u009f]/g, (char) => WINDOWS_1252[char.charCodeAt(0) - 0x80]!))
    }
    const hasMark = this.#isFirst && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf
    this.#isFirst = false
    return hasMark ? chunk.subarray(3) : chunk
  }
}

/** @throws AppError `INVALID` when the beginning is that of no text. */
export function refuseBinary(head: Buffer, encoding: Encoding): void {
  if (encoding.startsWith('utf-16')) return
  if (head.subarray(0, 4).equals(Buffer.from('PK\u0003\u0004'))) throw binary('it is a ZIP archive or a spreadsheet: save it as CSV')
  if (head.subarray(0, 5).equals(Buffer.from('%PDF-'))) throw binary('it is a PDF document')
  let controls = 0
  for (const byte of head) {
    if (byte === 0) throw binary('it has NUL characters')
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) controls++
  }
  if (controls > head.length * MAX_CONTROL_SHARE) throw binary('it is full of control characters')
}

function binary(why: string): AppError {
  return new AppError('INVALID', { message: `the file is not text: ${why}` })
}

/** Without the character that the end of the head may have cut. */
function wholeCharacters(head: Buffer, isWhole: boolean): Buffer {
  if (isWhole) return head
  for (let cut = 1; cut <= 3; cut++) {
    const byte = head[head.length - cut]
    if (byte === undefined || byte < 0x80) break
    if (byte >= 0xc0) return head.subarray(0, head.length - cut)
  }
  return head
}

/** Western text in UTF-16 has a zero in nearly every pair, always on the same side. */
function utf16ByZeros(head: Buffer): Encoding | null {
  const look = head.subarray(0, UTF16_LOOK_BYTES)
  const pairs = look.length >> 1
  let evenZeros = 0
  let oddZeros = 0
  for (let at = 0; at < pairs * 2; at += 2) {
    if (look[at] === 0) evenZeros++
    if (look[at + 1] === 0) oddZeros++
  }
  if (oddZeros > pairs * 0.6 && evenZeros === 0) return 'utf-16le'
  if (evenZeros > pairs * 0.6 && oddZeros === 0) return 'utf-16be'
  return null
}
