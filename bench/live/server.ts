// A server under load, in a process of its own; its parent tells it over IPC what to publish.
import { rawUws } from './raw-uws.js'
import { rawWs } from './raw-ws.js'
import { socketIo } from './socket-io.js'
import { tallyroom } from './tallyroom.js'

export const PEERS = ['tallyroom on ws', 'raw ws', 'tallyroom on uws', 'raw uws', 'Socket.IO'] as const
export type PeerName = (typeof PEERS)[number]

/** What the bench needs of each server. */
export interface Peer {
  readonly port: number
  /** Sends these JSON texts to everybody in the room. */
  publish(room: string, texts: readonly string[]): void
}

export type Command =
  /** `perSecond` events of so many bytes (200 unless told) to each room, one at a time, rooms evenly apart. */
  | { readonly kind: 'pace'; readonly rooms: readonly string[]; readonly perSecond: number; readonly ms: number; readonly bytes?: number }
  /** As many events to one room as its sessions take. */
  | { readonly kind: 'flood'; readonly room: string; readonly ms: number }
  /** Events of the flood that sessions have received. */
  | { readonly kind: 'taken'; readonly events: number }
  | { readonly kind: 'stats' }

export interface Stats {
  readonly cpuUs: number
  /** After a forced collection. */
  readonly rssBytes: number
}

/** Bytes of an event's data. */
const EVENT_BYTES = 200
/** Events of a flood on their way at most, and in one publish. */
const WINDOW = 400
const BATCH = 50

/** Microseconds on a clock that all processes of the machine share. */
export const nowUs = () => Number(process.hrtime.bigint() / 1_000n)

/** JSON of so many bytes that says when it was due. */
export function eventAt(dueUs: number, bytes = EVENT_BYTES): string {
  const head = `{"t":${dueUs},"text":"`
  return `${head}${'x'.repeat(bytes - head.length - 2)}"}`
}

async function open(name: PeerName): Promise<Peer> {
  switch (name) {
    case 'tallyroom on ws':
      return tallyroom('ws')
    case 'tallyroom on uws':
      return tallyroom('uws')
    case 'raw ws':
      return rawWs()
    case 'raw uws':
      return rawUws()
    case 'Socket.IO':
      return socketIo()
  }
}

async function main(name: PeerName): Promise<void> {
  const peer = await open(name)
  let taken = 0

  const pace = async ({ rooms, perSecond, ms, bytes }: Extract<Command, { kind: 'pace' }>) => {
    const startedUs = nowUs()
    const gapUs = 1_000_000 / (perSecond * rooms.length)
    const total = Math.floor((ms * 1_000) / gapUs)
    for (let sent = 0; sent < total; ) {
      while (sent < total && startedUs + sent * gapUs <= nowUs()) {
        // Latency counts from when it was due.
        peer.publish(rooms[sent % rooms.length]!, [eventAt(Math.round(startedUs + sent * gapUs), bytes)])
        sent++
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return total
  }

  const flood = async ({ room, ms }: Extract<Command, { kind: 'flood' }>) => {
    taken = 0
    let sent = 0
    const until = performance.now() + ms
    while (performance.now() < until) {
      if (sent - taken < WINDOW) {
        const text = eventAt(nowUs())
        peer.publish(
          room,
          Array.from({ length: BATCH }, () => text),
        )
        sent += BATCH
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    return sent
  }

  process.on('message', async (command: Command) => {
    if (command.kind === 'taken') {
      taken = command.events
      return
    }
    const answer = (value: unknown) => process.send?.({ value })
    if (command.kind === 'pace') answer(await pace(command))
    else if (command.kind === 'flood') answer(await flood(command))
    else {
      globalThis.gc?.()
      const { user, system } = process.cpuUsage()
      answer({ cpuUs: user + system, rssBytes: process.memoryUsage.rss() } satisfies Stats)
    }
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ port: peer.port })
}

if (process.argv[2] !== undefined && process.send) await main(process.argv[2] as PeerName)
