import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RecordTable } from '../../src/reconciliation/record-table.js'
import { isOneSlipApart, TextEvidence } from '../../src/reconciliation/text-evidence.js'
import { Tokens } from '../../src/reconciliation/tokens.js'
import { record } from './run-engine.js'

/** Other records, so that words are rare or common: PAYMENT in all of them, each name and number in one. */
const OTHERS = Array.from({ length: 64 }, (_, index) => `payment N${'abcdefgh'[index % 8]}${'ijklmnop'[index >> 3]}n ${70_000 + index}`)

function evidence(left: string, right: string) {
  const tables = [left, right].map((memo) => {
    const table = new RecordTable()
    table.append([memo, ...OTHERS].map((text) => record({ memo: text })))
    return table
  })
  const found = new TextEvidence(new Tokens(tables[0]!, tables[1]!))
  found.compare(0, 0)
  return { words: { ...found.words }, numbers: { ...found.numbers } }
}

describe('texts', () => {
  test('say more by a rare word in common than by a common one', () => {
    expect(evidence('payment', 'payment').words.shared).toBeLessThan(500)
    expect(evidence('payment Miller', 'Miller').words.shared).toBeGreaterThan(5_000)
  })

  test('are compared without case, accents, punctuation and order', () => {
    expect(evidence('Müller & Söhne', 'SOHNE MULLER')).toEqual(evidence('muller sohne', 'muller sohne'))
  })

  test('share a word that is cut off, an initial, a number in another spelling, a word with a slip', () => {
    expect(evidence('transfer hartm', 'hartmann transfer').words.shared).toBeGreaterThan(10_000)
    expect(evidence('J Hartmann', 'Jonas Hartmann').words.against).toBe(0)
    expect(evidence('INV-2026-001234', 'inv2026001234').numbers.shared).toBeGreaterThan(4_000)
    expect(evidence('RE0012345', 'RE 12345').numbers.shared).toBeGreaterThan(4_000)
    expect(evidence('Hartmann', 'Hartmnan').words.shared).toBeGreaterThan(3_000)
  })

  test('speak against each other only where both say something else', () => {
    expect(evidence('Miller', 'Miller rent office').words.against).toBe(0)
    expect(evidence('Miller rent', 'Miller office').words.against).toBeGreaterThan(5_000)
    expect(evidence('INV 70001', 'INV 70001').numbers.shared).toBeGreaterThan(1.5 * evidence('INV 70001', 'INV 70002').numbers.shared)
    expect(evidence('INV 123', 'INV 456').numbers).toMatchObject({ shared: 0, isGiven: true })
    expect(evidence('Miller', 'Miller 456').numbers.isGiven).toBe(false)
  })

  test('say the same whichever side they are on', () => {
    const word = fc.constantFrom('J', 'JO', 'JONAS', 'JONSA', 'MILLER', 'MILER', 'RENT', '12345', '0012345', '12346', 'A1B2C3', 'N70001')
    const text = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '))
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(evidence(one, other)).toEqual(evidence(other, one))
      }),
      { numRuns: 60 },
    )
  })
})

test('one slip is a character lost, replaced or exchanged with its neighbour', () => {
  for (const slip of ['HARTMAN', 'HARTMANM', 'HARTMNAN', 'HARTMAANN', 'HARTMANN']) {
    expect(isOneSlipApart('HARTMANN', slip), slip).toBe(true)
    expect(isOneSlipApart(slip, 'HARTMANN'), slip).toBe(true)
  }
  for (const other of ['HARTMA', 'HRATMNAN', 'HARDMAND', 'BARTMEN']) expect(isOneSlipApart('HARTMANN', other), other).toBe(false)
})
