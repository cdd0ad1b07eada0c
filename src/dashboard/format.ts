// Figures as people read them, in the browser's language. Money comes as decimal text and is never turned into a number.

import type { JobView } from '../protocol/views.js'

const integers = new Intl.NumberFormat()
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })
const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const percents = new Intl.NumberFormat(undefined, { style: 'percent' })
const confidences = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1, roundingMode: 'floor' })
const tenths = new Intl.NumberFormat(undefined, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 })
const currencyDigits = new Map<string, number>()

/** `XXX` means that the file named no currency. */
const NO_CURRENCY = 'XXX'
const MINUS = '\u2212'

export function formatCount(value: number): string {
  return integers.format(value)
}

/** "1 break", "87 breaks". */
export function formatCounted(value: number, noun: string): string {
  return `${integers.format(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** A change of a count, with its sign. */
export function formatChange(value: number): string {
  return value > 0 ? `+${integers.format(value)}` : integers.format(value).replace('-', MINUS)
}

/** Decimal text with the locale's separators and at least the currency's decimals; more decimals than it has are all shown. */
export function formatAmount(value: string, currency: string | null): string {
  const own = value.includes('.') ? value.length - value.indexOf('.') - 1 : 0
  const digits = Math.max(own, decimalsOf(currency))
  const formatter = new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })
  // The text itself is formatted, digit by digit (Intl.NumberFormat v3); TypeScript knows decimal text as this template type.
  return formatter.format(value as `${number}`).replace('-', MINUS)
}

/** With the sign written out, for differences. */
export function formatDifference(value: string, currency: string | null): string {
  const text = formatAmount(value, currency)
  return text.startsWith(MINUS) || /^[0.,\s]*$/.test(text) ? text : `+${text}`
}

export function currencyName(currency: string | null): string {
  return currencyCode(currency) ?? 'no currency'
}

/** The code to put behind an amount; null when the file named none. */
export function currencyCode(currency: string | null): string | null {
  return currency === NO_CURRENCY ? null : currency
}

/** A civil date, as written in the file. */
export function formatDate(date: string): string {
  return dates.format(new Date(`${date}T00:00:00Z`))
}

export function formatTime(at: string): string {
  return times.format(new Date(at))
}

export function formatClock(at: string): string {
  return clock.format(new Date(at))
}

/** "42 s", "3 min 5 s". */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** How long the job has run, or null when it has not begun or not ended. */
export function durationOf({ startedAt, endedAt }: Pick<JobView, 'startedAt' | 'endedAt'>): string | null {
  return startedAt === null || endedAt === null ? null : formatDuration(Date.parse(endedAt) - Date.parse(startedAt))
}

/** A job's progress, a whole number of per cent: 100 is said of what has ended only, and 0 of what has not begun. */
export function formatProgress({ percent, processed }: Pick<JobView, 'percent' | 'processed'>): string {
  return percent === 0 && processed > 0 ? `<${percents.format(0.01)}` : percents.format(percent / 100)
}

/** `part` of `whole` in per cent, rounded down; near both ends with a decimal, so that 100 % means all and 0 % nothing. */
export function formatShare(part: number, whole: number): string {
  if (part === 0 || whole === 0) return percents.format(0)
  const thousandths = Math.floor((part * 1_000) / whole)
  if (thousandths === 0) return `<${tenths.format(0.001)}`
  const isNearEnd = thousandths < 10 || (thousandths >= 990 && part < whole)
  return isNearEnd ? tenths.format(thousandths / 1_000) : percents.format(Math.floor(thousandths / 10) / 100)
}

/** Confidence "0.98321" as "98.3%"; rounded down, so that 100% is certain, and 0% impossible. */
export function formatConfidence(confidence: string): string {
  if (/^0\.000\d*[1-9]/.test(confidence)) return `<${tenths.format(0.001)}`
  return confidences.format(confidence as `${number}`)
}

/** The engine's figures, with a true minus: "-31 to 31 days". */
export function formatSigns(text: string): string {
  return text.replaceAll(/(^|\s)-(?=\d)/g, `$1${MINUS}`)
}

/** An error's message, "no such match", as the sentence "No such match." */
export function formatMessage(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1)
  return /[.!?…]$/.test(text) ? text : `${text}.`
}

/** A line of the engine, "amounts 223.4 apart, 2 days apart", as a sentence, its amounts as amounts of the currency. */
export function formatLine(text: string, currency: string | null): string {
  return formatMessage(formatReason(text, currency))
}

/** The same inside a sentence or a row. */
export function formatReason(text: string, currency: string | null): string {
  const amounts = text.replaceAll(/(?<=\bamounts )\d+(?:\.\d+)?(?= apart)/g, (amount) => formatAmount(amount, currency))
  return formatSigns(amounts)
}

/** "amount-differs" as "Amount differs". */
export function sentence(code: string): string {
  const text = code.replaceAll(/[-_.]/g, ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function decimalsOf(currency: string | null): number {
  if (currency === null || currency === NO_CURRENCY) return 2
  const known = currencyDigits.get(currency)
  if (known !== undefined) return known
  let digits = 2
  try {
    digits = new Intl.NumberFormat(undefined, { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
  } catch {
    // Three letters that Intl does not take for a currency: shown with two decimals.
  }
  currencyDigits.set(currency, digits)
  return digits
}
