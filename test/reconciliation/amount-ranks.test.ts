import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical } from '../../src/money.js'
import { AmountRanks } from '../../src/reconciliation/amount-ranks.js'
import { RecordTable } from '../../src/reconciliation/record-table.js'
import type { AmountGate } from '../../src/reconciliation/rules.js'
import { record } from './run-engine.js'

const NONE = { abs: '0', bps: 0, of: 'max' } as const

function ranksOf(left: readonly string[], right: readonly string[]) {
  const tables = [left, right].map((amounts) => {
    const table = new RecordTable()
    table.append(amounts.map((amount) => record({ amount: canonical(amount), currency: 'EUR' })))
    return table
  })
  return new AmountRanks(tables[0]!, tables[1]!)
}

/** Whether the gate lets the first amounts of two sides pass. */
function passes(left: string, right: string, gate: Omit<AmountGate, 'field'>): boolean {
  const ranks = ranksOf([left], [right])
  const { from, to } = ranks.bands({ field: 'amount', ...gate }, 'left')
  const rank = ranks.left[0]!
  return ranks.right[0]! >= from[rank]! && ranks.right[0]! <= to[rank]!
}

describe('amounts', () => {
  test('are equal at any number of decimals and of twenty digits', () => {
    const ranks = ranksOf(['12345678901234567890.12', '-3', '10.50'], ['-3.00', '12345678901234567890.12', '12345678901234567890.13'])
    expect(ranks.left[0]).toBe(ranks.right[1])
    expect(ranks.left[0]).not.toBe(ranks.right[2])
    expect(ranks.left[1]).toBe(ranks.right[0])
  })

  test('of two currencies are never equal and never near', () => {
    const left = new RecordTable()
    const right = new RecordTable()
    left.append([record({ amount: '100', currency: 'EUR' })])
    right.append([record({ amount: '100', currency: 'USD' })])
    const ranks = new AmountRanks(left, right)
    const { from, to } = ranks.bands({ field: 'amount', less: { ...NONE, bps: 9_999 }, more: { ...NONE, bps: 9_999 } }, 'left')
    expect(ranks.left[0]).not.toBe(ranks.right[0])
    expect([from[ranks.left[0]!], to[ranks.left[0]!]]).toEqual([ranks.left[0], ranks.left[0]])
  })

  test('pass at exactly the tolerance and not one unit beyond', () => {
    const gate = { less: { ...NONE, abs: '0.05' }, more: NONE }
    expect(passes('100', '99.95', gate)).toBe(true)
    expect(passes('100', '99.9499999', gate)).toBe(false)
    expect(passes('100', '100.01', gate)).toBe(false)
    const share = { less: NONE, more: { abs: '0', bps: 100, of: 'left' } as const }
    expect(passes('90071992547409.93', '90972712472884.0293', share)).toBe(true)
    expect(passes('90071992547409.93', '90972712472884.0294', share)).toBe(false)
  })

  test('pass a gate as integer arithmetic says, from either side, whatever their size, sign and decimals', () => {
    const amount = fc
      .tuple(
        fc.oneof(fc.bigInt({ min: -300n, max: 300n }), fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })),
        fc.integer({ min: 0, max: 6 }),
      )
      .map(([mantissa, scale]) => ({ mantissa, scale, text: decimal(mantissa, scale) }))
    const tolerance = fc.record({
      abs: fc.constantFrom('0', '0.05', '2', '1000000.5'),
      bps: fc.constantFrom(0, 7, 1_500, 9_999),
      of: fc.constantFrom('left', 'right', 'max', 'min'),
    })
    fc.assert(
      fc.property(
        fc.array(amount, { minLength: 1, maxLength: 12 }),
        fc.array(amount, { minLength: 1, maxLength: 12 }),
        tolerance,
        tolerance,
        (left, right, less, more) => {
          const gate = { field: 'amount', less, more } as AmountGate
          const ranks = ranksOf(
            left.map(({ text }) => text),
            right.map(({ text }) => text),
          )
          const [byLeft, byRight] = [ranks.bands(gate, 'left'), ranks.bands(gate, 'right')]
          for (const [l, one] of left.entries()) {
            for (const [r, other] of right.entries()) {
              const [a, b] = [wide(one), wide(other)]
              const allowed = a === b || within(a, b, b < a ? less : more)
              const [rank, otherRank] = [ranks.left[l]!, ranks.right[r]!]
              expect(otherRank >= byLeft.from[rank]! && otherRank <= byLeft.to[rank]!, `${one.text} ${other.text}`).toBe(allowed)
              expect(rank >= byRight.from[otherRank]! && rank <= byRight.to[otherRank]!, `${one.text} ${other.text} from the right`).toBe(
                allowed,
              )
              expect(rank === otherRank).toBe(a === b)
            }
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

function decimal(mantissa: bigint, scale: number): string {
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString().padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${mantissa < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
}

/** × 10^12. */
function wide({ mantissa, scale }: { readonly mantissa: bigint; readonly scale: number }): bigint {
  return mantissa * 10n ** BigInt(12 - scale)
}

function within(left: bigint, right: bigint, { abs, bps, of }: AmountGate['less']): boolean {
  const size = (value: bigint) => (value < 0n ? -value : value)
  const [l, r] = [size(left), size(right)]
  const [min, max] = l < r ? [l, r] : [r, l]
  const base = { left: l, right: r, max, min }[of]
  const [integer = '', fraction = ''] = abs.split('.')
  return size(left - right) <= BigInt(integer + fraction.padEnd(12, '0')) || size(left - right) * 10_000n <= BigInt(bps) * base
}
