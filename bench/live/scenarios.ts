import { Child } from './child.js'
import type { LoadCommand, LoadResult, Opened } from './load.js'
import type { Command, PeerName, Stats } from './server.js'

/** Of each figure there are so many; a table shows their median. */
export const WINDOWS = 5
export const WINDOW_MS = 1_200
/** Sessions that a server has seen before its memory is looked at: what the code itself needs is there by then. */
export const WARM_SESSIONS = 2_000
/** Events of the room with a slow reader are large, so that the kernel's buffers of megabytes are full within seconds. */
export const LARGE_EVENT_BYTES = 30_000
const SETTLE_MS = 300
const FILL_MS = 8_000

interface Size {
  readonly sessions: number
  readonly rooms: number
}
export const ONE_ROOM: Size = { sessions: 1_000, rooms: 1 }
export const MANY_ROOMS: Size = { sessions: 5_000, rooms: 100 }
export const BIG_ROOM: Size = { sessions: 10_000, rooms: 1 }
export const SLOW_ROOM: Size = { sessions: 100, rooms: 1 }

/** Medians over the windows. */
export interface Run {
  readonly perSecond: number
  readonly bytesEach: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Shares of a core. */
  readonly serverCpu: number
  readonly generatorCpu: number
}

/** Medians over the openings. */
export interface Coming {
  readonly perSecond: number
  readonly generatorCpu: number
  /** Microseconds of the server's CPU for one session. */
  readonly serverUs: number
  /** Sessions a second of the first opening: the code is not compiled yet. */
  readonly firstPerSecond: number
}

export interface Measured {
  readonly peer: PeerName
  readonly single: Run
  readonly flood: Run
  readonly many: Run
  readonly big: Run
  readonly coming: Coming
  /** Resident memory of an idle session that is not among the first. */
  readonly idleBytes: number
}

/** The others' latency beside one that reads slowly, in one room of a hundred. */
export interface BesideSlow {
  readonly peer: PeerName
  readonly without: Run
  readonly slow: Run
  readonly stopped: Run
}

interface Parts {
  readonly server: Child<Command>
  readonly load: Child<LoadCommand>
  readonly names: readonly string[]
  open(sessions: number): Promise<Opened>
}

/** All that is measured of a peer. `tokens` are as many as the largest room has sessions. */
export async function measurePeer(peer: PeerName, tokens: readonly string[]): Promise<Measured> {
  const room = await withServer(peer, ONE_ROOM, tokens, async (parts) => {
    await parts.open(ONE_ROOM.sessions)
    const flood = (): Promise<Window> => measure(parts, 'count', { kind: 'flood', room: parts.names[0]!, ms: WINDOW_MS })
    return { single: await paced(parts, { perSecond: 50 }), flood: await repeated(flood) }
  })
  const many = await withServer(peer, MANY_ROOMS, tokens, async (parts) => {
    await parts.open(MANY_ROOMS.sessions)
    return paced(parts, { perSecond: 4 })
  })
  const big = await withServer(peer, BIG_ROOM, tokens, async (parts) => {
    await parts.open(WARM_SESSIONS)
    const before = await statsOf(parts)
    await parts.open(BIG_ROOM.sessions - WARM_SESSIONS)
    const after = await statsOf(parts)
    const idleBytes = (after.rssBytes - before.rssBytes) / (BIG_ROOM.sessions - WARM_SESSIONS)
    return { idleBytes, big: await paced(parts, { perSecond: 2 }) }
  })
  const coming = await withServer(peer, BIG_ROOM, tokens, measureComing)
  return { peer, ...room, many, ...big, coming }
}

/** @throws when the slow one was never slow, or does not come back. */
export function measureBesideSlow(peer: PeerName, tokens: readonly string[]): Promise<BesideSlow> {
  return withServer(peer, SLOW_ROOM, tokens, async (parts) => {
    const { server, load, names } = parts
    await parts.open(SLOW_ROOM.sessions)
    const pace = { perSecond: 50, bytes: LARGE_EVENT_BYTES }
    const without = await paced(parts, pace)
    await load.ask({ kind: 'slow', bytesPerSecond: 1_000 })
    await server.ask({ kind: 'pace', rooms: names, ...pace, ms: FILL_MS })
    const slow = await paced(parts, pace)
    await load.ask({ kind: 'slow', bytesPerSecond: 0 })
    const stopped = await paced(parts, pace)
    await load.ask({ kind: 'recovered' })
    return { peer, without, slow, stopped }
  })
}

async function measureComing(parts: Parts): Promise<Coming> {
  const openings: Omit<Coming, 'firstPerSecond'>[] = []
  while (openings.length < WINDOWS) {
    const before = await statsOf(parts)
    const opened = await parts.open(BIG_ROOM.sessions)
    const after = await statsOf(parts)
    openings.push({
      perSecond: (BIG_ROOM.sessions / opened.ms) * 1_000,
      generatorCpu: opened.cpu,
      // The forced collection at the end is theirs too.
      serverUs: (after.cpuUs - before.cpuUs) / BIG_ROOM.sessions,
    })
    await parts.load.ask({ kind: 'cut' })
    await settle()
  }
  const median = (key: keyof (typeof openings)[number]) => medianOf(openings.map((opening) => opening[key]))
  return {
    perSecond: median('perSecond'),
    generatorCpu: median('generatorCpu'),
    serverUs: median('serverUs'),
    firstPerSecond: openings[0]!.perSecond,
  }
}

async function withServer<Result>(
  peer: PeerName,
  { rooms }: Size,
  tokens: readonly string[],
  use: (parts: Parts) => Promise<Result>,
): Promise<Result> {
  const server = new Child<Command>('server.js', [peer])
  const load = new Child<LoadCommand>('load.js', [])
  try {
    const names = Array.from({ length: rooms }, (_, index) => `0192f000-0000-7000-8000-${String(index).padStart(12, '0')}`)
    const port = await server.port
    load.onTaken = (events) => server.tell({ kind: 'taken', events })
    const open = (sessions: number) => load.ask<Opened>({ kind: 'open', peer, ports: [port], sessions, rooms: names, tokens })
    return await use({ server, load, names, open })
  } finally {
    await load.end()
    await server.end()
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
const statsOf = ({ server }: Parts) => server.ask<Stats>({ kind: 'stats' })

/** One window. */
type Window = Run

function paced(parts: Parts, pace: { readonly perSecond: number; readonly bytes?: number }): Promise<Run> {
  return repeated(() => measure(parts, 'latency', { kind: 'pace', rooms: parts.names, ms: WINDOW_MS, ...pace }))
}

async function repeated(measureOnce: () => Promise<Window>): Promise<Run> {
  const windows: Window[] = []
  while (windows.length < WINDOWS) windows.push(await measureOnce())
  const median = (key: keyof Run) => medianOf(windows.map((window) => window[key]))
  return {
    perSecond: median('perSecond'),
    bytesEach: median('bytesEach'),
    p50Ms: median('p50Ms'),
    p99Ms: median('p99Ms'),
    serverCpu: median('serverCpu'),
    generatorCpu: median('generatorCpu'),
  }
}

async function measure({ server, load }: Parts, mode: 'latency' | 'count', command: Command): Promise<Window> {
  await settle()
  await load.ask({ kind: 'begin', mode })
  const before = await server.ask<Stats>({ kind: 'stats' })
  const startedAt = performance.now()
  await server.ask<number>(command)
  await settle()
  const after = await server.ask<Stats>({ kind: 'stats' })
  const wallUs = (performance.now() - startedAt) * 1_000
  const { events, bytes, ms, cpu, p50Ms, p99Ms } = await load.ask<LoadResult>({ kind: 'end' })
  return {
    perSecond: (events / ms) * 1_000,
    bytesEach: bytes / events,
    p50Ms,
    p99Ms,
    serverCpu: (after.cpuUs - before.cpuUs) / wallUs,
    generatorCpu: cpu,
  }
}

function medianOf(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1]!
}
