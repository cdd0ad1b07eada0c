// The sessions of the bench, in a process of their own: raw sockets that read frames and nothing else of a message than what is measured.
import { connect, type Socket } from 'node:net'
import type { PeerName } from './server.js'

export type LoadCommand =
  /** Opens so many sessions more, spread over the rooms; answers how long until all had joined. */
  | {
      readonly kind: 'open'
      readonly peer: PeerName | 'raw relay'
      /** Each room's sessions are at all of them. */
      readonly ports: readonly number[]
      readonly sessions: number
      readonly rooms: readonly string[]
      readonly tokens: readonly string[]
    }
  /** Cuts all of them. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'begin'; readonly mode: 'latency' | 'count' }
  | { readonly kind: 'end' }
  /** From here on the first session takes so many bytes a second and is not measured; null: it reads on, and is measured again. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number | null }
  /** Resolves when the first session has been sent away as lagging, and has joined again. */
  | { readonly kind: 'recovered' }

export interface Opened {
  readonly ms: number
  /** Share of a core that this process needed. */
  readonly cpu: number
}

export interface LoadResult {
  readonly events: number
  readonly bytes: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Share of a core that this process needed. */
  readonly cpu: number
  /** From `begin` to the last byte. */
  readonly ms: number
}

/** Handshakes at once. */
const CONCURRENCY = 100
/** Above some 2,000 of one source the kernel looks longer for a free port than a handshake takes. */
const SOURCES = 16
const SLOW_READS_PER_SECOND = 10

const MARK = Buffer.from('"t":')
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

const nowUs = () => Number(process.hrtime.bigint() / 1_000n)
let sessions: Session[] = []
let slow: { readonly reading: NodeJS.Timeout | undefined } | null = null
let rejoins = 0
let onRecovered: (() => void) | null = null
let mode: 'latency' | 'count' | null = null
let latenciesUs: number[] = []
let beganAt = 0
let lastAt = 0
let cpuAtBegin = process.cpuUsage()

class Session {
  bytes = 0
  events = 0
  readonly socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #isUpgraded = false
  readonly #onText: (session: Session, text: Buffer) => void

  constructor(options: {
    port: number
    index: number
    path: string
    protocol: string | null
    onText: (session: Session, text: Buffer) => void
  }) {
    this.#onText = options.onText
    this.socket = connect({
      port: options.port,
      host: '127.0.0.1',
      localAddress: `127.0.0.${2 + (options.index % SOURCES)}`,
      noDelay: true,
    })
    const protocol = options.protocol === null ? '' : `Sec-WebSocket-Protocol: ${options.protocol}\r\n`
    this.socket.write(
      `GET ${options.path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${protocol}\r\n`,
    )
    this.socket.on('data', (data: Buffer) => this.#read(data))
    this.socket.on('error', (error) => {
      throw error
    })
  }

  /** A text frame, masked with zeros. */
  send(text: string): void {
    const body = Buffer.from(text)
    const head = body.length < 126 ? [0x81, 0x80 | body.length] : [0x81, 0x80 | 126, body.length >> 8, body.length & 255]
    this.socket.write(Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), body]))
  }

  #read(data: Buffer): void {
    // Every session of a room receives the same bytes: what they hold is looked at in one of them.
    if (mode === 'count') {
      this.bytes += data.length
      lastAt = performance.now()
      if (this !== sessions[0]) return
      this.events += count(data)
      return
    }
    let at = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data
    if (!this.#isUpgraded) {
      const end = at.indexOf('\r\n\r\n')
      if (end < 0) {
        this.#rest = at
        return
      }
      if (!at.toString('latin1', 0, 12).endsWith('101')) throw new Error(at.toString())
      this.#isUpgraded = true
      at = at.subarray(end + 4)
      this.#onText(this, Buffer.alloc(0))
    }
    for (;;) {
      if (at.length < 2) break
      const short = at[1]! & 0x7f
      const start = short === 126 ? 4 : short === 127 ? 10 : 2
      if (at.length < start) break
      const length = short === 126 ? at.readUInt16BE(2) : short === 127 ? at.readUInt32BE(6) : short
      if (at.length < start + length) break
      const text = at.subarray(start, start + length)
      at = at.subarray(start + length)
      if (mode === null || (slow !== null && this === sessions[0])) this.#onText(this, text)
      else this.#measure(text, start + length)
    }
    this.#rest = at
  }

  #measure(text: Buffer, bytes: number): void {
    lastAt = performance.now()
    const now = nowUs()
    this.bytes += bytes
    for (let at = text.indexOf(MARK); at >= 0; at = text.indexOf(MARK, at + 4)) {
      this.events++
      let due = 0
      for (let digit = at + 4; text[digit]! >= 48 && text[digit]! <= 57; digit++) due = due * 10 + text[digit]! - 48
      latenciesUs.push(now - due)
    }
  }
}

function count(data: Buffer): number {
  let events = 0
  for (let at = data.indexOf(MARK); at >= 0; at = data.indexOf(MARK, at + MARK.length)) events++
  return events
}

async function open({ peer, ports, sessions: more, rooms, tokens }: Extract<LoadCommand, { kind: 'open' }>): Promise<Opened> {
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const wanted = sessions.length + more
  let next = sessions.length
  const one = async () => {
    while (next < wanted) {
      const index = next++
      await new Promise<void>((resolve) => {
        const port = ports[Math.floor(index / rooms.length) % ports.length]!
        sessions[index] = enter(peer, { port, index, room: rooms[index % rooms.length]!, token: tokens[index]! }, resolve)
      })
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, one))
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  return { ms, cpu: (user + system) / 1_000 / ms }
}

/** Connects and does what it takes to be in the room. */
function enter(
  peer: PeerName | 'raw relay',
  { port, index, room, token }: { port: number; index: number; room: string; token: string },
  onEntered: () => void,
): Session {
  const isOurs = peer.startsWith('tallyroom')
  const join = { ref: 1, project: room }
  const onText = (session: Session, text: Buffer) => {
    const said = text.toString('latin1', 0, 4_096)
    if (isOurs) {
      if (said === '') session.send(JSON.stringify({ type: 'hello', token, joins: [join] }))
      else if (said.startsWith('{"type":"joined"')) {
        onEntered()
        if (rejoins > 0) onRecovered?.()
      } else if (said.startsWith('{"type":"rejoin"')) {
        rejoins++
        session.send(JSON.stringify({ type: 'join', ...join }))
      } else if (said.startsWith('{"type":"error"')) throw new Error(said)
      else if (said.startsWith('{"type":"ping"')) session.send('{"type":"pong","at":""}')
    } else if (peer === 'Socket.IO') {
      if (said === '2') session.send('3')
      else if (said.startsWith('40')) session.send(`42${JSON.stringify(['join', room])}`)
      else if (said.startsWith('0')) session.send('40')
      else if (said.startsWith('42["joined"')) onEntered()
    } else onEntered()
  }
  const path = isOurs ? '/v1/live' : peer === 'Socket.IO' ? '/socket.io/?EIO=4&transport=websocket' : `/live?room=${room}`
  return new Session({ port, index, path, protocol: isOurs ? 'tallyroom.v1.json' : null, onText })
}

async function cut(): Promise<void> {
  const closed = sessions.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)))
  // A reset leaves no port behind that waits.
  for (const { socket } of sessions) socket.resetAndDestroy()
  await Promise.all(closed)
  sessions = []
}

function slowDown(bytesPerSecond: number | null): void {
  clearInterval(slow?.reading)
  const { socket } = sessions[0]!
  if (bytesPerSecond === null) {
    slow = null
    socket.resume()
    return
  }
  socket.pause()
  const piece = Math.round(bytesPerSecond / SLOW_READS_PER_SECOND)
  const reading = piece > 0 ? setInterval(() => socket.read(piece), 1_000 / SLOW_READS_PER_SECOND) : undefined
  slow = { reading }
}

function end(): LoadResult {
  const { user, system } = process.cpuUsage(cpuAtBegin)
  const wallMs = performance.now() - beganAt
  latenciesUs.sort((a, b) => a - b)
  const at = (share: number) => (latenciesUs[Math.floor(latenciesUs.length * share)] ?? 0) / 1_000
  const bytes = sessions.reduce((sum, session) => sum + session.bytes, 0)
  const first = sessions[0]!
  // While counting only one session's events are known, and everybody's bytes.
  const events =
    mode === 'count' ? Math.round((bytes / first.bytes) * first.events) : sessions.reduce((sum, session) => sum + session.events, 0)
  return { events, bytes, p50Ms: at(0.5), p99Ms: at(0.99), cpu: (user + system) / 1_000 / wallMs, ms: lastAt - beganAt }
}

let acknowledging: NodeJS.Timeout | undefined

process.on('message', async (command: LoadCommand) => {
  if (command.kind === 'open') process.send?.({ value: await open(command) })
  else if (command.kind === 'cut') {
    await cut()
    process.send?.({ value: null })
  } else if (command.kind === 'slow') {
    slowDown(command.bytesPerSecond)
    process.send?.({ value: null })
  } else if (command.kind === 'recovered') {
    onRecovered = () => process.send?.({ value: null })
    slowDown(0)
    sessions[0]!.socket.resume()
  } else if (command.kind === 'begin') {
    mode = command.mode
    latenciesUs = []
    for (const session of sessions) session.bytes = session.events = 0
    beganAt = performance.now()
    cpuAtBegin = process.cpuUsage()
    if (mode === 'count') {
      acknowledging = setInterval(() => {
        const { bytes, events } = sessions[0]!
        const all = sessions.reduce((sum, session) => sum + session.bytes, 0) / sessions.length
        if (bytes > 0) process.send?.({ taken: Math.floor((all / bytes) * events) })
      }, 2)
    }
    process.send?.({ value: null })
  } else {
    clearInterval(acknowledging)
    process.send?.({ value: end() })
  }
})
process.on('disconnect', () => process.exit(0))
