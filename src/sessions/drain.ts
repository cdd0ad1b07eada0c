import type { Transport } from '../transport/transport.js'
import type { Clock } from './clock.js'
import type { Session } from './session.js'

export interface DrainOptions {
  readonly transport: Pick<Transport, 'prepare'>
  readonly clock: Clock
  /** From the first `goaway` to the deadline. */
  readonly drainMs: number
}

/** The part of the drain over which sessions are told to come back elsewhere, so that they do not all come at once. */
const SPREAD = 0.7

/** Sends all sessions of a process elsewhere (D10): each is told when to go, and has time until the deadline. */
export class Drain {
  /** Resolves when no session is left, or at the deadline. */
  readonly ended: Promise<void>
  readonly #options: DrainOptions
  readonly #sessions: ReadonlySet<Session>
  readonly #startedAt: number
  readonly #deadlineAt: string
  #end: () => void = () => {}

  constructor(options: DrainOptions, sessions: ReadonlySet<Session>) {
    this.#options = options
    this.#sessions = sessions
    const { clock, drainMs } = options
    this.#startedAt = clock.now()
    this.#deadlineAt = new Date(clock.today() + drainMs).toISOString()
    this.ended = new Promise((resolve) => {
      const cancel = clock.after(drainMs, resolve)
      this.#end = () => {
        cancel()
        resolve()
      }
    })
    let index = 0
    for (const session of sessions) this.#tell(session, (index++ / sessions.size) * SPREAD * drainMs)
    this.sessionEnded()
  }

  /** One that was welcomed after the drain began. */
  sendAway(session: Session): void {
    const { clock, drainMs } = this.#options
    this.#tell(session, Math.max(0, clock.random() * SPREAD * drainMs - (clock.now() - this.#startedAt)))
  }

  sessionEnded(): void {
    if (this.#sessions.size === 0) this.#end()
  }

  #tell(session: Session, afterMs: number): void {
    if (session.state.kind !== 'open') return
    session.send({ type: 'goaway', reconnectAfterMs: Math.round(afterMs), deadlineAt: this.#deadlineAt })
  }
}
