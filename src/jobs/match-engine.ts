import type { Worker } from 'node:worker_threads'
import { startThread } from '../threads.js'
import type { EngineCall } from './engine-thread.js'

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** The engine in a thread of its own, so that matching never holds up sessions and requests. Started at the first call. */
export class MatchEngine {
  #thread: Worker | null = null
  #nextId = 1
  readonly #waiting = new Map<number, Waiting>()

  /** @throws what the engine threw, or that its thread died: then everything it held is gone. */
  call(call: EngineCall): Promise<unknown> {
    this.#thread ??= this.#start()
    const id = this.#nextId++
    const thread = this.#thread
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      thread.postMessage({ id, call })
    })
  }

  async stop(): Promise<void> {
    await this.#thread?.terminate()
    this.#thread = null
  }

  #start(): Worker {
    const thread = startThread(import.meta.url, './engine-thread')
    thread.on('message', ({ id, result, error }: { readonly id: number; readonly result?: unknown; readonly error?: string }) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(`the engine failed: ${error}`))
    })
    const fail = (reason: string) => {
      if (this.#thread === thread) this.#thread = null
      for (const waiting of this.#waiting.values()) waiting.reject(new Error(reason))
      this.#waiting.clear()
    }
    thread.on('error', (error) => fail(`the engine's thread died: ${error.message}`))
    thread.on('exit', () => fail("the engine's thread ended"))
    return thread
  }
}
