import { COMPARED, type Compared, EQUAL_LEVELS, LEVEL_COUNTS, levelOf, MISSING, type Pattern, RISING_LEVELS } from './levels.js'

/** Weights are whole millionths of a bit, so that they are equal on every machine and no order of adding changes a sum. */
export const MICROBITS = 1_000_000
/** No single comparison may say more than this: what was never seen is not impossible. */
const MAX_BITS = 40

/** What each level says for or against a match: log2(m/u), and what is known before any comparison. Microbits. */
export interface Model {
  readonly prior: number
  readonly weights: Readonly<Record<Compared, Int32Array>>
}

export function weightOf(model: Model, pattern: Pattern): number {
  let weight = model.prior
  for (const compared of COMPARED) weight += model.weights[compared][levelOf(pattern, compared)]!
  return weight
}

/** The pairs of a sample of records; `weights` says how many pairs of the files a pair of the sample stands for. */
export interface PairSample {
  /** Per record where its pairs begin, one more than there are records. */
  readonly starts: readonly number[]
  readonly patterns: readonly Pattern[]
  readonly weights: readonly number[]
}

/** Shares that the levels are expected to have before anything was seen. */
export type Shares = Readonly<Record<Compared, Float64Array>>

const MAX_ROUNDS = 100
/** The share of records with a partner changes less than this from round to round: learned. */
const SETTLED = 1e-5
/** Pairs that the expectation counts for: of matches; of others, as a share of all pairs that were seen. */
const EXPECTED_MATCHES = 20
const EXPECTED_OTHERS = 0.02

/**
 * Fellegi–Sunter weights by expectation maximisation. A record of the sample has at most one partner, so the expectation divides each
 * record's certainty among its pairs; that keeps the many pairs of one customer's payments from passing for matches.
 * @param expected shares among matches and among other pairs to begin with, worth a few pairs each.
 */
export function estimateModel(sample: PairSample, expected: { readonly matches: Shares; readonly others: Shares }): Model {
  const records = sample.starts.length - 1
  const pairs = sample.weights.reduce((sum, weight) => sum + weight, 0)
  const perRecord = Math.max(1, pairs / Math.max(1, records))
  let { matches, others } = expected
  /** Share of records that have a partner. */
  let matched = 0.5
  for (let round = 0, change = 1; round < MAX_ROUNDS && change > SETTLED; round++) {
    const found = expectation(sample, ratios(matches, others), matched / (1 - matched) / perRecord)
    matches = shares(found.matches, expected.matches, EXPECTED_MATCHES)
    others = shares(found.others, expected.others, Math.max(EXPECTED_MATCHES, EXPECTED_OTHERS * pairs))
    // Known beforehand: seen pairs of equal amounts are matches or not, so they cannot tell how many are chance.
    others.amount.set(expected.others.amount.subarray(0, EQUAL_LEVELS))
    // One more of either kind than was seen: neither is impossible.
    const before = matched
    matched = (found.total + 1) / (records + 2)
    change = Math.abs(matched - before)
  }
  const ratio = ratios(matches, others)
  const bits = (value: number) => Math.round(MICROBITS * Math.min(MAX_BITS, Math.max(-MAX_BITS, Math.log2(value))))
  return { prior: bits(matched / (1 - matched) / perRecord), weights: byField((compared) => Int32Array.from(ratio[compared], bits)) }
}

/** How many matches and how many other pairs have each level, by the odds of each pair. */
function expectation(sample: PairSample, ratio: Shares, priorOdds: number) {
  const matches = zeros()
  const others = zeros()
  let total = 0
  const odds = new Float64Array(sample.starts.reduce((most, start, index) => Math.max(most, start - (sample.starts[index - 1] ?? 0)), 0))
  for (let record = 0; record < sample.starts.length - 1; record++) {
    const start = sample.starts[record]!
    const end = sample.starts[record + 1]!
    // The 1: that it has no partner.
    let sum = 1
    for (let pair = start; pair < end; pair++) {
      const pattern = sample.patterns[pair]!
      const texts = ratio.words[(pattern >> 16) & 0xff]! * ratio.numbers[pattern >>> 24]!
      const own = priorOdds * ratio.amount[pattern & 0xff]! * ratio.date[(pattern >> 8) & 0xff]! * texts
      odds[pair - start] = own
      sum += own * sample.weights[pair]!
    }
    for (let pair = start; pair < end; pair++) {
      const pattern = sample.patterns[pair]!
      const weight = sample.weights[pair]!
      const isMatch = (weight * odds[pair - start]!) / sum
      const isOther = weight - isMatch
      total += isMatch
      matches.amount[pattern & 0xff]! += isMatch
      matches.date[(pattern >> 8) & 0xff]! += isMatch
      matches.words[(pattern >> 16) & 0xff]! += isMatch
      matches.numbers[pattern >>> 24]! += isMatch
      others.amount[pattern & 0xff]! += isOther
      others.date[(pattern >> 8) & 0xff]! += isOther
      others.words[(pattern >> 16) & 0xff]! += isOther
      others.numbers[pattern >>> 24]! += isOther
    }
  }
  return { matches, others, total }
}

function shares(found: Shares, expected: Shares, worth: number): Shares {
  const result = zeros()
  for (const compared of COMPARED) {
    const sum = found[compared].reduce((sum, count, level) => (level === MISSING[compared] ? sum : sum + count), 0)
    for (const [level, count] of found[compared].entries())
      result[compared][level] = level === MISSING[compared] ? 0 : (count + worth * expected[compared][level]!) / (sum + worth)
  }
  return result
}

function ratios(matches: Shares, others: Shares): Shares {
  const ratio = zeros()
  for (const compared of COMPARED)
    for (let level = 0; level < LEVEL_COUNTS[compared]; level++)
      ratio[compared][level] = level === MISSING[compared] ? 1 : matches[compared][level]! / others[compared][level]!
  for (const compared of ['words', 'numbers'] as const)
    for (const row of RISING_LEVELS) raise(row, matches[compared], others[compared], ratio[compared])
  return ratio
}

/** Makes the ratios of a row rise: neighbours that do not are seen as one level (pool adjacent violators). */
function raise(row: readonly number[], matches: Float64Array, others: Float64Array, ratio: Float64Array): void {
  const pools: { match: number; other: number; levels: number[] }[] = []
  for (const level of row) {
    pools.push({ match: matches[level]!, other: others[level]!, levels: [level] })
    for (
      let last = pools.at(-1)!, before = pools.at(-2);
      before && before.match * last.other > last.match * before.other;
      before = pools.at(-2)
    ) {
      pools.pop()
      before.match += last.match
      before.other += last.other
      before.levels.push(...last.levels)
      last = before
    }
  }
  for (const { match, other, levels } of pools) for (const level of levels) ratio[level] = match / other
}

function zeros(): Record<Compared, Float64Array> {
  return byField((compared) => new Float64Array(LEVEL_COUNTS[compared]))
}

/** The same for each field. */
export function byField<T>(make: (compared: Compared) => T): Record<Compared, T> {
  return { amount: make('amount'), date: make('date'), words: make('words'), numbers: make('numbers') }
}
