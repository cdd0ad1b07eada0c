import { expectedCoincidences } from './coincidences.js'
import { countDays } from './gates.js'
import type { Profiles } from './profiles.js'
import type { Pass } from './rules.js'
import type { Sides } from './sides.js'
import { type Evidence, TextEvidence } from './text-evidence.js'
import { MILLIBITS } from './tokens.js'

export const COMPARED = ['amount', 'date', 'words', 'numbers'] as const
export type Compared = (typeof COMPARED)[number]

/** Upper ends of the levels of different amounts, in hundredths of a per cent of the larger one; each below and above. */
const AMOUNT_BPS = [10, 50, 100, 200, 350, 500, 750, 1_000, 1_500, 10_000] as const
/** Upper ends of the levels of equal amounts: how many records have such an amount by chance. */
const COINCIDENCES = [0.003, 0.03, 0.3, 3, Number.POSITIVE_INFINITY] as const
/** Upper ends of the levels of dates, in days; each before and after. */
const DAYS = [1, 2, 3, 4, 5, 7, 10, 15, 22, 31, 62, Number.POSITIVE_INFINITY] as const
/** Upper ends of the levels of what texts share, in bits. */
const SHARED_BITS = [0, 2, 4, 6, 8, 10, 12, 14, 17, 20, 25, 30, Number.POSITIVE_INFINITY] as const
/** How much of all that could agree is against it, in per cent. */
const AGAINST_PERCENT = [5, 35, 100] as const
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

/** Grades pairs of records. */
export class Comparison {
  readonly #sides: Sides
  readonly #evidence: TextEvidence
  /** By rank: level of two equal amounts, and the coincidences that it stands for. */
  readonly equalLevels: Uint8Array
  readonly coincidences: Float64Array
  readonly #has: Readonly<Record<Compared, boolean>>

  constructor(options: {
    readonly pass: Pass
    readonly sides: Sides
    readonly profiles: { readonly left: Profiles; readonly right: Profiles }
  }) {
    const { pass, sides, profiles } = options
    this.#sides = sides
    this.#evidence = new TextEvidence(sides.tokens)
    const compares = (field: Compared) => pass.score?.some((comparison) => comparison.field === field) ?? false
    this.#has = { amount: compares('amount'), date: compares('date'), words: compares('words'), numbers: compares('numbers') }
    this.coincidences = expectedCoincidences(sides, profiles)
    this.equalLevels = Uint8Array.from(this.coincidences, (expected) => levelIn(COINCIDENCES, expected))
  }

  pattern(left: number, right: number): Pattern {
    const { words, numbers } = this.#evidence
    if (this.#has.words || this.#has.numbers) this.#evidence.compare(left, right)
    const texts = (this.#has.words ? textLevel(words) << 16 : 0) | (this.#has.numbers ? textLevel(numbers) << 24 : 0)
    return this.#amountLevel(left, right) | (this.#dateLevel(left, right) << 8) | texts
  }

  #amountLevel(left: number, right: number): number {
    if (!this.#has.amount) return 0
    const { ranks } = this.#sides
    const one = ranks.left[left]!
    const other = ranks.right[right]!
    if (one === other) return this.equalLevels[one]!
    return COINCIDENCES.length + 2 * levelIn(AMOUNT_BPS, ranks.distanceBps(one, other)) + (other > one ? 1 : 0)
  }

  #dateLevel(left: number, right: number): number {
    if (!this.#has.date) return 0
    const one = this.#sides.left.day(left)
    const other = this.#sides.right.day(right)
    if (one === null || other === null) return MISSING.date
    return dateLevel(other - one)
  }
}

function textLevel({ shared, against, isGiven }: Evidence): number {
  if (!isGiven) return TEXT_LEVELS - 1
  const percent = shared + against === 0 ? 0 : (100 * against) / (shared + against)
  return levelIn(SHARED_BITS, shared / MILLIBITS) * AGAINST_PERCENT.length + levelIn(AGAINST_PERCENT, percent)
}

/** What a level says, for people. */
export function describeLevel(compared: Compared, level: number): string {
  switch (compared) {
    case 'amount': {
      if (level < COINCIDENCES.length) return `equal, ${['hardly ever', 'seldom', 'sometimes', 'often', 'mostly'][level]!} by chance`
      const index = (level - COINCIDENCES.length) >> 1
      return `${range(AMOUNT_BPS, index, (bps) => `${bps / 100}`)} % ${(level - COINCIDENCES.length) % 2 === 0 ? 'less' : 'more'} on the right`
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

/** Shares among matches before anything was seen: most amounts are equal, most dates near, most texts have something in common. */
export function expectedOfMatches(): Record<Compared, Float64Array> {
  const amount = Float64Array.from({ length: LEVEL_COUNTS.amount }, (_, level) => (level < COINCIDENCES.length ? 10 : 1))
  const date = Float64Array.from({ length: LEVEL_COUNTS.date }, (_, level) =>
    level === 0 ? 10 : level === MISSING.date ? 0 : 4 / ((level + 1) >> 1),
  )
  const text = Float64Array.from({ length: TEXT_LEVELS }, (_, level) => {
    const shared = Math.floor(level / AGAINST_PERCENT.length)
    return level === MISSING.words ? 0 : (shared === 0 ? 0.5 : Math.min(shared, 6)) * [4, 2, 1][level % AGAINST_PERCENT.length]!
  })
  return { amount: normalised(amount), date: normalised(date), words: normalised(text), numbers: normalised(text) }
}

/** Shares of text levels among other pairs before anything was seen: n bits are shared by chance in one pair of 2^n. */
export function expectedTextOfOthers(): Float64Array {
  return normalised(
    Float64Array.from({ length: TEXT_LEVELS }, (_, level) => {
      const shared = Math.floor(level / AGAINST_PERCENT.length)
      return level === MISSING.words ? 0 : 2 ** -(SHARED_BITS[shared - 1] ?? 0) * [1, 2, 4][level % AGAINST_PERCENT.length]!
    }),
  )
}

/** Shares of the levels of different amounts and of dates where anything within the gates is equally likely. */
export function evenShares(gates: {
  readonly bps: number
  readonly from: number
  readonly to: number
}): Pick<Record<Compared, Float64Array>, 'amount' | 'date'> {
  const amount = new Float64Array(LEVEL_COUNTS.amount)
  for (const [index, end] of AMOUNT_BPS.entries()) {
    const width = Math.max(0, Math.min(end, gates.bps) - (AMOUNT_BPS[index - 1] ?? 0))
    amount.fill(width, COINCIDENCES.length + 2 * index, COINCIDENCES.length + 2 * index + 2)
  }
  const date = new Float64Array(LEVEL_COUNTS.date)
  for (let apart = gates.from; apart <= gates.to; apart++) date[dateLevel(apart)]!++
  return { amount: normalised(amount), date: normalised(date) }
}

function dateLevel(apart: number): number {
  return apart === 0 ? 0 : 1 + 2 * levelIn(DAYS, Math.abs(apart)) + (apart > 0 ? 1 : 0)
}

function normalised(values: Float64Array): Float64Array {
  const sum = values.reduce((sum, value) => sum + value, 0) || 1
  return values.map((value) => value / sum)
}
