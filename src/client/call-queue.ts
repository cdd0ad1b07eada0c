/**
 * Calls one after another: each when the one before has ended, and its promise with it. One that throws is done: it would throw the next
 * time too (D3).
 */
export class CallQueue {
  readonly #onError: (error: unknown) => void
  readonly #calls: (() => unknown)[] = []
  #isCalling = false

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  add(call: () => unknown): void {
    this.#calls.push(call)
    if (!this.#isCalling) this.#callNext()
  }

  /** Before all others: for a call that turns out to be several. */
  addFirst(calls: readonly (() => unknown)[]): void {
    this.#calls.unshift(...calls)
  }

  /** Forgets what was not called yet. */
  clear(): void {
    this.#calls.length = 0
  }

  #callNext(): void {
    this.#isCalling = true
    for (let call = this.#calls.shift(); call; call = this.#calls.shift()) {
      try {
        const result = call()
        // A promise of any maker: pages and libraries have their own.
        if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
          void Promise.resolve(result)
            .catch(this.#onError)
            .then(() => this.#callNext())
          return
        }
      } catch (error) {
        this.#onError(error)
      }
    }
    this.#isCalling = false
  }
}
