import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../errors.js'
import type { UserRef } from '../protocol/views.js'
import type { Db } from './client.js'
import { recordRevocation } from './revocations.js'
import { ensureUser } from './users.js'

/** How long a dashboard session lives after its sign-in. */
const SESSION_TTL_MS = 7 * 24 * 3_600_000

/** A dashboard session: `credential` is what the database knows of it, never the secret. */
export interface StoredSession {
  readonly credential: string
  readonly user: UserRef
  /** Unix time, ms. */
  readonly expiresAt: number
}

/**
 * Trades a verified sign-in code for a dashboard session and its secret (the cookie's value). Times are Unix ms.
 * @throws AppError `UNAUTHENTICATED` when the code was used before.
 */
export async function redeemCode(
  db: Db,
  code: { readonly id: string; readonly user: UserRef; readonly expiresAt: number },
  now: number,
): Promise<StoredSession & { readonly secret: string }> {
  const secret = randomBytes(32).toString('base64url')
  const credential = hashOf(secret)
  const expiresAt = now + SESSION_TTL_MS
  await db.$transaction(async (tx) => {
    await tx.credential.deleteMany({ where: { expiresAt: { lt: new Date(now) } } })
    await ensureUser(tx, code.user)
    // Its id is unique, so of two that redeem one code at once the second fails here.
    const redeemed = await tx.credential.createMany({
      data: { id: code.id, kind: 'code', userId: code.user.id, expiresAt: new Date(code.expiresAt) },
      skipDuplicates: true,
    })
    if (redeemed.count === 0) throw new AppError('UNAUTHENTICATED', { message: 'this sign-in link was used already: ask for a new one' })
    await tx.credential.create({ data: { id: credential, kind: 'session', userId: code.user.id, expiresAt: new Date(expiresAt) } })
  })
  return { secret, credential, user: code.user, expiresAt }
}

/** The session of a cookie's value, or null when there is none (any more). `now` is Unix ms. */
export async function findSession(db: Db, secret: string, now: number): Promise<StoredSession | null> {
  // Asked with every request of a dashboard. Prisma would make two statements of it.
  const [row] = await db.$queryRaw<{ credential: string; id: string; name: string; expiresAt: Date }[]>`
    select c.id as credential, u.id, u.name, c.expires_at as "expiresAt" from credentials c join users u on u.id = c.user_id
    where c.id = ${hashOf(secret)} and c.kind = 'session' and c.expires_at > ${new Date(now)}`
  return row ? { credential: row.credential, user: { id: row.id, name: row.name }, expiresAt: row.expiresAt.getTime() } : null
}

/** Whether the dashboard session has not ended. `now` is Unix ms. */
export async function isSessionLive(db: Db, credential: string, now: number): Promise<boolean> {
  return (await db.credential.count({ where: { id: credential, kind: 'session', expiresAt: { gt: new Date(now) } } })) > 0
}

/** Ends a dashboard session; nothing happens when it has ended already. */
export async function deleteSession(db: Db, credential: string): Promise<void> {
  await db.$transaction(async (tx) => {
    await tx.credential.deleteMany({ where: { id: credential, kind: 'session' } })
    await recordRevocation(tx, { kind: 'credential', credential })
  })
}

/** A leaked table of hashes signs nobody in. The secret has 256 random bits, so one round without salt is enough. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
