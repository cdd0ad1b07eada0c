import type { Random } from './random.js'

/** Somebody who pays us or whom we pay. */
export interface Partner {
  /** As the ledger writes it. */
  readonly name: string
  /** ISO 4217; all with two decimals. */
  readonly currency: string
  /** Pays our invoices; otherwise we pay theirs. */
  readonly isCustomer: boolean
  /** What the contract with them costs each month, in cents. */
  readonly monthlyMinor: number
  /** Writes the number of an invoice. */
  readonly invoice: (no: number) => string
}

/** Skewed as in life: a quarter of the partners makes about half of the payments. */
export function pickPartner(random: Random, partners: readonly Partner[]): Partner {
  return partners[Math.min(random.int(partners.length), random.int(partners.length))]!
}

export function makePartners(random: Random, count: number): Partner[] {
  return Array.from({ length: count }, () => {
    const isCustomer = random.chance(650)
    return {
      isCustomer,
      name: random.chance(250) ? `${random.pick(FIRST_NAMES)} ${random.pick(SURNAMES)}` : companyName(random),
      currency: random.weighted(CURRENCIES),
      monthlyMinor: random.between(900, 250_000),
      invoice: isCustomer ? (no) => `INV-2026-${digits(no, 6)}` : random.pick(FOREIGN_INVOICES),
    }
  })
}

function companyName(random: Random): string {
  const owner = random.pick(SURNAMES)
  const form = random.pick(FORMS)
  const name = random.weighted([
    [4, `${owner} ${random.pick(TRADES)}`],
    [3, `${random.pick(PLACES)} ${random.pick(TRADES)}`],
    [2, `${owner} & ${random.pick(SURNAMES)}`],
    [1, `${owner}, ${random.pick(SURNAMES)} & Partner`],
  ])
  return `${name} ${form}`
}

const CURRENCIES = [
  [90, 'EUR'],
  [5, 'USD'],
  [3, 'GBP'],
  [2, 'CHF'],
] as const

const FOREIGN_INVOICES: readonly ((no: number) => string)[] = [
  (no) => `RE${digits(no, 7)}`,
  (no) => `2026/${digits(no, 5)}`,
  (no) => `R-${digits(no, 6)}-26`,
  (no) => `F26${digits(no, 6)}`,
  (no) => `${40_000_000 + no}`,
]

const FIRST_NAMES = words(
  'Anna Jonas Mara Pieter Sofia Luca Ines Matteo Claire Henrik Zofia Emil Nora Tomás Greta Youssef Hanna Ravi Lena Oskar',
)
const SURNAMES = words(
  'Müller Brandt Hartmann Weiß Søndergaard de_Vries Janssen Kowalski Novák Fischer Lindqvist Moreau Lefèvre Rossi Bianchi García Fernández Schröder Krüger Vogel Seidel Baumann Köhler Winter O’Brien Murphy Walsh Taylor Bennett Fraser Haas Jung Ziegler Albrecht Pohl Arnold Becker Dietrich Ebert Franke',
)
const PLACES = words('Nord Elbe Rhein Alster Isar Baltic Atlantic Alpen Maas Schelde Donau Ostsee Adria Tyne Shannon Loire')
const TRADES = words(
  'Logistik Maschinenbau Consulting Software Elektro Druck Energie Immobilien Bau Catering Medizintechnik Textil Papier Werkzeuge Agrar Metall Sanitär Optik Reisen Möbel Transport Verlag Analytics Packaging',
)
const FORMS = words('GmbH GmbH AG KG B.V. Ltd S.A. S.r.l. OHG SE')

function words(list: string): string[] {
  return list.split(' ').map((word) => word.replace('_', ' '))
}

function digits(no: number, width: number): string {
  return String(no).padStart(width, '0')
}
