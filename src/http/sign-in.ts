import { createHmac } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { AppError } from '../errors.js'
import { newId, parseUserId } from '../ids.js'
import type { UserRef } from '../protocol/views.js'

const AUDIENCE = 'sign-in'
const CODE_TTL_SECONDS = 600

/** What a sign-in code says. */
export interface SignInCode {
  readonly id: string
  readonly user: UserRef
  /** Unix time, ms. */
  readonly expiresAt: number
}

/** A code that signs the user in once within 10 minutes; the link is `<public URL>/#signin=<code>`. `now` is Unix ms. */
export function makeSignInCode(secret: Uint8Array, person: { readonly user: string; readonly name: string }, now: number): Promise<string> {
  const issuedAt = Math.floor(now / 1000)
  return new SignJWT({ name: person.name })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(person.user)
    .setAudience(AUDIENCE)
    .setJti(newId(now))
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + CODE_TTL_SECONDS)
    .sign(keyOf(secret))
}

/**
 * Reads a code; whether it was used before is the database's to say.
 * @throws AppError `TOKEN_EXPIRED`, `UNAUTHENTICATED`.
 */
export async function readSignInCode(secret: Uint8Array, code: string, now: number): Promise<SignInCode> {
  try {
    const { payload } = await jwtVerify(code, keyOf(secret), {
      algorithms: ['HS256'],
      audience: AUDIENCE,
      requiredClaims: ['sub', 'exp', 'jti'],
      currentDate: new Date(now),
    })
    const id = parseUserId(payload.sub ?? '')
    if (id === null || payload.jti === undefined || payload.exp === undefined) throw new AppError('UNAUTHENTICATED')
    const name = typeof payload.name === 'string' && payload.name !== '' ? payload.name : id
    return { id: payload.jti, user: { id, name }, expiresAt: payload.exp * 1000 }
  } catch (cause) {
    if (cause instanceof errors.JWTExpired)
      throw new AppError('TOKEN_EXPIRED', { message: 'this sign-in link has expired: ask for a new one' })
    if (cause instanceof errors.JOSEError) throw new AppError('UNAUTHENTICATED', { message: 'this is not a sign-in code of ours', cause })
    throw cause
  }
}

/** A key of its own, drawn from the one secret: a code that leaks from a link's history is no Bearer token, and a token is no code. */
function keyOf(secret: Uint8Array): Uint8Array {
  return createHmac('sha256', secret).update('tallyroom sign-in code').digest()
}
