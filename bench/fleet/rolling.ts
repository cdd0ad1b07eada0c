import { setTimeout as passed } from 'node:timers/promises'
import { Child } from '../live/child.js'
import { atMost, known, never, type Scenario } from './figure.js'
import { Ground } from './ground.js'
import { Publishing } from './publishing.js'
import type { SessionsCommand, SessionsReport } from './sessions.js'

const SESSIONS = 1_000
const ROOMS = 50
const PER_SECOND = 500
const GIVE_UP_MS = 30_000
/** A balancer that asks every second takes a process out after so long. */
const BALANCER_MS = 1_000
const BETWEEN_MS = 2_000

/** Each process in turn gets SIGTERM, drains (D10), ends, and is started anew. */
export async function rolling(): Promise<Scenario> {
  const ground = await Ground.open({ serve: 2, rooms: ROOMS })
  const load = new Child<SessionsCommand>('../fleet/sessions.js', [])
  try {
    const origins = [...ground.origins.values()]
    await load.ask({ kind: 'open', origins, rooms: ground.rooms, tokens: await ground.tokens(SESSIONS) })
    const publishing = new Publishing({
      url: `http://127.0.0.1:${ground.balancer.port}`,
      token: await ground.rootToken(),
      rooms: ground.rooms,
      perSecond: PER_SECOND,
    })
    await passed(BETWEEN_MS)
    await load.ask({ kind: 'mark' })
    await passed(BETWEEN_MS)
    const quiet = await load.ask<SessionsReport>({ kind: 'report', counts: publishing.counts })
    await load.ask({ kind: 'mark' })
    const ends: (number | NodeJS.Signals)[] = []
    const startedAt = performance.now()
    for (const [name, origin] of ground.origins) {
      const member = ground.members.get(name)!
      member.kill('SIGTERM')
      await passed(BALANCER_MS)
      await load.ask({ kind: 'origins', origins: origins.filter((other) => other !== origin) })
      ends.push(await member.ended)
      await ground.start(name)
      await load.ask({ kind: 'origins', origins })
      await passed(BETWEEN_MS)
    }
    const seconds = (performance.now() - startedAt) / 1_000
    await publishing.stop()
    await load.ask({ kind: 'handled', counts: publishing.counts, giveUpMs: GIVE_UP_MS })
    const report = await load.ask<SessionsReport>({ kind: 'report', counts: publishing.counts })
    return {
      title: 'Rolling restart of two processes under load',
      setting: `${SESSIONS.toLocaleString('en')} sessions of the SDK in ${ROOMS} projects, ${PER_SECOND} events a second over HTTP (${publishing.acknowledged.toLocaleString('en')} acknowledged, ${publishing.repeated} attempts repeated); each process gets SIGTERM, is taken out of the balancer ${BALANCER_MS / 1_000} s later, and is started anew when it has ended; ${seconds.toFixed(0)} s in all. A gap is how long an event took from the bus to the handler of a session; of each session the longest counts.`,
      figures: [
        never('events lost at a handler', report.lost),
        never('events repeated or out of order at a handler', report.repeated),
        never('sessions cut before they had another connection', report.closed),
        never('processes that did not end with 0', ends.filter((end) => end !== 0).length),
        atMost('longest gap of a session, p99 of the sessions', report.worstP99Ms, 250, 'ms'),
        known('longest gap of a session, p50 of the sessions', report.worstP50Ms, 'ms'),
        known('the same without a restart, p99 and p50', `${quiet.worstP99Ms} and ${quiet.worstP50Ms} ms`),
        known('all events, p99', report.p99Ms, 'ms'),
      ],
    }
  } finally {
    await load.end()
    await ground.stop()
  }
}
