interface Flight<Answer> {
  readonly key: string
  readonly tags: readonly string[]
  readonly promise: Promise<Answer>
}

/** Answers under way: one per key for all who ask meanwhile, until something invalidates it; who asks after that begins another. */
export class Flights<Answer> {
  readonly #joinable = new Map<string, Flight<Answer>>()
  readonly #all = new Set<Flight<Answer>>()

  get(key: string): Promise<Answer> | undefined {
    return this.#joinable.get(key)?.promise
  }

  /** `isCurrent` tells `fetch` whether nothing has invalidated it since it began. */
  begin(key: string, tags: readonly string[], fetch: (isCurrent: () => boolean) => Promise<Answer>): Promise<Answer> {
    const flight: Flight<Answer> = { key, tags, promise: Promise.resolve().then(() => fetch(() => this.#joinable.get(key) === flight)) }
    this.#joinable.set(key, flight)
    this.#all.add(flight)
    const end = () => {
      this.#all.delete(flight)
      if (this.#joinable.get(key) === flight) this.#joinable.delete(key)
    }
    flight.promise.then(end, end)
    return flight.promise
  }

  outdate(tag: string): void {
    // Few: what is loaded at this moment.
    for (const { key, tags } of this.#joinable.values()) if (tags.includes(tag)) this.#joinable.delete(key)
  }

  outdateAll(): void {
    this.#joinable.clear()
  }

  /** Resolves when none is under way. Never rejects. */
  async ended(): Promise<void> {
    await Promise.allSettled([...this.#all].map(({ promise }) => promise))
  }
}
