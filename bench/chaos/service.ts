import { setTimeout as passed } from 'node:timers/promises'
import { freePort, type GuardedProcess, makeServiceDir, startGuarded, untilReady } from '../../test/support/guarded-process.js'

export interface ServiceOrder {
  readonly command: readonly string[]
  /** Rejects until it is open. */
  readonly answer: () => Promise<void>
}

/** Until a process that was killed is gone. */
const GONE_MS = 10_000

/** A place on disk and a port that outlive each start of a service, and end with this process whatever ends it. */
export class Service {
  readonly dir: string
  readonly port: number
  readonly #keeper: GuardedProcess
  #process: GuardedProcess | null = null

  private constructor(dir: string, port: number, keeper: GuardedProcess) {
    this.dir = dir
    this.port = port
    this.#keeper = keeper
  }

  static async make(name: string): Promise<Service> {
    const dir = makeServiceDir(`chaos-${name}`)
    const keeper = await startGuarded({ steps: [['/bin/sleep', '1000000']], dir, stopSignal: 'SIGKILL' })
    return new Service(dir, await freePort(), keeper)
  }

  /** Resolves when it is open. */
  async start({ command, answer }: ServiceOrder): Promise<void> {
    this.#process = await startGuarded({ steps: [command], dir: makeServiceDir('chaos-run'), stopSignal: 'SIGKILL' })
    await untilReady(this.#process, answer)
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#process) process.kill(this.#process.pid, signal)
  }

  /** Ends it by a signal; resolves when it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = this.#process
    if (!ended) return
    this.signal(signal)
    await Promise.race([ended.ended.catch(() => undefined), passed(GONE_MS)])
    this.#process = null
    await ended.stop()
  }

  async close(): Promise<void> {
    await this.#process?.stop()
    this.#process = null
    await this.#keeper.stop()
  }
}
