import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A process of the run that is told what to do over IPC, and ends with this one. */
export class Child<Command extends { readonly kind: string }> {
  readonly #process: ChildProcess
  readonly #ended: Promise<never>

  constructor(file: 'load.ts' | 'writers.ts') {
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: ['--import', 'tsx'] })
    this.#ended = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`${file} ended with ${code}`)
    })
    this.#ended.catch(() => undefined)
  }

  tell(command: Command): void {
    this.#process.send(command)
  }

  /** One question at a time. @throws Error when the process ends. */
  async ask<Answer>(command: Command): Promise<Answer> {
    const answer = once(this.#process, 'message')
    this.tell(command)
    // What each command is answered its own file says.
    return ((await Promise.race([answer, this.#ended])) as [Answer])[0]
  }

  close(): void {
    this.#process.kill('SIGKILL')
  }
}
