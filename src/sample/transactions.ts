import { bankText, respelled, truncated, typo } from './noise.js'
import { makePartners, type Partner, pickPartner } from './partners.js'
import { Random } from './random.js'

/** A line of one side. */
export interface Line {
  /** Working days since the first one. */
  readonly day: number
  /** Cents; what goes out is negative. */
  readonly amountMinor: number
  readonly currency: string
  readonly counterparty: string
  readonly reference: string
  readonly memo: string
}

/** Money that moved once. Every bank line belongs to every ledger line. */
export interface Transaction {
  readonly kind: Kind
  /** Never less than of the transaction before. */
  readonly day: number
  readonly bank: readonly Line[]
  readonly ledger: readonly Line[]
}

export type Kind = 'payment' | 'split' | 'bank-only' | 'ledger-only' | 'bank-duplicate' | 'ledger-duplicate'

/** Half a year. */
export const WORKING_DAYS = 130
/** No line is further from the day of its transaction. */
export const MAX_LAG_DAYS = 12

/** Lines per thousand of a side; `payment` is what is left over. */
const SPLITS = 20
const DUPLICATES = 10
const BANK_ONLY = 70

/** The months that a contract is paid in: so often each returns. */
const MONTHS = 6

/** How many transactions of each kind make `rows` lines on each side, exactly. */
export function countKinds(rows: number): Readonly<Record<Kind, number>> {
  const share = (perMille: number) => Math.floor((rows * perMille) / 1_000)
  const [split, duplicate, bankOnly] = [share(SPLITS), share(DUPLICATES), share(BANK_ONLY)]
  return {
    payment: rows - split - duplicate - bankOnly,
    split,
    'bank-only': bankOnly,
    // A split has one ledger line more than bank lines.
    'ledger-only': bankOnly - split,
    'bank-duplicate': duplicate,
    'ledger-duplicate': duplicate,
  }
}

/** The half year in order of its days; the memory is that of the partners. */
export function* makeTransactions({ seed, rows }: { readonly seed: number; readonly rows: number }): Generator<Transaction> {
  const random = new Random(seed)
  const partners = makePartners(random, Math.min(Math.max(Math.floor(rows / 25), 20), 5_000))
  const left = Object.entries(countKinds(rows)) as [Kind, number][]
  const total = left.reduce((sum, [, count]) => sum + count, 0)
  const payments = new Payments(random, partners, rows)
  // The first one is a payment: a duplicate needs something to repeat.
  let kind: Kind = 'payment'
  for (let no = 0; no < total; no++) {
    yield payments.make(kind, MAX_LAG_DAYS + Math.floor((no * WORKING_DAYS) / total))
    left.find(([name]) => name === kind)![1]--
    if (no < total - 1) kind = random.weighted(left.map(([name, count]) => [count, name]))
  }
}

class Payments {
  readonly #random: Random
  readonly #partners: readonly Partner[]
  readonly #contracts: number
  #invoiceNo = 1_000
  #monthlyNo = 0
  #last: Transaction | null = null

  constructor(random: Random, partners: readonly Partner[], rows: number) {
    this.#random = random
    this.#partners = partners
    this.#contracts = Math.max(Math.floor((rows * MONTHLY) / 1_000 / MONTHS), 1)
  }

  make(kind: Kind, day: number): Transaction {
    const random = this.#random
    switch (kind) {
      case 'payment':
        this.#last = random.chance(MONTHLY) ? this.#monthly(day) : this.#invoice(day)
        return this.#last
      case 'split':
        return this.#split(day)
      case 'bank-only':
        return { kind, day, bank: [this.#charge(day)], ledger: [] }
      case 'ledger-only':
        return { kind, day, bank: [], ledger: this.#invoice(day).ledger }
      case 'bank-duplicate':
      case 'ledger-duplicate': {
        const side = kind === 'bank-duplicate' ? 'bank' : 'ledger'
        const again = { ...this.#last![side][0]!, day: day + random.int(4) }
        return { kind, day, bank: [], ledger: [], [side]: [again] }
      }
    }
  }

  /** One payment of one invoice. */
  #invoice(day: number): Transaction {
    const random = this.#random
    const partner = pickPartner(random, this.#partners)
    const booked = invoiceAmount(random) * (partner.isCustomer ? 1 : -1)
    const reference = partner.invoice(this.#nextInvoiceNo())
    const ledger = ledgerLine(random, partner, { day: this.#ledgerDay(day, partner), amountMinor: booked, reference })
    const bank = bankLine(random, partner, { day, amountMinor: paidAmount(random, booked), references: [reference] })
    return { kind: 'payment', day, bank: [bank], ledger: [ledger] }
  }

  /** Rent, leases, subscriptions: the same partner and the same amount each month, no invoice. */
  #monthly(day: number): Transaction {
    const random = this.#random
    const partner = this.#partners[(this.#monthlyNo++ % this.#contracts) % this.#partners.length]!
    const amountMinor = partner.monthlyMinor * (partner.isCustomer ? 1 : -1)
    const ledger = ledgerLine(random, partner, { day: this.#ledgerDay(day, partner), amountMinor, reference: '' })
    return { kind: 'payment', day, bank: [bankLine(random, partner, { day, amountMinor, references: [] })], ledger: [ledger] }
  }

  /** One payment of two invoices. */
  #split(day: number): Transaction {
    const random = this.#random
    const partner = pickPartner(random, this.#partners)
    const ledger = [0, 1].map(() => {
      const amountMinor = invoiceAmount(random) * (partner.isCustomer ? 1 : -1)
      return ledgerLine(random, partner, {
        day: this.#ledgerDay(day, partner),
        amountMinor,
        reference: partner.invoice(this.#nextInvoiceNo()),
      })
    })
    const amountMinor = ledger.reduce((sum, line) => sum + line.amountMinor, 0)
    return {
      kind: 'split',
      day,
      bank: [bankLine(random, partner, { day, amountMinor, references: ledger.map((line) => line.reference) })],
      ledger,
    }
  }

  /** What the bank takes or a card pays, and nobody has booked yet. */
  #charge(day: number): Line {
    const random = this.#random
    const [memo, min, max] = random.pick(CHARGES)
    const counterparty = memo === 'CARD PAYMENT' ? bankText(pickPartner(random, this.#partners).name, NAME_WIDTH) : 'OWN BANK'
    return { day, amountMinor: -random.between(min, max), currency: 'EUR', counterparty, reference: '', memo }
  }

  /** What we pay is booked first, what we get is seen on the statement first. */
  #ledgerDay(day: number, partner: Partner): number {
    const lag = this.#random.weighted(LAGS)
    const days = lag === 'late' ? this.#random.between(6, MAX_LAG_DAYS) : lag
    return partner.isCustomer ? day + days : day - days
  }

  /** Other invoices lie between those that are paid. */
  #nextInvoiceNo(): number {
    this.#invoiceNo += this.#random.between(1, 7)
    return this.#invoiceNo
  }
}

/** Per mille of payments. */
const MONTHLY = 80

/** Working days between the two sides, per cent. */
const LAGS: readonly (readonly [number, number | 'late'])[] = [
  [45, 0],
  [25, 1],
  [14, 2],
  [8, 3],
  [3, 4],
  [2, 5],
  [3, 'late'],
]

const NAME_WIDTH = 27
const CHARGES = [
  ['ACCOUNT FEE', 500, 2_500],
  ['TRANSACTION FEES', 20, 4_000],
  ['INTEREST DEBIT', 100, 30_000],
  ['CARD PAYMENT', 300, 60_000],
  ['CARD PAYMENT', 300, 60_000],
  ['DIRECT DEBIT INSURANCE', 2_000, 90_000],
] as const

/** From 5.00 to 50,000.00, as many small ones as large ones; one in six is round. */
function invoiceAmount(random: Random): number {
  const [min, max] = random.weighted([
    [15, [500, 4_999]],
    [35, [5_000, 49_999]],
    [35, [50_000, 499_999]],
    [15, [500_000, 5_000_000]],
  ] as const)
  const minor = random.between(min, max)
  return random.int(6) === 0 ? Math.max(Math.round(minor / 500) * 500, 500) : minor
}

/** What arrives of what was booked: bank fees go off, an exchange rate moves it either way. */
function paidAmount(random: Random, booked: number): number {
  const change = random.weighted([
    [92, 'none'],
    [5, 'fee'],
    [3, 'exchange'],
  ] as const)
  if (change === 'fee') {
    const fee = random.pick(BANK_FEES)
    // A fee makes what we get less and what we pay more.
    return Math.abs(booked) > 10 * fee ? booked - fee : booked
  }
  // Hundredths of a per cent, from 0.10 % to 3 %.
  if (change === 'exchange') return booked + Math.round((booked * random.between(10, 300) * (random.chance(500) ? 1 : -1)) / 10_000)
  return booked
}

const BANK_FEES = [25, 50, 100, 150, 250, 400, 500, 750, 1_000, 1_250, 1_500, 2_000]

function ledgerLine(
  random: Random,
  partner: Partner,
  { day, amountMinor, reference }: { readonly day: number; readonly amountMinor: number; readonly reference: string },
): Line {
  const what =
    amountMinor > 0
      ? random.pick(['Incoming payment', 'Customer payment', 'Receipt'])
      : random.pick(['Outgoing payment', 'Payment run', 'Supplier payment'])
  const memo = reference === '' ? `Contract ${partner.name}` : `${what} ${reference}`
  return { day, amountMinor, currency: partner.currency, counterparty: partner.name, reference, memo }
}

function bankLine(
  random: Random,
  partner: Partner,
  { day, amountMinor, references }: { readonly day: number; readonly amountMinor: number; readonly references: readonly string[] },
): Line {
  const name = random.chance(40) ? typo(random, partner.name) : partner.name
  const how = references.length === 1 ? random.weighted(REFERENCES) : 'in-memo'
  const written = writtenReference(random, references.join(' + '), how)
  const memo = [random.pick(amountMinor > 0 ? RECEIVED : SENT), written, random.chance(300) ? name : ''].filter((part) => part !== '')
  return {
    day,
    amountMinor,
    currency: partner.currency,
    counterparty: bankText(name, NAME_WIDTH),
    reference: how === 'in-memo' ? '' : written,
    memo: bankText(memo.join(' '), random.chance(150) ? 27 : 140),
  }
}

type Written = 'exact' | 'respelled' | 'truncated' | 'typo' | 'in-memo' | 'missing'

/** How an invoice's number arrives at the bank, per cent. */
const REFERENCES: readonly (readonly [number, Written])[] = [
  [66, 'exact'],
  [8, 'respelled'],
  [8, 'truncated'],
  [4, 'typo'],
  [7, 'in-memo'],
  [7, 'missing'],
]

function writtenReference(random: Random, reference: string, how: Written): string {
  switch (how) {
    case 'exact':
    case 'in-memo':
      return reference
    case 'respelled':
      return respelled(random, reference)
    case 'truncated':
      return truncated(random, reference)
    case 'typo':
      return typo(random, reference)
    case 'missing':
      return ''
  }
}

const RECEIVED = ['SEPA CREDIT TRANSFER', 'CREDIT', 'GUTSCHRIFT', 'INSTANT PAYMENT', 'PAYMENT FOR INVOICE']
const SENT = ['SEPA DIRECT DEBIT', 'PAYMENT', 'ONLINE TRANSFER', 'STANDING ORDER', 'BULK PAYMENT']
