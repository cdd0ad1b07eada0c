import { AppError } from '../errors.js'
import type { UpgradeRequest } from '../transport/transport.js'
import { bearerToken, type Principal, sessionCookie, type TokenAuthority } from './auth.js'
import { isTicket, type Tickets } from './tickets.js'

export interface AuthenticationOptions {
  readonly tokens: Pick<TokenAuthority, 'verifyToken'>
  readonly tickets: Pick<Tickets, 'redeem'>
  /** The principal of the dashboard's cookie, or null when it signs nobody in (any more). */
  readonly cookie: (value: string) => Promise<Principal | null>
}

/** Judges credentials (C2). */
export class Authentication {
  readonly #options: AuthenticationOptions
  /** Credentials that are being judged, and the dashboard's sessions that ended meanwhile. */
  #judging = 0
  readonly #revoked = new Set<string>()

  constructor(options: AuthenticationOptions) {
    this.#options = options
  }

  /** Somebody signed out: whoever is being judged by that session of the dashboard is not admitted any more. */
  revoke(credential: string): void {
    if (this.#judging > 0) this.#revoked.add(credential)
  }

  /**
   * Who shows these: the first credential present decides.
   * @throws AppError `UNAUTHENTICATED`, `TOKEN_EXPIRED`, and what the database throws.
   */
  async principalOf(token: string | undefined, shown: Pick<UpgradeRequest, 'authorization' | 'cookie'>): Promise<Principal> {
    this.#judging++
    try {
      const principal = await this.#judge(token, shown)
      if (principal === null || (principal.credential !== null && this.#revoked.has(principal.credential))) {
        throw new AppError('UNAUTHENTICATED')
      }
      return principal
    } finally {
      if (--this.#judging === 0) this.#revoked.clear()
    }
  }

  async #judge(token: string | undefined, { authorization, cookie }: Pick<UpgradeRequest, 'authorization' | 'cookie'>) {
    if (token !== undefined) return isTicket(token) ? this.#options.tickets.redeem(token) : this.#options.tokens.verifyToken(token)
    if (authorization !== undefined) {
      const bearer = bearerToken(authorization)
      if (bearer === null) throw new AppError('UNAUTHENTICATED', { message: 'the Authorization header is not "Bearer <token>"' })
      return this.#options.tokens.verifyToken(bearer)
    }
    const value = sessionCookie(cookie)
    return value === null ? null : this.#options.cookie(value)
  }
}
