// A process with some clients of the SDK, which write down all that their handlers hear; its parent says over IPC what happens to them.
import { setTimeout as passed } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { LiveClient, type Room, type Socket } from '../../src/client/index.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { LogWriter, type Mirror } from './log.js'
import { Wire } from './wire.js'

export interface LoadOrder {
  readonly path: string
  /** `ws://…/v1/live` of each process that serves. */
  readonly urls: readonly string[]
  readonly secret: string
  readonly clients: readonly { readonly no: number; readonly projects: readonly string[] }[]
}

export type LoadCommand =
  | { readonly kind: 'start'; readonly order: LoadOrder }
  /** Clients that have one of these numbers. */
  | { readonly kind: 'slow'; readonly clients: readonly number[]; readonly ms: number }
  | { readonly kind: 'drop' | 'expire'; readonly clients: readonly number[] }
  /** Answers how many rooms have not heard an event with one of these ids; without any: how many are not joined. */
  | { readonly kind: 'missing'; readonly ids: readonly string[] }
  | { readonly kind: 'finish' }

/** More than the 60 s before its end in which a token is renewed. */
const TOKEN_MS = 75_000
const SHORT_TOKEN_MS = 3_000
/** Between attempts to join again what was revoked. */
const ASK_AGAIN_MS = 1_000

/** The name by which a client's person is known. */
export const userOf = (no: number) => `chaos-${no}`

/** What events and snapshots carry that has a version. */
const ENTITIES = ['project', 'job', 'match', 'break', 'member'] as const

interface View {
  readonly id?: string
  readonly user?: { readonly id: string }
  readonly version: number
  readonly status?: string
  readonly state?: string
  readonly name?: string
  readonly role?: string | null
}

/** `match/<id>`, and what of it is compared with the database. */
export function entityOf(kind: string, view: View): { readonly entity: string; readonly version: number; readonly state: string } {
  const { id, user, version, status, state, name, role } = view
  return { entity: `${kind}/${id ?? user?.id}`, version, state: status ?? state ?? name ?? role ?? 'removed' }
}

/** The entity in an event's data, or null. */
export function entityIn(data: object): ReturnType<typeof entityOf> | null {
  for (const kind of ENTITIES) if (kind in data) return entityOf(kind, (data as Record<string, View>)[kind]!)
  return null
}

interface Known {
  readonly version: number
  readonly state: string
  readonly isOld: boolean
}

/** One person with one client. */
class Listener {
  readonly no: number
  readonly #log: LogWriter
  readonly #client: LiveClient
  readonly #rooms = new Map<string, Room>()
  readonly #entities = new Map<string, Map<string, Known>>()
  readonly heard = new Set<string>()
  #socket: WebSocket | null = null
  #roomNo = 0
  #isShort = false
  #isClosing = false

  constructor(no: number, order: LoadOrder, log: LogWriter, wire: Wire, authority: TokenAuthority) {
    this.no = no
    this.#log = log
    const user = { id: userOf(no), name: `Client ${no}` }
    let short = { token: '', until: 0 }
    this.#client = new LiveClient({
      url: order.urls[0]!,
      openSocket: (_, subprotocol) => {
        // Any process will do, as behind a balancer.
        const socket = new WebSocket(order.urls[Math.floor(Math.random() * order.urls.length)]!, subprotocol)
        this.#socket = socket
        wire.watch(socket)
        // The SDK asks for what a browser's socket has.
        return socket as unknown as Socket
      },
      token: async () => {
        const now = Date.now()
        // The same one again: it is not renewed, and runs out.
        if (now < short.until) return short.token
        const expiresAt = now + (this.#isShort ? SHORT_TOKEN_MS : TOKEN_MS)
        const token = await authority.issueToken({ user, expiresAt })
        // Kept to the second (RFC 7519).
        if (this.#isShort) short = { token, until: Math.floor(expiresAt / 1_000) * 1_000 }
        this.#isShort = false
        return token
      },
      onError: (error) => log.write({ kind: 'seen', at: Date.now(), what: `error of the SDK: ${String(error).slice(0, 100)}` }),
    })
    log.write({ kind: 'user', client: no, user: user.id })
    this.#client.open()
  }

  join(project: string): void {
    const log = this.#log
    const client = this.no
    const roomNo = ++this.#roomNo
    const room = this.#client.join(project)
    this.#rooms.set(project, room)
    const entities = this.#entities.get(project) ?? new Map<string, Known>()
    this.#entities.set(project, entities)
    // What was known before a membership was taken may have changed since, until something newer is heard.
    for (const [entity, known] of entities) entities.set(entity, { ...known, isOld: true })
    const note = (seen: ReturnType<typeof entityOf> | null) => {
      if (seen && seen.version >= (entities.get(seen.entity)?.version ?? 0)) entities.set(seen.entity, { ...seen, isOld: false })
    }
    room.onJoined(({ snapshot, position: { epoch, seq } }) => {
      const mode = snapshot === null ? 'resumed' : 'snapshot'
      log.write({ kind: 'joined', at: Date.now(), client, project, room: roomNo, epoch, seq, mode })
      if (snapshot === null) return
      note(entityOf('project', snapshot.project))
      for (const job of snapshot.jobs) note(entityOf('job', job))
    })
    room.on('event', ({ id, seq, at, data }) => {
      this.heard.add(`${project} ${id}`)
      log.write({ kind: 'event', at: Date.now(), client, project, seq, id, sentAt: Date.parse(at) })
      note(entityIn(data))
    })
    room.onLatest(({ key, version, data }) => {
      if (key.startsWith('till/') && data !== null) log.write({ kind: 'value', at: Date.now(), client, project, key, version })
    })
    room.onLeft(({ reason, error }) => {
      const why = error === null ? reason : `${reason} ${error.code}`
      log.write({ kind: 'left', at: Date.now(), client, project, reason: why })
      setTimeout(() => this.#isClosing || this.join(project), ASK_AGAIN_MS)
    })
  }

  slow(ms: number): void {
    const socket = this.#socket
    if (socket?.readyState !== WebSocket.OPEN) return
    socket.pause()
    setTimeout(() => socket.resume(), ms)
  }

  drop(): void {
    this.#socket?.terminate()
  }

  expire(): void {
    this.#isShort = true
    this.drop()
  }

  finish(): void {
    this.#isClosing = true
    for (const [project, room] of this.#rooms) {
      const known = [...this.#entities.get(project)!].filter(([, { isOld }]) => !isOld)
      const entities: Mirror = Object.fromEntries(known.map(([entity, { version, state }]) => [entity, [version, state]]))
      const data = room.latest('till/1').value
      const values = data === null ? {} : { 'till/1': Number(data.version) }
      if (room.phase !== 'left') this.#log.write({ kind: 'mirror', at: Date.now(), client: this.no, project, entities, values })
    }
    this.#client.close()
  }

  /** Rooms that have not heard one of the ids; without any, those that are not joined. */
  missing(ids: readonly string[]): number {
    if (ids.length === 0) return [...this.#rooms.values()].filter(({ phase }) => phase !== 'joined').length
    return [...this.#rooms.keys()].filter((project) => !ids.some((id) => this.heard.has(`${project} ${id}`))).length
  }
}

async function main(): Promise<void> {
  const listeners: Listener[] = []
  let log: LogWriter | null = null
  const of = (clients: readonly number[]) => listeners.filter(({ no }) => clients.includes(no))
  process.on('message', async (command: LoadCommand) => {
    switch (command.kind) {
      case 'start': {
        const { order } = command
        log = new LogWriter(order.path)
        const authority = new TokenAuthority({ secret: Buffer.from(order.secret) })
        const wire = new Wire(log)
        for (const { no, projects } of order.clients) {
          const listener = new Listener(no, order, log, wire, authority)
          for (const project of projects) listener.join(project)
          listeners.push(listener)
          await passed(2)
        }
        process.send?.({})
        return
      }
      case 'slow':
        for (const listener of of(command.clients)) listener.slow(command.ms)
        return
      case 'drop':
        for (const listener of of(command.clients)) listener.drop()
        return
      case 'expire':
        for (const listener of of(command.clients)) listener.expire()
        return
      case 'missing':
        process.send?.({ missing: listeners.reduce((sum, listener) => sum + listener.missing(command.ids), 0) })
        return
      case 'finish':
        for (const listener of listeners) listener.finish()
        await log?.close()
        process.send?.({})
    }
  })
  // Its parent is gone.
  process.on('disconnect', () => process.exit(0))
}

if (process.send) await main()
