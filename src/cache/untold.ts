import { MAX_TTL_MS } from './cache.js'

/** After this long nothing is left anywhere that an invalidation could be about. */
const KEPT_MS = 2 * MAX_TTL_MS
/** Old ones are looked for when there are so many. */
const MANY = 1_000

/** The tags that were invalidated here and of which the second level has not heard yet. */
export class Untold {
  readonly #now: () => number
  /** When each was added last: what is added again while it is told stays. */
  readonly #tags = new Map<string, { readonly at: number }>()

  constructor(now: () => number) {
    this.#now = now
  }

  add(tags: Iterable<string>): void {
    const at = this.#now()
    for (const tag of tags) this.#tags.set(tag, { at })
    if (this.#tags.size < MANY) return
    for (const [tag, { at: addedAt }] of this.#tags) if (addedAt < at - KEPT_MS) this.#tags.delete(tag)
  }

  hasAny(tags: readonly string[]): boolean {
    return this.#tags.size > 0 && tags.some((tag) => this.#tags.has(tag))
  }

  /** All there is to be told now; `done` takes it off, but for what came again meanwhile. */
  begin(): { readonly tags: readonly string[]; readonly done: () => void } {
    const telling = [...this.#tags]
    return {
      tags: telling.map(([tag]) => tag),
      done: () => {
        for (const [tag, added] of telling) if (this.#tags.get(tag) === added) this.#tags.delete(tag)
      },
    }
  }
}
