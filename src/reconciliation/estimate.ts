import { hashText, mixed } from './candidate-keys.js'
import type { CandidateFinder, FinderOptions } from './candidates.js'
import type { Comparison } from './comparison.js'
import { evenShares, expectedOfMatches, expectedTextOfOthers } from './expected-shares.js'
import { EQUAL_LEVELS, LEVEL_COUNTS, levelOf, MISSING } from './levels.js'
import { estimateModel, type Model, type PairSample, type Shares } from './model.js'
import type { Pass } from './rules.js'

/** Pairs that are compared to learn what levels are worth: a few tenths of a second. */
const SAMPLED_PAIRS = 600_000
/** Of pairs within the gates that have nothing in common every so many-th is looked at. */
const OTHERS_STEP = 32
/** In small files the pairs that are seen are nearly all matches: so many even ones are added to what others are expected to be. */
const EVEN_PAIRS = 10

/**
 * Learns what levels are worth from a sample of the records that are to be matched: drawn by the hash of their content, so it is the same
 * for every worker and any order of records. From the smaller side, of which a larger share can have partners; of equal ones from the side
 * with the smaller hash, so it is the same when the sides are swapped.
 */
export function estimateFrom(
  options: Omit<FinderOptions, 'from'>,
  comparison: Comparison,
  finderFrom: (from: 'left' | 'right') => CandidateFinder,
): Model {
  const hashes = { left: contentHashes(options, 'left'), right: contentHashes(options, 'right') }
  const size = (side: 'left' | 'right') => hashes[side].records.length
  const total = (side: 'left' | 'right') => hashes[side].records.reduce((sum, { hash }) => (sum + hash) >>> 0, 0)
  const from = (size('left') - size('right') || total('left') - total('right')) <= 0 ? 'left' : 'right'
  const sample = samplePairs({
    finder: finderFrom(from),
    comparison,
    ranks: options.sides.ranks[from],
    from,
    hashes,
  })
  return estimateModel(sample, { matches: expectedOfMatches(), others: sharesOf(sample, options.pass) })
}

interface Hashes {
  /** First records of profiles in the order of their hashes. */
  readonly records: readonly { readonly position: number; readonly hash: number }[]
  readonly byPosition: Uint32Array
}

function contentHashes({ sides, profiles }: Omit<FinderOptions, 'from'>, side: 'left' | 'right'): Hashes {
  const table = sides[side]
  const byPosition = new Uint32Array(table.size)
  const records: { position: number; hash: number }[] = []
  for (let position = 0; position < table.size; position++) {
    if (profiles[side].first[position] !== position || sides.ranks[side][position]! < 0) continue
    const texts = (['reference', 'counterparty', 'memo'] as const).map((field) => table.text(field, position))
    const hash = hashText([table.amount(position), table.currency(position), table.day(position), ...texts].join('\n'))
    byPosition[position] = hash
    records.push({ position, hash })
  }
  records.sort((one, other) => one.hash - other.hash)
  return { records, byPosition }
}

interface Sampling {
  readonly finder: CandidateFinder
  readonly comparison: Comparison
  readonly ranks: Int32Array
  readonly from: 'left' | 'right'
  readonly hashes: Readonly<Record<'left' | 'right', Hashes>>
}

interface Sample extends PairSample {
  /** By level of equal amounts: how many pairs have it by chance. */
  readonly coincidences: Float64Array
}

function samplePairs({ finder, comparison, ranks, from, hashes }: Sampling): Sample {
  const sample = { starts: [0], patterns: [] as number[], weights: [] as number[], coincidences: new Float64Array(EQUAL_LEVELS) }
  const others = hashes[from === 'left' ? 'right' : 'left'].byPosition
  let compared = 0
  for (const { position, hash } of hashes[from].records) {
    // Pairs of a record that have the same levels are one with their weights together.
    const weights = new Map<number, number>()
    const add = (other: number, weight: number) => {
      const pattern = from === 'left' ? comparison.pattern(position, other) : comparison.pattern(other, position)
      weights.set(pattern, (weights.get(pattern) ?? 0) + weight)
      compared++
    }
    const candidates = finder.find(position)
    for (let index = 0; index < candidates; index++) add(finder.found[index]!, 1)
    const rest = finder.findRest(position)
    for (let index = 0; index < rest; index++) {
      const other = finder.found[index]!
      if (mixed(hash ^ others[other]!) % OTHERS_STEP === 0) add(other, OTHERS_STEP)
    }
    // Of those with the same amount by chance only so many are within the dates.
    const inTime = (candidates + rest) / Math.max(1, finder.bandSize(position))
    const rank = ranks[position]!
    sample.coincidences[comparison.equalLevels[rank]!]! += comparison.coincidences[rank]! * inTime
    for (const pattern of [...weights.keys()].sort((one, other) => one - other)) {
      sample.patterns.push(pattern)
      sample.weights.push(weights.get(pattern)!)
    }
    sample.starts.push(sample.patterns.length)
    if (compared >= SAMPLED_PAIRS) break
  }
  return sample
}

/**
 * Nearly all pairs are no matches, so their levels are what others have; equal amounts, which most matches have, and what texts share by
 * chance are known otherwise.
 */
function sharesOf({ patterns, weights, coincidences }: Sample, pass: Pass): Shares {
  const even = evenShares(widthOf(pass))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const seen = (compared: 'amount' | 'date') => {
    const counts = new Float64Array(LEVEL_COUNTS[compared])
    for (const [index, pattern] of patterns.entries()) counts[levelOf(pattern, compared)]! += weights[index]!
    if (compared === 'amount') counts.set(coincidences)
    const missing = counts[MISSING[compared]] ?? 0
    const share = (count: number, level: number) =>
      (count + EVEN_PAIRS * even[compared][level]! + 1 / counts.length) / (total - missing + EVEN_PAIRS + 1)
    return counts.map((count, level) => (level === MISSING[compared] ? 0 : share(count, level)))
  }
  return { amount: seen('amount'), date: seen('date'), words: expectedTextOfOthers(), numbers: expectedTextOfOthers() }
}

/** What the gates let pass. */
function widthOf(pass: Pass): { readonly bps: number; readonly from: number; readonly to: number } {
  let width = { bps: 0, from: 0, to: 0 }
  for (const gate of pass.gates)
    width = gate.field === 'amount' ? { ...width, bps: Math.max(gate.less.bps, gate.more.bps) } : { ...width, from: gate.from, to: gate.to }
  return width
}
