import { AppError } from '../errors.js'
import type { Log } from '../log.js'
import { CLOSE_CODES, type CloseCode } from '../protocol/close-codes.js'
import type { Transport } from '../transport/transport.js'
import type { Clock } from './clock.js'
import { Notice } from './notice.js'
import type { Session } from './session.js'

/** Silence before a ping, and after it before the end (C7). */
export interface Heartbeat {
  readonly intervalMs: number
  readonly timeoutMs: number
}

export interface SweepOptions {
  readonly transport: Pick<Transport, 'prepare'>
  readonly clock: Clock
  readonly log: Pick<Log, 'info'>
  readonly heartbeat: Heartbeat
  readonly helloTimeoutMs: number
}

/** How long before its end a credential's holder is told (C9). */
const EXPIRING_MS = 60_000

/** Looks after all sessions in one go: who says no hello, does not answer, does not read, or may not stay. */
export class Sweep {
  readonly #options: SweepOptions

  constructor(options: SweepOptions) {
    this.#options = options
  }

  run(sessions: Iterable<Session>): void {
    const { transport, clock, helloTimeoutMs, heartbeat } = this.#options
    const now = clock.now()
    let ping: Notice | null = null
    for (const session of sessions) {
      const { state, socket, receivedAt } = session
      if (state.kind === 'opening' && now - receivedAt >= helloTimeoutMs) this.#end(session, CLOSE_CODES.NO_HELLO, 'no hello')
      if (state.kind !== 'open' || !this.judgeExpiry(session)) continue
      if (session.isExempt) {
        if (session.isStalled(now)) this.#end(session, CLOSE_CODES.SLOW_CONSUMER, 'takes nothing')
      } else if (now - receivedAt >= heartbeat.intervalMs + heartbeat.timeoutMs) {
        this.#end(session, CLOSE_CODES.HEARTBEAT_TIMEOUT, 'nothing received')
      } else if (now - Math.max(Math.min(receivedAt, socket.lastSentAt), session.pingedAt) >= heartbeat.intervalMs) {
        ping ??= new Notice(transport, { type: 'ping', at: timestamp(clock.today()) })
        session.pingedAt = now
        session.awaitsPong = true
        session.notify(ping)
      }
    }
  }

  /** Ends a session whose credential is over, and tells one whose credential will be soon. Whether it goes on. */
  judgeExpiry(session: Session): boolean {
    const { state } = session
    if (state.kind !== 'open') return false
    const leftMs = state.principal.expiresAt - this.#options.clock.today()
    if (leftMs <= 0) {
      session.end(new AppError('TOKEN_EXPIRED'), null)
      return false
    }
    if (leftMs <= EXPIRING_MS && !state.isExpiryTold) {
      session.state = { ...state, isExpiryTold: true }
      session.send({ type: 'expiring', at: timestamp(state.principal.expiresAt) })
    }
    return true
  }

  #end(session: Session, code: CloseCode, reason: string): void {
    this.#options.log.info({ session: session.id, code }, reason)
    session.close(code, reason)
  }
}

function timestamp(unixMs: number): string {
  return new Date(unixMs).toISOString()
}
