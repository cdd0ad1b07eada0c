import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from './errors.js'

/**
 * The secret that signs tokens: AUTH_JWT_SECRET, else the one in the data folder, made at the first call (mode 600).
 * @throws UsageError when the folder cannot be written, or DATABASE_URL is set: its processes would not know a secret made here.
 */
export function loadSecret({
  AUTH_JWT_SECRET,
  DATABASE_URL,
  DATA_DIR,
}: {
  readonly AUTH_JWT_SECRET?: string | undefined
  readonly DATABASE_URL?: string | undefined
  readonly DATA_DIR: string
}): Uint8Array {
  if (AUTH_JWT_SECRET !== undefined) return Buffer.from(AUTH_JWT_SECRET)
  if (DATABASE_URL !== undefined) throw new UsageError('AUTH_JWT_SECRET must be set when DATABASE_URL is: processes share it')
  const path = join(DATA_DIR, 'secret')
  try {
    mkdirSync(DATA_DIR, { recursive: true, mode: 0o700 })
    // Whoever comes second finds the first one's.
    writeFileSync(path, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new UsageError(`the data folder ${DATA_DIR} cannot be written: ${(error as Error).message}`)
  }
  return Buffer.from(readFileSync(path, 'utf8'))
}
