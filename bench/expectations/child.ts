import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A module of this folder in a process of its own, which answers each message with one; `{ error }` is thrown here. */
export class Child {
  readonly #process: ChildProcess
  readonly #name: string
  readonly #ended: Promise<unknown>

  constructor(name: string) {
    this.#name = name
    this.#process = fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), { execArgv: ['--import', 'tsx', '--expose-gc'] })
    this.#ended = once(this.#process, 'exit')
  }

  // What the answer is the module itself says.
  async ask<Answer extends object>(message: unknown): Promise<Answer> {
    const answered = once(this.#process, 'message') as Promise<[Answer | { readonly error: string }]>
    this.#process.send(message as object)
    const first = await Promise.race([answered, this.#ended.then(() => null)])
    if (first === null) throw new Error(`${this.#name} ended before it answered`)
    const [answer] = first
    if ('error' in answer) throw new Error(`${this.#name}: ${answer.error}`)
    return answer
  }

  async end(): Promise<void> {
    if (!this.#process.connected) return
    this.#process.disconnect()
    await this.#ended
  }
}

/** The other end: answers each message, one after another, and ends with its parent. */
export function answer<Message>(handle: (message: Message) => Promise<object>): void {
  process.on('message', (message: Message) => {
    handle(message).then(
      (said) => process.send!(said),
      (error) => process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
}
