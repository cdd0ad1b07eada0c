import { countDays } from './gates.js'
import type { Evidence } from './text-evidence.js'
import { MILLIBITS } from './tokens.js'

export const COMPARED = ['amount', 'date', 'words', 'numbers'] as const
export type Compared = (typeof COMPARED)[number]

/** Upper ends of the levels of different amounts, in hundredths of a per cent of the larger one; each below and above. */
export const AMOUNT_BPS = [10, 50, 100, 200, 350, 500, 750, 1_000, 1_500, 10_000] as const
/** Upper ends of the levels of equal amounts: how many records have such an amount by chance. */
const COINCIDENCES = [0.003, 0.03, 0.3, 3, Number.POSITIVE_INFINITY] as const
/** Upper ends of the levels of dates, in days; each before and after. */
const DAYS = [1, 2, 3, 4, 5, 7, 10, 15, 22, 31, 62, Number.POSITIVE_INFINITY] as const
/** Upper ends of the levels of what texts share, in bits. */
export const SHARED_BITS = [0, 2, 4, 6, 8, 10, 12, 14, 17, 20, 25, 30, Number.POSITIVE_INFINITY] as const
/** How much of all that could agree is against it, in per cent. */
export const AGAINST_PERCENT = [5, 35, 100] as const
const TEXT_LEVELS = 1 + SHARED_BITS.length * AGAINST_PERCENT.length

/** The first levels of amounts are those of equal ones. */
export const EQUAL_LEVELS = COINCIDENCES.length

export const LEVEL_COUNTS = {
  amount: COINCIDENCES.length + 2 * AMOUNT_BPS.length,
  date: 2 + 2 * DAYS.length,
  words: TEXT_LEVELS,
  numbers: TEXT_LEVELS,
} as const satisfies Record<Compared, number>

/** Where a side has no date, no word, no number: says nothing either way. */
export const MISSING = {
  amount: -1,
  date: LEVEL_COUNTS.date - 1,
  words: TEXT_LEVELS - 1,
  numbers: TEXT_LEVELS - 1,
} as const satisfies Record<Compared, number>

/** Levels in rows: the further right, the more is shared, so the less it can speak against a match. */
export const RISING_LEVELS: readonly (readonly number[])[] = AGAINST_PERCENT.map((_, against) =>
  SHARED_BITS.map((_, shared) => shared * AGAINST_PERCENT.length + against),
)

/** The levels of a pair in one number, a byte each in the order of {@link COMPARED} from the lowest. */
export type Pattern = number

export function levelOf(pattern: Pattern, compared: Compared): number {
  return (pattern >> (8 * COMPARED.indexOf(compared))) & 0xff
}

/** Of two equal amounts, of which so many are to be expected by chance. */
export function equalAmountLevel(coincidences: number): number {
  return levelIn(COINCIDENCES, coincidences)
}

/** Of two different amounts, by their distance in hundredths of a per cent of the larger one. */
export function amountLevel(bps: number, isRightMore: boolean): number {
  return EQUAL_LEVELS + 2 * levelIn(AMOUNT_BPS, bps) + (isRightMore ? 1 : 0)
}

/** `apart`: right − left in days. */
export function dateLevel(apart: number): number {
  return apart === 0 ? 0 : 1 + 2 * levelIn(DAYS, Math.abs(apart)) + (apart > 0 ? 1 : 0)
}

export function textLevel({ shared, against, isGiven }: Evidence): number {
  if (!isGiven) return MISSING.words
  const percent = shared + against === 0 ? 0 : (100 * against) / (shared + against)
  return levelIn(SHARED_BITS, shared / MILLIBITS) * AGAINST_PERCENT.length + levelIn(AGAINST_PERCENT, percent)
}

/** What a level says, for people. */
export function describeLevel(compared: Compared, level: number): string {
  switch (compared) {
    case 'amount': {
      if (level < EQUAL_LEVELS) return `equal, ${['hardly ever', 'seldom', 'sometimes', 'often', 'mostly'][level]!} by chance`
      const index = (level - EQUAL_LEVELS) >> 1
      return `${range(AMOUNT_BPS, index, (bps) => `${bps / 100}`)} % ${(level - EQUAL_LEVELS) % 2 === 0 ? 'less' : 'more'} on the right`
    }
    case 'date': {
      if (level === MISSING.date) return 'a date is missing'
      if (level === 0) return 'same day'
      const index = (level - 1) >> 1
      const from = (DAYS[index - 1] ?? 0) + 1
      const days =
        DAYS[index] === from
          ? countDays(from)
          : DAYS[index] === Number.POSITIVE_INFINITY
            ? `${from} days or more`
            : `${from} to ${DAYS[index]} days`
      return `${days} ${(level - 1) % 2 === 0 ? 'earlier' : 'later'} on the right`
    }
    case 'words':
    case 'numbers': {
      if (level === MISSING[compared]) return `a side has no ${compared}`
      const index = Math.floor(level / AGAINST_PERCENT.length)
      const shared = index === 0 ? 'nothing shared' : `${range(SHARED_BITS, index, String)} bits shared`
      return `${shared}, ${['nothing', 'some', 'much'][level % AGAINST_PERCENT.length]!} against`
    }
  }
}

function range(ends: readonly number[], index: number, format: (end: number) => string): string {
  const from = ends[index - 1] ?? 0
  return ends[index] === Number.POSITIVE_INFINITY ? `over ${format(from)}` : `${format(from)} to ${format(ends[index]!)}`
}

/** The first level whose end is not passed. */
function levelIn(ends: readonly number[], value: number): number {
  let level = 0
  while (value > ends[level]!) level++
  return level
}
