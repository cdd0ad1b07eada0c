import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

describe('the log', () => {
  test('cuts credentials, wherever a line may carry them, and says the rest', async () => {
    const script = `
      import { createLog } from './src/log.ts'
      const log = createLog('info')
      const secret = 'eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl'
      log.info({ token: secret, ticket: secret, secret, password: secret, code: 'FORBIDDEN' }, 'at the top')
      log.info({ hello: { type: 'hello', token: secret }, request: { authorization: secret, cookie: secret } }, 'one level down')
      log.info({ req: { headers: { authorization: 'Bearer ' + secret, cookie: 'tallyroom=' + secret } } }, 'a request')
      log.child({ token: secret }).warn('of a child')
      log.warn({ err: Object.assign(new Error('refused'), { token: secret, headers: { authorization: secret } }) }, 'an error')
    `
    const { stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { cwd: ROOT })
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly msg: string })
    expect(lines.map(({ msg }) => msg)).toEqual(['at the top', 'one level down', 'a request', 'of a child', 'an error'])
    expect(stderr).not.toContain('c2lnbmF0dXJl')
    expect(lines[0]).toMatchObject({ code: 'FORBIDDEN', token: '[Redacted]' })
  })
})
