import { describe, expect, test } from 'vitest'
import { check, VIOLATIONS, type ViolationKind } from '../../bench/chaos/checker.js'
import type { Entry } from '../../bench/chaos/log.js'

type Of<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>

const PROJECT = 'p'
const EPOCH = 'one'
const NEXT = 'two'
/** Nobody hears or publishes anything before. */
const START = 1_000_000

const at = (second: number) => START + second * 1_000
const published = (second: number, seq: number, id: string, epoch = EPOCH): Entry[] => [
  { kind: 'sent', at: at(second), project: PROJECT, id },
  { kind: 'acknowledged', at: at(second), project: PROJECT, id, place: { epoch, seq } },
  wire(second, seq, id, epoch),
]
const wire = (second: number, seq: number, id: string, epoch = EPOCH): Of<'wire'> => ({
  kind: 'wire',
  at: at(second),
  project: PROJECT,
  epoch,
  seq,
  id,
})
const heard = (second: number, seq: number, id: string): Of<'event'> => ({
  kind: 'event',
  at: at(second),
  client: 1,
  project: PROJECT,
  seq,
  id,
  sentAt: at(second),
})
const joined = (second: number, seq: number, more: Partial<Of<'joined'>> = {}): Of<'joined'> => ({
  kind: 'joined',
  at: at(second),
  client: 1,
  project: PROJECT,
  room: 1,
  epoch: EPOCH,
  seq,
  mode: 'snapshot',
  ...more,
})
const booked = (second: number, no: number, id: string, more: Partial<Of<'outbox'>> = {}): Of<'outbox'> => ({
  kind: 'outbox',
  project: PROJECT,
  no,
  id,
  type: 'match.decided',
  bornAt: at(second),
  isPublished: true,
  entity: 'match/m',
  version: no + 1,
  ...more,
})
const fault = (second: number, name: string, until = second): Of<'fault'> => ({
  kind: 'fault',
  from: at(second),
  at: at(until),
  name,
  target: '',
})
const value = (second: number, version: number): Of<'value'> => ({
  kind: 'value',
  at: at(second),
  client: 1,
  project: PROJECT,
  key: 'till/1',
  version,
})
const valued = (second: number, version: number): Of<'valued'> => ({
  kind: 'valued',
  at: at(second),
  project: PROJECT,
  key: 'till/1',
  version,
})
const row = (entity: string, version: number, state: string): Of<'row'> => ({ kind: 'row', project: PROJECT, entity, version, state })
const revoked = (second: number): Entry => ({ kind: 'revoked', from: at(second), at: at(second), project: PROJECT, user: 'ana' })
const granted = (second: number): Entry => ({ kind: 'granted', from: at(second), at: at(second), project: PROJECT, user: 'ana' })
const left = (second: number): Of<'left'> => ({ kind: 'left', at: at(second), client: 1, project: PROJECT, reason: 'revoked' })
const mirror: Of<'mirror'> = {
  kind: 'mirror',
  at: at(90),
  client: 1,
  project: PROJECT,
  entities: { 'project/p': [1, 'Project'], 'match/m': [2, 'confirmed'] },
  values: { 'till/1': 2 },
}

/** A run of one client in which nothing is wrong: two events, a fact and two values. */
const ON_TIME: readonly Entry[] = [
  { kind: 'user', client: 1, user: 'ana' },
  joined(0, 0),
  ...published(1, 1, 'feed:1'),
  heard(1, 1, 'feed:1'),
  value(2, 1),
  ...published(3, 2, 'feed:2'),
  heard(3, 2, 'feed:2'),
  { kind: 'written', at: at(4), project: PROJECT, entity: 'match/m', version: 2 },
  booked(4, 1, 'fact-1'),
  wire(4, 3, 'fact-1'),
  heard(4, 3, 'fact-1'),
  valued(5, 2),
  value(5, 2),
]
const END: readonly Entry[] = [mirror, row('project/p', 1, 'Project'), row('match/m', 2, 'confirmed')]

/** Kinds of violations of the run with these entries in the place of some of its own. */
function kindsOf(entries: readonly Entry[], end = END): ViolationKind[] {
  return [...new Set(check([...entries, ...end]).violations.map(({ kind }) => kind))]
}

const without = (kind: Entry['kind'], id: string) => ON_TIME.filter((entry) => !(entry.kind === kind && 'id' in entry && entry.id === id))

describe('the checker of chaos runs', () => {
  test('finds nothing in a run in which everybody heard everything', () => {
    const { violations, checks } = check([...ON_TIME, ...END])
    expect(violations).toEqual([])
    expect(checks).toMatchObject({ events: 3, facts: 1, acknowledged: 2, entities: 2, values: 1 })
  })

  const planted = {
    lost: without('event', 'feed:1'),
    duplicated: [...ON_TIME, wire(6, 4, 'feed:2'), heard(6, 4, 'feed:2')],
    reordered: [...ON_TIME, ...published(6, 5, 'feed:4'), ...published(7, 4, 'feed:5'), heard(7, 4, 'feed:5'), heard(7, 5, 'feed:4')],
    intruded: [...ON_TIME, revoked(6), ...published(8, 4, 'feed:3'), heard(8, 4, 'feed:3')],
    expelled: [...ON_TIME, left(6), joined(7, 3, { room: 2 })],
    invented: [...ON_TIME, wire(6, 4, 'nobody'), heard(6, 4, 'nobody')],
    forked: [...ON_TIME, wire(6, 2, 'another')],
    renewed: [...ON_TIME, ...published(6, 1, 'feed:3', NEXT), joined(6, 0, { epoch: NEXT }), heard(6, 1, 'feed:3')],
    unbooked: ON_TIME.map((entry): Entry => (entry.kind === 'written' ? { ...entry, version: 3 } : entry)),
    unpublished: ON_TIME.map((entry): Entry => (entry.kind === 'outbox' ? { ...entry, isPublished: false } : entry)),
    stale: [...ON_TIME, row('match/m', 3, 'removed')],
    outdated: [...ON_TIME, valued(6, 3)],
    crashed: [...ON_TIME, { kind: 'crash', at: at(6), name: 'serve 1', how: '1' }],
  } as const satisfies Record<ViolationKind, readonly Entry[]>

  test.each(Object.keys(VIOLATIONS) as ViolationKind[])('finds a planted violation: %s', (kind) => {
    // The rows that a plant adds are the truth.
    const end = kind === 'stale' ? [mirror, row('project/p', 1, 'Project')] : END
    expect(kindsOf(planted[kind], end)).toEqual([kind])
  })

  test('an event that nobody heard is lost too, at the end and between two others', () => {
    expect(kindsOf([...ON_TIME, ...published(6, 4, 'feed:3')])).toEqual(['lost'])
    expect(kindsOf([...without('event', 'feed:2').filter((entry) => entry.kind !== 'wire' || entry.id !== 'feed:2')])).toEqual(['lost'])
  })

  test.each([
    { between: 999, kinds: ['duplicated'] },
    { between: 1_000, kinds: [] },
  ])('an event that is heard again after $between others is one of those that a client remembers, or no more', ({ between, kinds }) => {
    const others = Array.from({ length: between }, (_, index) => [
      ...published(6, 4 + index, `feed:${3 + index}`),
      heard(6, 4 + index, `feed:${3 + index}`),
    ])
    const [again] = ON_TIME.filter((entry) => entry.kind === 'event').slice(-1)
    const place = 4 + between
    expect(kindsOf([...ON_TIME, ...others.flat(), wire(7, place, again!.id), heard(7, place, again!.id)])).toEqual(kinds)
  })

  test('who sends the next before the one has been answered asks for no order', () => {
    const both = [...published(6, 5, 'feed:4'), ...published(6, 4, 'feed:5'), heard(7, 4, 'feed:5'), heard(7, 5, 'feed:4')]
    expect(kindsOf([...ON_TIME, ...both])).toEqual([])
  })

  test('two events in the wrong places of a history are reordered', () => {
    const swapped = [...ON_TIME, ...published(6, 4, 'feed:3'), ...published(6, 5, 'feed:4'), heard(6, 5, 'feed:4'), heard(6, 4, 'feed:3')]
    expect(kindsOf(swapped)).toContain('reordered')
  })

  test('facts in another order than that of their commits are reordered', () => {
    const facts = [booked(6, 2, 'fact-2', { entity: null }), booked(7, 3, 'fact-3', { entity: null })]
    const told = [wire(8, 4, 'fact-3'), heard(8, 4, 'fact-3'), wire(9, 5, 'fact-2'), heard(9, 5, 'fact-2')]
    expect(kindsOf([...ON_TIME, ...facts, ...told])).toEqual(['reordered'])
  })

  test('a snapshot does not make up for events of a history that is still there', () => {
    const jumped = [...ON_TIME, ...published(6, 4, 'feed:3'), joined(7, 4), ...published(8, 5, 'feed:4'), heard(8, 5, 'feed:4')]
    expect(kindsOf(jumped)).toEqual(['lost'])
  })

  test('what a snapshot has may be acknowledged a moment later', () => {
    const [sent, answered, seen] = published(5, 4, 'feed:3')
    const late: Entry[] = [sent!, { ...(answered as Of<'acknowledged'>), at: at(8) }, seen!]
    expect(kindsOf([...ON_TIME, revoked(4), left(4.5), ...late, granted(6), joined(7, 4, { room: 2 })])).toEqual([])
  })

  test('[P4] an acknowledged event may go with the data of Redis, and is counted', () => {
    const gone = [...published(6, 4, 'feed:3'), fault(7, 'redis-flush'), joined(8, 0, { epoch: NEXT })]
    const next = [...published(9, 1, 'feed:4', NEXT), heard(9, 1, 'feed:4')]
    expect(kindsOf([...ON_TIME, ...gone, ...next])).toEqual([])
    expect(check([...ON_TIME, ...gone, ...next, ...END]).checks).toMatchObject({ goneWithRedis: 1, epochs: 1 })
  })

  test('[P4] a fact may not, nor what was answered queued', () => {
    const loss = [fault(7, 'redis-empty'), joined(8, 0, { epoch: NEXT }), ...published(9, 1, 'feed:4', NEXT), heard(9, 1, 'feed:4')]
    expect(kindsOf([...ON_TIME, booked(6, 2, 'fact-2', { entity: null }), wire(6, 4, 'fact-2'), ...loss])).toEqual(['lost'])
    const queued: Entry = { kind: 'acknowledged', at: at(6), project: PROJECT, id: 'feed:3', place: 'queued' }
    expect(kindsOf([...ON_TIME, queued, booked(6, 2, 'feed:3', { entity: null }), ...loss])).toEqual(['lost'])
    expect(kindsOf([...ON_TIME, queued, ...loss])).toEqual(['unbooked'])
  })

  test('[D3] what a new history repeats may be dropped when it was heard before, and must be heard when it was not', () => {
    const loss = [fault(7, 'redis-flush'), joined(8, 0, { epoch: NEXT }), wire(8, 1, 'fact-1', NEXT)]
    expect(kindsOf([...ON_TIME, ...loss, ...published(9, 2, 'feed:3', NEXT), heard(9, 2, 'feed:3')])).toEqual([])
    expect(kindsOf([...without('event', 'fact-1'), ...loss, ...published(9, 2, 'feed:3', NEXT), heard(9, 2, 'feed:3')])).toEqual(['lost'])
  })

  test('[B4] what waited in the outbox goes out again behind what was published after a loss, but what was kept after it goes first', () => {
    const queued = (second: number): Entry[] => [
      { kind: 'sent', at: at(second), project: PROJECT, id: 'feed:3' },
      { kind: 'acknowledged', at: at(second), project: PROJECT, id: 'feed:3', place: 'queued' },
      booked(second, 2, 'feed:3', { entity: null }),
    ]
    const loss = [fault(7, 'redis-flush'), joined(8, 0, { epoch: NEXT }), ...published(9, 1, 'feed:4', NEXT), heard(9, 1, 'feed:4')]
    const again = [wire(10, 2, 'feed:3', NEXT), heard(10, 2, 'feed:3')]
    expect(kindsOf([...ON_TIME, ...queued(6), wire(6, 4, 'feed:3'), ...loss, ...again])).toEqual([])
    // Taken and lost before anybody heard it.
    expect(kindsOf([...ON_TIME, ...queued(6), ...loss, ...again])).toEqual([])
    expect(kindsOf([...ON_TIME, ...queued(8), ...loss, ...again])).toEqual(['reordered'])
  })

  test('a client that stays in a history that has ended has lost what followed', () => {
    expect(kindsOf([...ON_TIME, fault(7, 'redis-flush'), ...published(9, 1, 'feed:3', NEXT)])).toEqual(['lost'])
  })

  test('[B5] one place has two events only where Redis went back', () => {
    expect(kindsOf([...ON_TIME, fault(5, 'redis-rewind'), wire(6, 2, 'another')])).toEqual([])
  })

  test('[C9] what is sent within a second of a revocation may be heard, later what was sent while nothing could be reached', () => {
    const late = (second: number) => [...published(second, 4, 'feed:3'), heard(second, 4, 'feed:3'), left(second + 1)]
    expect(kindsOf([...ON_TIME, revoked(6), ...late(7)])).toEqual([])
    expect(kindsOf([...ON_TIME, revoked(6), ...late(9)])).toEqual(['intruded'])
    expect(kindsOf([...ON_TIME, revoked(6), fault(6, 'serve-stop', 9), ...late(9)])).toEqual([])
  })

  test('[C9] who gets a membership back hears from the new join on, and must have joined', () => {
    const away = [revoked(6), left(7), ...published(8, 4, 'feed:3'), granted(9)]
    const back = [joined(10, 4, { room: 2 }), ...published(11, 5, 'feed:4'), heard(11, 5, 'feed:4')]
    expect(kindsOf([...ON_TIME, ...away, ...back])).toEqual([])
    expect(kindsOf([...ON_TIME, ...away])).toEqual(['lost'])
    expect(kindsOf([...ON_TIME, revoked(6), left(7), ...published(8, 4, 'feed:3')])).toEqual([])
  })

  test('[D4] a latest value may go back only with its history', () => {
    expect(kindsOf([...ON_TIME, value(6, 1)])).toEqual(['outdated'])
    const loss = [fault(7, 'redis-flush'), joined(8, 0, { epoch: NEXT }), ...published(9, 1, 'feed:3', NEXT), heard(9, 1, 'feed:3')]
    expect(kindsOf([...ON_TIME, ...loss, value(10, 1), value(11, 2)])).toEqual([])
  })
})
