import {
  AGAINST_PERCENT,
  AMOUNT_BPS,
  amountLevel,
  type Compared,
  dateLevel,
  EQUAL_LEVELS,
  LEVEL_COUNTS,
  MISSING,
  SHARED_BITS,
} from './levels.js'

/** Shares among matches before anything was seen: most amounts are equal, most dates near, most texts have something in common. */
export function expectedOfMatches(): Record<Compared, Float64Array> {
  const amount = Float64Array.from({ length: LEVEL_COUNTS.amount }, (_, level) => (level < EQUAL_LEVELS ? 10 : 1))
  const date = Float64Array.from({ length: LEVEL_COUNTS.date }, (_, level) =>
    level === 0 ? 10 : level === MISSING.date ? 0 : 4 / ((level + 1) >> 1),
  )
  const text = Float64Array.from({ length: LEVEL_COUNTS.words }, (_, level) => {
    const shared = Math.floor(level / AGAINST_PERCENT.length)
    return level === MISSING.words ? 0 : (shared === 0 ? 0.5 : Math.min(shared, 6)) * [4, 2, 1][level % AGAINST_PERCENT.length]!
  })
  return { amount: normalised(amount), date: normalised(date), words: normalised(text), numbers: normalised(text) }
}

/** Shares of text levels among other pairs before anything was seen: n bits are shared by chance in one pair of 2^n. */
export function expectedTextOfOthers(): Float64Array {
  return normalised(
    Float64Array.from({ length: LEVEL_COUNTS.words }, (_, level) => {
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
    for (const isRightMore of [false, true]) amount[amountLevel(end, isRightMore)] = width
  }
  const date = new Float64Array(LEVEL_COUNTS.date)
  for (let apart = gates.from; apart <= gates.to; apart++) date[dateLevel(apart)]!++
  return { amount: normalised(amount), date: normalised(date) }
}

function normalised(values: Float64Array): Float64Array {
  const sum = values.reduce((sum, value) => sum + value, 0) || 1
  return values.map((value) => value / sum)
}
