import { useEffect, useState } from 'preact/hooks'

/** A value that components watch. Setting it twice in a turn draws once. */
export class Store<Value> {
  #value: Value
  readonly #watchers = new Set<() => void>()

  constructor(value: Value) {
    this.#value = value
  }

  get value(): Value {
    return this.#value
  }

  set(value: Value): void {
    if (value === this.#value) return
    this.#value = value
    for (const watcher of this.#watchers) watcher()
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }
}

/** The store's value; the component is drawn again when it changes. */
export function useStore<Value>(store: Store<Value>): Value {
  const [, redraw] = useState({})
  const drawn = store.value
  useEffect(() => {
    const stop = store.watch(() => redraw({}))
    // It may have changed between drawing and watching.
    if (store.value !== drawn) redraw({})
    return stop
  }, [store])
  return drawn
}
