import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CandidateFinder } from '../../src/reconciliation/candidates.js'
import { Profiles } from '../../src/reconciliation/profiles.js'
import { RecordTable } from '../../src/reconciliation/record-table.js'
import type { EngineRecord } from '../../src/reconciliation/records.js'
import { DEFAULT_RULES, type Pass, parseRules, type RuleSetDefinition } from '../../src/reconciliation/rules.js'
import { joinSides, Residual } from '../../src/reconciliation/sides.js'
import { Draw, makeFiles } from './made-up-files.js'
import { type RunResult, record, runEngine } from './run-engine.js'

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const random = new Draw(seed)
  return list
    .map((value) => ({ value, key: random.fraction() }))
    .sort((one, other) => one.key - other.key)
    .map(({ value }) => value)
}

/** Pairs with how sure they are, by external id. */
function pairsOf(result: RunResult, left: readonly EngineRecord[], right: readonly EngineRecord[]): string[] {
  return result.matches
    .map((match) => `${left[match.left]!.externalId} ${right[match.right]!.externalId} ${match.automatic} ${match.confidence}`)
    .sort()
}

describe('the default rules', () => {
  test('find the pairs of two files that nobody has described', () => {
    for (const options of [
      { seed: 11, rows: 3_000, lonely: 60 },
      { seed: 12, rows: 400, lonely: 100 },
    ]) {
      const { left, right, truth } = makeFiles(options)
      const { matches, confirmed } = runEngine(left, right)
      const isRight = (match: { readonly left: number; readonly right: number }) => truth.has(`${match.left},${match.right}`)
      const best = new Map<number, (typeof matches)[number]>()
      for (const match of matches) if (Number(match.confidence) > Number(best.get(match.left)?.confidence ?? 0)) best.set(match.left, match)
      const found = [...best.values()].filter(isRight).length
      expect((2 * found) / (best.size + truth.size), 'F1').toBeGreaterThan(0.985)
      expect(confirmed.filter(isRight).length / confirmed.length, 'precision of what was decided').toBeGreaterThanOrEqual(0.999)
      expect(confirmed.length / truth.size, 'share that was decided').toBeGreaterThan(0.85)
    }
  })

  test('decide nothing between files that have nothing to do with each other', () => {
    const left = makeFiles({ seed: 21, rows: 1_500 }).left
    const right = makeFiles({ seed: 22, rows: 1_500 }).right
    expect(runEngine(left, right).confirmed.length).toBeLessThanOrEqual(2)
  })

  test('work without texts and without dates, on sides of different sizes, on one record, on none', () => {
    const bare = makeFiles({ seed: 31, rows: 300, texts: 'none', dates: 'none' })
    const { confirmed } = runEngine(bare.left, bare.right)
    expect(confirmed.filter(({ left, right }) => !bare.truth.has(`${left},${right}`)).length).toBeLessThanOrEqual(1)
    const { left, right, truth } = makeFiles({ seed: 32, rows: 1_000 })
    const few = runEngine(left.slice(0, 40), right).confirmed
    expect(few.length).toBeGreaterThan(30)
    expect(few.every((match) => truth.has(`${match.left},${match.right}`))).toBe(true)
    expect(runEngine([record({ memo: 'A' })], [])).toMatchObject({ matches: [], breaks: [{ side: 'left', reason: 'no-candidate' }] })
    expect(runEngine([], []).matches).toEqual([])
    expect(runEngine([record({ memo: 'RENT JONES 7781' })], [record({ memo: 'JONES 7781' })]).matches).toHaveLength(1)
  })
})

describe('a scored pass', () => {
  const { left, right } = makeFiles({ seed: 41, rows: 260, lonely: 100 })
  // Duplicates on either side, so that there are ties.
  const lefts = [...left, ...left.slice(0, 25).map((row, index) => ({ ...row, externalId: `D${index}` }))]
  const rights = [...right, ...right.slice(0, 40).map((row, index) => ({ ...row, externalId: `D${index}` }))]
  const whole = runEngine(lefts, rights)

  test('finds the same for any number of chunks', () => {
    for (const chunkRows of [1, 37, 64]) expect(runEngine(lefts, rights, { chunkRows }).hash).toBe(whole.hash)
  })

  test('finds the same in any order of rows', () => {
    for (const seed of [1, 2, 3]) {
      const [l, r] = [shuffled(lefts, seed), shuffled(rights, seed + 10)]
      const again = runEngine(l, r)
      expect(pairsOf(again, l, r)).toEqual(pairsOf(whole, lefts, rights))
      expect(
        again.breaks.map(({ side, record, reason }) => `${side} ${(side === 'left' ? l : r)[record]!.externalId} ${reason}`).sort(),
      ).toEqual(
        whole.breaks
          .map(({ side, record, reason }) => `${side} ${(side === 'left' ? lefts : rights)[record]!.externalId} ${reason}`)
          .sort(),
      )
    }
  })

  test('finds the swapped pairs when the sides are swapped', () => {
    const swapped = runEngine(right, left)
    const turned = swapped.matches.map((match) => ({ ...match, left: match.right, right: match.left }))
    expect(pairsOf({ ...swapped, matches: turned }, left, right)).toEqual(pairsOf(runEngine(left, right), left, right))
  })

  test('matches no record twice and suggests nobody who is matched', () => {
    const sides = { left: new Set<number>(), right: new Set<number>() }
    for (const { left: one, right: other } of whole.confirmed) {
      expect(sides.left.has(one) || sides.right.has(other)).toBe(false)
      sides.left.add(one)
      sides.right.add(other)
    }
    for (const match of whole.matches) if (!match.automatic) expect(sides.left.has(match.left) || sides.right.has(match.right)).toBe(false)
    const touched = new Set(whole.matches.flatMap((match) => [`left ${match.left}`, `right ${match.right}`]))
    expect(whole.breaks.length + touched.size).toBe(lefts.length + rights.length)
    for (const miss of whole.breaks) expect(touched.has(`${miss.side} ${miss.record}`)).toBe(false)
  })

  test('never again proposes what a person has refused', () => {
    const barred = whole.matches.map((match) => [match.left, match.right] as const)
    const refused = new Set(barred.map(String))
    expect(runEngine(lefts, rights, { barred }).matches.filter((match) => refused.has(`${match.left},${match.right}`))).toEqual([])
  })

  test('leaves alone what people have matched', () => {
    const taken = whole.confirmed.slice(0, 50).map((match) => [match.left, match.right] as const)
    const again = runEngine(lefts, rights, { taken })
    for (const [one, other] of taken) expect(again.matches.some((match) => match.left === one || match.right === other)).toBe(false)
  })

  test('explains each decision completely and briefly', () => {
    for (const { explanation, confidence, amountDifference } of whole.matches) {
      expect(explanation.gates.map(({ field }) => field)).toEqual(['amount', 'date'])
      expect(explanation.levels.map(({ field }) => field)).toEqual(['amount', 'date', 'words', 'numbers'])
      for (const { weight } of explanation.levels) expect(weight).toMatch(/^-?\d+\.\d\d$/)
      expect(explanation.gates[0]!.difference).toBe(amountDifference)
      expect(confidence).toMatch(/^0\.\d{5}$/)
      expect(JSON.stringify(explanation).length).toBeLessThan(1_500)
    }
  })

  test('asks a person when two rows are equally likely', () => {
    const twice = ['a', 'b'].map((externalId) => record({ memo: 'INVOICE 881 JONES', externalId }))
    const others = Array.from({ length: 30 }, (_, no) => record({ memo: `INVOICE ${900 + no} N${no}`, amount: `${20 + no}` }))
    const { matches } = runEngine([{ ...twice[0]!, externalId: 'c' }, ...others], [...twice, ...others])
    const own = matches.filter((match) => match.left === 0)
    expect(own.map(({ right: other, automatic }) => [other, automatic])).toEqual([
      [0, false],
      [1, false],
    ])
    for (const { confidence } of own) expect(Number(confidence)).toBeCloseTo(0.5, 1)
  })
})

describe('candidates', () => {
  const rows = fc.array(
    fc.record({
      amount: fc.integer({ min: 1, max: 400 }).map(String),
      day: fc.option(fc.integer({ min: 100, max: 160 })),
      memo: fc.constantFrom('ANNA MILLER', 'A MILLER 4711', 'JONES', 'JON', null),
      currency: fc.constantFrom('EUR', 'EUR', 'USD'),
    }),
    { maxLength: 60 },
  )

  test('are not lost by a wider gate, and are the same whoever asks', () => {
    fc.assert(
      fc.property(rows, rows, fc.nat(2_000), fc.nat(2_000), fc.nat(20), fc.nat(20), (left, right, bps, moreBps, days, moreDays) => {
        const narrow = candidatesOf(left, right, scoredPass(bps, days), 'left')
        const wide = candidatesOf(left, right, scoredPass(bps + moreBps, days + moreDays), 'left')
        for (const pair of narrow) expect(wide.has(pair)).toBe(true)
        expect(candidatesOf(left, right, scoredPass(bps, days), 'right')).toEqual(narrow)
      }),
      { numRuns: 150 },
    )
  })

  test('of one amount in very many records are compared by their words, and said to be too many', () => {
    const many = Array.from({ length: 2_300 }, (_, no) => record({ memo: `FEE ${no}`, externalId: `${no}` }))
    const { notices, confirmed } = runEngine(
      many,
      many.map((row) => ({ ...row, externalId: `r${row.externalId}` })),
    )
    const oversize = notices.filter((notice) => notice.startsWith('oversize'))
    expect(oversize.reduce((sum, notice) => sum + Number(notice.split(' ')[1]), 0)).toBe(2_300)
    expect(confirmed.filter((match) => match.left === match.right)).toHaveLength(confirmed.length)
  })
})

function scoredPass(bps: number, days: number): Pass {
  const tolerance = { bps, of: 'left' as const }
  const rules: RuleSetDefinition = parseRules({
    name: 'x',
    passes: [
      {
        ...DEFAULT_RULES.passes[2],
        gates: [
          { field: 'amount', less: tolerance, more: { ...tolerance, bps: bps >> 1 } },
          { field: 'date', from: -days, to: days + 3 },
        ],
      },
    ],
  })
  return rules.passes[0]!
}

function candidatesOf(
  left: readonly Partial<EngineRecord>[],
  right: readonly Partial<EngineRecord>[],
  pass: Pass,
  from: 'left' | 'right',
): Set<string> {
  const tables = [left, right].map((list) => {
    const table = new RecordTable()
    // Memos of their own, so that each record stands for itself.
    table.append(list.map((row, no) => record({ ...row, memo: `${row.memo ?? ''} X${no}` })))
    return table
  })
  const sides = joinSides(tables[0]!, tables[1]!)
  const residual = new Residual(sides, { takenLeft: new Uint32Array(), takenRight: new Uint32Array(), barred: [], outputs: [] })
  const profiles = { left: new Profiles(sides, residual, 'left'), right: new Profiles(sides, residual, 'right') }
  const finder = new CandidateFinder({ pass, sides, profiles, from })
  const pairs: string[] = []
  for (let position = 0; position < sides[from].size; position++) {
    const count = finder.find(position)
    for (const other of finder.found.subarray(0, count)) pairs.push(from === 'left' ? `${position}-${other}` : `${other}-${position}`)
  }
  return new Set(pairs.sort())
}
