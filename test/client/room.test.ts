import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ClaimedError, type People, type Room } from '../../src/client/index.js'
import { settle } from '../sessions/fake-clock.js'
import { ClientFixture, deliver, event, type FakeSocket, joined, position, value } from './client-fixture.js'

const ANA = { id: 'ana', name: 'Ana' }
const BEN = { id: 'ben', name: 'Ben' }

describe('a room', () => {
  let fixture: ClientFixture
  let room: Room
  let socket: FakeSocket
  /** The answer to a join that the server has asked for. */
  const rejoin = (seq: number, more: Parameters<typeof joined>[2] = {}) => {
    socket.receive({ type: 'rejoin', project: 'p', reason: 'epoch' })
    socket.receive(joined(fixture.joinOf(socket).ref, seq, more))
  }

  beforeEach(async () => {
    fixture = new ClientFixture()
    const opened = await fixture.openRoom()
    room = opened.room
    socket = opened.socket
    fixture.heard.length = 0
  })
  afterEach(async () => expect(await fixture.close()).toBe(0))

  test('tells each handler the events of its type, until it is stopped', () => {
    const heard: string[] = []
    const stop = room.on('demo.event', ({ id }) => heard.push(id))
    room.on('match.decided', ({ data }) => heard.push(data.match.status))
    const decided = { ...event(9), type: 'match.decided', data: { match: { status: 'confirmed' } } }
    socket.receive(deliver([event(8), decided]))
    stop()
    stop()
    socket.receive(deliver([event(10)]))
    expect(heard).toEqual(['e8', 'confirmed'])
    expect(fixture.heard).toEqual(['event 8', 'event 9', 'event 10'])
  })

  test('[D3] a handler that was stopped hears nothing of what still waits, nor does anybody after the room was left', async () => {
    const heard: string[] = []
    let goOn = () => {}
    room.on('demo.event', ({ seq }) => (seq === 8 ? new Promise<void>((resolve) => (goOn = resolve)) : null))
    const stop = room.on('demo.event', ({ id }) => heard.push(id))
    room.on('demo.event', ({ id }) => {
      heard.push(`other ${id}`)
      if (id === 'e9') room.leave()
    })
    socket.receive(deliver([event(8), event(9), event(10)]))
    stop()
    goOn()
    await settle()
    expect(heard).toEqual(['other e8', 'other e9'])
    expect(socket.sent.at(-1)).toMatchObject({ type: 'leave', project: 'p' })
    expect(room.phase).toBe('left')
  })

  test('[D3] handlers that throw, wait and reject each hear every event once, in order', async () => {
    const heard: string[] = []
    const waiting: (() => void)[] = []
    room.on('demo.event', ({ seq }) => {
      heard.push(`throws ${seq}`)
      throw new Error(`cannot ${seq}`)
    })
    room.on('demo.event', async ({ seq }) => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      heard.push(`waits ${seq}`)
      if (seq === 9) throw new Error('cannot wait')
    })
    socket.receive(deliver([event(8), event(9)]))
    socket.receive(deliver([event(8), event(9), event(10)]))
    for (let count = 0; count < 3; count++) {
      await settle()
      waiting.shift()!()
    }
    await settle()
    expect(heard).toEqual([8, 9, 10].flatMap((seq) => [`throws ${seq}`, `waits ${seq}`]))
    expect(fixture.errors.map((error) => (error as Error).message)).toEqual(['cannot 8', 'cannot 9', 'cannot wait', 'cannot 10'])
  })

  test('[D3] a promise of any maker is awaited, and what it is rejected with is told', async () => {
    const heard: number[] = []
    let reject: (error: Error) => void = () => {}
    room.on('demo.event', ({ seq }) => {
      heard.push(seq)
      // As libraries have them, and pages that replace the global one.
      // biome-ignore lint/suspicious/noThenProperty: that is what makes it one
      return { then: (_: unknown, onRejected: (error: Error) => void) => (reject = onRejected) }
    })
    socket.receive(deliver([event(8), event(9)]))
    await settle()
    expect(heard).toEqual([8])
    reject(new Error('cannot'))
    await settle()
    expect([heard, fixture.errors]).toEqual([[8, 9], [new Error('cannot')]])
  })

  test('[D3] an onError that throws stops no handler', async () => {
    const told = vi.spyOn(console, 'error').mockReturnValue()
    fixture.errors.push = () => {
      throw new Error('nobody to tell')
    }
    const heard: number[] = []
    room.on('demo.event', ({ seq }) => {
      heard.push(seq)
      if (seq === 8) throw new Error('at once')
      return Promise.reject(new Error('later'))
    })
    socket.receive(deliver([event(8), event(9), event(10)]))
    await settle()
    expect(heard).toEqual([8, 9, 10])
    expect(told).toHaveBeenCalledWith(new Error('nobody to tell'))
    told.mockRestore()
  })

  test('[D3] what comes again in another epoch is not handled again, also when the room was left between', () => {
    socket.receive(deliver([event(8), event(9)]))
    rejoin(1, { mode: 'snapshot', position: position(1, 'b') })
    // The facts go out again under their ids; between them is one that is new.
    socket.receive(deliver([event(2, 'e8'), event(3, 'new'), event(4, 'e9')], [], 'b'))
    expect(room.position).toEqual({ epoch: 'b', seq: 4, id: 'e9' })
    room.leave()
    fixture.listen(fixture.client.join('p'))
    socket.receive(joined(fixture.joinOf(socket).ref, 0, { mode: 'snapshot', position: position(0, 'c') }))
    socket.receive(deliver([event(1, 'e9'), event(2, 'newer')], [], 'c'))
    expect(fixture.heard).toEqual(['event 8', 'event 9', 'joined', 'event 3', 'joined', 'event 2'])
  })

  test('[D3] remembers the last 1,000 of them', () => {
    const events = Array.from({ length: 1_001 }, (_, index) => event(8 + index))
    socket.receive(deliver(events))
    fixture.heard.length = 0
    rejoin(0, { mode: 'snapshot', position: position(0, 'b') })
    socket.receive(deliver([event(1, 'e9'), event(2, 'e8')], [], 'b'))
    expect(fixture.heard).toEqual(['joined', 'event 2'])
  })

  test('latest values: the newest now, and every change', () => {
    const job = room.latest('job/1')
    const percents: (number | null)[] = []
    expect(job.value).toBeNull()
    const stop = job.watch((data) => percents.push(data === null ? null : data.job.percent))
    const progress = (version: number, percent: number) => value('job/1', version, { job: { percent } })
    socket.receive(deliver([], [progress(1, 10), value('job/2', 1)]))
    socket.receive(deliver([], [progress(3, 30)]))
    socket.receive(deliver([], [progress(2, 20)]))
    expect(job.value?.job.percent).toBe(30)
    socket.receive(deliver([], [value('job/1', 4, null)]))
    stop()
    socket.receive(deliver([], [progress(5, 50)]))
    expect(percents).toEqual([10, 30, null])
    expect(job.value?.job.percent).toBe(50)
  })

  test('[J3] after a join, what is gone is told as gone, and what is the same not again', () => {
    socket.receive(deliver([], [value('a', 1), value('b', 1), value('c', 1), value('d', 1, null)]))
    fixture.heard.length = 0
    rejoin(7, { latest: [value('b', 1), value('c', 2)] })
    expect(fixture.heard).toEqual(['joined', 'gone a 1', 'latest c 2'])
    rejoin(7, { mode: 'snapshot', latest: [value('b', 1)] })
    expect(fixture.heard.slice(3), 'with a snapshot all is drawn anew').toEqual(['joined', 'gone c 2', 'latest b 1'])
  })

  test('shows who is here, and how many', () => {
    const told: People[] = []
    room.onPresence((people) => told.push(people))
    socket.receive(
      deliver(
        [],
        [value('presence/s2', 1, { user: BEN, state: { page: 'jobs' } }), value('presence/count', 1, { count: 120 }), value('k', 1)],
      ),
    )
    expect(room.presence).toEqual({ list: [{ session: 's2', user: BEN, state: { page: 'jobs' } }], count: 120 })
    socket.receive(deliver([], [value('k', 2)]))
    socket.receive(deliver([], [value('presence/s2', 2, null), value('presence/count', 2, { count: 0 })]))
    expect(told).toEqual([room.presence, { list: [], count: 0 }].map((one, index) => (index === 0 ? told[0] : one)))
    expect(room.presence).toEqual({ list: [], count: 0 })
  })

  test('shows us from the next join on, over every connection, and changes at once', async () => {
    room.setPresence({ page: 'matches' })
    expect(socket.sent.at(-1)).toEqual({ type: 'presence', project: 'p', state: { page: 'matches' } })
    socket.drop(1006)
    room.setPresence({ page: 'breaks' })
    await fixture.clock.advance(500)
    const next = fixture.sockets[1]!
    next.welcome()
    expect(fixture.joinOf(next)).toMatchObject({ presence: { page: 'breaks' } })
    // Between a join and its answer.
    room.setPresence({ page: 'jobs' })
    expect(next.sent).toHaveLength(1)
    next.receive(joined(fixture.joinOf(next).ref, 7))
    expect(next.sent.at(-1)).toMatchObject({ type: 'presence', state: { page: 'jobs' } })
    // One object for all that was ever shown.
    const state = { page: 'records' }
    room.setPresence(state)
    next.drop(1006)
    await fixture.clock.advance(1_000)
    const third = fixture.sockets[2]!
    third.welcome()
    expect(fixture.joinOf(third)).toMatchObject({ presence: { page: 'records' } })
    state.page = 'rules'
    room.setPresence(state)
    third.receive(joined(fixture.joinOf(third).ref, 7))
    expect(third.sent.at(-1)).toMatchObject({ type: 'presence', state: { page: 'rules' } })
    expect(() => room.setPresence({ pad: 'x'.repeat(1_014) })).not.toThrow()
    expect(() => room.setPresence({ pad: 'ü'.repeat(508) })).toThrow('the state of a presence (1026 bytes) may have 1024')
  })

  test('claims: until when, or who has it', async () => {
    const ours = room.claim('match/1', { ttlMs: 60_000 })
    expect(socket.last('claim')).toEqual({ type: 'claim', ref: 2, project: 'p', target: 'match/1', ttlMs: 60_000 })
    socket.receive({ type: 'claimed', ref: 2, project: 'p', target: 'match/1', until: 'then' })
    expect(await ours).toBe('then')
    const theirs = room.claim('match/2')
    expect(socket.last('claim')).toEqual({ type: 'claim', ref: 3, project: 'p', target: 'match/2' })
    const details = { user: BEN, until: 'later' }
    socket.receive({ type: 'error', ref: 3, code: 'CLAIMED', message: 'Ben is on it', retryable: false, details, requestId: 'r' })
    const error = await theirs.catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ClaimedError)
    expect(error).toMatchObject({ code: 'CLAIMED', user: BEN, until: 'later', details })
    const released = room.release('match/1')
    socket.receive({ type: 'ack', ref: socket.last('release').ref })
    await released
    socket.drop(1006)
    await expect(room.claim('match/1')).rejects.toMatchObject({ code: 'DISCONNECTED' })
  })

  test('knows who is at work on what', () => {
    const told: string[][] = []
    room.onClaims((claims) => told.push([...claims].map(([target, { user }]) => `${user.name} ${target}`)))
    socket.receive(deliver([], [value('claim/match/1', 1, { user: ANA, until: 'then' })]))
    expect(room.claims.get('match/1')).toEqual({ user: ANA, until: 'then' })
    socket.receive(deliver([], [value('claim/record/2', 1, { user: BEN, until: 'then' }), value('claim/match/1', 2, null)]))
    expect(told).toEqual([['Ana match/1'], ['Ben record/2']])
  })

  test('a second one of the same project takes the place of the first', () => {
    const second = fixture.client.join('p')
    expect(room.phase).toBe('left')
    socket.receive(joined(fixture.joinOf(socket).ref, 8, { mode: 'snapshot' }))
    socket.receive(deliver([event(9)]))
    room.leave()
    expect(second.phase).toBe('joined')
    expect(socket.sent.filter(({ type }) => type === 'leave')).toEqual([])
    expect(fixture.heard).toEqual([])
  })

  test('[C9] hears that it was let go, and a join that crossed it is taken back', () => {
    socket.receive({ type: 'rejoin', project: 'p', reason: 'gap' })
    const { ref } = fixture.joinOf(socket)
    socket.receive({ type: 'left', ref: null, project: 'p', reason: 'revoked' })
    expect(fixture.heard).toEqual(['left revoked'])
    socket.receive(joined(ref, 8))
    expect(socket.sent.at(-1)).toMatchObject({ type: 'leave', project: 'p' })
    expect(room.phase).toBe('left')
  })
})
