import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign, type Edges } from '../../src/reconciliation/assignment.js'
import { Certainties } from '../../src/reconciliation/certainty.js'

const BIT = 1_000_000

/** Edges as [left, right, bits], in the order of preference. */
function edgesOf(list: readonly (readonly [number, number, number])[]): Edges {
  const sorted = list.toSorted((one, other) => other[2] - one[2] || one[0] - other[0] || one[1] - other[1])
  return {
    left: Int32Array.from(sorted, ([left]) => left),
    right: Int32Array.from(sorted, ([, right]) => right),
    gains: Int32Array.from(sorted, ([, , bits]) => bits * BIT),
  }
}

function pairsOf(edges: Edges, ofLeft: Int32Array): string[] {
  return [...ofLeft].filter((edge) => edge >= 0).map((edge) => `${edges.left[edge]}-${edges.right[edge]}`)
}

describe('the assignment', () => {
  test('gives up the best single pair when both records gain more elsewhere', () => {
    const edges = edgesOf([
      [0, 0, 10],
      [0, 1, 9],
      [1, 0, 9],
    ])
    expect(pairsOf(edges, assign(edges, 2, 2).ofLeft)).toEqual(['0-1', '1-0'])
  })

  test('gains as much as the best of all one-to-one choices', () => {
    const graph = fc.uniqueArray(fc.tuple(fc.nat(5), fc.nat(5), fc.integer({ min: 1, max: 9 })), {
      maxLength: 14,
      selector: ([left, right]) => left * 6 + right,
    })
    fc.assert(
      fc.property(graph, (list) => {
        const edges = edgesOf(list)
        const { ofLeft, ofRight } = assign(edges, 6, 6)
        for (const [right, edge] of ofRight.entries()) if (edge >= 0) expect(edges.right[edge]).toBe(right)
        const total = [...ofLeft].reduce((sum, edge) => (edge < 0 ? sum : sum + edges.gains[edge]!), 0)
        expect(total).toBe(most(list) * BIT)
      }),
      { numRuns: 300 },
    )
  })

  test('of what is too large to decide exactly takes the best first and says so', () => {
    // A chain of 301 records in which each record has two equal partners.
    const chain = Array.from({ length: 300 }, (_, index): [number, number, number] => [(index + 1) >> 1, index >> 1, 5])
    const { ofLeft, approximate } = assign(edgesOf(chain), 151, 150)
    expect(approximate).toBe(301)
    expect([...ofLeft].filter((edge) => edge >= 0).length).toBeGreaterThanOrEqual(75)
  })
})

describe('the certainty of a pair', () => {
  const certainties = (list: readonly (readonly [number, number, number])[], size = 2) => {
    const edges = edgesOf(list)
    const assignment = assign(edges, size, size)
    return { of: (left: number) => new Certainties(edges, edges.gains, assignment).of(assignment.ofLeft[left]!) }
  }

  test('is half where two records are equally likely', () => {
    const { confidence, margin } = certainties([
      [0, 0, 20],
      [0, 1, 20],
    ]).of(0)
    expect(confidence).toBeCloseTo(0.5, 5)
    expect(margin).toBe(0)
  })

  test('is not shaken by a rival that belongs to somebody else', () => {
    const { confidence, margin } = certainties([
      [0, 0, 12],
      [0, 1, 11],
      [1, 1, 30],
    ]).of(0)
    expect(confidence).toBeGreaterThan(0.999)
    expect(margin).toBe(31 * BIT)
  })

  test('counts an exchange of partners', () => {
    const { confidence, margin } = certainties([
      [0, 0, 12],
      [1, 1, 12],
      [0, 1, 11],
      [1, 0, 11],
    ]).of(0)
    expect(margin).toBe(2 * BIT)
    expect(confidence).toBeCloseTo(1 / (1 + 2 ** -2), 2)
  })
})

function most(list: readonly (readonly [number, number, number])[]): number {
  const [first, ...rest] = list
  if (first === undefined) return 0
  const [left, right, gain] = first
  return Math.max(most(rest), gain + most(rest.filter((edge) => edge[0] !== left && edge[1] !== right)))
}
