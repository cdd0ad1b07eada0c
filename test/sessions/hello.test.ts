import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { newId } from '../../src/ids.js'
import { SESSION_COOKIE } from '../../src/sessions/auth.js'
import { LiveFixture, type LiveFixtureOptions, ORIGIN, type TestClient } from './live-fixture.js'

let fixture: LiveFixture
const open = async (options: LiveFixtureOptions = {}) => {
  fixture = await LiveFixture.open(options)
}
afterEach(() => fixture.close())

const ben = {
  user: { id: 'ben', name: 'Ben' },
  admin: false,
  projects: {},
  publish: [],
  expiresAt: Date.now() + 3_600_000,
  credential: 'c1',
}

/** HTTP status of a handshake that is refused. */
async function refusedWith(headers: Record<string, string>): Promise<{ status: number; code: string }> {
  const socket = new WebSocket(fixture.url, { headers })
  socket.on('error', () => undefined)
  const [, response] = await once(socket, 'unexpected-response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, code: JSON.parse(Buffer.concat(chunks).toString()).code }
}

/** Ends with this error and close code. */
async function expectEnd(client: TestClient, code: string, closeCode: number): Promise<void> {
  expect(await client.next('error')).toMatchObject({ code })
  await client.expectClose(closeCode)
}

describe('who connects', () => {
  beforeEach(() => open())

  test('[C2] a token of the hello decides before the header and the cookie', async () => {
    fixture.cookies.set('secret', ben)
    const headers = { authorization: `Bearer ${await fixture.token('cleo')}`, cookie: `${SESSION_COOKIE}=secret` }
    const client = await fixture.connect(headers)
    client.send({ type: 'hello', token: await fixture.token('ana') })
    expect((await client.next('welcome')).user.id).toBe('ana')
  })

  test('[C2] the Authorization header decides before the cookie', async () => {
    fixture.cookies.set('secret', ben)
    const headers = { authorization: `Bearer ${await fixture.token('cleo')}`, cookie: `${SESSION_COOKIE}=secret` }
    const client = await fixture.connect(headers)
    client.send({ type: 'hello' })
    expect((await client.next('welcome')).user.id).toBe('cleo')
  })

  test('[C2] the cookie decides when there is nothing else', async () => {
    fixture.cookies.set('secret', ben)
    const client = await fixture.connect({ origin: ORIGIN, cookie: `other=1; ${SESSION_COOKIE}=secret` })
    client.send({ type: 'hello' })
    expect(await client.next('welcome')).toMatchObject({ user: ben.user, tokenExpiresAt: new Date(ben.expiresAt).toISOString() })
  })

  test('[C2] a bad credential is not made good by one that would come after it', async () => {
    const client = await fixture.connect({ authorization: `Bearer ${await fixture.token('ana')}` })
    client.send({ type: 'hello', token: 'bad' })
    await expectEnd(client, 'UNAUTHENTICATED', 4500)
  })

  test.each([
    ['nothing', {}],
    ['a header that is no Bearer token', { authorization: 'Basic YW5hOmFuYQ==' }],
    ['a cookie that signs nobody in', { origin: ORIGIN, cookie: `${SESSION_COOKIE}=gone` }],
  ])('[C2] %s is UNAUTHENTICATED and closes with 4500', async (_, headers) => {
    const client = await fixture.connect(headers)
    client.send({ type: 'hello' })
    await expectEnd(client, 'UNAUTHENTICATED', 4500)
  })

  test('[C2] a ticket signs in once, as who made it, until his credential ends', async () => {
    const expiresAt = Math.floor(Date.now() / 1000) * 1000 + 3_600_000
    const maker = await fixture.tokens.verifyToken(await fixture.token('ana', { projects: { p: 'viewer' }, expiresAt }))
    const { ticket } = await fixture.tickets.issue(maker)
    const client = await fixture.connect()
    client.send({ type: 'hello', token: ticket })
    expect(await client.next('welcome')).toMatchObject({ user: { id: 'ana' }, tokenExpiresAt: new Date(expiresAt).toISOString() })
    const again = await fixture.connect()
    again.send({ type: 'hello', token: ticket })
    await expectEnd(again, 'UNAUTHENTICATED', 4500)
  })

  test('[C2] an expired token is TOKEN_EXPIRED and closes with 4005', async () => {
    const client = await fixture.connect()
    client.send({ type: 'hello', token: await fixture.token('ana', { expiresAt: Date.now() - 1_000 }) })
    await expectEnd(client, 'TOKEN_EXPIRED', 4005)
  })

  test('[C3] a page of another origin is refused before the handshake', async () => {
    expect(await refusedWith({ origin: 'http://evil.example' })).toEqual({ status: 403, code: 'ORIGIN_FORBIDDEN' })
    expect(await refusedWith({ origin: `${ORIGIN}.evil.example` })).toEqual({ status: 403, code: 'ORIGIN_FORBIDDEN' })
  })

  test('[C3] a session cookie without an origin is refused, another cookie is not', async () => {
    expect(await refusedWith({ cookie: `${SESSION_COOKIE}=secret` })).toEqual({ status: 403, code: 'ORIGIN_FORBIDDEN' })
    await fixture.connect({ cookie: 'theme=dark' })
  })
})

describe('the first frame', () => {
  beforeEach(() => open())

  test.each([
    ['a join', '{"type":"join","ref":3,"project":"p"}', 3],
    ['no JSON', 'hello', null],
    ['an unknown type', '{"type":"salute","ref":4}', 4],
    ['a malformed hello', '{"type":"hello","token":7}', null],
    ['a binary frame', Buffer.from('{"type":"hello"}'), null],
  ])('[C4] that is %s: HELLO_REQUIRED, close 4501', async (_, frame, ref) => {
    const client = await fixture.connect()
    client.raw(frame)
    expect(await client.next('error')).toMatchObject({ code: 'HELLO_REQUIRED', ref })
    await client.expectClose(4501)
  })

  test('[C4] a second hello is ALREADY_HELLO and the session goes on', async () => {
    const client = await fixture.signIn('ana')
    client.send({ type: 'hello' })
    expect(await client.next('error')).toMatchObject({ code: 'ALREADY_HELLO', ref: null })
    await client.sync()
  })

  test('[C5] more than a hundred joins in a hello: INVALID, close 4501', async () => {
    const client = await fixture.connect()
    const joins = Array.from({ length: 101 }, (_, index) => ({ ref: index + 1, project: newId() }))
    client.send({ type: 'hello', token: await fixture.token('ana'), joins })
    await expectEnd(client, 'INVALID', 4501)
  })
})

describe('while the credential is judged', () => {
  let judge: (principal: typeof ben) => void
  beforeEach(() =>
    open({
      cookie: () =>
        new Promise((resolve) => {
          judge = resolve
        }),
    }),
  )
  const greet = async () => {
    const client = await fixture.connect({ origin: ORIGIN, cookie: `${SESSION_COOKIE}=secret` })
    client.send({ type: 'hello' })
    return client
  }

  test('[C4] frames wait and are answered in order behind welcome', async () => {
    const client = await greet()
    client.send({ type: 'leave', ref: 1, project: 'p' })
    client.raw('{')
    client.raw(Buffer.from('{"type":"leave","ref":2,"project":"p"}'))
    client.send({ type: 'leave', ref: 3, project: 'p' })
    // Whole round trips later the server has read all of them.
    client.socket.ping()
    await once(client.socket, 'pong')
    expect(client.received).toEqual([])
    judge(ben)
    await client.next('welcome')
    expect(await client.next('left')).toMatchObject({ ref: 1 })
    expect(await client.next('error')).toMatchObject({ code: 'MALFORMED' })
    expect(await client.next('error')).toMatchObject({ code: 'MALFORMED' })
    expect(await client.next('left')).toMatchObject({ ref: 3 })
  })

  test('[C4] at most 64 KiB wait', async () => {
    const client = await greet()
    client.raw('x'.repeat(40_000))
    client.raw('x'.repeat(40_000))
    await expectEnd(client, 'INVALID', 4501)
    judge(ben)
  })

  test('a cookie that signs out meanwhile opens nothing', async () => {
    const client = await greet()
    client.socket.ping()
    await once(client.socket, 'pong')
    fixture.live.closeCredential('c1')
    judge(ben)
    await expectEnd(client, 'UNAUTHENTICATED', 4500)
  })
})

describe('sessions of a user', () => {
  test('[C5] the one too many gets SESSION_LIMIT and is closed with 4505, the others stay', async () => {
    await open({ maxSessionsPerUser: 2 })
    const [first] = [await fixture.signIn('ana'), await fixture.signIn('ana'), await fixture.signIn('ben')]
    const third = await fixture.connect()
    third.send({ type: 'hello', token: await fixture.token('ana') })
    await expectEnd(third, 'SESSION_LIMIT', 4505)
    first.socket.close()
    await first.expectClose(1005)
    await fixture.signIn('ana')
  })

  test('signing out ends the sessions of that cookie with 4504, and no other', async () => {
    await open()
    fixture.cookies.set('secret', ben)
    const client = await fixture.connect({ origin: ORIGIN, cookie: `${SESSION_COOKIE}=secret` })
    client.send({ type: 'hello' })
    await client.next('welcome')
    const other = await fixture.signIn('ben')
    fixture.live.closeCredential('c1')
    await expectEnd(client, 'REVOKED', 4504)
    await other.sync()
  })

  test('a database that cannot be asked ends the hello with a code that reconnects', async () => {
    await open({ cookie: () => Promise.reject(new Error('no connection')) })
    const client = await fixture.connect({ origin: ORIGIN, cookie: `${SESSION_COOKIE}=secret` })
    client.send({ type: 'hello' })
    expect(await client.next('error')).toMatchObject({ code: 'INTERNAL', message: 'something went wrong on our side', retryable: true })
    await client.expectClose(4003)
  })
})
