import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Room } from '../../src/client/index.js'
import { settle } from '../sessions/fake-clock.js'
import { ClientFixture, deliver, event, type FakeSocket, joined, position } from './client-fixture.js'

describe('[D10] when its process goes away, the client', () => {
  let fixture: ClientFixture
  let room: Room
  let old: FakeSocket
  const goAway = (socket: FakeSocket, reconnectAfterMs: number) =>
    socket.receive({ type: 'goaway', reconnectAfterMs, deadlineAt: new Date(fixture.clock.today() + 20_000).toISOString() })
  const takeOver = (socket: FakeSocket, seq: number) => {
    socket.welcome()
    socket.receive(joined(fixture.joinOf(socket).ref, seq))
  }

  beforeEach(async () => {
    fixture = new ClientFixture()
    const opened = await fixture.openRoom()
    room = opened.room
    old = opened.socket
    fixture.heard.length = 0
  })
  afterEach(async () => expect(await fixture.close()).toBe(0))

  test('[D10] opens the new connection when it was told to, joins at its position, and only then closes the old one', async () => {
    goAway(old, 3_000)
    await fixture.clock.advance(2_999)
    expect(fixture.sockets).toHaveLength(1)
    await fixture.clock.advance(1)
    const next = await fixture.socket()
    expect(fixture.sockets).toHaveLength(2)
    // Until it has said hello the old one brings the news.
    old.receive(deliver([event(8)]))
    next.open()
    expect(fixture.joinOf(next)).toMatchObject({ since: position(8) })
    old.receive(deliver([event(9)]))
    next.welcome()
    expect(old.closedWith).toBeUndefined()
    next.receive(joined(fixture.joinOf(next).ref, 9, { events: [event(9)] }))
    expect(old.closedWith).toBe(1000)
    next.receive(deliver([event(10)]))
    expect(fixture.heard).toEqual(['event 8', 'joined', 'event 9', 'event 10'])
    expect(fixture.links.map((link) => [link.kind, 'session' in link && link.session])).toEqual([
      ['connecting', false],
      ['live', 's1'],
      ['live', 's2'],
    ])
  })

  test('[D10] goes on with the old one when the new one is refused, and tries again until it goes', async () => {
    goAway(old, 0)
    await fixture.clock.advance(0)
    fixture.sockets[1]!.drop(1006)
    old.receive(deliver([event(8)]))
    await fixture.clock.advance(500)
    // This one has said hello: the room's join went over it.
    const second = fixture.sockets[2]!
    second.open()
    second.drop(4006)
    const back = fixture.joinOf(old)
    expect(back).toMatchObject({ since: position(8) })
    old.receive(joined(back.ref, 9, { events: [event(9)] }))
    expect(fixture.heard).toEqual(['event 8', 'joined', 'event 9'])
    old.drop(4000)
    await fixture.clock.advance(1_000)
    takeOver(fixture.sockets.at(-1)!, 9)
    expect(room.phase).toBe('joined')
    expect(fixture.links.map(({ kind }) => kind)).toEqual(['connecting', 'live', 'live'])
  })

  test('[D10] tries no further when the code says to stop, and stays till the end', async () => {
    goAway(old, 0)
    await fixture.clock.advance(0)
    fixture.sockets[1]!.drop(4505)
    await fixture.clock.advance(15_000)
    expect(fixture.sockets).toHaveLength(2)
    old.receive(deliver([event(8)]))
    expect(fixture.heard).toEqual(['event 8'])
    old.drop(4000)
    await fixture.clock.advance(1_000)
    expect(fixture.sockets).toHaveLength(3)
  })

  test('[D10] keeps the old one when the new process cannot let it into a room', async () => {
    goAway(old, 0)
    await fixture.clock.advance(0)
    const next = fixture.sockets[1]!
    next.welcome()
    next.refuse(fixture.joinOf(next).ref, 'OVERLOADED')
    expect(next.closedWith).toBe(1000)
    expect(fixture.joinOf(old)).toMatchObject({ since: position(7) })
    await fixture.clock.advance(1_000)
    takeOver(fixture.sockets[2]!, 7)
    expect(old.closedWith).toBe(1000)
    expect(room.phase).toBe('joined')
  })

  test('[D10] loses nothing when the old one ends first', async () => {
    goAway(old, 0)
    await fixture.clock.advance(0)
    const next = fixture.sockets[1]!
    old.drop(4000)
    await settle()
    expect(fixture.sockets, 'the one that is on its way is the one to wait for').toHaveLength(2)
    takeOver(next, 8)
    next.receive(deliver([event(9)]))
    expect(fixture.heard).toEqual(['joined', 'event 9'])
    expect(fixture.client.link).toMatchObject({ kind: 'live', session: 's2' })
  })

  test('[D10] waits for the answers that the old one owes', async () => {
    const published = fixture.client.publish('p', [{ type: 'demo.event', data: {} }])
    const { ref } = old.last('publish') as { readonly ref: number }
    goAway(old, 0)
    await fixture.clock.advance(0)
    const next = fixture.sockets[1]!
    takeOver(next, 7)
    expect(old.closedWith).toBeUndefined()
    const later = fixture.client.publish('p', [{ type: 'demo.event', data: {} }])
    next.receive({ type: 'ack', ref: next.last('publish').ref!, epoch: 'a', results: [] })
    await later
    old.receive({ type: 'ack', ref, epoch: 'a', results: [{ id: 'x', seq: 8 }] })
    expect(await published).toMatchObject({ results: [{ seq: 8 }] })
    expect(old.closedWith).toBe(1000)
  })

  test('[D10] goes on when the next process goes away too', async () => {
    goAway(old, 0)
    await fixture.clock.advance(0)
    const next = fixture.sockets[1]!
    next.welcome()
    goAway(next, 2_000)
    next.receive(joined(fixture.joinOf(next).ref, 7))
    await fixture.clock.advance(2_000)
    takeOver(fixture.sockets[2]!, 7)
    expect([old.closedWith, next.closedWith]).toEqual([1000, 1000])
    expect(room.phase).toBe('joined')
  })

  test('[D10] hears of a room that has moved nothing more over the old one', async () => {
    const other = fixture.client.join('q')
    old.receive(joined(old.last('join').ref, 1, { project: 'q', mode: 'snapshot' }))
    goAway(old, 0)
    await fixture.clock.advance(0)
    const next = fixture.sockets[1]!
    next.welcome()
    const [first, second] = next.last('hello').joins!
    next.receive(joined(first!.ref, 7))
    old.receive(deliver([event(8)]))
    old.receive({ type: 'rejoin', project: 'p', reason: 'lagged' })
    old.receive({ type: 'left', ref: null, project: 'p', reason: 'revoked' })
    expect(fixture.heard).toEqual(['joined'])
    expect(next.sent).toHaveLength(1)
    next.receive(joined(second!.ref, 1, { project: 'q' }))
    expect(old.closedWith).toBe(1000)
    expect([room.phase, other.phase]).toEqual(['joined', 'joined'])
  })

  test('[D10] leaves and joins rooms over both while it moves', async () => {
    goAway(old, 0)
    await fixture.clock.advance(0)
    const next = fixture.sockets[1]!
    next.open()
    room.leave()
    const other = fixture.client.join('q')
    next.welcome()
    expect(old.last('leave')).toMatchObject({ project: 'p' })
    expect(next.last('leave')).toMatchObject({ project: 'p' })
    expect(old.closedWith).toBeUndefined()
    next.receive(joined(next.last('join').ref, 1, { project: 'q', mode: 'snapshot' }))
    expect(old.closedWith).toBe(1000)
    expect(other.phase).toBe('joined')
    expect(fixture.heard).toEqual([])
  })
})
