import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig, VARIABLES } from '../src/config.js'

const SECRET = 'x'.repeat(32)

function problemsOf(environment: Record<string, string>): string[] {
  try {
    loadConfig(environment, 'server')
    return []
  } catch (error) {
    return (error as Error).message.split('\n')
  }
}

test('an empty environment is the embedded default', () => {
  expect(loadConfig({}, 'server')).toMatchObject({
    PORT: 8080,
    HOST: '127.0.0.1',
    ROLE: 'all',
    DATA_DIR: '.tallyroom',
    DEMO: 'auto',
    MAX_RUNNING_JOBS: 5,
  })
  expect(loadConfig({ PORT: '' }, 'server').PORT).toBe(8080)
})

test('all bad values are reported at once, each with what it may be', () => {
  const problems = problemsOf({
    PORT: '70000',
    ROLE: 'boss',
    LOG_LEVEL: 'loud',
    DATABASE_URL: 'mysql://x',
    ALLOWED_ORIGINS: 'https://a.example/path',
  })
  expect(problems).toHaveLength(5)
  expect(problems).toEqual(
    expect.arrayContaining([
      'PORT (70000) must be at most 65535',
      'ROLE (boss) must be one of all, serve, work',
      'LOG_LEVEL (loud) must be one of trace, debug, info, warn, error, fatal, silent',
      'DATABASE_URL must be a URL that begins with postgres:// or postgresql://',
    ]),
  )
})

test.each([
  ['PORT', ['0', '65535'], ['-1', '65536', '80.5', 'x']],
  ['MAX_RUNNING_JOBS', ['1', '100'], ['0', '101']],
  ['MAX_SESSIONS_PER_USER', ['0', '1000000'], ['1000001']],
  ['RATE_LIMIT_FACTOR', ['0', '1', '0.5', '1000'], ['-1', '1001', '1e3', 'x', '.5']],
  ['STREAM_MAX_EVENTS', ['100', '10000000'], ['99', '10000001']],
  ['STREAM_MAX_AGE_MS', ['1000', '2592000000'], ['999', '2592000001']],
] as const)('%s is taken up to its limits and no further', (name, good, bad) => {
  for (const value of good) expect(loadConfig({ [name]: value }, 'server')[name]).toBe(Number(value))
  for (const value of bad) expect(problemsOf({ [name]: value })[0]).toContain(name)
})

test('proxies are addresses and networks', () => {
  const trusted = (text: string) => loadConfig({ TRUSTED_PROXIES: text }, 'server').TRUSTED_PROXIES
  expect(trusted('10.0.0.0/8, ::1,192.168.1.1')).toEqual(['10.0.0.0/8', '::1', '192.168.1.1'])
  for (const bad of ['10.0.0.0/33', 'localhost', '10.0.0.0/8/8', '10.0.0.0/', 'fd00::/129', '10.0.0.1,'])
    expect(problemsOf({ TRUSTED_PROXIES: bad })[0], bad).toContain('TRUSTED_PROXIES')
})

test('combinations that cannot serve are refused', () => {
  expect(problemsOf({ ROLE: 'work' })).toEqual(['ROLE=work needs DATABASE_URL and REDIS_URL'])
  expect(problemsOf({ DATABASE_URL: 'postgres://h/d' })[0]).toContain('AUTH_JWT_SECRET must be set')
  expect(problemsOf({ REDIS_URL: 'redis://h' })[0]).toContain('REDIS_URL needs DATABASE_URL')
  expect(problemsOf({ ROLE: 'serve', DATABASE_URL: 'postgres://h/d', REDIS_URL: 'redis://h', AUTH_JWT_SECRET: SECRET })).toEqual([])
  expect(problemsOf({ AUTH_JWT_SECRET: 'x'.repeat(31) })[0]).toContain('at least 32')
})

test('secrets come from files too, and no message shows one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'))
  try {
    const file = join(folder, 'secret')
    writeFileSync(file, `${SECRET}\n`)
    expect(loadConfig({ AUTH_JWT_SECRET_FILE: file }, 'server').AUTH_JWT_SECRET).toBe(SECRET)
    expect(problemsOf({ AUTH_JWT_SECRET_FILE: file, AUTH_JWT_SECRET: SECRET })[0]).toContain('both set')
    expect(problemsOf({ AUTH_JWT_SECRET_FILE: join(folder, 'none') })[0]).toContain('cannot be read')
    expect(problemsOf({ AUTH_JWT_SECRET: 'hunter2' }).join()).not.toContain('hunter2')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('every variable says in one sentence what it is', () => {
  for (const [name, schema] of Object.entries(VARIABLES)) expect(schema.description, name).toMatch(/\.$/)
})
