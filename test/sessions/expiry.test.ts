import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/errors.js'
import { settle } from './fake-clock.js'
import { MemoryFixture } from './memory-fixture.js'

const MINUTE_MS = 60_000

describe('the end of a credential', () => {
  test('[C9] is told a minute before, once, and then ends the session with 4005', async () => {
    const fixture = new MemoryFixture()
    const ana = await fixture.signIn('ana', { livesMs: 10 * MINUTE_MS })
    const endsAt = new Date(fixture.clock.today() + 10 * MINUTE_MS).toISOString()
    const live = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 10_000) {
        ana.send({ type: 'pong', at: '' })
        await fixture.clock.advance(10_000)
      }
    }
    await live(9 * MINUTE_MS - 10_000)
    expect(ana.types).not.toContain('expiring')
    await live(MINUTE_MS)
    expect(ana.take().filter(({ type }) => type !== 'ping')).toEqual([{ type: 'expiring', at: endsAt }])
    await live(20_000)
    expect(ana.take().filter(({ type }) => type !== 'ping')).toMatchObject([{ type: 'error', code: 'TOKEN_EXPIRED' }])
    expect(ana.socket.closedWith).toBe(4005)
  })

  test('[C9] is told at once when less than a minute is left, and the session begins all the same', async () => {
    const fixture = new MemoryFixture()
    const project = fixture.project()
    const ana = fixture.connect()
    ana.send({ type: 'hello', token: fixture.token('ana', 30_000), joins: [{ ref: 1, project }] })
    await settle()
    expect(ana.types).toEqual(['welcome', 'expiring', 'joined'])
  })
})

describe('refresh', () => {
  test('[C9] moves the end, is answered with ack, and the new end is told in its time', async () => {
    const fixture = new MemoryFixture()
    const ana = await fixture.signIn('ana', { livesMs: MINUTE_MS / 2 })
    ana.next('expiring')
    ana.send({ type: 'refresh', ref: 5, token: fixture.token('ana', MINUTE_MS * 2) })
    await settle()
    expect(ana.next('ack')).toEqual({ type: 'ack', ref: 5 })
    await fixture.clock.advance(MINUTE_MS / 2)
    ana.send({ type: 'pong', at: '' })
    await fixture.clock.advance(MINUTE_MS / 2)
    expect(ana.socket.isOpen).toBe(true)
    expect(ana.types.filter((type) => type === 'expiring')).toHaveLength(1)
    ana.send({ type: 'refresh', ref: 6, token: fixture.token('ana', 20_000) })
    await settle()
    ana.take()
    ana.send({ type: 'pong', at: '' })
    await fixture.clock.advance(20_000)
    expect(ana.socket.closedWith).toBe(4005)
  })

  test.each([
    ['a bad token', () => 'nonsense', 'UNAUTHENTICATED'],
    ['one that is over', (fixture: MemoryFixture) => fixture.token('ana', -1), 'TOKEN_EXPIRED'],
    ['one of another user', (fixture: MemoryFixture) => fixture.token('ben'), 'FORBIDDEN'],
  ])('[C9] with %s is an error, and session and expiry stay as they were', async (_, token, code) => {
    const fixture = new MemoryFixture()
    const project = fixture.project()
    const ana = await fixture.joined('ana', project)
    ana.send({ type: 'refresh', ref: 5, token: token(fixture) })
    await settle()
    expect(ana.next('error')).toMatchObject({ ref: 5, code })
    await fixture.publish(project)
    ana.next('deliver')
    ana.send({ type: 'leave', ref: 6, project })
    expect(ana.next('left')).toMatchObject({ ref: 6 })
    expect(ana.socket.isOpen).toBe(true)
  })

  test('[C9] judges roles anew: a project that is lost is left, the others stay', async () => {
    let grants: readonly string[] = []
    const fixture: MemoryFixture = new MemoryFixture({
      membership: async (principal, project) => (principal.user.name === 'granted' || grants.includes(project) ? 'viewer' : null),
      tokens: {
        verifyToken: async (token) => {
          const { name } = JSON.parse(token) as { readonly name: string }
          const expiresAt = fixture.clock.today() + 3_600_000
          return { user: { id: 'ana', name }, admin: false, projects: {}, publish: [], expiresAt, credential: null }
        },
      },
    })
    const [one, other] = [fixture.project(), fixture.project()]
    const ana = fixture.connect()
    const joins = [one, other].map((project, index) => ({ ref: index + 1, project }))
    ana.send({ type: 'hello', token: '{"name":"granted"}', joins })
    await settle()
    expect(ana.take().map(({ type }) => type)).toEqual(['welcome', 'joined', 'joined'])
    grants = [other]
    ana.send({ type: 'refresh', ref: 5, token: '{"name":"not granted"}' })
    await settle()
    expect(ana.take()).toEqual([
      { type: 'ack', ref: 5 },
      { type: 'left', ref: null, project: one, reason: 'revoked' },
    ])
    for (const project of [one, other]) await fixture.publish(project)
    expect(ana.take()).toMatchObject([{ type: 'deliver', project: other }])
  })

  test('[C2] with a ticket works too, once', async () => {
    let isUsed = false
    const fixture: MemoryFixture = new MemoryFixture({
      tickets: {
        redeem: async () => {
          if (isUsed) throw new AppError('UNAUTHENTICATED')
          isUsed = true
          const expiresAt = fixture.clock.today() + 3_600_000
          return { user: { id: 'ana', name: 'ana' }, admin: false, projects: {}, publish: [], expiresAt, credential: null }
        },
      },
    })
    const ana = await fixture.signIn('ana', { livesMs: 2 * MINUTE_MS })
    for (const ref of [1, 2]) ana.send({ type: 'refresh', ref, token: 'ticket_x' })
    await settle()
    expect(ana.take()).toMatchObject([
      { type: 'ack', ref: 1 },
      { type: 'error', ref: 2, code: 'UNAUTHENTICATED' },
    ])
  })
})
