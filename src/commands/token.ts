import { parseArgs } from 'node:util'
import { loadConfig } from '../config.js'
import { UsageError } from '../errors.js'
import { parseId, parseUserId } from '../ids.js'
import { ROLES, type Role } from '../protocol/views.js'
import { loadSecret } from '../secret.js'
import { TokenAuthority } from '../sessions/auth.js'

const MAX_HOURS = 8760

export const USAGE = `usage: tallyroom token --user ID [options]
  --name NAME      shown to people; default: the id
  --role ROLE      what it may do: ${ROLES.join(', ')}
  --project ID     where, and where it publishes; can be repeated; default: everywhere
  --publish        may publish events
  --admin          may create projects and is admin in all of them
  --hours N        how long it is good for; default: 1`

/** Prints a token for a service: `token --user feed --role analyst --project ID --publish --hours 24`. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      user: { type: 'string' },
      name: { type: 'string' },
      project: { type: 'string', multiple: true, default: ['*'] },
      role: { type: 'string' },
      admin: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      hours: { type: 'string', default: '1' },
    },
  })
  const id = parseUserId(values.user ?? '')
  if (id === null) throw new UsageError('token needs --user ID: 1 to 128 printable characters')
  const hours = Number(values.hours)
  if (!(hours > 0 && hours <= MAX_HOURS)) throw new UsageError(`--hours (${values.hours}) must be more than 0 and at most ${MAX_HOURS}`)
  const strange = values.project.find((project) => project !== '*' && parseId(project) === null)
  if (strange !== undefined) throw new UsageError(`--project (${strange}) must be a project's id or *`)
  const role = values.role
  if (role !== undefined && !isRole(role)) throw new UsageError(`--role (${role}) must be one of ${ROLES.join(', ')}`)
  const tokens = new TokenAuthority({ secret: loadSecret(loadConfig(process.env, 'tool')) })
  console.log(
    await tokens.issueToken({
      user: { id, name: values.name ?? id },
      expiresAt: Date.now() + hours * 3_600_000,
      admin: values.admin,
      ...(role === undefined ? {} : { projects: Object.fromEntries(values.project.map((project) => [project, role])) }),
      ...(values.publish ? { publish: values.project.includes('*') ? ('*' as const) : values.project } : {}),
    }),
  )
  return 0
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text)
}
