import { createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { bearerToken, sessionCookie, TokenAuthority } from '../../src/sessions/auth.js'

const secret = Buffer.alloc(32, 's')
const tokens = new TokenAuthority({ secret })
const ana = { id: 'ana', name: 'Ana' }
const soon = () => Date.now() + 60_000

const sign = (claims: Record<string, unknown>, key = secret) =>
  new SignJWT({ sub: 'ana', exp: Math.floor(soon() / 1000), ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(key)

/** As no library would. */
async function signedByHand(header: object, payload: object): Promise<string> {
  const text = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

describe('a token', () => {
  test('[C2] says who it is and what it grants', async () => {
    const expiresAt = Math.floor(soon() / 1000) * 1000
    const token = await tokens.issueToken({ user: ana, expiresAt, admin: true, projects: { '*': 'viewer' }, publish: ['p'] })
    expect(await tokens.verifyToken(token)).toEqual({
      user: ana,
      admin: true,
      projects: { '*': 'viewer' },
      publish: ['p'],
      expiresAt,
      credential: null,
    })
    const plain = await tokens.verifyToken(await sign({}))
    expect(plain).toMatchObject({ user: { id: 'ana', name: 'ana' }, admin: false, projects: {}, publish: [] })
  })

  test('[C2] that lives longer than times can be written ends with the year 9999', async () => {
    // Somebody took milliseconds for seconds, or meant for ever.
    for (const exp of [Date.now(), 1e13, Number.MAX_VALUE]) {
      const { expiresAt } = await tokens.verifyToken(await signedByHand({ alg: 'HS256' }, { sub: 'ana', exp }))
      expect(new Date(expiresAt).toISOString()).toMatch(/^9999-12-31/)
    }
  })

  test.each([
    ['another key', () => sign({}, Buffer.alloc(32, 'x'))],
    ['no subject', () => sign({ sub: undefined })],
    ['no expiry', () => sign({ exp: undefined })],
    ['a subject that cannot be printed', () => sign({ sub: 'a\nb' })],
    ['a subject of 129 characters', () => sign({ sub: 'a'.repeat(129) })],
    ['a role that nobody knows', () => sign({ tallyroom: { projects: { p: 'owner' } } })],
    [
      'no signature',
      async () =>
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ana","exp":9999999999}').toString('base64url')}.`,
    ],
    ['no form at all', async () => 'x'],
    ['nothing in it', async () => ''],
    ['a part too many', async () => `${await sign({})}.x`],
    [
      'another payload than was signed',
      async () => (await sign({})).replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"ben","exp":9999999999}').toString('base64url')}.`),
    ],
    ['its signature cut short', async () => (await sign({})).slice(0, -1)],
    [
      'another algorithm of the same key',
      () => new SignJWT({ sub: 'ana', exp: 9_999_999_999 }).setProtectedHeader({ alg: 'HS512' }).sign(Buffer.alloc(64, 's')),
    ],
    [
      'a header that must be understood',
      () => signedByHand({ alg: 'HS256', crit: ['b64'], b64: true }, { sub: 'ana', exp: 9_999_999_999 }),
    ],
    ['claims that are no object', () => signedByHand({ alg: 'HS256' }, [1])],
    ['a time before which it is not valid', () => sign({ nbf: Math.floor(soon() / 1000) })],
    ['the audience of a sign-in link', () => tokens.issueSignInCode({ id: 'c', user: ana, expiresAt: soon() })],
  ])('[C2] with %s is UNAUTHENTICATED', async (_, make) => {
    await expect(tokens.verifyToken(await make())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('[C2] that is over is TOKEN_EXPIRED', async () => {
    const token = await tokens.issueToken({ user: ana, expiresAt: Date.now() - 1_000 })
    await expect(tokens.verifyToken(token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  test('a secret that is too short is refused', () => {
    expect(() => new TokenAuthority({ secret: Buffer.alloc(31) })).toThrow('at least 32')
  })
})

describe('a sign-in code', () => {
  test('says whom it signs in, and its own id', async () => {
    const expiresAt = Math.floor(soon() / 1000) * 1000
    const code = await tokens.issueSignInCode({ id: 'c1', user: ana, expiresAt })
    expect(await tokens.verifySignInCode(code)).toEqual({ id: 'c1', user: ana, expiresAt })
  })

  test.each([
    ['a token', () => tokens.issueToken({ user: ana, expiresAt: soon() })],
    ['too old', () => tokens.issueSignInCode({ id: 'c', user: ana, expiresAt: Date.now() - 1_000 })],
    [
      'of somebody else',
      () => new TokenAuthority({ secret: Buffer.alloc(32, 'x') }).issueSignInCode({ id: 'c', user: ana, expiresAt: soon() }),
    ],
  ])('that is %s signs nobody in', async (_, make) => {
    await expect(tokens.verifySignInCode(await make())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })
})

test.each([
  [undefined, null],
  ['Bearer abc.def-_~+/=', 'abc.def-_~+/='],
  ['bearer  abc', 'abc'],
  ['Basic abc', null],
  ['Bearer ', null],
  ['Bearer a b', null],
])('the token of the header %s is %s', (header, token) => {
  expect(bearerToken(header)).toBe(token)
})

test.each([
  [undefined, null],
  ['a=1; tallyroom_session=x=y; b=2', 'x=y'],
  ['xtallyroom_session=1', null],
  ['tallyroom_session', null],
])('the session of the cookies %s is %s', (header, value) => {
  expect(sessionCookie(header)).toBe(value)
})
