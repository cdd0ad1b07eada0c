import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import { MAX_PRESENCE_STATE_BYTES } from '../../src/protocol/messages.js'
import { CODECS } from '../../src/sessions/codecs.js'
import { eventItem } from './live-fixture.js'
import type { MemoryClient } from './memory-fixture.js'
import { Onlooker, Processes } from './people.js'

/** As JSON it has so many bytes. */
const stateOf = (bytes: number) => ({ pad: 'ö'.repeat((bytes - 10) >> 1) + 'x'.repeat(bytes % 2) })
const names = (people: Record<string, unknown>) => Object.values(people).map((one) => (one as { user: { name: string } }).user.name)

describe.each(CODECS.map(({ subprotocol }) => subprotocol))('who is present, in %s', (subprotocol) => {
  let processes: Processes
  let watcher: Onlooker

  beforeEach(async () => {
    processes = new Processes(1)
    watcher = new Onlooker(await processes.fixtures[0]!.joined('watcher', processes.project, subprotocol))
  })
  afterEach(() => processes.stop())

  const join = (user: string) => processes.fixtures[0]!.joined(user, processes.project, subprotocol)
  const pass = (ms: number) => processes.clock.advance(ms)
  const error = (client: MemoryClient) => client.received.find(({ type }) => type === 'error')

  test('[R1] a session that sends presence is shown with its user and its newest state; who sends none is neither shown nor counted', async () => {
    const ana = await join('ana')
    await join('silent')
    ana.send({ type: 'presence', project: processes.project, state: { page: 'matches', at: { match: null } } })
    await pass(20)
    expect(Object.values(watcher.people)).toEqual([{ user: { id: 'ana', name: 'ana' }, state: { page: 'matches', at: { match: null } } }])
    expect(watcher.count).toBe(1)
    ana.send({ type: 'presence', project: processes.project, state: { page: 'breaks' } })
    await pass(250)
    expect(Object.values(watcher.people)).toEqual([{ user: { id: 'ana', name: 'ana' }, state: { page: 'breaks' } }])
    expect(watcher.count).toBe(1)
  })

  test('[R1] [J2] who joins with presence is shown after its joined, to itself too, and keeps its key', async () => {
    const client = await processes.fixtures[0]!.signIn('ana', { subprotocol })
    client.send({ type: 'join', ref: 1, project: processes.project, presence: { page: 'jobs' } })
    await pass(20)
    expect(client.types).toEqual(['joined', 'deliver'])
    expect(client.received[0]).toMatchObject({ latest: [] })
    const [key] = Object.keys(watcher.people)
    expect(client.received[1]).toMatchObject({ latest: [{ key: `presence/${key}` }, { key: 'presence/count', data: { count: 1 } }] })
  })

  test('[R1] a hello shows in each project that it joins with presence', async () => {
    const client = processes.fixtures[0]!.connect(subprotocol)
    const other = newId()
    const joins = [
      { ref: 1, project: processes.project, presence: { page: 'here' } },
      { ref: 2, project: other },
    ]
    client.send({ type: 'hello', token: processes.fixtures[0]!.token('ana'), joins })
    await pass(20)
    expect(Object.values(watcher.people)).toMatchObject([{ state: { page: 'here' } }])
    expect(client.received.filter(({ type }) => type === 'deliver')).toHaveLength(1)
  })

  test('[R1] a state of 1 KiB as JSON in UTF-8 is shown, one of a byte more is INVALID and changes nothing', async () => {
    const ana = await join('ana')
    const fits = stateOf(MAX_PRESENCE_STATE_BYTES)
    expect(Buffer.byteLength(JSON.stringify(fits))).toBe(1024)
    ana.send({ type: 'presence', project: processes.project, state: fits })
    ana.send({ type: 'presence', project: processes.project, state: stateOf(MAX_PRESENCE_STATE_BYTES + 1) })
    await pass(20)
    expect(Object.values(watcher.people)).toMatchObject([{ state: fits }])
    expect(error(ana)).toMatchObject({ ref: null, code: 'INVALID' })
  })

  test('[R1] [J6] a join with a state that is too large fails as a whole, also of who has joined already', async () => {
    const ana = await join('ana')
    ana.send({ type: 'presence', project: processes.project, state: {} })
    await pass(20)
    expect(watcher.count).toBe(1)
    ana.received.length = 0
    ana.send({ type: 'join', ref: 2, project: processes.project, presence: stateOf(MAX_PRESENCE_STATE_BYTES + 1) })
    await pass(250)
    expect(ana.received).toMatchObject([{ type: 'error', ref: 2, code: 'INVALID' }])
    expect([watcher.count, watcher.people]).toEqual([0, {}])
  })

  test('[R1] presence where nothing is joined is NOT_JOINED; behind a join that is under way it is not', async () => {
    const client = await processes.fixtures[0]!.signIn('ana', { subprotocol })
    client.send({ type: 'presence', project: processes.project, state: {} })
    client.send({ type: 'presence', project: 'nowhere', state: {} })
    expect(client.received).toMatchObject([
      { type: 'error', ref: null, code: 'NOT_JOINED' },
      { type: 'error', ref: null, code: 'NOT_JOINED' },
    ])
    client.received.length = 0
    client.send({ type: 'join', ref: 1, project: processes.project })
    client.send({ type: 'presence', project: processes.project, state: {} })
    await pass(20)
    expect(client.types).toEqual(['joined', 'deliver'])
    expect(watcher.count).toBe(1)
  })

  test.each(['close', 'leave', 'revoked', 'deleted'] as const)('[R2] after %s it is gone for everybody', async (end) => {
    const [ana, ben] = [await join('ana'), await join('ben')]
    for (const client of [ana, ben]) client.send({ type: 'presence', project: processes.project, state: {} })
    await pass(20)
    expect(names(watcher.people)).toEqual(['ana', 'ben'])
    if (end === 'close') ana.socket.close(1000)
    if (end === 'leave') ana.send({ type: 'leave', ref: 9, project: processes.project })
    if (end === 'revoked') await processes.setRole('ana', null)
    if (end === 'deleted') {
      processes.fixtures[0]!.live.closeProject(processes.project)
      await pass(250)
      // Nobody is left who could be told, and nothing is written of what is no more.
      expect((await processes.bus.latest(processes.project)).latest).toHaveLength(3)
      return
    }
    await pass(250)
    expect(names(watcher.people)).toEqual(['ben'])
    expect(watcher.count).toBe(1)
  })

  test('[R2] who joins again stays, with its state or another, and its place among the longest present', async () => {
    const ana = await join('ana')
    ana.send({ type: 'presence', project: processes.project, state: { page: 1 } })
    await pass(250)
    const before = watcher.latest.size
    const [key] = Object.keys(watcher.people)
    expect(before).toBe(0)
    ana.send({ type: 'join', ref: 2, project: processes.project })
    await pass(250)
    expect(watcher.latest.get(`presence/${key}`)).toMatchObject({ version: 1, data: { state: { page: 1 } } })
    ana.send({ type: 'join', ref: 3, project: processes.project, presence: { page: 2 } })
    await pass(250)
    expect(Object.keys(watcher.people)).toEqual([key])
    expect(watcher.latest.get(`presence/${key}`)).toMatchObject({ version: 2, data: { state: { page: 2 } } })
  })
})

describe('who is present, among many', () => {
  let processes: Processes

  afterEach(() => processes.stop())

  test('[R3] the hundred longest present are shown, and all are counted; when one goes the next one comes', async () => {
    processes = new Processes(1)
    const watcher = await processes.onlooker(0)
    const clients: MemoryClient[] = []
    const come = async () => {
      const client = await processes.join(0, `user ${clients.length}`)
      clients.push(client)
      client.send({ type: 'presence', project: processes.project, state: {} })
      await processes.clock.advance(1)
    }
    for (let count = 0; count < 100; count++) await come()
    await processes.clock.advance(1_000)
    expect([Object.keys(watcher.people).length, watcher.count]).toEqual([100, 100])
    await come()
    await come()
    await processes.clock.advance(1_000)
    expect([Object.keys(watcher.people).length, watcher.count]).toEqual([100, 102])
    expect(names(watcher.people)).not.toContain('user 100')
    // Nobody has heard of the others, and who moves keeps its place.
    clients[0]!.send({ type: 'presence', project: processes.project, state: { moved: true } })
    await processes.clock.advance(1_000)
    expect(names(watcher.people)).toContain('user 0')
    expect(watcher.latest.size).toBe(101)
    clients[50]!.socket.close(1000)
    await processes.clock.advance(2_000)
    expect([Object.keys(watcher.people).length, watcher.count]).toEqual([100, 101])
    expect(names(watcher.people)).toContain('user 100')
    expect(names(watcher.people)).not.toContain('user 50')
    // Who is not shown goes unseen.
    clients[101]!.socket.close(1000)
    await processes.clock.advance(2_000)
    expect([Object.keys(watcher.people).length, watcher.count]).toEqual([100, 100])
  })

  test.each([
    [100, 4],
    [101, 1],
    [1_000, 1],
    [1_001, 0.2],
  ])(
    '[R4] with %i sessions in the project there are at most %d frames a second, and the newest state arrives',
    async (sessions, perSecond) => {
      processes = new Processes(1)
      const watcher = await processes.onlooker(0)
      const ana = await processes.join(0, 'ana')
      for (let count = 2; count < sessions; count++) await processes.join(0, 'many')
      const seconds = 20
      for (let at = 0; at < seconds * 100; at++) {
        ana.send({ type: 'presence', project: processes.project, state: { at } })
        await processes.clock.advance(10)
        // Other news does not wait for it, and does not carry it.
        if (at % 50 === 0) await processes.bus.publish(processes.project, [eventItem()])
      }
      expect(watcher.people).toBeDefined()
      expect(watcher.presenceFrames).toBeLessThanOrEqual(seconds * perSecond + 1)
      expect(watcher.presenceFrames).toBeGreaterThanOrEqual(seconds * perSecond - 1)
      expect(ana.received.filter(({ type }) => type === 'error')).toEqual([])
      await processes.clock.advance(5_000)
      expect(Object.values(watcher.people)).toMatchObject([{ state: { at: seconds * 100 - 1 } }])
    },
  )

  test('[R4] however many processes tell of however many, a session gets no more frames', async () => {
    processes = new Processes(4)
    const watcher = await processes.onlooker(0)
    let messages = 0
    await processes.bus.subscribe(processes.project, { onMessage: () => void messages++, onLost: () => undefined })
    const clients = await Promise.all([0, 1, 2, 3].map((no) => processes.join(no, `user ${no}`)))
    for (let at = 0; at < 1_000; at++) {
      clients[at % 4]!.send({ type: 'presence', project: processes.project, state: { at } })
      await processes.clock.advance(10)
    }
    expect(watcher.count).toBe(4)
    expect(watcher.presenceFrames).toBeLessThanOrEqual(41)
    // Nor does the bus: each process tells at most so often.
    expect(messages).toBeLessThanOrEqual(4 * 41)
  })

  test('[R1] [R2] of two thousand that came and went, shown or not, nothing is left', async () => {
    processes = new Processes(2)
    const { clock, fixtures, project, bus } = processes
    for (let count = 0; count < 2_000; count++) {
      const client = await processes.join(count % 2, `user ${count % 50}`)
      if (count % 3 > 0) client.send({ type: 'presence', project, state: { count } })
      if (count % 5 === 0) client.send({ type: 'claim', ref: 2, project, target: `match/${count}` })
      if (count % 7 === 0) client.send({ type: 'leave', ref: 3, project })
      await clock.advance(count % 10)
      client.socket.close(1000)
    }
    // Everybody has left, the last claims end, and nobody is subscribed any more.
    await clock.advance(60_000)
    expect(clock.pending, 'the sweeps').toBe(2)
    for (const { live } of fixtures) expect(live.census).toMatchObject({ sessions: 0, subscriptions: 0 })
    expect((await bus.latest(project)).latest.map(({ key, body }) => [key, body])).toEqual([['presence/count', '{"data":{"count":0}}']])
    expect(await bus.report(project, 'nobody', null)).toEqual(new Map())
  })
})
