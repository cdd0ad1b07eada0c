import { createSecretKey, type KeyObject, webcrypto } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { AppError } from '../errors.js'
import { parseUserId } from '../ids.js'
import { ROLES, type Role, type UserRef } from '../protocol/views.js'
import { readSignedClaims } from './signed-claims.js'

/** The dashboard's cookie (HTTP.md "Who"). */
export const SESSION_COOKIE = 'tallyroom_session'

/** Who somebody proved to be, and what the credential itself grants beside stored memberships. Never from a payload. */
export interface Principal {
  readonly user: UserRef
  /** May create projects and is `admin` in all of them. */
  readonly admin: boolean
  /** Roles by project id; `*` is every project. */
  readonly projects: Readonly<Record<string, Role>>
  /** Projects whose events may be published. */
  readonly publish: readonly string[] | '*'
  /** Unix time in milliseconds after which the credential is void. */
  readonly expiresAt: number
  /** Id of the cookie's stored session; null for a token. */
  readonly credential: string | null
}

export interface TokenOptions {
  readonly user: UserRef
  /** Unix time in milliseconds; kept to the second. */
  readonly expiresAt: number
  readonly admin?: boolean
  readonly projects?: Readonly<Record<string, Role>>
  readonly publish?: readonly string[] | '*'
}

export interface SignInCode {
  readonly id: string
  readonly user: UserRef
  /** Unix time in milliseconds. */
  readonly expiresAt: number
}

/** A ticket, read. */
export interface Ticket {
  readonly id: string
  readonly principal: Principal
  /** Of the ticket itself, Unix time in milliseconds; kept to the second. */
  readonly expiresAt: number
}

export interface TokenAuthorityOptions {
  /** HS256 key, at least 32 bytes. */
  readonly secret: Uint8Array
}

const MIN_SECRET_BYTES = 32
/** What a token says beyond that (milliseconds for seconds, mostly) cannot be written in RFC 3339, and far enough beyond it is no date at all. */
const LATEST_EXPIRY = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
/** Audiences of what is signed by the same key, but good for one purpose only. */
const SIGN_IN_AUDIENCE = 'tallyroom:sign-in'
const TICKET_AUDIENCE = 'tallyroom:ticket'
const OWN_AUDIENCES: readonly unknown[] = [SIGN_IN_AUDIENCE, TICKET_AUDIENCE]

const CODE_CLAIMS = z.object({ sub: z.string(), exp: z.number(), jti: z.string(), name: z.string() })
const TICKET_CLAIMS = z.object({
  sub: z.string(),
  exp: z.number(),
  jti: z.string(),
  name: z.string(),
  admin: z.boolean(),
  projects: z.record(z.string(), z.enum(ROLES)),
  publish: z.union([z.literal('*'), z.array(z.string())]),
  /** Of the principal, as everything that is not a claim of RFC 7519. */
  expiresAt: z.number(),
  credential: z.string().nullable(),
})

const CLAIMS = z.object({
  sub: z.string(),
  exp: z.number(),
  nbf: z.number().optional(),
  name: z.string().min(1).max(128).optional(),
  tallyroom: z
    .object({
      admin: z.boolean().optional(),
      projects: z.record(z.string(), z.enum(ROLES)).optional(),
      publish: z.union([z.literal('*'), z.array(z.string())]).optional(),
    })
    .optional(),
})

/** Makes and judges the JWTs of this installation (HS256, one secret). */
export class TokenAuthority {
  readonly #secret: KeyObject
  readonly #key: Promise<webcrypto.CryptoKey>

  constructor({ secret }: TokenAuthorityOptions) {
    if (secret.length < MIN_SECRET_BYTES) throw new Error(`secret has ${secret.length} bytes, must have at least ${MIN_SECRET_BYTES}`)
    this.#secret = createSecretKey(secret)
    // Imported once: jose would import a raw secret again for each token.
    this.#key = webcrypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  }

  /**
   * The principal of a token, whose signature, expiry and claims are checked.
   * @throws AppError `TOKEN_EXPIRED`, or `UNAUTHENTICATED` for everything else that is wrong with it.
   */
  async verifyToken(token: string): Promise<Principal> {
    const payload = readSignedClaims(token, this.#secret)
    if (payload === null) throw new AppError('UNAUTHENTICATED', { message: 'the token is not valid' })
    const claims = CLAIMS.safeParse(payload)
    const id = claims.success && !OWN_AUDIENCES.includes(payload.aud) ? parseUserId(claims.data.sub) : null
    if (!claims.success || id === null) throw new AppError('UNAUTHENTICATED', { message: 'the token has claims that cannot be read' })
    const { exp, nbf, name, tallyroom } = claims.data
    const now = Date.now()
    if (now >= exp * 1000) throw new AppError('TOKEN_EXPIRED')
    if (nbf !== undefined && now < nbf * 1000) throw new AppError('UNAUTHENTICATED', { message: 'the token is not valid yet' })
    return {
      user: { id, name: name ?? id },
      admin: tallyroom?.admin ?? false,
      projects: tallyroom?.projects ?? {},
      publish: tallyroom?.publish ?? [],
      expiresAt: Math.min(exp * 1000, LATEST_EXPIRY),
      credential: null,
    }
  }

  /** A signed token for the user, with the grants that it carries by itself. */
  async issueToken({ user, expiresAt, admin, projects, publish }: TokenOptions): Promise<string> {
    const grants = { ...(admin && { admin }), ...(projects && { projects }), ...(publish && { publish }) }
    const claims = { name: user.name, ...(Object.keys(grants).length > 0 && { tallyroom: grants }) }
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(user.id)
      .setIssuedAt()
      .setExpirationTime(Math.floor(expiresAt / 1000))
      .sign(await this.#key)
  }

  /** A code for a sign-in link; who redeems it is signed in as the user, once (`id` is what the database remembers). */
  async issueSignInCode({ id, user, expiresAt }: SignInCode): Promise<string> {
    return new SignJWT({ name: user.name })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(user.id)
      .setJti(id)
      .setAudience(SIGN_IN_AUDIENCE)
      .setExpirationTime(Math.floor(expiresAt / 1000))
      .sign(await this.#key)
  }

  /**
   * What a sign-in code says; whether it was used already is the database's business.
   * @throws AppError `UNAUTHENTICATED` when it is not a code of ours, or too old.
   */
  async verifySignInCode(code: string): Promise<SignInCode> {
    try {
      const { payload } = await jwtVerify(code, await this.#key, { algorithms: ['HS256'], audience: SIGN_IN_AUDIENCE })
      const { sub, exp, jti, name } = CODE_CLAIMS.parse(payload)
      return { id: jti, user: { id: sub, name }, expiresAt: exp * 1000 }
    } catch (error) {
      throw new AppError('UNAUTHENTICATED', { message: 'this sign-in link is not valid any more: ask for a new one', cause: error })
    }
  }

  /** A ticket that stands for the principal (C2). Whether it was used already is somebody else's business. */
  async signTicket({ id, principal, expiresAt }: Ticket): Promise<string> {
    const { user, ...rights } = principal
    return new SignJWT({ name: user.name, ...rights })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(user.id)
      .setJti(id)
      .setAudience(TICKET_AUDIENCE)
      .setExpirationTime(Math.floor(expiresAt / 1000))
      .sign(await this.#key)
  }

  /**
   * What a ticket says. `now` is Unix time in milliseconds.
   * @throws AppError `TOKEN_EXPIRED`, or `UNAUTHENTICATED` when it is no ticket of ours.
   */
  async verifyTicket(ticket: string, now: number): Promise<Ticket> {
    try {
      const options = { algorithms: ['HS256'], audience: TICKET_AUDIENCE, currentDate: new Date(now) }
      const { payload } = await jwtVerify(ticket, await this.#key, options)
      const { sub, exp, jti, name, ...rights } = TICKET_CLAIMS.parse(payload)
      return { id: jti, principal: { user: { id: sub, name }, ...rights }, expiresAt: exp * 1000 }
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new AppError('TOKEN_EXPIRED', { message: 'the ticket has expired' })
      throw new AppError('UNAUTHENTICATED', { message: 'the ticket is not valid', cause: error })
    }
  }
}

/** The token of an `Authorization: Bearer` header, or null when the header is absent or of another scheme. */
export function bearerToken(authorization: string | undefined): string | null {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1] ?? null
}

/** The value of {@link SESSION_COOKIE} in a `Cookie` header, or null. */
export function sessionCookie(cookie: string | undefined): string | null {
  for (const pair of (cookie ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === SESSION_COOKIE) return pair.slice(at + 1).trim()
  }
  return null
}
