import { AppError } from '../errors.js'
import { newId } from '../ids.js'
import type { Principal, TokenAuthority } from './auth.js'

export interface TicketsOptions {
  readonly tokens: Pick<TokenAuthority, 'signTicket' | 'verifyTicket'>
  /** Takes a name for all processes for so long; false when somebody has it. */
  readonly takeOnce: (name: string, ttlMs: number) => Promise<boolean>
  /** Whether the dashboard's session still stands: who signed out meanwhile has no ticket any more. */
  readonly isSignedIn: (credential: string) => Promise<boolean>
}

/** A ticket as its maker gets it. */
export interface IssuedTicket {
  readonly ticket: string
  /** Unix time in milliseconds. */
  readonly expiresAt: number
}

/** How long a ticket lives (C2). */
const TICKET_MS = 30_000
/** A used one is remembered for as long as clocks of processes may be apart, so that no other process takes it for a fresh one. */
const REMEMBER_MS = TICKET_MS + 10 * 60_000
/** Tells a ticket from a token, without judging either. */
const PREFIX = 'ticket_'

/** Whether the credential of a hello is meant as a ticket. */
export function isTicket(credential: string): boolean {
  return credential.startsWith(PREFIX)
}

/**
 * Tickets (C2): a page that may not know its token, or a service that hands one session to somebody else, gets a credential that is good for
 * one hello. It carries everything by itself, so any process takes it; that it was used is remembered by all.
 */
export class Tickets {
  readonly #options: TicketsOptions

  constructor(options: TicketsOptions) {
    this.#options = options
  }

  /** A ticket with the rights and the expiry of the principal; it does not outlive it. `now` is Unix time in milliseconds. */
  async issue(principal: Principal, now: number = Date.now()): Promise<IssuedTicket> {
    // What is signed has whole seconds.
    const expiresAt = Math.floor(Math.min(now + TICKET_MS, principal.expiresAt) / 1000) * 1000
    return { ticket: PREFIX + (await this.#options.tokens.signTicket({ id: newId(), principal, expiresAt })), expiresAt }
  }

  /**
   * The principal of a ticket, which is used up by this. `now` is Unix time in milliseconds.
   * @throws AppError `TOKEN_EXPIRED`, `UNAUTHENTICATED` also for one that was used before, `BUS_UNAVAILABLE` when nobody can say whether it was.
   */
  async redeem(ticket: string, now: number = Date.now()): Promise<Principal> {
    if (!isTicket(ticket)) throw new AppError('UNAUTHENTICATED', { message: 'this is no ticket' })
    const { id, principal } = await this.#options.tokens.verifyTicket(ticket.slice(PREFIX.length), now)
    if (!(await this.#options.takeOnce(`ticket:${id}`, REMEMBER_MS))) {
      throw new AppError('UNAUTHENTICATED', { message: 'this ticket was used already' })
    }
    if (principal.credential !== null && !(await this.#options.isSignedIn(principal.credential))) {
      throw new AppError('UNAUTHENTICATED', { message: 'who made this ticket has signed out' })
    }
    return principal
  }
}
