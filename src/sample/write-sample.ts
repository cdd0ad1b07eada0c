import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Line, MAX_LAG_DAYS, makeTransactions } from './transactions.js'

export interface SampleFiles {
  readonly left: string
  readonly right: string
  /** `left_id,right_id`: which bank line belongs to which ledger line; a payment of two invoices has two rows. For scoring only. */
  readonly truth: string
}

/**
 * Writes `bank.csv`, `ledger.csv` and `truth.csv` into the folder: half a year of a company's account, `rows` lines on each side, made up
 * from the seed; the same seed makes the same bytes. Per thousand lines of the bank: 900 payments of one invoice or contract, 20 of two
 * invoices, 70 charges and card payments that nobody booked, 10 payments made twice; the ledger has besides 50 entries whose money never
 * moved and 10 entered twice. Of the payments
 * - 92 % have equal amounts, 5 % are less (or cost more) by a bank fee up to 20.00, 3 % differ by an exchange rate, up to 3 %;
 * - 45 % have the same day on both sides, 25 % are a working day apart, 27 % two to five, 3 % up to twelve;
 * - 8 % are monthly, always the same amount and no invoice; of the others' references 66 % arrive as written, 8 % in another spelling,
 *   8 % cut off, 4 % with a typo, 7 % in the memo only, 7 % not at all;
 * - names arrive in capitals and cut at 27 characters, 4 % with a typo; 15 % of the bank's memos are cut at 27 characters;
 * - 90 % are in EUR, the others in USD, GBP and CHF.
 *
 * The bank writes `;`, `1.234,56` and 31.12.2026, the ledger `,`, 1234.56 in two columns and 2026-12-31.
 * @throws what the file system says.
 */
export async function writeSample(dir: string, options: { readonly seed: number; readonly rows: number }): Promise<SampleFiles> {
  await mkdir(dir, { recursive: true })
  const files = { left: join(dir, 'bank.csv'), right: join(dir, 'ledger.csv'), truth: join(dir, 'truth.csv') }
  const opened: LineFile[] = []
  const create = async (path: string, header: string) => {
    const file = await LineFile.create(path, header)
    opened.push(file)
    return file
  }
  try {
    const truth = await create(files.truth, 'left_id,right_id')
    const bank = new Statement('left', await create(files.left, BANK_HEADER), truth)
    const ledger = new Statement('right', await create(files.right, LEDGER_HEADER), truth)
    let today = 0
    for (const { day, bank: bankLines, ledger: ledgerLines } of makeTransactions(options)) {
      const pair: Pair = { left: [], right: [], missing: bankLines.length + ledgerLines.length }
      for (const line of bankLines) bank.add(line, pair)
      for (const line of ledgerLines) ledger.add(line, pair)
      if (day === today) continue
      today = day
      for (const statement of [bank, ledger]) await statement.writeBefore(day - MAX_LAG_DAYS)
    }
    for (const statement of [bank, ledger]) await statement.writeBefore(Number.POSITIVE_INFINITY)
  } finally {
    for (const file of opened) await file.close()
  }
  return files
}

const BANK_HEADER = 'Transaction ID;Booking Date;Value Date;Counterparty;Customer Reference;Remittance Information;Amount;Currency'
const LEDGER_HEADER = 'Entry No,Posting Date,Partner,Invoice No,Description,Money In,Money Out,Currency'

/** The ids of a transaction's lines, known when they are written. */
interface Pair {
  readonly left: string[]
  readonly right: string[]
  missing: number
}

/** The lines of a side by days: ids follow the dates of their own side, so they tell nothing of the other one. */
class Statement {
  readonly #side: 'left' | 'right'
  readonly #file: LineFile
  readonly #truth: LineFile
  readonly #days = new Map<number, { readonly line: Line; readonly pair: Pair }[]>()
  #nextDay = 0
  #lastNo = 0

  constructor(side: 'left' | 'right', file: LineFile, truth: LineFile) {
    this.#side = side
    this.#file = file
    this.#truth = truth
  }

  add(line: Line, pair: Pair): void {
    const day = this.#days.get(line.day)
    if (day) day.push({ line, pair })
    else this.#days.set(line.day, [{ line, pair }])
  }

  /** Writes the days before this one; nothing may be added to them any more. */
  async writeBefore(day: number): Promise<void> {
    for (; this.#nextDay < day && this.#days.size > 0; this.#nextDay++) {
      const entries = this.#days.get(this.#nextDay)
      if (entries === undefined) continue
      this.#days.delete(this.#nextDay)
      // The ledger books partner by partner, the bank as it comes.
      if (this.#side === 'right') entries.sort((one, other) => compare(one.line.counterparty, other.line.counterparty))
      for (const { line, pair } of entries) this.#write(line, pair)
    }
    await this.#file.flush()
    await this.#truth.flush()
  }

  #write(line: Line, pair: Pair): void {
    const id = `${this.#side === 'left' ? 'TX' : 'GL'}-${String(++this.#lastNo).padStart(7, '0')}`
    this.#file.add(this.#side === 'left' ? bankRow(id, line) : ledgerRow(id, line))
    pair[this.#side].push(id)
    if (--pair.missing > 0) return
    for (const left of pair.left) for (const right of pair.right) this.#truth.add(`${left},${right}`)
  }
}

function bankRow(id: string, line: Line): string {
  const { currency, counterparty, reference, memo } = line
  // What comes late is booked the day after; the value date is what counts.
  const bookedOn = line.amountMinor > 0 ? line.day : line.day + 1
  return row([id, pointDate(bookedOn), pointDate(line.day), counterparty, reference, memo, commaAmount(line.amountMinor), currency], ';')
}

function ledgerRow(id: string, line: Line): string {
  const { amountMinor, currency, counterparty, reference, memo } = line
  const [moneyIn, moneyOut] = [Math.max(amountMinor, 0), Math.max(-amountMinor, 0)].map(plainAmount)
  return row([id, isoDate(line.day), counterparty, reference, memo, moneyIn!, moneyOut!, currency], ',')
}

function row(cells: readonly string[], separator: string): string {
  return cells.map((cell) => (cell.includes(separator) || cell.includes('"') ? `"${cell.replaceAll('"', '""')}"` : cell)).join(separator)
}

/** 1234.56 */
function plainAmount(minor: number): string {
  const digits = String(minor).padStart(3, '0')
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** -1.234,56 */
function commaAmount(minor: number): string {
  const [whole, cents] = plainAmount(Math.abs(minor)).split('.')
  return `${minor < 0 ? '-' : ''}${whole!.replace(/\B(?=(\d{3})+$)/g, '.')},${cents}`
}

const FIRST_MONDAY = Date.UTC(2026, 0, 5)
const DAY_MS = 86_400_000

/** The working day as 2026-12-31; the first one is a Monday. */
function isoDate(workingDay: number): string {
  const days = Math.floor(workingDay / 5) * 7 + (workingDay % 5)
  return new Date(FIRST_MONDAY + days * DAY_MS).toISOString().slice(0, 10)
}

/** 31.12.2026 */
function pointDate(workingDay: number): string {
  return isoDate(workingDay).split('-').reverse().join('.')
}

/** By code units: no language, no version of ICU. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** A file written line by line, some hundred kilobytes at a time. */
class LineFile {
  readonly #handle: FileHandle
  #waiting: string[] = []

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  static async create(path: string, header: string): Promise<LineFile> {
    const file = new LineFile(await open(path, 'w'))
    file.add(header)
    return file
  }

  add(line: string): void {
    this.#waiting.push(line)
  }

  async flush(): Promise<void> {
    if (this.#waiting.length < MAX_WAITING_LINES) return
    await this.#write()
  }

  async close(): Promise<void> {
    try {
      await this.#write()
    } finally {
      await this.#handle.close()
    }
  }

  async #write(): Promise<void> {
    const lines = this.#waiting
    this.#waiting = []
    if (lines.length > 0) await this.#handle.writeFile(`${lines.join('\n')}\n`)
  }
}

const MAX_WAITING_LINES = 2_000
