// Figures as people read them, in the browser's language. Money comes as decimal text and is never turned into a number.

const integers = new Intl.NumberFormat()
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })
const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const currencyDigits = new Map<string, number>()

/** `XXX` means that the file named no currency. */
const NO_CURRENCY = 'XXX'
const MINUS = '\u2212'

export function formatCount(value: number): string {
  return integers.format(value)
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
  return currency === null || currency === NO_CURRENCY ? 'no currency' : currency
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

/** "3 minutes ago". */
export function formatAgo(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1_000)
  if (seconds > -60) return 'just now'
  if (seconds > -3_600) return ago.format(Math.round(seconds / 60), 'minute')
  if (seconds > -86_400) return ago.format(Math.round(seconds / 3_600), 'hour')
  return ago.format(Math.round(seconds / 86_400), 'day')
}

/** "42 s", "3 min 5 s". */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Confidence "0.98321" as "98.3 %"; rounded down, so that 100 % is certain. */
export function formatConfidence(confidence: string): string {
  const digits = /^(\d)(?:\.(\d*))?$/.exec(confidence)
  if (digits === null) return confidence
  const perMille = Number(`${digits[1]}${(digits[2] ?? '').padEnd(3, '0').slice(0, 3)}`)
  return perMille % 10 === 0 ? `${perMille / 10} %` : `${Math.floor(perMille / 10)}.${perMille % 10} %`
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
