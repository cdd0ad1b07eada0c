/** What a column can be. */
export const COLUMN_ROLES = [
  'amount',
  'debit',
  'credit',
  'sign',
  'date',
  'currency',
  'externalId',
  'counterparty',
  'reference',
  'memo',
] as const
export type ColumnRole = (typeof COLUMN_ROLES)[number]

// Best first: of `Value Date` and `Booking Date` the former is the value date. English, German, and the most usual words of French,
// Spanish, Italian and Dutch.
const NAMES: Readonly<Record<ColumnRole, string>> = {
  amount:
    'amount, amt, transaction amount, payment amount, net amount, gross amount, amount paid, value, betrag, umsatz, betrag eur, montant, importe, importo, bedrag, total amount, total, sum',
  debit:
    'debit, debit amount, debits, dr, money out, paid out, withdrawal, withdrawals, withdrawal amount, soll, belastung, ausgang, ausgaben, debe, dare, af',
  credit:
    'credit, credit amount, credits, cr, money in, paid in, deposit, deposits, deposit amount, haben, gutschrift, eingang, einnahmen, haber, avere, bij',
  sign: 'dr cr, cr dr, d c, c d, debit credit, credit debit, credit debit indicator, debit credit indicator, sign, s h, soll haben, soll haben kennzeichen, af bij, indicator, type, transaction type',
  date: 'value date, valuta, valutadatum, wertstellung, wertstellungstag, date, transaction date, txn date, trans date, payment date, paid date, date paid, booking date, bookingdate, posting date, posted date, post date, entry date, buchungstag, buchungsdatum, datum, date operation, date valeur, fecha, fecha valor, data, data valuta, timestamp, created at, created, invoice date',
  currency: 'currency, ccy, curr, currency code, transaction currency, waehrung, wahrung, devise, moneda, divisa, valuta code, munt',
  externalId:
    'external id, externalid, transaction id, transactionid, txn id, trans id, trans no, transaction no, transaction number, trans number, payment id, receipt id, record id, entry id, entry no, document no, document number, doc no, voucher no, voucher number, journal id, unique id, buchungsnummer, belegnummer, id, uuid, guid, no, nr',
  counterparty:
    'counterparty, counterparty name, counter party, payee, payer, payee name, payer name, supplier name, vendor name, customer name, beneficiary name, beneficiary, debtor name, creditor name, merchant name, merchant, supplier, vendor, customer, partner, partner name, auftraggeber empfanger, empfanger, auftraggeber, begunstigter, zahlungspflichtiger, beguenstigter zahlungspflichtiger, begunstigter zahlungspflichtiger, name zahlungsbeteiligter, naam tegenpartij, beneficiaire, beneficiario, name, account name',
  reference:
    'reference, ref, ref no, reference no, reference number, payment reference, customer reference, your reference, bank reference, end to end id, end to end reference, endtoendid, e2e id, kundenreferenz, referenz, referencia, riferimento, kenmerk, invoice, invoice no, invoice number, invoice id, rechnungsnummer, order no, order number, order id, cheque no, cheque number, check number, po number, mandate reference',
  memo: 'memo, description, transaction description, narrative, details, transaction details, payment details, particulars, remittance information, purpose, verwendungszweck, buchungstext, text, libelle, concepto, causale, descrizione, omschrijving, mededelingen, note, notes, remark, remarks, comment, comments, message, subject',
}

/** Roles that a longer header may hide (`Payment_ID`, `Amount (GBP)`, `Date of transaction`); the others only by their whole name. */
const HIDDEN: Readonly<Partial<Record<ColumnRole, string>>> = {
  amount: 'amount, betrag, montant, importe',
  debit: 'debit, money out, paid out, withdrawal',
  credit: 'credit, money in, paid in, deposit',
  date: 'date, datum, fecha',
  currency: 'currency, ccy, waehrung, wahrung',
  externalId: 'id',
  counterparty: 'counterparty, payee, payer, supplier name, vendor name, customer name, beneficiary',
  reference: 'reference, ref, invoice no, invoice number',
  memo: 'description, narrative, memo, details, verwendungszweck',
}

/** A header of these is not what its other words say: a balance is no amount, a due date no value date. */
const DENIED: Readonly<Partial<Record<ColumnRole, RegExp>>> = {
  amount: /\b(balance|saldo|solde|vat|tax|fee|mwst|rate|count|date|id|currency|code|type)\b/,
  debit: /\b(balance|date|id|count|account|card|credit)\b/,
  credit: /\b(balance|date|id|count|account|card|debit)\b/,
  date: /\b(due|update|updated|birth|expiry|expected)\b/,
  externalId: /\b(supplier|vendor|customer|account|client|user|project|company|category|tax|vat)\b/,
  reference: /\b(date|amount)\b/,
}

const HIDDEN_RANK = 1_000

const EXACT = wordTable(NAMES)
const WITHIN = wordTable(HIDDEN)

/** How well a header names the role: 0 best, null not at all. */
export function headerRank(header: string, role: ColumnRole): number | null {
  const words = normalised(header)
  if (words === '') return null
  const exact = EXACT[role].indexOf(words)
  if (exact >= 0) return exact
  if (DENIED[role]?.test(words)) return null
  const within = WITHIN[role].findIndex((name) => ` ${words} `.includes(` ${name} `))
  return within < 0 ? null : HIDDEN_RANK + within
}

/** True when the header is a word that columns are called by. */
export function isKnownHeader(header: string): boolean {
  return COLUMN_ROLES.some((role) => headerRank(header, role) !== null)
}

/** Lower case, no accents, words divided by one space: `Trans_No`, `trans no.` and `TransNo` are one. */
function normalised(header: string): string {
  return header
    .slice(0, 200)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/ß/g, 'ss')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

function wordTable(lists: Readonly<Partial<Record<ColumnRole, string>>>): Readonly<Record<ColumnRole, readonly string[]>> {
  // Every role is a key: they are what is mapped over.
  return Object.fromEntries(
    COLUMN_ROLES.map((role) => [role, lists[role]?.split(',').map((name) => name.trim()) ?? []]),
  ) as unknown as Record<ColumnRole, readonly string[]>
}
