// Sessions of the SDK, in a process of their own. Every event carries its number in its room: each session sees what is lost, repeated or out of order.
import { WebSocket } from 'ws'
import { LiveClient, type Socket } from '../../src/client/index.js'

export type SessionsCommand =
  /** As many sessions as tokens, in turn in each room, and each room's in turn at each origin; answers when all have joined. */
  | { readonly kind: 'open'; readonly origins: readonly string[]; readonly rooms: readonly string[]; readonly tokens: readonly string[] }
  /** New connections go here, as a balancer would send them. */
  | { readonly kind: 'origins'; readonly origins: readonly string[] }
  /** Cuts all sockets; answers {@link CutResult} when all have joined again. */
  | { readonly kind: 'cut' }
  /** Answers {@link Delays} when every session has joined so often. */
  | { readonly kind: 'joined'; readonly times: number }
  /** Answers when every session has handled so many events of its room, by room; or after `giveUpMs`. */
  | { readonly kind: 'handled'; readonly counts: readonly number[]; readonly giveUpMs: number }
  /** From here on {@link SessionsReport} counts anew how long events take. */
  | { readonly kind: 'mark' }
  | { readonly kind: 'report'; readonly counts: readonly number[] }

/** From the command until a session had joined. */
export interface Delays {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface CutResult extends Delays {
  readonly withSnapshot: number
}

export interface SessionsReport {
  /** Sockets that were open and ended, and not by the SDK. */
  readonly closed: number
  /** Of all sessions together. */
  readonly lost: number
  readonly repeated: number
  readonly handled: number
  /** From the bus to the handler, since the mark. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** The worst that each session has seen, and of these the 99th of a hundred. */
  readonly worstP50Ms: number
  readonly worstP99Ms: number
}

/** Above some 2,000 of one source the kernel looks longer for a free port than a handshake takes. */
const SOURCES = 16
/** So many begin at once; the others when one of them has joined. */
const CONCURRENCY = 200
const NORMAL = 1000
const WAIT_MS = 2
/** Who has not joined by then never will. */
const GIVE_UP_MS = 60_000

let origins: readonly string[] = []
let closed = 0
let isCutting = false
let lateMs: number[] = []

class Listener {
  joins = 0
  withSnapshot = 0
  joinedAt = 0
  /** Number of the last event that was handled. */
  last = 0
  lost = 0
  repeated = 0
  worstMs = 0
  #attempts = 0
  #socket: WebSocket | null = null

  constructor(index: number, room: string, token: string, onFirstJoined: () => void) {
    const client = new LiveClient({
      url: 'ws://chosen.for.each.attempt',
      token: () => token,
      openSocket: (_, subprotocol) => {
        const origin = origins[(index + this.#attempts++) % origins.length]!
        const socket = new WebSocket(`${origin}/v1/live`, subprotocol, {
          perMessageDeflate: false,
          localAddress: `127.0.0.${2 + (index % SOURCES)}`,
        })
        socket.on('open', () => {
          this.#socket = socket
          socket.on('close', (code) => {
            if (code !== NORMAL && !isCutting) closed++
          })
        })
        // The SDK asks for what a browser's socket has.
        return socket as unknown as Socket
      },
    })
    const joined = client.join(room)
    joined.onJoined(({ snapshot }) => {
      this.joinedAt = performance.now()
      if (snapshot !== null) this.withSnapshot++
      if (++this.joins === 1) onFirstJoined()
    })
    joined.on('bench.event', ({ at, data }) => this.#handle(data.no as number, Date.now() - Date.parse(at)))
    client.open()
  }

  cut(): void {
    this.#socket?.terminate()
  }

  #handle(no: number, ms: number): void {
    if (no <= this.last) this.repeated++
    else {
      this.lost += no - this.last - 1
      this.last = no
    }
    lateMs.push(ms)
    if (ms > this.worstMs) this.worstMs = ms
  }
}

let sessions: Listener[] = []
let roomCount = 0

async function open({ origins: given, rooms, tokens }: Extract<SessionsCommand, { kind: 'open' }>): Promise<null> {
  origins = given
  roomCount = rooms.length
  sessions = []
  let next = 0
  const some = async () => {
    for (let index = next++; index < tokens.length; index = next++) {
      await new Promise<void>((resolve) => {
        const room = index % rooms.length
        // Sessions of one room are at all origins.
        sessions[index] = new Listener(index + Math.floor(index / rooms.length), rooms[room]!, tokens[index]!, resolve)
      })
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, some))
  return null
}

async function until(isSo: () => boolean, giveUpMs = GIVE_UP_MS): Promise<null> {
  const startedAt = performance.now()
  while (!isSo() && performance.now() - startedAt < giveUpMs) await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
  return null
}

async function cut(): Promise<CutResult> {
  const before = sessions.map(({ joins, withSnapshot }) => ({ joins, withSnapshot }))
  isCutting = true
  const cutAt = performance.now()
  for (const session of sessions) session.cut()
  await until(() => sessions.every(({ joins }, index) => joins > before[index]!.joins))
  isCutting = false
  const withSnapshot = sessions.reduce((sum, session, index) => sum + session.withSnapshot - before[index]!.withSnapshot, 0)
  return { withSnapshot, ...delaysSince(cutAt, (session, index) => session.joins > before[index]!.joins) }
}

async function joined(times: number): Promise<Delays> {
  const askedAt = performance.now()
  await until(() => sessions.every(({ joins }) => joins >= times))
  return delaysSince(askedAt, ({ joins }) => joins >= times)
}

function delaysSince(startedAt: number, hasJoined: (session: Listener, index: number) => boolean): Delays {
  const ms = sessions.map((session, index) =>
    hasJoined(session, index) ? Math.max(0, session.joinedAt - startedAt) : Number.POSITIVE_INFINITY,
  )
  return { p50Ms: at(ms, 0.5), p99Ms: at(ms, 0.99), maxMs: at(ms, 1) }
}

function report(counts: readonly number[]): SessionsReport {
  const sum = (of: (session: Listener, index: number) => number) => sessions.reduce((all, session, index) => all + of(session, index), 0)
  const worst = sessions.map(({ worstMs }) => worstMs)
  return {
    closed,
    lost: sum(({ lost, last }, index) => lost + counts[index % roomCount]! - last),
    repeated: sum(({ repeated }) => repeated),
    handled: lateMs.length,
    p50Ms: at(lateMs, 0.5),
    p99Ms: at(lateMs, 0.99),
    worstP50Ms: at(worst, 0.5),
    worstP99Ms: at(worst, 0.99),
  }
}

function at(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

async function answer(command: SessionsCommand): Promise<unknown> {
  switch (command.kind) {
    case 'open':
      return open(command)
    case 'origins':
      origins = command.origins
      return null
    case 'cut':
      return cut()
    case 'joined':
      return joined(command.times)
    case 'handled':
      return until(() => sessions.every(({ last }, index) => last >= command.counts[index % roomCount]!), command.giveUpMs)
    case 'mark':
      lateMs = []
      for (const session of sessions) session.worstMs = 0
      return null
    case 'report':
      return report(command.counts)
  }
}

process.on('message', async (command: SessionsCommand) => {
  process.send?.({ value: await answer(command) })
})
process.on('disconnect', () => process.exit(0))
