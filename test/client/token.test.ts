import { afterEach, describe, expect, test } from 'vitest'
import { settle } from '../sessions/fake-clock.js'
import { ClientFixture, type FakeSocket } from './client-fixture.js'

describe('the token', () => {
  let fixture: ClientFixture
  afterEach(async () => expect(await fixture.close()).toBe(0))
  const helloToken = (socket: FakeSocket) => socket.last('hello').token
  const expire = (socket: FakeSocket) => socket.receive({ type: 'expiring', at: '2026-01-01T00:01:00.000Z' })

  test('is asked for before each connection, and waited for', async () => {
    const asked: ((token: string) => void)[] = []
    fixture = new ClientFixture({ token: () => new Promise((resolve) => asked.push(resolve)) })
    fixture.client.open()
    await settle()
    expect(fixture.sockets).toHaveLength(0)
    asked[0]!('one')
    const socket = await fixture.socket()
    socket.welcome()
    expect(helloToken(socket)).toBe('one')
    socket.drop(1006)
    await fixture.clock.advance(500)
    asked[1]!('two')
    const next = await fixture.socket()
    next.open()
    expect(helloToken(next)).toBe('two')
  })

  test('that cannot be had, or not within 10 s, is a failed attempt', async () => {
    let round = 0
    const answers = [() => Promise.reject(new Error('no network')), () => new Promise<string>(() => {}), () => 'three']
    fixture = new ClientFixture({ token: () => answers[round++]!() })
    fixture.client.open()
    await fixture.clock.advance(500)
    expect(fixture.errors).toMatchObject([{ message: 'no network' }])
    expect(round).toBe(2)
    await fixture.clock.advance(10_000 + 1_000)
    expect(fixture.sockets).toHaveLength(1)
    fixture.sockets[0]!.welcome()
    expect(helloToken(fixture.sockets[0]!)).toBe('three')
  })

  test('[C9] is refreshed with the newest one when it is expiring', async () => {
    let token = 'old'
    fixture = new ClientFixture({ token: async () => token })
    const socket = await fixture.open()
    token = 'new'
    expire(socket)
    await settle()
    expect(socket.last('refresh')).toMatchObject({ token: 'new' })
    socket.receive({ type: 'ack', ref: socket.last('refresh').ref })
    await settle()
    expect(fixture.errors).toEqual([])
  })

  test('[C9] that is still the same is not sent again', async () => {
    fixture = new ClientFixture({ token: () => 'the same' })
    const socket = await fixture.open()
    expire(socket)
    await settle()
    expect(socket.sent.map(({ type }) => type)).toEqual(['hello'])
  })

  test('[C9] whose refresh is refused is told, and the session goes on to its end', async () => {
    let token = 'old'
    fixture = new ClientFixture({ token: () => token })
    const socket = await fixture.open()
    token = 'of somebody else'
    expire(socket)
    await settle()
    socket.refuse(socket.last('refresh').ref, 'FORBIDDEN')
    await settle()
    expect(fixture.errors).toMatchObject([{ code: 'FORBIDDEN' }])
    expect(fixture.client.link.kind).toBe('live')
  })

  test('[C9] that has expired is asked for once more; a second 4005 says to stop', async () => {
    let asked = 0
    fixture = new ClientFixture({ token: () => `token ${++asked}` })
    const socket = await fixture.open()
    socket.drop(4005)
    await fixture.clock.advance(1_000)
    expect(fixture.sockets).toHaveLength(2)
    fixture.sockets[1]!.open()
    expect(helloToken(fixture.sockets[1]!)).toBe('token 2')
    fixture.sockets[1]!.drop(4005)
    await fixture.clock.advance(600_000)
    expect(fixture.sockets).toHaveLength(2)
    expect(fixture.client.link).toEqual({ kind: 'closed', code: 4005 })
    fixture.client.open()
    expect((await fixture.socket()).session).toBe('s3')
  })

  test('is not missed by who has a cookie', async () => {
    fixture = new ClientFixture()
    const socket = await fixture.open()
    expire(socket)
    await settle()
    expect(socket.sent).toEqual([{ type: 'hello', client: { name: 'tallyroom', version: '1' }, joins: [] }])
  })
})
