import { type LinkState, LiveClient, type LiveClientOptions, type Room, type Socket, type WakeReason } from '../../src/client/index.js'
import type { ClientMessage, ServerMessage } from '../../src/protocol/messages.js'
import { FakeClock, settle } from '../sessions/fake-clock.js'

type OfType<Type extends ClientMessage['type']> = Extract<ClientMessage, { readonly type: Type }>

/** The server's end of a socket: the test decides what arrives and when. */
export class FakeSocket implements Socket {
  binaryType = 'blob'
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  onerror: Socket['onerror'] = null
  readonly sent: ClientMessage[] = []
  readonly session: string
  /** By the client. */
  closedWith: number | undefined

  constructor(session: string) {
    this.session = session
  }

  send(text: string | Uint8Array): void {
    this.sent.push(JSON.parse(text as string))
  }

  close(code?: number): void {
    this.closedWith = code
  }

  last<Type extends ClientMessage['type']>(type: Type): OfType<Type> {
    const found = this.sent.findLast((message): message is OfType<Type> => message.type === type)
    if (!found) throw new Error(`no ${type} was sent`)
    return found
  }

  open(): void {
    this.onopen?.({} as never)
  }

  receive(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) } as never)
  }

  /** The socket ends, by whatever it may be. */
  drop(code: number): void {
    this.onclose?.({ code } as never)
  }

  welcome(): void {
    if (this.sent.length === 0) this.open()
    this.receive({
      type: 'welcome',
      session: this.session,
      user: { id: 'ana', name: 'Ana' },
      node: 'n',
      heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
      limits: { maxFrameBytes: 65_536, maxProjects: 100, framesPerSecond: 50 },
      tokenExpiresAt: '2026-01-01T00:00:00.000Z',
      serverTime: '2026-01-01T00:00:00.000Z',
    })
  }

  refuse(ref: number, code: 'OVERLOADED' | 'FORBIDDEN', retryAfterMs?: number): void {
    const retryable = code === 'OVERLOADED'
    this.receive({
      type: 'error',
      ref,
      code,
      message: code,
      retryable,
      requestId: 'r',
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }
}

export const AT = '2026-01-01T00:00:00.000Z'
export const position = (seq: number, epoch = 'a') => ({ epoch, seq, id: seq === 0 ? '' : `e${seq}` })
export const event = (seq: number, id = `e${seq}`) => ({ seq, id, at: AT, type: 'demo.event', actor: null, data: {} })
export const value = (key: string, version: number, data: Record<string, unknown> | null = {}) => ({
  key,
  version,
  at: AT,
  type: 'demo.value',
  data,
})

type JoinedMessage = Extract<ServerMessage, { readonly type: 'joined' }>

export function joined(ref: number, seq: number, more: Partial<JoinedMessage> = {}): JoinedMessage {
  return {
    type: 'joined',
    ref,
    project: 'p',
    role: 'analyst',
    position: position(seq),
    mode: 'resumed',
    snapshot: null,
    events: [],
    latest: [],
    ...more,
  }
}

export function deliver(events: ReturnType<typeof event>[], latest: ReturnType<typeof value>[] = [], epoch = 'a'): ServerMessage {
  return { type: 'deliver', project: 'p', epoch, events, latest }
}

/** A client with sockets and time of the test's own. Chance says 0.5. */
export class ClientFixture {
  readonly clock = new FakeClock()
  readonly sockets: FakeSocket[] = []
  readonly links: LinkState[] = []
  readonly errors: unknown[] = []
  readonly heard: string[] = []
  readonly client: LiveClient
  wake: (reason: WakeReason) => void = () => {}

  constructor(options: Partial<LiveClientOptions> = {}) {
    const { clock } = this
    this.client = new LiveClient({
      url: 'ws://localhost/v1/live',
      openSocket: () => {
        const socket = new FakeSocket(`s${this.sockets.length + 1}`)
        this.sockets.push(socket)
        return socket
      },
      onLink: (state) => this.links.push(state),
      onError: (error) => this.errors.push(error),
      watchWake: (onWake) => {
        this.wake = onWake
        return () => {
          this.wake = () => {}
        }
      },
      clock: { now: () => clock.today(), random: () => clock.random(), after: (ms, callback) => clock.after(ms, callback) },
      ...options,
    })
  }

  /** The newest socket, after everything that is due has been done. */
  async socket(): Promise<FakeSocket> {
    await settle()
    return this.sockets.at(-1)!
  }

  /** A client that is live. */
  async open(): Promise<FakeSocket> {
    this.client.open()
    const socket = await this.socket()
    socket.welcome()
    return socket
  }

  /** A client that is live and has joined `p` at 7. */
  async openRoom(): Promise<{ readonly room: Room; readonly socket: FakeSocket }> {
    const room = this.listen(this.client.join('p'))
    const socket = await this.open()
    socket.receive(joined(this.joinOf(socket).ref, 7, { mode: 'snapshot' }))
    return { room, socket }
  }

  /** The newest join of `p` that was sent there, with a hello or alone. */
  joinOf(socket: FakeSocket): { readonly ref: number; readonly since?: object } {
    return socket.sent
      .flatMap((message) => (message.type === 'hello' ? (message.joins ?? []) : message.type === 'join' ? [message] : []))
      .at(-1)!
  }

  /** Writes down all that is heard. */
  listen(room: Room): Room {
    room.onJoined(() => this.heard.push('joined'))
    room.on('event', ({ seq }) => this.heard.push(`event ${seq}`))
    room.onLatest(({ key, version, data }) => this.heard.push(`${data === null ? 'gone' : 'latest'} ${key} ${version}`))
    room.onLeft(({ reason }) => this.heard.push(`left ${reason}`))
    return room
  }

  /** Ends it, and sees that no timer is left. */
  async close(): Promise<number> {
    this.client.close()
    await settle()
    return this.clock.pending
  }
}
