import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type LinkState, LiveClient, type LiveClientOptions, type Room, type Socket } from '../../src/client/index.js'
import type { ProjectId } from '../../src/ids.js'
import { eventItem, LiveFixture, type LiveFixtureOptions, latestItem, snapshotOf } from '../sessions/live-fixture.js'

/** A client of the SDK against the real server, with everything that it hears. */
class Reader {
  readonly client: LiveClient
  readonly sockets: WebSocket[] = []
  readonly links: LinkState[] = []
  readonly heard: string[] = []
  readonly seqs: number[] = []
  readonly errors: unknown[] = []
  readonly #waiting = new Set<() => void>()

  constructor(fixture: LiveFixture, token: () => string, options: Partial<LiveClientOptions> = {}) {
    this.client = new LiveClient({
      url: fixture.url,
      openSocket: (url, subprotocol) => this.openSocket(url, subprotocol),
      token,
      // Reconnects at once.
      clock: { random: () => 0 },
      onLink: (state) => {
        this.links.push(state)
        this.#wake()
      },
      onError: (error) => this.errors.push(error),
      ...options,
    })
  }

  openSocket(url: string, subprotocol: string): Socket {
    const socket = new WebSocket(url, subprotocol)
    this.sockets.push(socket)
    this.#wake()
    // Its handlers take events of its own kind, of which the client reads what browsers have too.
    return socket as unknown as Socket
  }

  get isLive(): boolean {
    return this.links.at(-1)?.kind === 'live'
  }

  /** Joins, and writes down all that is heard. */
  join(project: string): Room {
    const note = (text: string) => {
      this.heard.push(text)
      this.#wake()
    }
    const room = this.client.join(project)
    room.onJoined(({ role, snapshot }) => note(`joined as ${role}${snapshot === null ? '' : ' with a snapshot'}`))
    room.on('event', ({ seq }) => {
      this.seqs.push(seq)
      note(`event ${seq}`)
    })
    room.onLatest(({ key, version }) => note(`latest ${key} ${version}`))
    room.onLeft(({ reason }) => note(`left: ${reason}`))
    return room
  }

  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

describe('the client against the real server', () => {
  let fixture: LiveFixture
  let project: ProjectId
  const readers: Reader[] = []
  const open = async (options: LiveFixtureOptions = {}) => {
    await fixture?.close()
    fixture = await LiveFixture.open(options)
    project = fixture.project({ ana: 'analyst', ben: 'viewer' })
  }
  const reader = async (user: string, options?: Partial<LiveClientOptions>) => {
    const token = await fixture.token(user)
    const made = new Reader(fixture, () => token, options)
    readers.push(made)
    return made
  }

  beforeEach(() => open())
  afterEach(async () => {
    for (const made of readers.splice(0)) made.client.close()
    await fixture.close()
  })

  test('[C5] joins with its hello and hears what is published', async () => {
    const ana = await reader('ana')
    ana.join(project)
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    await fixture.publish(project, eventItem(), latestItem('job/1', 3, {}), eventItem())
    await ana.until(() => ana.heard.length === 4)
    expect(ana.heard).toEqual(['joined as analyst with a snapshot', 'event 1', 'event 2', 'latest job/1 3'])
    expect(ana.links.map(({ kind }) => kind)).toEqual(['connecting', 'live'])
  })

  test('joins and leaves while it is connected, and leaves at the server too', async () => {
    const ana = await reader('ana')
    ana.client.open()
    await ana.until(() => ana.isLive)
    const room = ana.join(project)
    await ana.until(() => ana.heard.length === 1)
    room.leave()
    const again = ana.join(project)
    await ana.until(() => ana.heard.length === 2)
    await fixture.publish(project, eventItem())
    await ana.until(() => ana.heard.includes('event 1'))
    again.leave()
    expect(ana.heard.filter((text) => text.startsWith('left'))).toEqual([])
  })

  test('what was left while the hello was on its way is left at the server too', async () => {
    const ana = await reader('ana')
    const received: string[] = []
    const room = ana.join(project)
    ana.client.open()
    await ana.until(() => ana.sockets.length === 1)
    ana.sockets[0]!.on('message', (data) => received.push(JSON.parse(data.toString()).type))
    // After the client's own handler, which has sent hello.
    ana.sockets[0]!.once('open', () => room.leave())
    await ana.until(() => ana.isLive)
    const other = fixture.project({ ana: 'viewer' })
    ana.join(other)
    await ana.until(() => ana.heard.length === 1)
    await fixture.publish(project, eventItem())
    await fixture.publish(other, eventItem())
    await ana.until(() => ana.heard.includes('event 1'))
    expect(ana.heard).toEqual(['joined as viewer with a snapshot', 'event 1'])
    expect(received.filter((type) => type === 'deliver')).toHaveLength(1)
  })

  test('[D2] a socket that breaks again and again loses and repeats nothing', async () => {
    const ana = await reader('ana')
    ana.join(project)
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    let published = 0
    for (let round = 0; round < 10; round++) {
      for (let count = 0; count < 5; count++) {
        published++
        await fixture.publish(project, eventItem())
      }
      await ana.until(() => ana.seqs.at(-1) === published)
      const joins = ana.heard.filter((text) => text.startsWith('joined')).length
      ana.sockets.at(-1)!.terminate()
      await ana.until(() => ana.heard.filter((text) => text.startsWith('joined')).length > joins)
    }
    expect(ana.seqs).toEqual(Array.from({ length: published }, (_, index) => index + 1))
    expect(ana.sockets).toHaveLength(11)
  })

  test('[J3] events that were published while it was away follow, once each, and no snapshot', async () => {
    const ana = await reader('ana')
    ana.join(project)
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    ana.sockets[0]!.terminate()
    for (let count = 0; count < 3; count++) await fixture.publish(project, eventItem())
    await ana.until(() => ana.seqs.length === 3)
    await fixture.publish(project, eventItem())
    await ana.until(() => ana.seqs.length === 4)
    expect(ana.heard).toEqual(['joined as analyst with a snapshot', 'joined as analyst', 'event 1', 'event 2', 'event 3', 'event 4'])
  })

  test('[D3] a handler that throws has handled its event, and the next one is called all the same', async () => {
    const ana = await reader('ana')
    const room = ana.join(project)
    room.on('demo.event', ({ seq }) => {
      if (seq === 1) throw new Error('cannot draw')
      if (seq === 2) return Promise.reject(new Error('cannot wait'))
      return null
    })
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    await fixture.publish(project, eventItem(), eventItem(), eventItem())
    await ana.until(() => ana.heard.includes('event 3'))
    expect(ana.seqs).toEqual([1, 2, 3])
    expect(ana.errors).toMatchObject([{ message: 'cannot draw' }, { message: 'cannot wait' }])
  })

  test('[D3] a promise of a handler is awaited before the next call', async () => {
    const ana = await reader('ana')
    let goOn = () => {}
    const room = ana.join(project)
    room.on('demo.event', ({ seq }) => {
      if (seq > 1) return null
      return new Promise<void>((resolve) => {
        goOn = resolve
      })
    })
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    const ben = await fixture.signIn('ben')
    await ben.joined(project)
    await fixture.publish(project, eventItem(), eventItem(), latestItem('job/1', 1, {}))
    await ben.next('deliver')
    await ben.sync()
    expect(ana.heard).toEqual(['joined as analyst with a snapshot'])
    goOn()
    await ana.until(() => ana.heard.length === 4)
    expect(ana.heard.slice(1)).toEqual(['event 1', 'event 2', 'latest job/1 1'])
  })

  test('[D3] an event that comes again in a new history is not handled twice', async () => {
    const ana = await reader('ana')
    ana.join(project)
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    const item = { ...eventItem(), id: 'fact-1' }
    await fixture.publish(project, item)
    await ana.until(() => ana.seqs.length === 1)
    // The same facts go out again in the new epoch under their old ids (B4).
    const receive = (message: object) => ana.sockets[0]!.onmessage?.({ data: JSON.stringify(message) } as never)
    const again = { seq: 1, id: 'fact-1', at: '2026-01-01T00:00:00.000Z', type: 'demo.event', actor: null, data: {} }
    receive({ type: 'rejoin', project, reason: 'epoch' })
    await ana.until(() => ana.heard.filter((text) => text.startsWith('joined')).length === 2)
    const { epoch, seq } = (await fixture.bus.head(project)) as { epoch: string; seq: number }
    receive({
      type: 'deliver',
      project,
      epoch,
      events: [
        { ...again, seq: seq + 1 },
        { ...again, seq: seq + 2, id: 'fact-2' },
      ],
      latest: [],
    })
    expect(ana.seqs).toEqual([1, 3])
  })

  test('[C9] is told when it loses a project, and when a join is refused for good', async () => {
    const ana = await reader('ana')
    ana.join(project)
    ana.join('00000000-0000-7000-8000-000000000000')
    ana.client.open()
    await ana.until(() => ana.heard.length === 2)
    expect(ana.heard.sort()).toEqual(['joined as analyst with a snapshot', 'left: refused'])
    await fixture.setRole(project, 'ana', null)
    await ana.until(() => ana.heard.includes('left: revoked'))
  })

  test('does not come back when it must not, and says why', async () => {
    const bad = new Reader(fixture, () => 'no token')
    readers.push(bad)
    bad.client.open()
    await bad.until(() => bad.links.at(-1)?.kind === 'closed')
    expect(bad.links.at(-1)).toEqual({ kind: 'closed', code: 4500 })
    expect(bad.sockets).toHaveLength(1)
  })

  test('[C7] answers the heartbeat of the server and stays', async () => {
    await open({ heartbeat: { intervalMs: 50, timeoutMs: 60_000 }, sweepMs: 10 })
    const ana = await reader('ana')
    ana.client.open()
    await ana.until(() => ana.isLive)
    let pings = 0
    await new Promise<void>((resolve) => {
      ana.sockets[0]!.on('message', (data) => {
        if (JSON.parse(data.toString()).type === 'ping' && ++pings === 4) resolve()
      })
    })
    expect(ana.sockets).toHaveLength(1)
  })

  test('[D10] connects again when the server goes away', async () => {
    const ana = await reader('ana')
    ana.join(project)
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    await fixture.live.stop()
    await ana.until(() => ana.sockets.length > 2)
    expect(ana.links.every(({ kind }) => kind !== 'closed')).toBe(true)
  })

  test('[D10] moves to another process before its own goes, without a loss, a hole or a repetition', async () => {
    const other = await LiveFixture.open({
      bus: fixture.bus,
      node: 'node-2',
      membership: async () => 'analyst',
      roster: async () => new Map([['ana', 'analyst']]),
      snapshot: async (id) => snapshotOf(id),
    })
    try {
      let { url } = fixture
      const ana = await reader('ana', { openSocket: (_, subprotocol) => ana.openSocket(url, subprotocol) })
      ana.join(project)
      ana.client.open()
      await ana.until(() => ana.heard.length === 1)
      url = other.url
      let published = 0
      void fixture.live.drain()
      while (ana.sockets[0]!.readyState !== WebSocket.CLOSED || published < 100) {
        await fixture.publish(project, eventItem())
        published++
        await new Promise((resolve) => setImmediate(resolve))
      }
      await ana.until(() => ana.seqs.length === published)
      expect(ana.seqs).toEqual(Array.from({ length: published }, (_, index) => index + 1))
      expect(ana.sockets).toHaveLength(2)
      expect(ana.links.map(({ kind }) => kind)).toEqual(['connecting', 'live', 'live'])
    } finally {
      for (const made of readers.splice(0)) made.client.close()
      await other.close()
    }
  })

  test('two people see each other, and who is at work on what', async () => {
    project = fixture.project({ ana: 'analyst', ben: 'analyst' })
    const [ana, ben] = await Promise.all([reader('ana'), reader('ben')])
    const [ours, theirs] = [ana.join(project), ben.join(project)]
    ours.setPresence({ page: 'matches' })
    for (const { client } of [ana, ben]) client.open()
    const people = (room: Room) => room.presence.list.map(({ user, state }) => `${user.name} on ${state.page}`).sort()
    await ben.until(() => people(theirs).length === 1)
    theirs.setPresence({ page: 'breaks' })
    await ana.until(() => people(ours).length === 2 && ours.presence.count === 2)
    expect(people(ours)).toEqual(['ana on matches', 'ben on breaks'])
    const session = () => (ana.client.link.kind === 'live' ? ana.client.link.session : null)
    const isSeen = () => theirs.presence.list.some((present) => present.session === session())
    expect(isSeen()).toBe(true)

    const until = await ours.claim('match/1')
    await ben.until(() => theirs.claims.has('match/1'))
    expect(theirs.claims.get('match/1')).toMatchObject({ user: { id: 'ana' }, until })
    await expect(theirs.claim('match/1')).rejects.toMatchObject({ name: 'ClaimedError', user: { name: 'ana' }, until })
    await ours.release('match/1')
    await ben.until(() => !theirs.claims.has('match/1'))
    await theirs.claim('match/1', { ttlMs: 1_000 })
    await expect(theirs.claim('match/1', { ttlMs: 120_001 })).rejects.toMatchObject({ code: 'INVALID' })

    const before = session()
    ana.sockets[0]!.terminate()
    await ben.until(() => session() !== before && isSeen())
    expect(people(theirs)).toEqual(['ana on matches', 'ben on breaks'])
    ana.client.close()
    await ben.until(() => theirs.presence.count === 1)
    expect(people(theirs)).toEqual(['ben on breaks'])
  })

  test('[C1] speaks MessagePack with a codec that is loaded when it is needed', async () => {
    const ana = await reader('ana', { codec: 'msgpack' })
    ana.join(project)
    ana.client.open()
    await ana.until(() => ana.heard.length === 1)
    expect(ana.sockets[0]!.protocol).toBe('tallyroom.v1.msgpack')
    await fixture.publish(
      project,
      eventItem('demo.event', { text: 'Größe €', list: [1, -1, 2.5, null, true] }),
      latestItem('job/1', 300, {}),
    )
    await ana.until(() => ana.heard.length === 3)
    ana.sockets[0]!.terminate()
    await ana.until(() => ana.heard.length === 4)
    expect(ana.heard).toEqual(['joined as analyst with a snapshot', 'event 1', 'latest job/1 300', 'joined as analyst'])
  })
})
