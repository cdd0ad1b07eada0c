import { setTimeout as passed } from 'node:timers/promises'
import { Child } from '../live/child.js'
import { atMost, known, never, type Scenario } from './figure.js'
import { cpuWhile, Ground, untilTrue } from './ground.js'
import { Publishing } from './publishing.js'
import type { Delays, SessionsCommand, SessionsReport } from './sessions.js'

const SESSIONS = 2_000
const ROOMS = 50
const PER_SECOND = 500
const AWAY_MS = 5_000
const GIVE_UP_MS = 30_000
const LOOK_MS = 3_000
/** Percent of a core that both processes together may take more than idle ones while Redis is away. */
const IDLE_CPU_MORE = 5

/** Redis dies under load and comes back, then dies again and comes back empty; then it falls silent with its connections open; then it dies while nobody publishes. */
export async function outage(): Promise<Scenario> {
  const ground = await Ground.open({ serve: 2, rooms: ROOMS, isWired: true })
  const load = new Child<SessionsCommand>('../fleet/sessions.js', [])
  try {
    const pids = [...ground.members.values()].map(({ pid }) => pid)
    await load.ask({ kind: 'open', origins: [...ground.origins.values()], rooms: ground.rooms, tokens: await ground.tokens(SESSIONS) })
    await passed(1_000)
    const idleCpu = await cpuWhile(pids, () => passed(LOOK_MS))
    const publishing = new Publishing({
      url: `http://127.0.0.1:${ground.balancer.port}`,
      token: await ground.rootToken(),
      rooms: ground.rooms,
      perSecond: PER_SECOND,
    })
    const loadedCpu = await cpuWhile(pids, () => passed(LOOK_MS))

    /** Redis dies and comes back: when delivery was proven, and when everybody had handled what had waited, in ms from then. */
    const die = async (isEmpty: boolean) => {
      await ground.stopRedis()
      await passed(AWAY_MS)
      await ground.startRedis({ isEmpty })
      const backAt = Date.now()
      const waited = [...publishing.counts]
      const joined = isEmpty ? await load.ask<Delays>({ kind: 'joined', times: 2 }) : null
      await load.ask({ kind: 'handled', counts: waited, giveUpMs: GIVE_UP_MS })
      const handledMs = Date.now() - backAt
      await untilTrue(() => Number.isFinite(ground.loggedAfter(backAt, PROVEN)), GIVE_UP_MS)
      await passed(LOOK_MS)
      return { provenMs: ground.loggedAfter(backAt, PROVEN), handledMs, joined }
    }
    const whole = await die(false)
    const empty = await die(true)

    const heldAt = Date.now()
    ground.wire.hold()
    await untilTrue(() => Number.isFinite(ground.loggedAfter(heldAt, UNPROVEN)), GIVE_UP_MS)
    await untilTrue(() => CONNECTIONS.every((name) => Number.isFinite(ground.loggedAfter(heldAt, lost(name)))), GIVE_UP_MS)
    const detectedMs = ground.loggedAfter(heldAt, UNPROVEN)
    const replacedMs = Math.max(...CONNECTIONS.map((name) => ground.loggedAfter(heldAt, lost(name))))
    await passed(Math.max(0, heldAt + AWAY_MS - Date.now()))
    const releasedAt = Date.now()
    const swallowed = [...publishing.counts]
    ground.wire.release()
    await load.ask({ kind: 'handled', counts: swallowed, giveUpMs: GIVE_UP_MS })
    const recoveredMs = Date.now() - releasedAt
    await passed(LOOK_MS)
    await publishing.stop()
    await load.ask({ kind: 'handled', counts: publishing.counts, giveUpMs: GIVE_UP_MS })

    await ground.stopRedis()
    await passed(1_000)
    const awayCpu = await cpuWhile(pids, () => passed(LOOK_MS))
    const report = await load.ask<SessionsReport>({ kind: 'report', counts: publishing.counts })
    return {
      title: 'Redis killed and restarted under load, and half-open',
      setting: `Two processes, ${SESSIONS.toLocaleString('en')} sessions of the SDK in ${ROOMS} projects, ${PER_SECOND} events a second over HTTP; Redis, with appendfsync always, is away for ${AWAY_MS / 1_000} s and comes back with its data, then is away again and comes back empty, which is another history for everybody, then keeps its connections open for ${AWAY_MS / 1_000} s and lets nothing pass. The published are ${publishing.acknowledged.toLocaleString('en')} events, ${publishing.queued.toLocaleString('en')} of them kept for later, ${publishing.repeated.toLocaleString('en')} attempts repeated.`,
      figures: [
        never('sessions closed', report.closed),
        never('events lost at a handler', report.lost),
        never('events repeated or out of order at a handler', report.repeated),
        atMost('killed: back until delivery is proven in both processes', whole.provenMs, 2_000, 'ms'),
        atMost('killed: back until every session has handled all that had waited', whole.handledMs, 2_000, 'ms'),
        atMost('back empty: until delivery is proven in both processes', empty.provenMs, 2_000, 'ms'),
        known('back empty: until a session has joined the new history, p50', empty.joined?.p50Ms ?? Number.NaN, 'ms'),
        known('back empty: until the last one has', empty.joined?.maxMs ?? Number.NaN, 'ms'),
        known('back empty: until every session has handled all that had waited', empty.handledMs, 'ms'),
        atMost('half-open: noticed by both processes', detectedMs, 3_000, 'ms'),
        atMost('half-open: all connections replaced', replacedMs, 3_000, 'ms'),
        known('half-open: released until every session has handled all that had waited', recoveredMs, 'ms'),
        known('CPU of both processes, nothing published', idleCpu.toFixed(1), '% of a core'),
        known('CPU of both processes under load', loadedCpu.toFixed(1)),
        atMost('CPU of both processes, Redis away and nothing published', awayCpu, idleCpu + IDLE_CPU_MORE, '% of a core'),
      ],
    }
  } finally {
    await load.end()
    await ground.stop()
  }
}

const PROVEN = '"delivery":"proven"'
const UNPROVEN = '"delivery":"unproven"'
const CONNECTIONS = ['commands', 'subscriptions'] as const
const lost = (name: (typeof CONNECTIONS)[number]) => `"connection":"${name}","state":"lost"`
