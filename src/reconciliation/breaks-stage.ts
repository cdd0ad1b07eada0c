import { subtract } from '../money.js'
import type { BreakReason } from '../protocol/views.js'
import { foldText } from './fold.js'
import { countDays, Gates } from './gates.js'
import { codeOf, NearRecords } from './near-records.js'
import type { RuleSetDefinition } from './rules.js'
import { sharedWords } from './shared-words.js'
import type { Residual, Sides } from './sides.js'
import type { BreakDraft, ChunkResult } from './stage.js'
import { TextEvidence } from './text-evidence.js'
import { MILLIBITS } from './tokens.js'

/** Millibits that make two texts alike; less is chance. */
const ALIKE = 8 * MILLIBITS
/** More text in common makes nobody nearer. */
const MOST_TEXT = 24 * MILLIBITS
/** How much nearer a record is by what it has in common, in millibits like the text. A judgement, not a probability. */
const NEARER = { code: 20_000, amount: 16_000, tolerance: 8_000, window: 4_000, currency: 4_000, open: 2_000 }
/** What a day apart costs, and all days together at most. */
const DAY_COST = 125
const MOST_DAYS_COST = 8_000
const MAX_WORDS = 3

type Side = BreakDraft['side']

/** How a record of the other side compares. */
interface Miss {
  readonly record: number
  readonly hasCode: boolean
  readonly hasAmount: boolean
  readonly hasCurrency: boolean
  /** Whether any pass would have let the amounts, the dates pass. */
  readonly isTolerated: boolean
  readonly isInWindow: boolean
  readonly isOpen: boolean
  readonly isBarred: boolean
  /** More than an amount that somebody else's record happens to have. */
  readonly isRelated: boolean
  readonly daysApart: number | null
  readonly closeness: number
}

/** What no pass explained, with the reason and the record that came closest. */
export class BreaksStage {
  readonly #sides: Sides
  readonly #residual: Residual
  readonly #chunks: number
  /** Of the passes that limit the amount; the date. */
  readonly #amountGates: readonly Gates[]
  readonly #dateGates: readonly Gates[]
  readonly #evidence: TextEvidence
  readonly #near: Readonly<Record<Side, NearRecords>>
  /** Own records with the same amount and texts that have a partner: what a duplicate is recognised by. */
  readonly #matchedTwins: Readonly<Record<Side, ReadonlySet<string>>>

  constructor(options: { readonly rules: RuleSetDefinition; readonly sides: Sides; readonly residual: Residual; readonly chunks: number }) {
    const { rules, sides, residual, chunks } = options
    this.#sides = sides
    this.#residual = residual
    this.#chunks = chunks
    const gates = rules.passes.map((pass) => new Gates(pass, sides))
    this.#amountGates = gates.filter(({ amount }) => amount !== undefined)
    this.#dateGates = gates.filter(({ date }) => date !== undefined)
    this.#evidence = new TextEvidence(sides.tokens)
    this.#near = { left: new NearRecords(sides, 'left'), right: new NearRecords(sides, 'right') }
    this.#matchedTwins = { left: this.#twins('left'), right: this.#twins('right') }
  }

  runChunk(chunk: number): ChunkResult {
    const { left, right } = this.#sides
    const total = left.size + right.size
    const breaks: BreakDraft[] = []
    const end = Math.floor((total * (chunk + 1)) / this.#chunks)
    for (let index = Math.floor((total * chunk) / this.#chunks); index < end; index++) {
      const side = index < left.size ? 'left' : 'right'
      const record = side === 'left' ? index : index - left.size
      if (this.#residual.has(side, record)) breaks.push(this.#explain(side, record))
    }
    return { matches: [], breaks, output: null, notices: [] }
  }

  #explain(side: Side, record: number): BreakDraft {
    let nearest: Miss | null = null
    let equallyNear = 0
    for (const other of this.#near[side].of(record)) {
      const miss = this.#compare(side, record, other)
      if (miss === null) continue
      const order = nearest === null ? -1 : nearest.closeness - miss.closeness
      equallyNear = order < 0 ? 1 : order === 0 ? equallyNear + 1 : equallyNear
      if (nearest === null || order < 0 || (order === 0 && this.#isBefore(side, miss.record, nearest.record))) nearest = miss
    }
    if (nearest === null) return { side, record, reason: 'no-candidate', nearestMiss: null }
    return { side, record, reason: this.#reasonOf(side, record, nearest, equallyNear), nearestMiss: this.#describe(side, record, nearest) }
  }

  #reasonOf(side: Side, record: number, nearest: Miss, equallyNear: number): BreakReason {
    if (!nearest.isOpen && nearest.hasAmount && this.#matchedTwins[side].has(this.#twinKey(side, record)!)) return 'duplicate'
    if (!nearest.isRelated) return 'no-candidate'
    if (!nearest.hasCurrency) return 'currency-differs'
    if (!nearest.isTolerated) return 'amount-differs'
    if (!nearest.isInWindow) return 'date-outside'
    return equallyNear > 1 && nearest.isOpen ? 'ambiguous' : 'no-candidate'
  }

  /** Null when the two have nothing to do with each other. */
  #compare(side: Side, record: number, other: number): Miss | null {
    const { left, right, ranks } = this.#sides
    const one = side === 'left' ? record : other
    const two = side === 'left' ? other : record
    this.#evidence.compare(one, two)
    const shared = this.#evidence.words.shared + this.#evidence.numbers.shared
    const hasCode = (['reference', 'externalId'] as const).some((field) => {
      const code = codeOf(left, field, one)
      return code !== null && code === codeOf(right, field, two)
    })
    const hasCurrency = left.currency(one) === right.currency(two)
    const hasAmount = ranks.left[one]! >= 0 && ranks.left[one] === ranks.right[two]
    const hasFigure = left.amount(one) !== null && left.amount(one) === right.amount(two)
    if (!hasCode && !hasFigure && shared < ALIKE) return null
    const [day, otherDay] = [left.day(one), right.day(two)]
    const daysApart = day === null || otherDay === null ? null : Math.abs(otherDay - day)
    const isTolerated = hasCurrency && (hasAmount || this.#amountGates.some((gates) => gates.passesAmount(one, two)))
    const isInWindow = this.#dateGates.length === 0 || this.#dateGates.some((gates) => gates.passesDate(one, two))
    const isOpen = this.#residual.has(side === 'left' ? 'right' : 'left', other)
    const closeness =
      (hasCode ? NEARER.code : 0) +
      (hasAmount || hasFigure ? NEARER.amount : isTolerated ? NEARER.tolerance : 0) +
      (isInWindow ? NEARER.window : 0) +
      (hasCurrency ? NEARER.currency : 0) +
      (isOpen ? NEARER.open : 0) +
      Math.min(MOST_TEXT, shared) -
      Math.min(MOST_DAYS_COST, (daysApart ?? 0) * DAY_COST)
    return {
      record: other,
      ...{ hasCode, hasAmount, hasCurrency, isTolerated, isInWindow, isOpen, daysApart, closeness },
      isBarred: this.#residual.isBarred(one, two),
      isRelated: isOpen || hasCode || shared >= ALIKE,
    }
  }

  #describe(side: Side, record: number, miss: Miss): BreakDraft['nearestMiss'] {
    const { left, right, tokens } = this.#sides
    const one = side === 'left' ? record : miss.record
    const two = side === 'left' ? miss.record : record
    const [amount, otherAmount] = [left.amount(one), right.amount(two)]
    const difference = miss.hasCurrency && amount !== null && otherAmount !== null ? subtract(amount, otherAmount) : null
    const words = sharedWords(tokens, one, two, MAX_WORDS)
    const parts = [
      difference === null
        ? `${left.currency(one) ?? 'no amount'} against ${right.currency(two) ?? 'no amount'}`
        : difference === '0'
          ? 'amount equal'
          : `amounts ${difference.replace('-', '')} apart`,
      miss.daysApart === null ? 'a date is missing' : miss.daysApart === 0 ? 'same day' : `${countDays(miss.daysApart)} apart`,
      ...(miss.isInWindow ? [] : [`window ${this.#window()}`]),
      ...(words.length > 0 ? [`both say ${words.join(' ')}`] : ['no word in common']),
      ...(miss.isBarred ? ['a person called it no match'] : []),
      ...(miss.isOpen ? [] : ['it belongs to another row']),
    ]
    return { record: miss.record, text: parts.join(', '), amountDifference: difference, daysApart: miss.daysApart }
  }

  /** The widest one of all passes. */
  #window(): string {
    const gates = this.#dateGates.flatMap(({ date }) => date ?? [])
    const [from, to] = [Math.min(...gates.map((gate) => gate.from)), Math.max(...gates.map((gate) => gate.to))]
    return from === -to ? `${to}` : `${from} to ${to}`
  }

  #isBefore(side: Side, one: number, other: number): boolean {
    const table = this.#sides[side === 'left' ? 'right' : 'left']
    const [id, otherId] = [table.text('externalId', one) ?? '', table.text('externalId', other) ?? '']
    return id === otherId ? one < other : id < otherId
  }

  #twins(side: Side): Set<string> {
    const keys = new Set<string>()
    for (let position = 0; position < this.#sides[side].size; position++) {
      const key = this.#residual.has(side, position) ? null : this.#twinKey(side, position)
      if (key !== null) keys.add(key)
    }
    return keys
  }

  /** Amount and texts; null without an amount or any text. */
  #twinKey(side: Side, position: number): string | null {
    const table = this.#sides[side]
    const texts = (['reference', 'counterparty', 'memo'] as const).map((field) => foldText(table.text(field, position) ?? ''))
    const rank = this.#sides.ranks[side][position]!
    return rank < 0 || texts.every((text) => text === '') ? null : [rank, ...texts].join('\n')
  }
}
