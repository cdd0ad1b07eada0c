import type { EngineRecord } from '../../src/reconciliation/records.js'

/** Two files and who belongs to whom, by positions. */
export interface MadeUpFiles {
  readonly left: readonly EngineRecord[]
  readonly right: readonly EngineRecord[]
  readonly truth: ReadonlySet<string>
}

export interface FileOptions {
  readonly seed: number
  readonly rows: number
  /** Of 1,000 records how many have no partner, on each side. */
  readonly lonely?: number
  /** What the texts say: names written out or as initials, cut off; names and references; nothing. */
  readonly texts?: 'names' | 'none'
  readonly dates?: 'given' | 'none'
}

const FIRST = 'ANNA JONAS MARA PIETER SOFIA LUCA INES MATTEO CLAIRE HENRIK ZOFIA EMIL NORA TOMAS GRETA YOUSSEF HANNA RAVI LENA OSKAR'.split(
  ' ',
)
const LAST =
  'MUELLER BRANDT HARTMANN WEISS JANSSEN KOWALSKI NOVAK FISCHER LINDQVIST MOREAU LEFEVRE ROSSI BIANCHI GARCIA FERNANDEZ SCHROEDER KRUEGER VOGEL SEIDEL BAUMANN KOEHLER WINTER MURPHY WALSH TAYLOR BENNETT FRASER HAAS JUNG ZIEGLER ALBRECHT POHL ARNOLD BECKER DIETRICH EBERT FRANKE'.split(
    ' ',
  )
const PURPOSES = ['gift', 'invoice', 'rent', 'fee', 'order']
const CHANNELS = ['TRF', 'DD', 'CARD']
/** A memo is as long as an old bank system lets it be. */
const MEMO_WIDTH = 16

/**
 * Payments out of one account and into another, a made-up person each: money takes up to two weeks, a third loses a fee or changes by an
 * exchange rate, up to 12 %, either way.
 */
export function makeFiles({ seed, rows, lonely = 0, texts = 'names', dates = 'given' }: FileOptions): MadeUpFiles {
  const random = new Draw(seed)
  const left: EngineRecord[] = []
  const right: { readonly record: EngineRecord; readonly partner: number }[] = []
  for (let no = 0; no < rows; no++) {
    const words = [random.of(FIRST), ...(random.upTo(2) === 0 ? [random.of(FIRST)] : []), random.of(LAST)]
    const tail = random.upTo(3) === 0 ? random.hex() : random.of(PURPOSES)
    const cents = Math.round(Math.exp(4 + 7 * random.fraction())) + 100
    const day = 19_000 + random.upTo(120)
    const delay = random.upTo(3) === 0 ? random.upTo(14) : random.upTo(4)
    const memo = () => (texts === 'none' ? null : writeMemo(random, words, tail))
    const record = (side: string, amount: number, on: number): EngineRecord => ({
      externalId: `${side}${no}`,
      reference: null,
      counterparty: null,
      memo: memo(),
      amount: decimal(amount),
      currency: 'EUR',
      day: dates === 'none' ? null : on,
    })
    const isLonelyLeft = random.upTo(1_000) < lonely
    const isLonelyRight = random.upTo(1_000) < lonely
    left.push(record('L', cents, day))
    if (!isLonelyLeft) right.push({ record: record('R', received(random, cents), day + delay), partner: no })
    if (isLonelyRight) right.push({ record: { ...record('X', random.upTo(90_000) + 500, day), memo: memo() }, partner: -1 })
  }
  right.sort((one, other) => (one.record.externalId! < other.record.externalId! ? -1 : 1))
  const truth = new Set(right.flatMap(({ partner }, position) => (partner < 0 ? [] : [`${partner},${position}`])))
  return { left, right: right.map(({ record }) => record), truth }
}

function writeMemo(random: Draw, words: readonly string[], tail: string): string {
  const isShort = random.upTo(2) === 0
  const name = words.map((word, index) => (isShort || (index < words.length - 1 && random.upTo(2) === 0) ? word[0]! : word))
  const last = random.upTo(3) === 0 ? random.of(CHANNELS) : ''
  return [...name, tail, last].join(' ').slice(0, MEMO_WIDTH).trim()
}

function received(random: Draw, cents: number): number {
  switch (random.upTo(6)) {
    case 0:
      return Math.round((cents * (10_000 - random.upTo(300))) / 10_000)
    case 1:
      return Math.round((cents * (8_800 + random.upTo(2_400))) / 10_000)
    default:
      return cents
  }
}

function decimal(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, '0')
  const fraction = digits.slice(-2).replace(/0+$/, '')
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}${fraction === '' ? '' : `.${fraction}`}`
}

/** mulberry32 by Tommy Ettinger: small, and the same on every machine. */
export class Draw {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to `below` − 1. */
  upTo(below: number): number {
    return Math.floor(this.fraction() * below)
  }

  of<T>(list: readonly T[]): T {
    return list[this.upTo(list.length)]!
  }

  hex(): string {
    return this.upTo(2 ** 31)
      .toString(16)
      .padStart(8, '0')
  }
}
