import { LRUCache } from 'lru-cache'

/** The highest revision of each key that anybody here has been answered, of the keys used last. */
export class RevisionFloors {
  readonly #floors: LRUCache<string, number>

  constructor(maxKeys: number) {
    this.#floors = new LRUCache({ max: maxKeys })
  }

  of(key: string): number {
    return this.#floors.get(key) ?? Number.NEGATIVE_INFINITY
  }

  /** Takes the revision as the new floor, also a lower one or none: who got it has asked often enough. */
  set(key: string, revision: number): void {
    if (Number.isFinite(revision)) this.#floors.set(key, revision)
    else this.#floors.delete(key)
  }
}
