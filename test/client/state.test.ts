import { describe, expect, test } from 'vitest'
import { INITIAL_STREAM, receiveDeliver, receiveJoined, type StreamState, startJoin } from '../../src/client/state.js'
import type { Event, Latest } from '../../src/protocol/events.js'
import type { DeliverMessage, JoinedMessage } from '../../src/protocol/messages.js'

const at = '2026-01-01T00:00:00.000Z'
const event = (seq: number): Event => ({ seq, id: `e${seq}`, at, type: 'demo.event', actor: null, data: {} })
const value = (version: number, data: Latest['data'] = {}): Latest => ({ key: 'job/1', version, at, type: 'job.progress', data })
const joined = (seq: number, more: Partial<JoinedMessage> = {}): JoinedMessage => ({
  type: 'joined',
  ref: 1,
  project: 'p',
  role: 'analyst',
  position: { epoch: 'a', seq, id: seq === 0 ? '' : `e${seq}` },
  mode: 'snapshot',
  snapshot: null,
  events: [],
  latest: [],
  ...more,
})
const deliver = (events: Event[], latest: Latest[] = [], epoch = 'a'): DeliverMessage => ({
  type: 'deliver',
  project: 'p',
  epoch,
  events,
  latest,
})
const at5 = (): StreamState => receiveJoined(startJoin(INITIAL_STREAM), joined(5)).state
const seqs = (events: readonly Event[]) => events.map(({ seq }) => seq)

describe('the stream of a project', () => {
  test('[D2] drops events that it has and applies the rest in order', () => {
    const received = receiveDeliver(at5(), deliver([event(4), event(5), event(6), event(7)]))
    expect(seqs(received.events)).toEqual([6, 7])
    expect(received.state.position).toEqual({ epoch: 'a', seq: 7, id: 'e7' })
    expect(received.mustJoin).toBe(false)
  })

  test('[D2] asks to join again after a hole and applies nothing until joined', () => {
    const hole = receiveDeliver(at5(), deliver([event(6), event(8)], [value(1)]))
    expect(seqs(hole.events)).toEqual([6])
    expect(hole.latest).toEqual([])
    expect(hole).toMatchObject({ mustJoin: true, state: { phase: 'joining', position: { seq: 6 } } })
    const ignored = receiveDeliver(hole.state, deliver([event(7)], [value(2)]))
    expect(ignored).toMatchObject({ events: [], latest: [], mustJoin: false })
    const resumed = receiveJoined(hole.state, joined(8, { mode: 'resumed', events: [event(7), event(8)] }))
    expect(seqs(resumed.events)).toEqual([7, 8])
  })

  test('[D2] asks to join again when the epoch is another one, also for latest values alone', () => {
    expect(receiveDeliver(at5(), deliver([event(6)], [], 'b'))).toMatchObject({ events: [], mustJoin: true })
    expect(receiveDeliver(at5(), deliver([], [value(1)], 'b'))).toMatchObject({ latest: [], mustJoin: true })
  })

  test('[D4] takes a latest value only when its version grows, after a tombstone too', () => {
    let state = at5()
    const taken: number[] = []
    for (const next of [value(3), value(2), value(3), value(4, null), value(4), value(5)]) {
      const received = receiveDeliver(state, deliver([], [next]))
      taken.push(...received.latest.map(({ version }) => version))
      state = received.state
    }
    expect(taken).toEqual([3, 4, 5])
  })

  test('[J3] lets the latest values of a join replace all that were held', () => {
    const held = receiveDeliver(at5(), deliver([], [value(9)])).state
    const again = receiveJoined(startJoin(held), joined(5, { mode: 'resumed' }))
    expect(again.state.latest.size).toBe(0)
    const lower = receiveDeliver(again.state, deliver([], [value(1)]))
    expect(lower.latest).toHaveLength(1)
  })

  test('[D4] keeps a value, and the end of one, when it resumes at a process that is behind', () => {
    const held = receiveDeliver(at5(), deliver([], [value(9), { ...value(4, null), key: 'job/2' }])).state
    const behind = [value(8), { ...value(3), key: 'job/2' }, { ...value(1), key: 'job/3' }]
    const again = receiveJoined(startJoin(held), joined(5, { mode: 'resumed', latest: behind }))
    expect(again.latest.map(({ key }) => key)).toEqual(['job/3'])
    expect([...again.state.latest.values()].map(({ version }) => version)).toEqual([9, 4, 1])
    const another = receiveJoined(startJoin(held), joined(5, { latest: behind }))
    expect(another.latest.map(({ version }) => version)).toEqual([8, 3, 1])
  })

  test('[D2] drops events of a resumed join that it has', () => {
    const resumed = receiveJoined(startJoin(at5()), joined(6, { mode: 'resumed', events: [event(5), event(6)] }))
    expect(seqs(resumed.events)).toEqual([6])
  })

  test('[J4] takes the position of a snapshot even when it lies behind', () => {
    const rewound = receiveJoined(startJoin(at5()), joined(2, { position: { epoch: 'b', seq: 2, id: 'x' } }))
    expect(rewound.state.position).toEqual({ epoch: 'b', seq: 2, id: 'x' })
    expect(rewound.events).toEqual([])
  })

  test('bounds the tombstones that it remembers', () => {
    let state = at5()
    for (let block = 0; block < 3; block++) {
      const values = Array.from({ length: 1_000 }, (_, i): Latest => ({ ...value(1, null), key: `job/${block}-${i}` }))
      state = receiveDeliver(state, deliver([], values)).state
    }
    expect(state.latest.size).toBe(2_000)
  })
})
