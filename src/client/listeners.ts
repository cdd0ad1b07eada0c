import { CallQueue } from './call-queue.js'
import type { Stop } from './room.js'

/** What the call of a handler carries belongs to the name that it is registered under. */
type Handler = (value: never) => unknown

/** Handlers by name, called one after another in the order in which things happened. */
export class Listeners {
  readonly #calls: CallQueue
  readonly #handlers = new Map<string, Set<Handler>>()

  constructor(onError: (error: unknown) => void) {
    this.#calls = new CallQueue(onError)
  }

  add(name: string, handler: Handler): Stop {
    // Each registration is its own, also of a function that is there already.
    const own: Handler = (value) => handler(value)
    const handlers = this.#handlers.get(name)
    if (handlers) handlers.add(own)
    else this.#handlers.set(name, new Set([own]))
    return () => void this.#handlers.get(name)?.delete(own)
  }

  has(name: string): boolean {
    return (this.#handlers.get(name)?.size ?? 0) > 0
  }

  /** Tells who listens to one of the names, in its turn, and then only if it is still to be told. */
  tell(names: readonly string[], value: unknown, isToBeTold?: () => boolean): void {
    this.#calls.add(() => {
      if (isToBeTold?.() === false) return
      const calls = names.flatMap((name) => {
        const handlers = this.#handlers.get(name) ?? new Set()
        // It may have been stopped by the one before.
        return [...handlers].map((handler) => () => handlers.has(handler) && handler(value as never))
      })
      this.#calls.addFirst(calls)
    })
  }

  /** Nobody hears anything any more, also of what has happened already. */
  silence(): void {
    this.#handlers.clear()
    this.#calls.clear()
  }
}
