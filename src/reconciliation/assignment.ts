import { assignRows } from './hungarian.js'

/** Components of more records than this are decided greedily. */
const MAX_EXACT_NODES = 200

/** Pairs in the order of preference: by weight, then by the ties' own rules. */
export interface Edges {
  readonly left: Int32Array
  readonly right: Int32Array
  /** What choosing the pair gains, more than 0; whole numbers up to 2^27, falling. */
  readonly gains: Int32Array
}

export interface Assignment {
  /** Edge of each left record, or −1. */
  readonly ofLeft: Int32Array
  readonly ofRight: Int32Array
  /** Records in components that were too large to be decided exactly. */
  readonly approximate: number
}

/** One-to-one choice of pairs with the largest total gain. */
export function assign(edges: Edges, leftSize: number, rightSize: number): Assignment {
  const state: State = {
    edges,
    ofLeft: new Int32Array(leftSize).fill(-1),
    ofRight: new Int32Array(rightSize).fill(-1),
    byLeft: new Adjacency(edges.left, leftSize),
    byRight: new Adjacency(edges.right, rightSize),
  }
  takeDominant(state)
  let approximate = 0
  for (const component of components(state)) {
    if (component.nodes > MAX_EXACT_NODES) {
      takeGreedily(component.edges, state)
      approximate += component.nodes
    } else takeExactly(component.edges, state)
  }
  return { ofLeft: state.ofLeft, ofRight: state.ofRight, approximate }
}

interface State {
  readonly edges: Edges
  readonly ofLeft: Int32Array
  readonly ofRight: Int32Array
  readonly byLeft: Adjacency
  readonly byRight: Adjacency
}

/** Edges of each node in the order of preference. */
export class Adjacency {
  readonly starts: Int32Array
  readonly edges: Int32Array

  constructor(nodes: Int32Array, size: number) {
    this.starts = new Int32Array(size + 1)
    for (const node of nodes) this.starts[node + 1]!++
    for (let node = 0; node < size; node++) this.starts[node + 1]! += this.starts[node]!
    this.edges = new Int32Array(nodes.length)
    const next = this.starts.slice()
    for (let edge = 0; edge < nodes.length; edge++) this.edges[next[nodes[edge]!]!++] = edge
  }

  of(node: number): Int32Array {
    return this.edges.subarray(this.starts[node]!, this.starts[node + 1]!)
  }
}

/**
 * Takes, again and again, each edge that gains more than the next best edges of both its ends together: it is in every best assignment, so
 * this decides nothing that the exact way would decide otherwise, and leaves little of the graph.
 */
function takeDominant(state: State): void {
  const { edges, ofLeft, ofRight, byLeft, byRight } = state
  const isFree = (edge: number) => ofLeft[edges.left[edge]!]! < 0 && ofRight[edges.right[edge]!]! < 0
  /** First and second of a node's edges that can still be taken. */
  const best = (list: Int32Array): readonly [number, number] => {
    let first = -1
    for (const edge of list) {
      if (!isFree(edge)) continue
      if (first >= 0) return [first, edge]
      first = edge
    }
    return [first, -1]
  }
  const gain = (edge: number) => (edge < 0 ? 0 : edges.gains[edge]!)
  let waiting: Iterable<number> = ofLeft.keys()
  for (let changed = new Set<number>(); ; changed = new Set()) {
    for (const left of waiting) {
      if (ofLeft[left]! >= 0) continue
      const [first, second] = best(byLeft.of(left))
      if (first < 0) continue
      const right = edges.right[first]!
      const [rightFirst, rightSecond] = best(byRight.of(right))
      if (rightFirst !== first || gain(first) <= gain(second) + gain(rightSecond)) continue
      ofLeft[left] = first
      ofRight[right] = first
      // Who wanted either of the two has one edge less.
      for (const edge of byRight.of(right)) changed.add(edges.left[edge]!)
      for (const edge of byLeft.of(left)) for (const other of byRight.of(edges.right[edge]!)) changed.add(edges.left[other]!)
    }
    if (changed.size === 0) return
    waiting = [...changed]
  }
}

interface Component {
  /** In the order of preference. */
  readonly edges: number[]
  nodes: number
}

/** What is connected by edges that can still be taken (union-find). */
function components({ edges, ofLeft, ofRight }: State): Iterable<Component> {
  const leftSize = ofLeft.length
  const parents = Int32Array.from({ length: leftSize + ofRight.length }, (_, node) => node)
  const rootOf = (node: number) => {
    let root = node
    while (parents[root] !== root) {
      parents[root] = parents[parents[root]!]!
      root = parents[root]!
    }
    return root
  }
  const free: number[] = []
  for (let edge = 0; edge < edges.left.length; edge++) {
    const [left, right] = [edges.left[edge]!, edges.right[edge]!]
    if (ofLeft[left]! >= 0 || ofRight[right]! >= 0) continue
    free.push(edge)
    parents[rootOf(left)] = rootOf(leftSize + right)
  }
  const found = new Map<number, Component>()
  const counted = new Uint8Array(parents.length)
  for (const edge of free) {
    const nodes = [edges.left[edge]!, leftSize + edges.right[edge]!]
    const root = rootOf(nodes[0]!)
    let component = found.get(root)
    if (component === undefined) {
      component = { edges: [], nodes: 0 }
      found.set(root, component)
    }
    component.edges.push(edge)
    for (const node of nodes) {
      if (counted[node] === 1) continue
      counted[node] = 1
      component.nodes++
    }
  }
  return found.values()
}

function takeGreedily(component: readonly number[], { edges, ofLeft, ofRight }: State): void {
  for (const edge of component) {
    const [left, right] = [edges.left[edge]!, edges.right[edge]!]
    if (ofLeft[left]! >= 0 || ofRight[right]! >= 0) continue
    ofLeft[left] = edge
    ofRight[right] = edge
  }
}

function takeExactly(component: readonly number[], state: State): void {
  const { edges, ofLeft, ofRight } = state
  const lefts = numbered(component.map((edge) => edges.left[edge]!))
  const rights = numbered(component.map((edge) => edges.right[edge]!))
  const gains = new Float64Array(lefts.size * rights.size)
  const edgeAt = new Map<number, number>()
  // A little more for what is preferred, too little for all of it together to outweigh one millionth of a bit: of equal totals the one with
  // the preferred pairs is chosen, whatever the order of rows. 2^27 · 10,000 edges · 100 pairs is below 2^53.
  const step = component.length * Math.min(lefts.size, rights.size) + 1
  for (const [index, edge] of component.entries()) {
    const cell = lefts.get(edges.left[edge]!)! * rights.size + rights.get(edges.right[edge]!)!
    gains[cell] = edges.gains[edge]! * step + component.length - index
    edgeAt.set(cell, edge)
  }
  const columns = assignRows(gains, lefts.size, rights.size)
  for (const [row, column] of columns.entries()) {
    const edge = column < 0 ? undefined : edgeAt.get(row * rights.size + column)
    if (edge === undefined) continue
    ofLeft[edges.left[edge]!] = edge
    ofRight[edges.right[edge]!] = edge
  }
}

function numbered(values: readonly number[]): Map<number, number> {
  const numbers = new Map<number, number>()
  for (const value of values) if (!numbers.has(value)) numbers.set(value, numbers.size)
  return numbers
}
