import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { settle } from '../sessions/fake-clock.js'
import { ClientFixture, deliver, event, joined, position } from './client-fixture.js'

describe('the live client', () => {
  let fixture: ClientFixture
  beforeEach(() => {
    fixture = new ClientFixture()
  })
  afterEach(async () => expect(await fixture.close()).toBe(0))

  test('[C4] says hello first, with its joins in it', async () => {
    fixture.client.join('p')
    const socket = await fixture.open()
    expect(socket.sent).toMatchObject([{ type: 'hello', joins: [{ ref: 1, project: 'p' }] }])
  })

  test('a project joined between hello and welcome is asked for after the welcome', async () => {
    fixture.client.open()
    const socket = await fixture.socket()
    socket.open()
    fixture.client.join('p')
    expect(socket.sent).toHaveLength(1)
    socket.welcome()
    expect(socket.sent.filter(({ type }) => type === 'join')).toMatchObject([{ ref: 1, project: 'p' }])
  })

  test('[C6] joins what has no place in a hello after the welcome', async () => {
    for (let count = 1; count <= 45; count++) fixture.client.join(`p${count}`).setPresence({ pad: 'x'.repeat(1_014) })
    const socket = await fixture.open()
    expect(JSON.stringify(socket.sent[0]).length).toBeLessThan(64 * 1024)
    expect(socket.last('hello').joins).toHaveLength(40)
    expect(socket.sent.slice(1)).toMatchObject([41, 42, 43, 44, 45].map((count) => ({ type: 'join', project: `p${count}` })))
  })

  test('[C6] does not send what is larger than a frame may be', async () => {
    const socket = await fixture.open()
    const large = { type: 'demo.event', data: { pad: 'ü'.repeat(32 * 1024) } }
    await expect(fixture.client.publish('p', [large])).rejects.toThrow(/a frame \(\d+ bytes\) may have 65536/)
    expect(socket.sent).toHaveLength(1)
    expect(fixture.client.link.kind).toBe('live')
  })

  test('[C7] answers a ping with its own time', async () => {
    const socket = await fixture.open()
    socket.receive({ type: 'ping', at: 'opaque' })
    expect(socket.sent.at(-1)).toEqual({ type: 'pong', at: 'opaque' })
  })

  test('[C7] reconnects when it hears nothing for interval and timeout, and not before', async () => {
    const socket = await fixture.open()
    await fixture.clock.advance(20_000)
    socket.receive({ type: 'ping', at: '' })
    await fixture.clock.advance(34_999)
    expect(socket.closedWith).toBeUndefined()
    await fixture.clock.advance(1)
    expect(socket.closedWith).toBe(4002)
    await fixture.clock.advance(500)
    expect(fixture.sockets).toHaveLength(2)
  })

  test('[C7] gives up a socket that is not welcomed within 10 s', async () => {
    fixture.client.open()
    await fixture.clock.advance(9_999)
    expect(fixture.sockets[0]!.closedWith).toBeUndefined()
    await fixture.clock.advance(1)
    expect(fixture.sockets[0]!.closedWith).toBe(4002)
  })

  test('joins again at its position after the socket was lost', async () => {
    const { socket } = await fixture.openRoom()
    socket.drop(1006)
    await fixture.clock.advance(500)
    const next = fixture.sockets[1]!
    next.welcome()
    expect(next.sent[0]).toMatchObject({ type: 'hello', joins: [{ ref: 2, project: 'p', since: position(7) }] })
    next.receive(joined(1, 9))
    expect(fixture.heard, 'an answer to the join before is not ours').toEqual(['joined'])
    next.receive(joined(2, 9))
    next.receive(deliver([event(9), event(10)]))
    expect(fixture.heard).toEqual(['joined', 'joined', 'event 10'])
  })

  test('[D2] joins again at once when a delivery leaves a hole', async () => {
    const { socket } = await fixture.openRoom()
    socket.receive(deliver([event(9)]))
    expect(socket.sent.at(-1)).toEqual({ type: 'join', ref: 2, project: 'p', since: position(7) })
  })

  test('[D6] joins again when the server asks for it, once', async () => {
    const { socket } = await fixture.openRoom()
    socket.receive({ type: 'rejoin', project: 'p', reason: 'lagged' })
    socket.receive({ type: 'rejoin', project: 'p', reason: 'gap' })
    expect(socket.sent.filter(({ type }) => type === 'join')).toMatchObject([{ ref: 2, since: position(7) }])
  })

  test('repeats a refused join only when the refusal may pass', async () => {
    const room = fixture.listen(fixture.client.join('p'))
    const socket = await fixture.open()
    socket.refuse(1, 'OVERLOADED', 300)
    await fixture.clock.advance(300)
    expect(socket.sent.at(-1)).toMatchObject({ type: 'join', ref: 2 })
    socket.refuse(2, 'FORBIDDEN')
    expect(fixture.heard).toEqual(['left refused'])
    expect(room.phase).toBe('left')
    await fixture.clock.advance(60_000 - 30_000)
    expect(socket.sent.filter(({ type }) => type === 'join')).toHaveLength(1)
  })

  test('ends what it cannot read, says so, and connects anew', async () => {
    const socket = await fixture.open()
    socket.onmessage?.({ data: '{"type":' } as never)
    expect(socket.closedWith).toBe(4501)
    expect(fixture.errors).toMatchObject([{ name: 'SyntaxError' }])
    await fixture.clock.advance(500)
    expect(fixture.sockets).toHaveLength(2)
  })

  test('is silent after it was closed', async () => {
    const { socket } = await fixture.openRoom()
    fixture.client.close()
    expect(fixture.links.at(-1)).toEqual({ kind: 'closed', code: null })
    const before = fixture.links.length
    socket.receive(deliver([event(8)]))
    socket.drop(1000)
    fixture.client.retryNow()
    await settle()
    expect(fixture.links).toHaveLength(before)
    expect(fixture.heard).toEqual(['joined'])
    expect(fixture.sockets).toHaveLength(1)
  })

  test('an answer to who asked is his: publish, refused or lost', async () => {
    await expect(fixture.client.publish('p', [])).rejects.toMatchObject({ code: 'DISCONNECTED', retryable: true })
    const socket = await fixture.open()
    const [done, refused, lost] = [1, 2, 3].map((n) => fixture.client.publish('p', [{ type: 'demo.event', data: { n } }]))
    expect(socket.sent.slice(1).map((message) => 'ref' in message && message.ref)).toEqual([1, 2, 3])
    socket.receive({ type: 'ack', ref: 1, epoch: 'a', results: [{ id: 'x', seq: 1 }] })
    socket.refuse(2, 'FORBIDDEN')
    socket.drop(1006)
    expect(await done).toEqual({ epoch: 'a', results: [{ id: 'x', seq: 1 }] })
    await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN', retryable: false, requestId: 'r' })
    await expect(lost).rejects.toMatchObject({ code: 'DISCONNECTED', retryable: true, requestId: null })
  })
})

describe('how the client is connected', () => {
  let fixture: ClientFixture
  beforeEach(() => {
    fixture = new ClientFixture()
  })
  afterEach(async () => expect(await fixture.close()).toBe(0))
  const kinds = () => fixture.links.map(({ kind }) => kind)

  test('a loss of less than 2 s is not told', async () => {
    const socket = await fixture.open()
    socket.drop(1006)
    await fixture.clock.advance(500)
    fixture.sockets[1]!.drop(1006)
    await fixture.clock.advance(1_000)
    fixture.sockets[2]!.welcome()
    await fixture.clock.advance(5_000)
    // Another session is another thing to know.
    expect(fixture.links).toMatchObject([{ kind: 'connecting' }, { kind: 'live', session: 's1' }, { kind: 'live', session: 's3' }])
  })

  test('a loss of 2 s is told then, as of when it began, and once', async () => {
    const socket = await fixture.open()
    await fixture.clock.advance(10_000)
    const lostAt = fixture.clock.today()
    socket.drop(1006)
    await fixture.clock.advance(1_999)
    expect(kinds()).toEqual(['connecting', 'live'])
    await fixture.clock.advance(1)
    expect(fixture.links.slice(2)).toEqual([{ kind: 'reconnecting', lostAt }])
    expect(fixture.client.link).toEqual({ kind: 'reconnecting', lostAt })
    for (let attempt = 1; attempt < 6; attempt++) {
      fixture.sockets[attempt]!.drop(1006)
      await fixture.clock.advance(10_000)
    }
    fixture.sockets.at(-1)!.welcome()
    expect(kinds()).toEqual(['connecting', 'live', 'reconnecting', 'live'])
  })

  test('[D9] is told that the bus is degraded, and of the next connection that it is not', async () => {
    const socket = await fixture.open()
    socket.receive({ type: 'status', bus: 'degraded' })
    expect(fixture.client.link).toMatchObject({ kind: 'live', bus: 'degraded' })
    socket.receive({ type: 'status', bus: 'ok' })
    expect(fixture.client.link).toMatchObject({ bus: 'ok' })
    socket.receive({ type: 'status', bus: 'degraded' })
    socket.drop(1006)
    await fixture.clock.advance(500)
    fixture.sockets[1]!.welcome()
    expect(fixture.client.link).toMatchObject({ bus: 'ok', session: 's2' })
  })

  test.each([
    [1000, true],
    [1006, true],
    [1012, true],
    [3000, true],
    [4000, true],
    [4499, true],
    [4500, false],
    [4501, false],
    [4505, false],
    [4999, false],
  ])('close code %i: reconnects %s', async (code, isExpected) => {
    const socket = await fixture.open()
    socket.drop(code)
    await fixture.clock.advance(isExpected ? 1_000 : 600_000)
    expect(fixture.sockets).toHaveLength(isExpected ? 2 : 1)
    if (!isExpected) expect(fixture.links.at(-1)).toEqual({ kind: 'closed', code })
  })

  test.each(['open', 'retryNow'] as const)('after a code that says to stop, %s tries again, and the rooms are still there', async (how) => {
    const { socket } = await fixture.openRoom()
    socket.drop(4500)
    fixture.wake('online')
    await fixture.clock.advance(60_000)
    expect(fixture.sockets).toHaveLength(1)
    fixture.client[how]()
    const next = await fixture.socket()
    expect(fixture.links.at(-1)).toEqual({ kind: 'connecting' })
    next.welcome()
    expect(fixture.joinOf(next)).toMatchObject({ since: position(7) })
  })

  test('one that is opened anew before its last socket has said good-bye hears only the new one', async () => {
    const { socket } = await fixture.openRoom()
    fixture.client.close()
    const room = fixture.listen(fixture.client.join('p'))
    const next = await fixture.open()
    socket.receive(deliver([event(8)]))
    socket.drop(4500)
    expect(room.phase).toBe('joining')
    expect(fixture.client.link).toMatchObject({ kind: 'live', session: next.session })
  })
})

describe('when it wakes up', () => {
  let fixture: ClientFixture
  beforeEach(() => {
    fixture = new ClientFixture()
  })
  afterEach(async () => expect(await fixture.close()).toBe(0))

  test.each(['online', 'shown'] as const)('%s: tries at once instead of waiting', async (reason) => {
    const socket = await fixture.open()
    socket.drop(1006)
    await fixture.clock.advance(100)
    fixture.wake(reason)
    await settle()
    expect(fixture.sockets).toHaveLength(2)
    fixture.wake(reason)
    await fixture.clock.advance(1_000)
    expect(fixture.sockets).toHaveLength(2)
  })

  test('a connection that may be dead is replaced; until the other one is there it counts', async () => {
    const { socket } = await fixture.openRoom()
    fixture.wake('shown')
    await settle()
    expect(fixture.sockets, 'nothing was missed').toHaveLength(1)
    await fixture.clock.advance(26_001)
    fixture.wake('shown')
    const next = await fixture.socket()
    expect(fixture.sockets).toHaveLength(2)
    expect(socket.closedWith).toBeUndefined()
    next.welcome()
    next.receive(joined(fixture.joinOf(next).ref, 7))
    expect(socket.closedWith).toBe(1000)
    expect(fixture.links.map(({ kind }) => kind)).toEqual(['connecting', 'live', 'live'])
  })

  test('a clock that is set back by weeks neither keeps a dead connection nor hides that it is lost', async () => {
    const { clock } = fixture
    let setBackMs = 0
    fixture = new ClientFixture({
      clock: { now: () => clock.today() - setBackMs, random: () => 0.5, after: (ms, callback) => clock.after(ms, callback) },
    })
    await fixture.open()
    setBackMs = 60 * 86_400_000
    await clock.advance(70_000)
    expect(fixture.client.link.kind).toBe('live')
    setBackMs *= 2
    await clock.advance(2_000)
    expect(fixture.sockets).toHaveLength(2)
    expect(fixture.links.at(-1)).toMatchObject({ kind: 'reconnecting' })
    expect(await fixture.close()).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('a network that comes back makes every connection one that may be dead', async () => {
    await fixture.openRoom()
    fixture.wake('online')
    await settle()
    expect(fixture.sockets).toHaveLength(2)
  })
})
