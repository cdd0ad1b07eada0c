// Lists carry ids only; the rows behind them are fetched when they come into view, a few at a time, and kept.

import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from './api.js'

const MAX_AT_ONCE = 4
/** Entries kept per project page; the oldest go first. */
const MAX_KEPT = 1_000
const DEFAULT_RETRY_MS = 2_000
/** What is scrolled past faster is not looked at. */
const LOOKING_MS = 150

/** Fetches by id, at most four at once, each id once; waits when the server asks for it. */
export class Details<Value> {
  readonly #fetch: (id: string) => Promise<Value>
  readonly #kept = new Map<string, Value>()
  readonly #waiting = new Map<string, ((value: Value | null) => void)[]>()
  readonly #queue: string[] = []
  #running = 0

  constructor(fetch: (id: string) => Promise<Value>) {
    this.#fetch = fetch
  }

  get(id: string): Value | undefined {
    return this.#kept.get(id)
  }

  /** What is known is out of date: it is fetched anew when it is asked for. */
  drop(id: string): void {
    this.#kept.delete(id)
  }

  /** The value, or null when it could not be fetched. */
  load(id: string): Promise<Value | null> {
    const kept = this.#kept.get(id)
    if (kept !== undefined) return Promise.resolve(kept)
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id)
      if (waiting !== undefined) {
        waiting.push(resolve)
        return
      }
      this.#waiting.set(id, [resolve])
      this.#queue.push(id)
      this.#next()
    })
  }

  #next(): void {
    while (this.#running < MAX_AT_ONCE) {
      const id = this.#queue.shift()
      if (id === undefined) return
      this.#running++
      void this.#run(id).finally(() => {
        this.#running--
        this.#next()
      })
    }
  }

  async #run(id: string): Promise<void> {
    let value: Value | null = null
    try {
      value = await this.#fetch(id)
      this.#kept.set(id, value)
      const oldest = this.#kept.size > MAX_KEPT ? this.#kept.keys().next().value : undefined
      if (oldest !== undefined) this.#kept.delete(oldest)
    } catch (error) {
      if (error instanceof ApiError && error.status === 429) {
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? DEFAULT_RETRY_MS))
        this.#queue.push(id)
        return
      }
    }
    const waiting = this.#waiting.get(id) ?? []
    this.#waiting.delete(id)
    for (const resolve of waiting) resolve(value)
  }
}

/** The value behind an id as soon as the element that `ref` is put on comes near the visible part of the page. */
export function useDetail<Value, Tag extends Element>(details: Details<Value>, id: string) {
  const ref = useRef<Tag>(null)
  const [value, setValue] = useState<Value | null | undefined>(details.get(id))
  useEffect(() => {
    let isCurrent = true
    let looking: ReturnType<typeof setTimeout> | undefined
    const kept = details.get(id)
    setValue(kept)
    if (kept !== undefined || ref.current === null) return
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return
        observer.disconnect()
        looking = setTimeout(() => void details.load(id).then((loaded) => isCurrent && setValue(loaded)), LOOKING_MS)
      },
      { rootMargin: '300px' },
    )
    observer.observe(ref.current)
    return () => {
      isCurrent = false
      clearTimeout(looking)
      observer.disconnect()
    }
  }, [details, id])
  return { ref, value }
}
