import { setTimeout as passed } from 'node:timers/promises'
import { type FleetMember, startMember } from '../../test/fleet/member.js'

/** Between attempts to start a process whose services may be away. */
const RETRY_MS = 300
/** A process that drains has 20 s, and 2 to stop (D10); what is over is for a busy machine. */
const ENDED_WITHIN_MS = 45_000

export interface CrewmanOptions {
  readonly name: string
  readonly environment: Readonly<Record<string, string>>
  readonly onLine: (line: string) => void
  /** It has ended, and nobody had told it to. */
  readonly onCrash: (how: string) => void
}

/** One process of the fleet, started again whenever it has ended. */
export class Crewman {
  readonly name: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #onLine: (line: string) => void
  readonly #onCrash: (how: string) => void
  #member: FleetMember | null = null
  #isClosing = false
  /** Resolves when it is open, for the first time or again. */
  #open: Promise<void>

  constructor(options: CrewmanOptions) {
    this.name = options.name
    this.#environment = options.environment
    this.#onLine = options.onLine
    this.#onCrash = options.onCrash
    this.#open = this.#start()
  }

  untilOpen(): Promise<void> {
    return this.#open
  }

  /** Resolves when another process has taken its place and is open. */
  async replace(signal: 'SIGKILL' | 'SIGTERM', awayMs: number): Promise<void> {
    await this.#open
    const member = this.#member!
    // Awaited by those who come behind.
    this.#open = (async () => {
      this.#member = null
      member.kill(signal)
      const how = await Promise.race([member.ended, passed(ENDED_WITHIN_MS, 'late' as const, { ref: false })])
      if (how === 'late') {
        this.#onCrash(`still there ${ENDED_WITHIN_MS} ms after ${signal}`)
        member.kill('SIGKILL')
        await member.ended
      }
      await passed(awayMs)
      await this.#start()
    })()
    await this.#open
  }

  /** Lets it stand still. */
  async hold(ms: number): Promise<void> {
    await this.#open
    const member = this.#member!
    member.kill('SIGSTOP')
    await passed(ms)
    member.kill('SIGCONT')
  }

  async close(): Promise<void> {
    this.#isClosing = true
    // Also one that stands still.
    this.#member?.kill('SIGKILL')
    await this.#member?.stop()
    await this.#open
  }

  async #start(): Promise<void> {
    while (!this.#isClosing) {
      try {
        const member = await startMember(this.#environment, this.#onLine)
        this.#member = member
        void member.ended.then((how) => {
          if (this.#member !== member || this.#isClosing) return
          this.#onCrash(String(how))
          this.#open = this.#start()
        })
        if (this.#isClosing) member.kill('SIGKILL')
        return
      } catch (error) {
        this.#onLine(`cannot start: ${error instanceof Error ? error.message : error}`)
        await passed(RETRY_MS)
      }
    }
  }
}
