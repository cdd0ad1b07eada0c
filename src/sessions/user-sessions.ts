import type { Principal } from './auth.js'
import type { Session } from './session.js'

interface User {
  readonly sessions: Set<Session>
  /** The newest of the user's principals. */
  principal: Principal
}

/** Who has which sessions in this process. */
export class UserSessions {
  readonly #users = new Map<string, User>()

  /** The sessions of the user, by id. */
  of(user: string): ReadonlySet<Session> {
    return this.#users.get(user)?.sessions ?? NONE
  }

  /** Adds a session. The principal to keep for it: the user's other sessions may have the same already, and then share one object. */
  add(session: Session, principal: Principal): Principal {
    const known = this.#users.get(principal.user.id)
    if (!known) {
      this.#users.set(principal.user.id, { sessions: new Set([session]), principal })
      return principal
    }
    known.sessions.add(session)
    if (!isSame(known.principal, principal)) known.principal = principal
    return known.principal
  }

  remove(session: Session, user: string): void {
    const known = this.#users.get(user)
    known?.sessions.delete(session)
    if (known?.sessions.size === 0) this.#users.delete(user)
  }
}

const NONE: ReadonlySet<Session> = new Set()

function isSame(one: Principal, other: Principal): boolean {
  // Both are made by one function per kind of credential, so their fields stand in one order.
  return JSON.stringify(one) === JSON.stringify(other)
}
