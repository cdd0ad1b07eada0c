import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Compiled as what is shipped is: tsx would give each closure a name, at a cost that sessions would show. */
const BUILD = fileURLToPath(new URL('../.build/bench/live/', import.meta.url))

/** A child process and its answers, one at a time. */
export class Child<Asked extends { readonly kind: string }> {
  readonly process: ChildProcess
  onTaken: (events: number) => void = () => {}
  readonly port: Promise<number>
  #answered: (value: unknown) => void = () => {}
  #failed: (error: Error) => void = () => {}

  constructor(file: string, args: readonly string[]) {
    this.process = fork(`${BUILD}${file}`, args, { execArgv: ['--expose-gc'] })
    this.port = new Promise((resolve, reject) => {
      this.process.on('message', (message: { port?: number; taken?: number; value?: unknown }) => {
        if (message.port !== undefined) resolve(message.port)
        else if (message.taken !== undefined) this.onTaken(message.taken)
        else this.#answered(message.value)
      })
      this.process.on('exit', (code) => {
        const error = new Error(`${file} ${args} ended with ${code}`)
        reject(error)
        this.#failed(error)
      })
    })
    this.port.catch(() => undefined)
  }

  // The answer's type is what the command's own file says.
  ask<Answer>(command: Asked): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#answered = (value) => resolve(value as Answer)
      this.#failed = reject
      this.process.send(command)
    })
  }

  tell(command: Asked): void {
    this.process.send(command)
  }

  async end(): Promise<void> {
    if (!this.process.connected) return
    const ended = new Promise((resolve) => this.process.once('exit', resolve))
    this.process.disconnect()
    await ended
  }
}
