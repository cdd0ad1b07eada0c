import { Adjacency, type Assignment, type Edges } from './assignment.js'
import { MICROBITS } from './model.js'

/** The largest confidence that a probability may be shown as: only a unique key is certain. */
const MOST = 0.99999

/** How sure a pair of the assignment is, and what else its records could be. */
export interface Certainty {
  /** 0–1. */
  readonly confidence: number
  /** Microbits between the assignment and the best one without this pair that gives one of the two another partner; null: there is none. */
  readonly margin: number | null
  /** Other edges of the two records, with the microbits that are lost by choosing them. */
  readonly alternatives: readonly { readonly edge: number; readonly loss: number }[]
}

/**
 * Weighs the assignment against those that differ from it in one exchange: the pair given up, one of its records given another partner, and
 * who loses that partner thereby left alone or given the record that becomes free. Each is less likely than the assignment by 2^loss. So
 * a rival that belongs to somebody else anyway is no rival, and two that are equally likely have half of the certainty each.
 */
export class Certainties {
  readonly #edges: Edges
  /** Log odds of each edge, microbits. */
  readonly #weights: Int32Array
  readonly #assignment: Assignment
  readonly #byLeft: Adjacency
  readonly #byRight: Adjacency
  readonly #edgeOf = new Map<number, number>()
  readonly #rightSize: number

  constructor(edges: Edges, weights: Int32Array, assignment: Assignment) {
    this.#edges = edges
    this.#weights = weights
    this.#assignment = assignment
    this.#rightSize = assignment.ofRight.length
    this.#byLeft = new Adjacency(edges.left, assignment.ofLeft.length)
    this.#byRight = new Adjacency(edges.right, this.#rightSize)
    for (let edge = 0; edge < edges.left.length; edge++) this.#edgeOf.set(edges.left[edge]! * this.#rightSize + edges.right[edge]!, edge)
  }

  /** Of an edge of the assignment. */
  of(edge: number): Certainty {
    const own = this.#weights[edge]!
    const left = this.#edges.left[edge]!
    const right = this.#edges.right[edge]!
    let sum = 1 + 2 ** (-own / MICROBITS)
    const alternatives: { edge: number; loss: number }[] = []
    const consider = (other: number, rival: number, swapped: number) => {
      // `rival`: the edge of the assignment that has to yield; `swapped`: the edge between the two that become free.
      const rivalWeight = rival < 0 ? 0 : this.#weights[rival]!
      const loss = own + rivalWeight - this.#weights[other]!
      sum += 2 ** (-loss / MICROBITS)
      const swap = swapped < 0 ? 0 : Math.max(0, this.#weights[swapped]!)
      alternatives.push({ edge: other, loss: loss - swap })
      return loss
    }
    for (const other of this.#byLeft.of(left)) {
      if (other === edge) continue
      const rival = this.#assignment.ofRight[this.#edges.right[other]!]!
      const swapped = rival < 0 ? -1 : this.#find(this.#edges.left[rival]!, right)
      const loss = consider(other, rival, swapped)
      // The exchange of partners is seen from this side only: from the other it is the same.
      if (swapped >= 0) sum += 2 ** (-(loss - this.#weights[swapped]!) / MICROBITS)
    }
    for (const other of this.#byRight.of(right)) {
      if (other === edge) continue
      const rival = this.#assignment.ofLeft[this.#edges.left[other]!]!
      consider(other, rival, rival < 0 ? -1 : this.#find(left, this.#edges.right[rival]!))
    }
    const margin = alternatives.reduce((least, { loss }) => Math.min(least, loss), Number.POSITIVE_INFINITY)
    return { confidence: Math.min(MOST, 1 / sum), margin: Number.isFinite(margin) ? margin : null, alternatives }
  }

  #find(left: number, right: number): number {
    return this.#edgeOf.get(left * this.#rightSize + right) ?? -1
  }
}
