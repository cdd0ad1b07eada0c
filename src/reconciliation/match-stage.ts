import { subtract } from '../money.js'
import type { JobNotice, MatchExplanation } from '../protocol/views.js'
import { type Blocks, blockByKeys } from './block-keys.js'
import { Buckets } from './buckets.js'
import { Gates } from './gates.js'
import type { Pass } from './rules.js'
import type { Residual, Sides } from './sides.js'
import type { ChunkResult, MatchDraft } from './stage.js'

/** A block with more comparisons is not worked through but reported. */
const MAX_COMPARISONS = 5_000_000
/** Suggestions for a record that several could be meant with. */
const MAX_ALTERNATIVES = 5
/** A key that is unique on both sides decides; rows that cannot be told apart are paired in order, which proves a little less. */
const UNIQUE = '1.00000'
const INTERCHANGEABLE = '0.99999'

/** Records of a block that the pass cannot tell apart, in order. */
interface Group {
  readonly members: readonly number[]
  readonly partners: Group[]
}

/** A pass that the rule alone decides: equal keys make a block, the gates say who in it may be meant with whom. */
export class MatchStage {
  readonly #pass: Pass
  readonly #sides: Sides
  readonly #residual: Residual
  readonly #gates: Gates
  readonly #chunks: number
  readonly #members: { readonly left: Buckets; readonly right: Buckets }
  readonly #blockCount: number
  /** Keys that both sides have once, when too few of them agree in the rest. */
  readonly #unrelatedKeys: number

  constructor(options: { readonly pass: Pass; readonly sides: Sides; readonly residual: Residual; readonly chunks: number }) {
    const { pass, sides, residual, chunks } = options
    this.#pass = pass
    this.#sides = sides
    this.#residual = residual
    this.#chunks = chunks
    this.#gates = new Gates(pass, sides)
    const blocks = this.#block(pass.block)
    this.#blockCount = blocks.count
    this.#members = { left: new Buckets(blocks.left, blocks.count), right: new Buckets(blocks.right, blocks.count) }
    this.#unrelatedKeys = Number(pass.minAgreement) > 0 ? this.#countUnrelatedKeys(blocks) : 0
  }

  runChunk(chunk: number): ChunkResult {
    const matches: MatchDraft[] = []
    let oversize = 0
    let cut = 0
    if (this.#unrelatedKeys === 0) {
      for (let block = chunk; block < this.#blockCount; block += this.#chunks) {
        const found = this.#matchBlock(block, matches)
        if (found === 'oversize') oversize += this.#members.left.size(block) + this.#members.right.size(block)
        else cut += found
      }
    }
    const notices = [
      notice('oversize', oversize),
      notice('alternatives-cut', cut),
      notice('unrelated-keys', chunk === 0 ? this.#unrelatedKeys : 0),
    ]
    return {
      matches,
      breaks: [],
      output: null,
      notices: notices.filter(({ count }) => count > 0).map((found): JobNotice => ({ ...found, pass: this.#pass.name })),
    }
  }

  #block(keys: Pass['block']): Blocks {
    const blocks = blockByKeys(keys, this.#sides.left, this.#sides.right, this.#sides.ranks)
    for (const side of ['left', 'right'] as const)
      for (let position = 0; position < blocks[side].length; position++)
        if (!this.#residual.has(side, position)) blocks[side][position] = -1
    return blocks
  }

  /** Of the text keys that each side has once: how many, when fewer of them than the pass asks for agree in everything else; else 0. */
  #countUnrelatedKeys(complete: Blocks): number {
    const { count, left, right } = this.#block(this.#pass.block.filter((key) => key.field !== 'amount' && key.field !== 'date'))
    const [lefts, rights] = [new Buckets(left, count), new Buckets(right, count)]
    let unique = 0
    let agreeing = 0
    for (let block = 0; block < count; block++) {
      if (lefts.size(block) !== 1 || rights.size(block) !== 1) continue
      const [one, other] = [lefts.first(block), rights.first(block)]
      unique++
      if (complete.left[one]! >= 0 && complete.left[one] === complete.right[other] && this.#gates.passes(one, other)) agreeing++
    }
    return agreeing < unique * Number(this.#pass.minAgreement) ? unique : 0
  }

  #matchBlock(block: number, matches: MatchDraft[]): 'oversize' | number {
    const { left, right } = this.#members
    if (left.size(block) === 0 || right.size(block) === 0) return 0
    const lefts = this.#group('left', left.of(block))
    const rights = this.#group('right', right.of(block))
    if (lefts.length * rights.length > MAX_COMPARISONS) return 'oversize'
    for (const one of lefts) {
      for (const other of rights) {
        const [l, r] = [one.members[0]!, other.members[0]!]
        if (this.#residual.isBarred(l, r) || !this.#gates.passes(l, r)) continue
        one.partners.push(other)
        other.partners.push(one)
      }
    }
    let cut = 0
    for (const group of lefts) {
      const [partner] = group.partners
      if (partner === undefined) continue
      const isClear = group.partners.length === 1 && partner.partners.length === 1 && partner.members.length === group.members.length
      if (isClear) this.#pair(group.members, partner.members, matches)
      else if (this.#pass.ambiguous === 'suggest') cut += this.#suggest(group, matches)
    }
    return cut
  }

  /** Records of the same amount and day, which the pass cannot tell apart; whom somebody refused a pair with stands alone. */
  #group(side: 'left' | 'right', positions: readonly number[]): Group[] {
    if (positions.length === 1) return [{ members: positions, partners: [] }]
    const table = this.#sides[side]
    const groups = new Map<string, number[]>()
    for (const position of positions) {
      const own = this.#residual.hasBarred(side, position) ? position : ''
      const key = `${this.#sides.ranks[side][position]} ${table.day(position)} ${own}`
      const group = groups.get(key)
      if (group) group.push(position)
      else groups.set(key, [position])
    }
    return [...groups.values()].map((members) => ({ members: members.sort((one, other) => this.#compare(side, one, other)), partners: [] }))
  }

  /** By external id, row: the only order in which rows that look alike may be paired. */
  #compare(side: 'left' | 'right', one: number, other: number): number {
    const table = this.#sides[side]
    const [id, otherId] = [table.text('externalId', one) ?? '', table.text('externalId', other) ?? '']
    return id < otherId ? -1 : id > otherId ? 1 : one - other
  }

  #pair(lefts: readonly number[], rights: readonly number[], matches: MatchDraft[]): void {
    const isUnique = lefts.length === 1
    for (const [index, left] of lefts.entries()) {
      matches.push(
        this.#draft(left, rights[index]!, {
          automatic: this.#pass.policy === 'auto',
          confidence: isUnique ? UNIQUE : INTERCHANGEABLE,
          alternatives: 0,
          summary: isUnique ? 'no other row on either side has this key' : `one of ${lefts.length} pairs of rows that cannot be told apart`,
        }),
      )
    }
  }

  /** Proposes the alternatives of each record in turn, so that nobody is left out when there are too many; answers how many were left out. */
  #suggest(group: Group, matches: MatchDraft[]): number {
    const rights = group.partners.flatMap((partner) => partner.members)
    const shown = Math.min(rights.length, MAX_ALTERNATIVES)
    for (const [index, left] of group.members.entries()) {
      for (let step = 0; step < shown; step++) {
        matches.push(
          this.#draft(left, rights[(index + step) % rights.length]!, {
            automatic: false,
            confidence: (1 / Math.max(rights.length, group.members.length)).toFixed(5),
            alternatives: rights.length - 1,
            summary: `one of ${rights.length} rows with this key`,
          }),
        )
      }
    }
    return group.members.length * (rights.length - shown)
  }

  #draft(
    left: number,
    right: number,
    found: Pick<MatchDraft, 'automatic' | 'confidence'> & Pick<MatchExplanation, 'alternatives' | 'summary'>,
  ): MatchDraft {
    const [one, other] = [this.#sides.left.amount(left), this.#sides.right.amount(right)]
    return {
      left,
      right,
      rule: this.#pass.name,
      automatic: found.automatic,
      confidence: found.confidence,
      amountDifference: one === null || other === null ? null : subtract(one, other),
      explanation: {
        pass: this.#pass.name,
        summary: `${sameKeys(this.#pass)}; ${found.summary}`,
        gates: [...this.#explainKeys(left, right), ...this.#gates.explain(left, right)],
        levels: [],
        prior: null,
        margin: null,
        alternatives: found.alternatives,
      },
    }
  }

  #explainKeys(left: number, right: number): MatchExplanation['gates'] {
    const { left: one, right: other } = this.#sides
    return this.#pass.block.flatMap(({ field }): MatchExplanation['gates'][number][] =>
      field === 'amount'
        ? [{ field, left: one.amount(left), right: other.amount(right), difference: '0', allowed: 'equal' }]
        : field === 'date'
          ? []
          : [{ field, left: one.text(field, left), right: other.text(field, right), difference: null, allowed: 'equal' }],
    )
  }
}

function notice(code: string, count: number): { readonly code: string; readonly count: number } {
  return { code, count }
}

function sameKeys(pass: Pass): string {
  const words = {
    reference: 'reference',
    externalId: 'external id',
    counterparty: 'counterparty',
    memo: 'memo',
    amount: 'amount',
    date: 'date',
  }
  return `same ${pass.block.map((key) => words[key.field]).join(', ')}`
}
