import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { z } from 'zod'
import { UsageError } from './errors.js'

export const ROLES_OF_PROCESS = ['all', 'serve', 'work'] as const
export type ProcessRole = (typeof ROLES_OF_PROCESS)[number]
export const TRANSPORTS = ['ws', 'uws'] as const

const count = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

const url = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    )

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** Every variable, its default and one sentence; docs/configuration.md is made from it. */
export const VARIABLES = {
  PORT: count(0, 65_535).default(8080).describe('TCP port of HTTP and live sessions; 0 takes a free one and the start-up line prints it.'),
  ADMIN_PORT: count(0, 65_535)
    .default(9464)
    .describe('TCP port of `/livez`, `/readyz`, `/metrics` and `/admin`; 0 takes a free one and the start-up line prints it.'),
  // Whoever runs Prometheus in another container or pod has no way to this one's loopback.
  ADMIN_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address on which ADMIN_PORT listens. It asks nobody who they are: another one only in a network of your own.'),
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  ROLE: z
    .enum(ROLES_OF_PROCESS)
    .default('all')
    .describe('What this process does: `serve` HTTP and live sessions, `work` on jobs, or `all`.'),
  TRANSPORT: z
    .enum(TRANSPORTS)
    .default('ws')
    .describe('What carries live sessions: `ws` on PORT, or `uws` (uWebSockets.js, if it is installed) on LIVE_PORT.'),
  LIVE_PORT: count(0, 65_535)
    .default(8081)
    .describe('TCP port of live sessions with `TRANSPORT=uws`; 0 takes a free one and the start-up line prints it.'),
  DATABASE_URL: url(['postgres:', 'postgresql:'])
    .optional()
    .describe(
      'Postgres; without it an embedded one lives in DATA_DIR. `?pool=big` (20 connections for requests) or `huge` (50) for servers that have them; default 10.',
    ),
  REDIS_URL: url(['redis:', 'rediss:'])
    .optional()
    .describe('Redis ≥ 7, alone or one node of a Cluster, that carries news between processes; without it they stay in this process.'),
  DATA_DIR: z.string().min(1).default('.tallyroom').describe('Folder of the embedded database and of the secret made for it.'),
  DEMO: z.enum(['auto', 'on', 'off']).default('auto').describe('Sample project: `auto` makes one on a fresh embedded database.'),
  AUTH_JWT_SECRET: z
    .string()
    .min(32, 'must have at least 32 characters')
    .optional()
    .describe('Secret that signs tokens (HS256); with the embedded database one is made and kept in DATA_DIR.'),
  PUBLIC_URL: url(['http:', 'https:']).optional().describe('Address that people use when a proxy stands in front.'),
  ALLOWED_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((origin) => origin.trim()))
    .pipe(
      z.array(
        z
          .string()
          .refine(
            (text) => URL.canParse(text) && new URL(text).origin === text,
            'must be origins like https://example.org, separated by commas',
          ),
      ),
    )
    .default([])
    .describe('Further origins whose pages may connect, separated by commas.'),
  TRUSTED_PROXIES: z
    .string()
    .transform((text) => text.split(',').map((network) => network.trim()))
    .pipe(z.array(z.string().refine(isNetwork, 'must be networks like 10.0.0.0/8 or addresses, separated by commas')))
    .default([])
    .describe(
      'Proxies (addresses or CIDRs, separated by commas) whose `X-Forwarded-For` is believed, from the right; it says whom the limits count.',
    ),
  MAX_SESSIONS_PER_USER: count(0, 1_000_000).default(50).describe('Live sessions of one user in one process; 0: no limit.'),
  RATE_LIMIT_FACTOR: z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'must be a number like 1 or 0.5')
    .transform(Number)
    .pipe(z.number().min(0).max(1_000, 'must be at most 1000'))
    .default(1)
    .describe('What the rates that are allowed are multiplied by; 0: no limit of any rate.'),
  MAX_RUNNING_JOBS: count(1, 100).default(5).describe('Jobs that run at once; further ones are queued.'),
  STREAM_MAX_EVENTS: count(100, 10_000_000).default(10_000).describe('Events that a project keeps for who resumes.'),
  STREAM_MAX_AGE_MS: count(1_000, 2_592_000_000)
    .default(3_600_000)
    .describe('How long a project without news keeps them, in milliseconds.'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('warn')
    .describe('Least level that is logged, as JSON lines on standard error.'),
} as const

/** These may come from a file instead: `DATABASE_URL_FILE` and so on. */
export const SECRET_VARIABLES = ['DATABASE_URL', 'REDIS_URL', 'AUTH_JWT_SECRET'] as const

const SCHEMA = z.object(VARIABLES)
export type Config = Readonly<z.infer<typeof SCHEMA>>

/**
 * Reads the environment once. An empty value is as good as none. `server`: also refuses combinations that cannot serve.
 * @throws UsageError that names every bad variable with what it may be.
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>, purpose: 'server' | 'tool'): Config {
  const problems: string[] = []
  const values: Record<string, string> = {}
  for (const name of Object.keys(VARIABLES)) {
    const value = environment[name]
    if (value !== undefined && value !== '') values[name] = value
  }
  for (const name of SECRET_VARIABLES) {
    const file = environment[`${name}_FILE`]
    if (file === undefined || file === '') continue
    if (values[name] !== undefined) problems.push(`${name} and ${name}_FILE are both set: choose one`)
    try {
      values[name] = readFileSync(file, 'utf8').trim()
    } catch (error) {
      problems.push(`${name}_FILE (${file}) cannot be read: ${(error as Error).message}`)
    }
  }
  const parsed = SCHEMA.safeParse(values)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0])
      const isSecret = (SECRET_VARIABLES as readonly string[]).includes(name)
      problems.push(`${name}${isSecret ? '' : ` (${values[name]})`} ${wordsOf(issue)}`)
    }
  }
  if (parsed.data && purpose === 'server') {
    const { ROLE, DATABASE_URL, REDIS_URL, AUTH_JWT_SECRET, TRANSPORT, PORT, LIVE_PORT, ADMIN_PORT } = parsed.data
    if (ROLE !== 'all' && (DATABASE_URL === undefined || REDIS_URL === undefined))
      problems.push(`ROLE=${ROLE} needs DATABASE_URL and REDIS_URL`)
    if (REDIS_URL !== undefined && DATABASE_URL === undefined)
      problems.push('REDIS_URL needs DATABASE_URL: the embedded database belongs to one process')
    if (DATABASE_URL !== undefined && AUTH_JWT_SECRET === undefined)
      problems.push('AUTH_JWT_SECRET must be set when DATABASE_URL is: processes share it')
    if (TRANSPORT === 'uws' && PORT === LIVE_PORT && PORT !== 0)
      problems.push(`PORT and LIVE_PORT (both ${PORT}) must differ: uWebSockets.js listens by itself`)
    if (ADMIN_PORT !== 0 && (ADMIN_PORT === PORT || (TRANSPORT === 'uws' && ADMIN_PORT === LIVE_PORT)))
      problems.push(`ADMIN_PORT (${ADMIN_PORT}) must differ from PORT and LIVE_PORT: it is not for the public`)
  }
  if (problems.length > 0 || !parsed.data) throw new UsageError(problems.join('\n'))
  return Object.freeze(parsed.data)
}

function wordsOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_value' ? `must be one of ${issue.values.join(', ')}` : issue.message
}
