// What a client knows about one project's stream, apart from any socket: pure, so that every order of messages can be tested.
//
//   joining  asked, or to be asked for; nothing is applied until the answer   joined → joined
//   joined   deliveries apply in order                                        gap, rejoin, socket lost → joining

import type { Event, Latest } from '../protocol/events.js'
import type { DeliverMessage, JoinedMessage } from '../protocol/messages.js'
import { continuity, type Position } from '../protocol/position.js'

export type StreamPhase = 'joining' | 'joined'

export interface StreamState {
  readonly phase: StreamPhase
  /** The last event applied; null before the first `joined`. It outlives the socket. */
  readonly position: Position | null
  /** Newest latest value per key, tombstones included: an older value must not come back after one. */
  readonly latest: ReadonlyMap<string, Latest>
}

export interface Received {
  readonly state: StreamState
  /** To be handled now, in order, before `latest`. */
  readonly events: readonly Event[]
  readonly latest: readonly Latest[]
  /** The stream has a hole or another history: join again with `state.position` (D2). */
  readonly mustJoin: boolean
}

/** Keys a client remembers; the server allows 1,000 live ones, the rest are tombstones. */
const MAX_KEYS = 2_000

export const INITIAL_STREAM: StreamState = { phase: 'joining', position: null, latest: new Map() }

/** A join was sent, or must be sent as soon as there is a connection: nothing is applied until its answer. */
export function startJoin(state: StreamState): StreamState {
  return { ...state, phase: 'joining' }
}

/**
 * Takes the answer to a join: its latest values replace all that were held (J3), but for newer ones of the same history, which another process
 * has told already (D4); its position is where the stream goes on. To be handled are
 * the values that it does not have any more, and with a snapshot all that it has, otherwise those that are other ones.
 */
export function receiveJoined(state: StreamState, message: JoinedMessage): Received {
  // Still checked one by one: a resumed join may overlap what came before the socket broke.
  const base = message.mode === 'resumed' ? state.position : null
  const events = base === null ? [] : message.events.filter((event) => event.seq > base.seq)
  const held = (key: string) => (base === null ? undefined : state.latest.get(key))
  const latest = new Map(
    message.latest.map((value) => {
      const before = held(value.key)
      return [value.key, before && before.version > value.version ? before : value]
    }),
  )
  const gone = [...state.latest.values()].filter(({ key, data }) => data !== null && !latest.has(key))
  const news = [...latest.values()].filter(({ key, version }) => held(key)?.version !== version)
  return {
    state: { phase: 'joined', position: message.position, latest },
    events,
    latest: [...gone.map((value) => ({ ...value, data: null })), ...news],
    mustJoin: false,
  }
}

/** Takes a delivery: repeated events are dropped, a hole stops everything until the next `joined` (D2), latest values only grow (D4). */
export function receiveDeliver(state: StreamState, message: DeliverMessage): Received {
  if (state.phase !== 'joined' || state.position === null) return { state, events: [], latest: [], mustJoin: false }
  if (message.epoch !== state.position.epoch) return { state: startJoin(state), events: [], latest: [], mustJoin: true }
  let position = state.position
  const events: Event[] = []
  for (const event of message.events) {
    const step = continuity(position, message.epoch, event.seq)
    if (step === 'repeated') continue
    if (step === 'gap') return { state: startJoin({ ...state, position }), events, latest: [], mustJoin: true }
    events.push(event)
    position = { epoch: message.epoch, seq: event.seq, id: event.id }
  }
  const newer = message.latest.filter((value) => value.version > (state.latest.get(value.key)?.version ?? -1))
  return { state: { ...state, position, latest: merge(state.latest, newer) }, events, latest: newer, mustJoin: false }
}

function merge(held: ReadonlyMap<string, Latest>, newer: readonly Latest[]): ReadonlyMap<string, Latest> {
  if (newer.length === 0) return held
  const merged = new Map(held)
  for (const value of newer) merged.set(value.key, value)
  for (const [key, value] of merged) {
    if (merged.size <= MAX_KEYS) break
    if (value.data === null) merged.delete(key)
  }
  return merged
}
