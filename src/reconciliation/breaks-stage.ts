import type { Residual, Sides } from './sides.js'
import type { BreakDraft, ChunkResult } from './stage.js'

/** What no pass explained, with the reason and the record that came closest. */
export class BreaksStage {
  readonly #sides: Sides
  readonly #residual: Residual
  readonly #chunks: number

  constructor(options: { readonly sides: Sides; readonly residual: Residual; readonly chunks: number }) {
    this.#sides = options.sides
    this.#residual = options.residual
    this.#chunks = options.chunks
  }

  runChunk(chunk: number): ChunkResult {
    const { left, right } = this.#sides
    const total = left.size + right.size
    const breaks: BreakDraft[] = []
    const end = Math.floor((total * (chunk + 1)) / this.#chunks)
    for (let index = Math.floor((total * chunk) / this.#chunks); index < end; index++) {
      const side = index < left.size ? 'left' : 'right'
      const record = side === 'left' ? index : index - left.size
      if (this.#residual.has(side, record)) breaks.push({ side, record, reason: 'no-candidate', nearestMiss: null })
    }
    return { matches: [], breaks, output: null, notices: [] }
  }
}
