import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Config, loadConfig } from '../config.js'
import { UsageError } from '../errors.js'
import { newId, parseUserId } from '../ids.js'
import type { UserRef } from '../protocol/views.js'
import { loadSecret } from '../secret.js'
import { TokenAuthority } from '../sessions/auth.js'

/** File in the data folder that names the address of the server that used it last. */
export const ADDRESS_FILE = 'address'
const LINK_TTL_MS = 10 * 60 * 1000

export const USAGE = `usage: tallyroom link --name NAME [--user ID]
Prints a link that signs NAME in, once and within ten minutes. The same name is the same
user; --user says it where two people have one name.`

/** Prints a sign-in link that works once within ten minutes: `link --name Ana`. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { name: { type: 'string' }, user: { type: 'string' } } })
  const name = values.name?.trim() ?? ''
  const id = parseUserId(values.user ?? userIdOf(name))
  if (name === '' || name.length > 128) throw new UsageError('link needs --name NAME, at most 128 characters')
  if (id === null) throw new UsageError(`no user id can be made of ${name}: add --user ID, 1 to 128 printable characters`)
  const config = loadConfig(process.env, 'tool')
  console.log(await signInLink(loadSecret(config), addressOf(config), { id, name }))
  return 0
}

/** A fresh link for the user at the server's address. */
export async function signInLink(secret: Uint8Array, address: string, user: UserRef): Promise<string> {
  const code = await new TokenAuthority({ secret }).issueSignInCode({ id: newId(), user, expiresAt: Date.now() + LINK_TTL_MS })
  return `${address}/#signin=${code}`
}

/** The same name is the same user: lower case, with what is no letter or digit as `-`. */
function userIdOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
}

function addressOf(config: Config): string {
  if (config.PUBLIC_URL !== undefined) return config.PUBLIC_URL.replace(/\/$/, '')
  try {
    return readFileSync(join(config.DATA_DIR, ADDRESS_FILE), 'utf8').trim()
  } catch {
    return `http://localhost:${config.PORT}`
  }
}
