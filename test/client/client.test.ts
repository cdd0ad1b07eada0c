import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LinkState, LiveClient, type RoomHandlers, type Socket } from '../../src/client/index.js'
import type { ClientMessage, ServerMessage } from '../../src/protocol/messages.js'

/** The server's end of a socket: the test decides what arrives and when. */
class FakeSocket implements Socket {
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  onerror: Socket['onerror'] = null
  readonly sent: ClientMessage[] = []
  closedWith: number | undefined

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }
  close(code?: number): void {
    this.closedWith = code
  }
  open(): void {
    this.onopen?.({} as never)
  }
  receive(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) } as never)
  }
  drop(code: number): void {
    this.onclose?.({ code } as never)
  }
  welcome(): void {
    if (this.sent.length === 0) this.open()
    this.receive({
      type: 'welcome',
      session: 's',
      user: { id: 'ana', name: 'Ana' },
      node: 'n',
      heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
      limits: { maxFrameBytes: 65_536, maxProjects: 100, framesPerSecond: 50 },
      tokenExpiresAt: '2026-01-01T00:00:00.000Z',
      serverTime: '2026-01-01T00:00:00.000Z',
    })
  }
}

const position = (seq: number) => ({ epoch: 'a', seq, id: `e${seq}` })
const event = (seq: number) => ({ seq, id: `e${seq}`, at: '2026-01-01T00:00:00.000Z', type: 'demo.event', actor: null, data: {} })

function joined(ref: number, seq: number): ServerMessage {
  return {
    type: 'joined',
    ref,
    project: 'p',
    role: 'analyst',
    position: position(seq),
    mode: 'snapshot',
    snapshot: null,
    events: [],
    latest: [],
  }
}

function makeClient() {
  const sockets: FakeSocket[] = []
  const links: LinkState[] = []
  const heard: string[] = []
  const client = new LiveClient({
    url: 'ws://localhost/v1/live',
    openSocket: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    },
    onLink: (state) => links.push(state),
    random: () => 0.5,
  })
  const handlers: RoomHandlers = {
    onJoined: () => heard.push('joined'),
    onEvent: ({ seq }) => heard.push(`event ${seq}`),
    onLatest: ({ key, version }) => heard.push(`latest ${key} ${version}`),
    onLeft: (reason) => heard.push(`left ${reason}`),
  }
  return { client, sockets, links, heard, handlers }
}

describe('the live client', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  test('[C4] says hello first, with its joins in it', () => {
    const { client, sockets, handlers } = makeClient()
    client.join('p', handlers)
    client.open()
    sockets[0]!.welcome()
    expect(sockets[0]!.sent).toMatchObject([{ type: 'hello', joins: [{ ref: 1, project: 'p' }] }])
    client.close()
  })

  test('a project joined between hello and welcome is asked for after the welcome', () => {
    const { client, sockets, handlers } = makeClient()
    client.open()
    sockets[0]!.open()
    client.join('p', handlers)
    sockets[0]!.welcome()
    expect(sockets[0]!.sent.filter((message) => message.type === 'join')).toMatchObject([{ ref: 1, project: 'p' }])
    client.close()
  })

  test('[C7] answers a ping with its own time', () => {
    const { client, sockets } = makeClient()
    client.open()
    sockets[0]!.welcome()
    sockets[0]!.receive({ type: 'ping', at: 'opaque' })
    expect(sockets[0]!.sent.at(-1)).toEqual({ type: 'pong', at: 'opaque' })
    client.close()
  })

  test('[C7] reconnects when it hears nothing for interval and timeout, and not before', () => {
    const { client, sockets } = makeClient()
    client.open()
    sockets[0]!.welcome()
    vi.advanceTimersByTime(34_999)
    expect(sockets[0]!.closedWith).toBeUndefined()
    vi.advanceTimersByTime(1)
    expect(sockets[0]!.closedWith).toBe(4002)
    vi.advanceTimersByTime(500)
    expect(sockets).toHaveLength(2)
    client.close()
  })

  test('joins again at its position after the socket was lost', () => {
    const { client, sockets, heard, handlers, links } = makeClient()
    client.join('p', handlers)
    client.open()
    sockets[0]!.welcome()
    sockets[0]!.receive(joined(1, 7))
    sockets[0]!.drop(1006)
    expect(links.at(-1)).toMatchObject({ kind: 'waiting' })
    vi.advanceTimersByTime(500)
    sockets[1]!.welcome()
    expect(sockets[1]!.sent[0]).toMatchObject({ type: 'hello', joins: [{ ref: 2, project: 'p', since: position(7) }] })
    sockets[1]!.receive(joined(1, 9))
    expect(heard, 'an answer to the join before is not ours').toEqual(['joined'])
    sockets[1]!.receive(joined(2, 9))
    sockets[1]!.receive({ type: 'deliver', project: 'p', epoch: 'a', events: [event(9), event(10)], latest: [] })
    expect(heard).toEqual(['joined', 'joined', 'event 10'])
    client.close()
  })

  test('[D2] joins again at once when a delivery leaves a hole', () => {
    const { client, sockets, handlers } = makeClient()
    client.join('p', handlers)
    client.open()
    sockets[0]!.welcome()
    sockets[0]!.receive(joined(1, 7))
    sockets[0]!.receive({ type: 'deliver', project: 'p', epoch: 'a', events: [event(9)], latest: [] })
    expect(sockets[0]!.sent.at(-1)).toEqual({ type: 'join', ref: 2, project: 'p', since: position(7) })
    client.close()
  })

  test('[D6] joins again when the server asks for it', () => {
    const { client, sockets, handlers } = makeClient()
    client.join('p', handlers)
    client.open()
    sockets[0]!.welcome()
    sockets[0]!.receive(joined(1, 7))
    sockets[0]!.receive({ type: 'rejoin', project: 'p', reason: 'lagged' })
    expect(sockets[0]!.sent.at(-1)).toMatchObject({ type: 'join', ref: 2, since: position(7) })
    client.close()
  })

  test.each([
    [1006, true],
    [4000, true],
    [4499, true],
    [4500, false],
    [4505, false],
  ])('close code %i: reconnects %s', (code, isExpected) => {
    const { client, sockets, links } = makeClient()
    client.open()
    sockets[0]!.welcome()
    sockets[0]!.drop(code)
    vi.advanceTimersByTime(1_000)
    expect(sockets.length === 2).toBe(isExpected)
    if (!isExpected) expect(links.at(-1)).toEqual({ kind: 'closed', code })
    client.close()
  })

  test('repeats a refused join only when the refusal may pass', () => {
    const { client, sockets, heard, handlers } = makeClient()
    client.join('p', handlers)
    client.open()
    sockets[0]!.welcome()
    const refusal = { type: 'error', ref: 1, message: '', requestId: 'r' } as const
    sockets[0]!.receive({ ...refusal, code: 'OVERLOADED', retryable: true, retryAfterMs: 300 })
    vi.advanceTimersByTime(300)
    expect(sockets[0]!.sent.at(-1)).toMatchObject({ type: 'join', ref: 2 })
    sockets[0]!.receive({ ...refusal, ref: 2, code: 'FORBIDDEN', retryable: false })
    expect(heard).toEqual(['left refused'])
    client.close()
  })

  test('is silent after it was closed', () => {
    const { client, sockets, links, heard, handlers } = makeClient()
    client.join('p', handlers)
    client.open()
    sockets[0]!.welcome()
    client.close()
    const before = links.length
    sockets[0]!.receive(joined(1, 1))
    sockets[0]!.drop(1000)
    expect(links).toHaveLength(before)
    expect(heard).toEqual([])
  })
})
