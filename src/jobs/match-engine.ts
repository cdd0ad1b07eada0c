import type { Worker } from 'node:worker_threads'
import { startThread } from '../threads.js'
import type { EngineCall } from './engine-thread.js'

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

interface Running {
  readonly thread: Worker
  readonly waiting: Map<number, Waiting>
}

/** The engine in a thread of its own, so that matching never holds up sessions and requests. Started at the first call. */
export class MatchEngine {
  #running: Running | null = null
  #isStopped = false
  #nextId = 1

  /** @throws what the engine threw, or that its thread ended: then everything it held is gone. */
  async call(call: EngineCall): Promise<unknown> {
    if (this.#isStopped) throw new Error('the engine was stopped')
    this.#running ??= this.#start()
    const { thread, waiting } = this.#running
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      thread.postMessage({ id, call })
    })
  }

  /** Gives up what is under way and forgets everything: those calls fail, the next one starts another thread. */
  async reset(): Promise<void> {
    const running = this.#running
    this.#running = null
    await running?.thread.terminate()
  }

  /** For good. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.reset()
  }

  #start(): Running {
    const running: Running = { thread: startThread(import.meta.url, './engine-thread'), waiting: new Map() }
    const { thread, waiting } = running
    thread.on('message', ({ id, result, error }: { readonly id: number; readonly result?: unknown; readonly error?: string }) => {
      const call = waiting.get(id)
      waiting.delete(id)
      if (error === undefined) call?.resolve(result)
      else call?.reject(new Error(`the engine failed: ${error}`))
    })
    const fail = (reason: string) => {
      if (this.#running === running) this.#running = null
      for (const call of waiting.values()) call.reject(new Error(reason))
      waiting.clear()
    }
    thread.on('error', (error) => fail(`the engine's thread died: ${error.message}`))
    thread.on('exit', () => fail("the engine's thread ended"))
    return running
  }
}
