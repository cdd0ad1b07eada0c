import { setTimeout as passed } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { RedisBus } from '../../src/bus/redis-bus.js'
import type { ProjectId } from '../../src/ids.js'
import { Child } from '../live/child.js'
import type { LoadCommand, LoadResult } from '../live/load.js'
import { eventAt, nowUs } from '../live/server.js'
import { type Figure, known, type Scenario } from './figure.js'
import { cpuWhile, Ground } from './ground.js'

const SESSIONS = 5_000
const ROOMS = 100
/** To each room: with 50 sessions in it 20,000 deliveries a second in all. */
const PER_SECOND = 4
const WINDOWS = 5
const WINDOW_MS = 3_000
const SETTLE_MS = 300
const PROCESSES = 2
/** A latency that nobody feels is good enough, whatever the relay's is. */
const GOOD_P99_MS = 8
const MAX_TIMES = 1.5

interface Window {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Percent of a core. */
  readonly cpu: number
  readonly generatorCpu: number
}

interface Peer {
  readonly load: Child<LoadCommand>
  readonly pids: readonly number[]
  readonly publish: (room: string, text: string) => void
  readonly windows: Window[]
}

/** Bench B of `npm run bench` through Redis and two processes, in turn with a raw relay on the same Redis. */
export async function relay(): Promise<Scenario> {
  const ground = await Ground.open({ serve: PROCESSES, rooms: ROOMS })
  // Straight to Redis, as the processes of a fleet would have it.
  const bus = new RedisBus({ url: ground.redisUrl })
  await bus.start()
  const redis = new Redis(ground.redisUrl)
  const relays = Array.from({ length: PROCESSES }, () => new Child<never>('../fleet/raw-relay.js', [ground.redisUrl, ...ground.rooms]))
  const loads = [new Child<LoadCommand>('load.js', []), new Child<LoadCommand>('load.js', [])] as const
  try {
    const tokens = await ground.tokens(SESSIONS)
    const open = { kind: 'open', sessions: SESSIONS, rooms: ground.rooms, tokens } as const
    const ports = [...ground.origins.values()].map((origin) => Number(new URL(origin).port))
    await loads[0].ask({ ...open, peer: 'tallyroom on ws', ports })
    await loads[1].ask({ ...open, peer: 'raw relay', ports: await Promise.all(relays.map(({ port }) => port)) })
    const ours: Peer = {
      load: loads[0],
      pids: [...ground.members.values()].map(({ pid }) => pid),
      publish: (room, text) =>
        void bus.publish(room as ProjectId, [{ kind: 'event', type: 'bench.event', body: `{"actor":null,"data":${text}}` }]),
      windows: [],
    }
    const raw: Peer = {
      load: loads[1],
      pids: relays.map(({ process }) => process.pid!),
      publish: (room, text) => void redis.publish(room, text),
      windows: [],
    }
    // The first ones warm up.
    for (const peer of [ours, raw]) await measure(peer, ground.rooms)
    for (let no = 0; no < WINDOWS; no++) for (const peer of [ours, raw]) peer.windows.push(await measure(peer, ground.rooms))
    const median = ({ windows }: Peer, key: keyof Window) => medianOf(windows.map((window) => window[key]))
    const [p99, rawP99] = [median(ours, 'p99Ms'), median(raw, 'p99Ms')]
    const both = (key: keyof Window, digits: number) => `${median(ours, key).toFixed(digits)} · ${median(raw, key).toFixed(digits)}`
    const limit: Figure = {
      what: 'p99 from when an event was due · of the relay',
      measured: `${both('p99Ms', 1)} ms (${(p99 / rawP99).toFixed(2)} ×)`,
      target: `≤ ${MAX_TIMES} × the relay, or ${GOOD_P99_MS} ms`,
      isMet: p99 <= Math.max(GOOD_P99_MS, MAX_TIMES * rawP99),
    }
    return {
      title: 'Two processes through Redis beside a raw relay',
      setting: `${SESSIONS.toLocaleString('en')} sessions in ${ROOMS} rooms at two processes, ${PER_SECOND} events of 200 bytes a second to each room, published to Redis by a third process; beside it two processes that do nothing but bring what ioredis hears to sockets of \`ws\` (\`bench/fleet/raw-relay.ts\`), on the same Redis with as many sessions. Windows of ${WINDOW_MS / 1_000} s in turn, medians of ${WINDOWS}.`,
      figures: [
        limit,
        known('p50 · of the relay', `${both('p50Ms', 1)} ms`),
        known('deliveries a second · of the relay', both('perSecond', 0)),
        known('CPU of both processes · of both relays', `${both('cpu', 0)} % of a core`),
        known('CPU of the generator', `${both('generatorCpu', 0)} % of a core`),
      ],
    }
  } finally {
    for (const load of loads) await load.end()
    for (const one of relays) await one.end()
    redis.disconnect()
    await bus.stop()
    await ground.stop()
  }
}

async function measure({ load, pids, publish }: Peer, rooms: readonly string[]): Promise<Window> {
  await passed(SETTLE_MS)
  await load.ask({ kind: 'begin', mode: 'latency' })
  const cpu = await cpuWhile(pids, async () => {
    await pace(rooms, publish)
    await passed(SETTLE_MS)
  })
  const result = await load.ask<LoadResult>({ kind: 'end' })
  return {
    perSecond: (result.events / result.ms) * 1_000,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpu,
    generatorCpu: result.cpu * 100,
  }
}

/** One at a time, rooms evenly apart. */
async function pace(rooms: readonly string[], publish: (room: string, text: string) => void): Promise<void> {
  const startedUs = nowUs()
  const gapUs = 1_000_000 / (PER_SECOND * rooms.length)
  const total = Math.floor((WINDOW_MS * 1_000) / gapUs)
  for (let sent = 0; sent < total; await passed(1)) {
    for (; sent < total && startedUs + sent * gapUs <= nowUs(); sent++) {
      publish(rooms[sent % rooms.length]!, eventAt(Math.round(startedUs + sent * gapUs)))
    }
  }
}

function medianOf(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1]!
}
