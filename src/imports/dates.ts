/** Reads a cell as a civil day `YYYY-MM-DD`, or null. */
export type DateReader = (text: string) => string | null

export type FoundDateFormat =
  | { readonly kind: 'found'; readonly format: string }
  | { readonly kind: 'ambiguous'; readonly readings: readonly { readonly value: string; readonly example: string }[] }
  | { readonly kind: 'none' }

const MIN_YEAR = 1900
const MAX_YEAR = 2199
/** Two-digit years from here on are 19xx. */
const PIVOT = 70
/** 1900 was no leap year but Excel says so; from serial 61 (1 March 1900) on the count from this day is right. */
const EXCEL_DAY_0 = Date.UTC(1899, 11, 30)
const MIN_EXCEL_SERIAL = 61
const DAY_MS = 86_400_000

/** One odd cell (31.04.) against this many that say otherwise is a mistake in the cell. */
const REFUTED_BY = 20

const MONTHS = [
  ['jan', 'january', 'januar', 'jän', 'jänner', 'janv'],
  ['feb', 'february', 'februar', 'fév'],
  ['mar', 'march', 'mär', 'märz', 'mrz', 'mars'],
  ['apr', 'april', 'avr'],
  ['may', 'mai'],
  ['jun', 'june', 'juni', 'juin'],
  ['jul', 'july', 'juli', 'juil'],
  ['aug', 'august', 'août'],
  ['sep', 'sept', 'september'],
  ['oct', 'october', 'okt', 'oktober'],
  ['nov', 'november'],
  ['dec', 'december', 'dez', 'dezember', 'déc'],
]
const MONTH_NUMBERS = new Map(MONTHS.flatMap((names, index) => names.map((name) => [name, index + 1] as const)))

// With points the day is first wherever they are used, so `MM.dd` is no candidate: it can be stated.
const DAYS = [
  'yyyy-MM-dd',
  'yyyy/MM/dd',
  'yyyy.MM.dd',
  'yyyyMMdd',
  'dd.MM.yyyy',
  'dd.MM.yy',
  ...['/', '-'].flatMap((mark) => ['yyyy', 'yy'].flatMap((year) => [`dd${mark}MM${mark}${year}`, `MM${mark}dd${mark}${year}`])),
  ...[' ', '-', '/'].flatMap((mark) => [`dd${mark}MMM${mark}yyyy`, `dd${mark}MMM${mark}yy`]),
  'dd. MMM yyyy',
  'MMM dd, yyyy',
  'MMM dd yyyy',
]
const CANDIDATES = ['iso', ...DAYS.flatMap((day) => [day, `${day} HH:mm`, `${day} HH:mm:ss`])]

const TOKENS: Readonly<Record<string, string>> = {
  yyyy: '(?<year>\\d{4})',
  yy: '(?<shortYear>\\d{2})',
  MMM: '(?<monthName>\\p{L}{3,9})\\.?',
  MM: '(?<month>\\d{1,2})',
  M: '(?<month>\\d{1,2})',
  dd: '(?<day>\\d{1,2})',
  d: '(?<day>\\d{1,2})',
  HH: '\\d{1,2}',
  mm: '\\d{2}',
  ss: '\\d{2}(?:[.,]\\d{1,9})?',
}

const ISO = /^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)? ?(?:Z|[+-]\d{2}:?\d{2})?)?$/

/**
 * A reader for a format of the tokens `yyyy yy MMM MM M dd d HH mm ss`, for `iso` or for `excel` (serial numbers, 1900 system); null when
 * the format has another letter or names no whole day. `dd` and `MM` take one digit too, unless digits follow at once. The day is the one
 * that is written: no zone moves it.
 */
export function dateReader(format: string): DateReader | null {
  if (format === 'iso') return (text) => dayOf(ISO.exec(text.trim())?.groups)
  if (format === 'excel') return readExcelSerial
  const pattern = patternOf(format)
  return pattern === null ? null : (text) => dayOf(pattern.exec(text.trim())?.groups)
}

/**
 * The format in which at least `minShare` of these cells are dates: a totals row or a bad day does not change what the others are.
 * `mayBeSerial`: numbers of five digits may be meant as days.
 */
export function findDateFormat(
  cells: readonly string[],
  { minShare, mayBeSerial }: { readonly minShare: number; readonly mayBeSerial: boolean },
): FoundDateFormat {
  if (cells.length === 0) return { kind: 'none' }
  const readings = (mayBeSerial ? [...READERS, EXCEL] : READERS)
    .map(({ format, read }) => ({ format, days: cells.map(read) }))
    .map((reading) => ({ ...reading, count: reading.days.filter((day) => day !== null).length }))
    .filter((reading) => reading.count > 0)
    .sort((one, other) => other.count - one.count)
  const best = readings[0]
  if (best === undefined || best.count < cells.length * minShare) return { kind: 'none' }
  const rival = readings.slice(1).find((other) => isRival(best.days, other.days))
  if (rival === undefined) return { kind: 'found', format: best.format }
  const at = cells.findIndex((_, no) => best.days[no] !== null && rival.days[no] !== null && best.days[no] !== rival.days[no])
  return {
    kind: 'ambiguous',
    readings: [best, rival].map(({ format, days }) => ({ value: format, example: `${cells[at]} is ${days[at]}` })),
  }
}

const READERS = CANDIDATES.map((format) => ({ format, read: dateReader(format)! }))
const EXCEL = { format: 'excel', read: readExcelSerial }

/** The other format says something else, and no cell refutes it. */
function isRival(best: readonly (string | null)[], other: readonly (string | null)[]): boolean {
  let differ = 0
  let onlyBest = 0
  let onlyOther = 0
  best.forEach((day, at) => {
    const otherDay = other[at] ?? null
    if (day !== null && otherDay !== null) differ += day === otherDay ? 0 : 1
    else if (day !== null) onlyBest++
    else if (otherDay !== null) onlyOther++
  })
  const isRefuted = onlyBest > 0 && onlyOther * REFUTED_BY <= onlyBest
  return !isRefuted && differ > 0
}

function patternOf(format: string): RegExp | null {
  const parts = format.match(/yyyy|yy|MMM|MM|M|dd|d|HH|mm|ss|[^A-Za-z]|[A-Za-z]/g) ?? []
  const sources: string[] = []
  for (const [no, part] of parts.entries()) {
    const token = TOKENS[part]
    if (token === undefined && /[A-Za-z]/.test(part)) return null
    const touches = TOKENS[parts[no + 1] ?? ''] !== undefined || TOKENS[parts[no - 1] ?? ''] !== undefined
    if (token !== undefined) sources.push(touches ? token.replace('{1,2}', `{${part.length === 1 ? 1 : 2}}`) : token)
    else sources.push(part === ' ' ? '\\s+' : part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
  }
  const has = (group: string) => sources.filter((source) => source.includes(`<${group}>`)).length
  if (has('day') !== 1 || has('month') + has('monthName') !== 1 || has('year') + has('shortYear') !== 1) return null
  return new RegExp(`^${sources.join('')}$`, 'u')
}

function dayOf(groups: Readonly<Record<string, string | undefined>> | undefined): string | null {
  if (groups === undefined) return null
  const { year, shortYear, month, monthName, day } = groups
  const twoDigits = Number(shortYear)
  const fullYear = year === undefined ? (twoDigits >= PIVOT ? 1900 : 2000) + twoDigits : Number(year)
  const monthNumber = month === undefined ? (MONTH_NUMBERS.get(monthName?.toLowerCase() ?? '') ?? 0) : Number(month)
  return civilDay(fullYear, monthNumber, Number(day))
}

function readExcelSerial(text: string): string | null {
  const serial = /^(\d{2,6})(?:[.,]\d+)?$/.exec(text.trim())?.[1]
  if (serial === undefined || Number(serial) < MIN_EXCEL_SERIAL) return null
  const date = new Date(EXCEL_DAY_0 + Number(serial) * DAY_MS)
  return civilDay(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())
}

/** Null for a day that no calendar has (31.02.) and for years that are mistakes. */
function civilDay(year: number, month: number, day: number): string | null {
  if (year < MIN_YEAR || year > MAX_YEAR) return null
  const date = new Date(Date.UTC(year, month - 1, day))
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null
  return date.toISOString().slice(0, 10)
}
