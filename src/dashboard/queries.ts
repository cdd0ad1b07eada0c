/** Everybody hears at once that something is stale; the answers are fetched spread over this time. */
const SPREAD_MS = 500

interface Query {
  readonly tags: readonly string[]
  readonly refetch: () => unknown
}

/**
 * What is on the screen and was answered by the server, with the tags of PROTOCOL §6 that its answers carry. A tag that is invalidated
 * lets exactly those with it be fetched again, each once, however many tags came meanwhile; what is shown later fetches by itself.
 */
export class Queries {
  readonly #shown = new Set<Query>()
  readonly #stale = new Set<Query>()
  readonly #random: () => number
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param random [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** On the screen until the returned function is called. */
  show(tags: readonly string[], refetch: () => unknown): () => void {
    const query = { tags, refetch }
    this.#shown.add(query)
    return () => {
      this.#shown.delete(query)
      this.#stale.delete(query)
    }
  }

  invalidate(tag: string): void {
    for (const query of this.#shown) if (query.tags.includes(tag)) this.#stale.add(query)
    if (this.#stale.size === 0 || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const stale = [...this.#stale]
      this.#stale.clear()
      for (const { refetch } of stale) refetch()
    }, this.#random() * SPREAD_MS)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#shown.clear()
    this.#stale.clear()
  }
}
