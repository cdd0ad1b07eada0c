import type { LiveReading } from '../metrics/live-metrics.js'
import { CODECS } from './codecs.js'
import type { Session } from './session.js'

/** The sessions of a process at a moment. */
export interface Census {
  /** Of any state. */
  readonly sessions: number
  readonly slow: number
  /** What waits for all of them in our memory. */
  readonly unsentBytes: number
  /** Projects that are subscribed for them. */
  readonly subscriptions: number
}

/** A session that does not read. */
export interface SlowSession {
  readonly id: string
  readonly unsentBytes: number
  /** How many it has joined. */
  readonly projects: number
}

/** Looks at every session; `subscriptions` is told. */
export function takeCensus(sessions: ReadonlySet<Session>, subscriptions: number): Census {
  let slow = 0
  let unsentBytes = 0
  for (const session of sessions) {
    if (session.isSlow) slow++
    unsentBytes += session.socket.unsentBytes
  }
  return { sessions: sessions.size, slow, unsentBytes, subscriptions }
}

/** The same as gauges show it; `present`: sessions that show themselves. */
export function readingOf(all: ReadonlySet<Session>, present: number): LiveReading {
  const codecs = new Map(CODECS.map((codec) => [codec, 0]))
  let joins = 0
  for (const { codec, joinedProjects } of all) {
    codecs.set(codec, (codecs.get(codec) ?? 0) + 1)
    joins += joinedProjects.size
  }
  // The last part of a subprotocol names the codec.
  const sessions = [...codecs].map(([{ subprotocol }, count]) => ({ codec: subprotocol.split('.').at(-1)!, count }))
  return { ...takeCensus(all, 0), sessions, joins, present }
}

/** Sessions that do not read, the fullest first, at most `limit`. */
export function slowestOf(sessions: ReadonlySet<Session>, limit: number): SlowSession[] {
  return [...sessions]
    .filter((session) => session.isSlow)
    .map(({ id, socket: { unsentBytes }, joinedProjects }) => ({ id, unsentBytes, projects: joinedProjects.size }))
    .sort((one, other) => other.unsentBytes - one.unsentBytes)
    .slice(0, limit)
}
