import { createHash } from 'node:crypto'

/** What is told of a statement; the same text has the same one. */
export interface StatementIdentity {
  /** `records.list` when the statement begins with that in a comment, else its verb and first table: `select records`. Never of a client's text. */
  readonly name: string
  /** Twelve hex digits of the statement without its spaces and without the lengths of its lists. */
  readonly fingerprint: string
}

/** Statements are ours, but a few are composed: beyond this many texts the cheapest is to begin again. */
const MAX_KNOWN = 2_000

const GIVEN_NAME = /^\s*\/\* ([a-z][a-zA-Z.-]*) \*\//
const VERB = /\b(select|insert|update|delete|create|alter|begin|commit|rollback|set|explain)\b/i
const TABLE = /\b(?:from|into|update|table)\s+(?:"public"\.)?"?([a-z_]+)"?/i

const known = new Map<string, StatementIdentity>()

/** Name and fingerprint of a statement: worked out once per text, looked up afterwards. */
export function identify(sql: string): StatementIdentity {
  const found = known.get(sql)
  if (found) return found
  if (known.size >= MAX_KNOWN) known.clear()
  const identity = { name: GIVEN_NAME.exec(sql)?.[1] ?? derivedName(sql), fingerprint: fingerprintOf(sql) }
  known.set(sql, identity)
  return identity
}

function derivedName(sql: string): string {
  const verb = VERB.exec(sql)?.[1]?.toLowerCase() ?? 'other'
  const table = TABLE.exec(sql)?.[1]?.toLowerCase()
  return table === undefined ? verb : `${verb} ${table}`
}

function fingerprintOf(sql: string): string {
  const shape = sql
    .replaceAll(/\s+/g, ' ')
    // Prisma writes a list as so many parameters.
    .replaceAll(/\(\$\d+(?:, ?\$\d+)*\)/g, '(…)')
    .replaceAll(/\$\d+/g, '$')
  return createHash('sha256').update(shape).digest('hex').slice(0, 12)
}
