import { afterEach, describe, expect, test } from 'vitest'
import type { ReadLimits } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { AppError } from '../../src/errors.js'
import type { ProjectId } from '../../src/ids.js'
import type { Position } from '../../src/protocol/position.js'
import { eventItem, Gate, LiveFixture, type LiveFixtureOptions, latestItem, snapshotOf, type TestClient } from './live-fixture.js'

/** Counts what is read of its stream. */
class CountingBus extends MemoryBus {
  reads = 0

  override readEvents(project: ProjectId, after: Position, limits: ReadLimits) {
    this.reads++
    return super.readEvents(project, after, limits)
  }
}

let fixture: LiveFixture
let bus: CountingBus
let project: ProjectId
let snapshots = 0
const open = async (options: LiveFixtureOptions = {}) => {
  bus = new CountingBus({ streamMaxEvents: 200 })
  snapshots = 0
  const snapshot = async (id: ProjectId) => {
    snapshots++
    return snapshotOf(id)
  }
  fixture = await LiveFixture.open({ bus, snapshot, ...options })
  project = fixture.project({ ana: 'analyst', ben: 'viewer' })
}
afterEach(() => fixture.close())

/** Publishes so many events and answers where the last of them stands. */
async function publish(count: number, data: object = {}): Promise<Position> {
  for (let left = count; left > 0; left -= 100) {
    await fixture.publish(project, ...Array.from({ length: Math.min(left, 100) }, () => eventItem('demo.event', data)))
  }
  const { epoch, seq, id } = await bus.head(project)
  return { epoch, seq, id }
}

const seqs = (events: readonly { readonly seq: number }[]) => events.map(({ seq }) => seq)
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

/** Every event up to `last`, those of `joined` included. */
async function collect(client: TestClient, first: readonly { readonly seq: number }[], last: number): Promise<number[]> {
  const heard = seqs(first)
  while ((heard.at(-1) ?? 0) < last) heard.push(...seqs((await client.find('deliver')).events))
  return heard
}

describe('resuming', () => {
  test('[J3] gives exactly what was missed, and every live latest value', async () => {
    await open()
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    await ben.joined(project)
    await fixture.publish(project, latestItem('gone', 1, { n: 1 }), latestItem('stays', 1, { n: 1 }))
    const since = await publish(3)
    const head = await publish(4)
    await fixture.publish(project, latestItem('gone', 2, null))
    await ben.until(() => ben.received.some((message) => message.type === 'deliver' && message.latest.some(({ data }) => data === null)))
    const joined = await ana.joined(project, since)
    expect(joined).toMatchObject({ mode: 'resumed', role: 'analyst', snapshot: null, position: head })
    expect(seqs(joined.events)).toEqual([4, 5, 6, 7])
    expect(joined.latest).toMatchObject([{ key: 'stays', version: 1, data: { n: 1 } }])
    expect([snapshots, bus.reads]).toEqual([1, 0])
    await publish(1)
    expect(seqs((await ana.next('deliver')).events)).toEqual([8])
  })

  test('[J3] works for who missed nothing, and for who never received an event', async () => {
    await open()
    const ana = await fixture.signIn('ana')
    const { position: start } = await ana.joined(project)
    expect(start).toMatchObject({ seq: 0, id: '' })
    expect(await ana.joined(project, start)).toMatchObject({ mode: 'resumed', position: start, events: [] })
    const head = await publish(5)
    expect(seqs((await ana.next('deliver')).events)).toEqual(range(1, 5))
    expect(await ana.joined(project, head)).toMatchObject({ mode: 'resumed', position: head, events: [] })
    expect(seqs((await ana.joined(project, start)).events)).toEqual(range(1, 5))
    expect(snapshots).toBe(1)
  })

  test('[J3] reads the stream for what happened before this process heard of the project', async () => {
    await open()
    const since = await publish(3)
    const head = await publish(4)
    const ana = await fixture.signIn('ana')
    const joined = await ana.joined(project, since)
    expect(joined).toMatchObject({ mode: 'resumed', position: head })
    expect(seqs(joined.events)).toEqual(range(4, 7))
    const ben = await fixture.signIn('ben')
    expect(seqs((await ben.joined(project, { ...since, seq: 0, id: '' })).events)).toEqual(range(1, 7))
    expect(snapshots).toBe(0)
  })

  test('[J4] who has heard another history gets with its snapshot what this one has told from its beginning, if that is there', async () => {
    await open()
    const head = await publish(150)
    const of = (epoch: string) => ({ ...head, epoch })
    const ana = await fixture.signIn('ana')
    const joined = await ana.joined(project, of('another'))
    const beginning = { epoch: head.epoch, seq: 0, id: '' }
    expect(joined).toMatchObject({ mode: 'snapshot', position: beginning, events: [], snapshot: { project: { id: project } } })
    expect(await collect(ana, [], 150)).toEqual(range(1, 150))
    expect((await bus.head(project)).epoch).toBe(head.epoch)
    // Who knows nothing wants no news of before.
    const ben = await fixture.signIn('ben')
    expect(await ben.joined(project)).toMatchObject({ mode: 'snapshot', position: head })
    await publish(1)
    expect(await collect(ana, [], 151)).toEqual([151])
  })

  test('[J4] who has heard another history of which not all is kept gets the snapshot alone', async () => {
    await open()
    const head = await publish(500)
    const ana = await fixture.signIn('ana')
    expect(await ana.joined(project, { ...head, epoch: 'another' })).toMatchObject({ mode: 'snapshot', position: head })
    await publish(1)
    expect(seqs((await ana.next('deliver')).events)).toEqual([501])
  })

  test('[J4] who has heard another history while this one cannot be read comes again, and misses nothing of it', async () => {
    await open()
    // Told before this process heard of the project.
    const head = await publish(5)
    const ana = await fixture.signIn('ana')
    const { readEvents } = bus
    bus.readEvents = () => Promise.reject(new AppError('BUS_UNAVAILABLE'))
    const ref = ana.join(project, { ...head, epoch: 'another' })
    expect(await ana.next('error')).toMatchObject({ ref, code: 'BUS_UNAVAILABLE', retryable: true })
    bus.readEvents = readEvents
    await ana.joined(project, { ...head, epoch: 'another' })
    expect(await collect(ana, [], 5)).toEqual(range(1, 5))
  })

  test.each<[string, (head: Position) => Position]>([
    ['another id at that place', (head) => ({ ...head, id: 'another' })],
    ['another id further back', (head) => ({ ...head, seq: head.seq - 2 })],
    ['a place beyond the head', (head) => ({ ...head, seq: head.seq + 1 })],
    ['a place far beyond the head', (head) => ({ ...head, seq: 2 ** 40 })],
  ])('[J4] %s gives a snapshot, and changes no epoch', async (_, change) => {
    await open()
    const ana = await fixture.signIn('ana')
    await ana.joined(project)
    const head = await publish(5)
    await ana.next('deliver')
    const joined = await ana.joined(project, change(head))
    expect(joined).toMatchObject({ mode: 'snapshot', position: head, events: [], snapshot: { project: { id: project } } })
    expect((await bus.head(project)).epoch).toBe(head.epoch)
    await publish(1)
    expect(seqs((await ana.next('deliver')).events)).toEqual([6])
  })

  test('[J4] what is not retained any more gives a snapshot, never a part of the history', async () => {
    await open()
    const since = await publish(10)
    const head = await publish(500)
    const ana = await fixture.signIn('ana')
    expect(await ana.joined(project, since)).toMatchObject({ mode: 'snapshot', position: head, events: [] })
    expect(await ana.joined(project, { ...since, seq: 0, id: '' })).toMatchObject({ mode: 'snapshot', events: [] })
  })

  test('[J3] what does not fit into joined follows as deliveries, in order and in frames of at most 256 KiB', async () => {
    await open()
    const ana = await fixture.signIn('ana')
    const { position } = await ana.joined(project)
    const head = await publish(100, { pad: 'x'.repeat(20_000) })
    const sizes: number[] = []
    const ben = await fixture.signIn('ben')
    ben.socket.on('message', (data: Buffer) => sizes.push(data.length))
    const joined = await ben.joined(project, position)
    expect(joined.mode).toBe('resumed')
    expect(seqs(joined.events)).toEqual(range(1, joined.position.seq))
    expect(await collect(ben, joined.events, head.seq)).toEqual(range(1, head.seq))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024)
    expect(sizes.length).toBeGreaterThan(5)
    await publish(1)
    expect(seqs((await ben.next('deliver')).events)).toEqual([head.seq + 1])
  })

  test('[J3] latest values that do not fit into joined follow too', async () => {
    await open()
    const ana = await fixture.signIn('ana')
    const { position } = await ana.joined(project)
    const pad = 'x'.repeat(8_000)
    for (let key = 0; key < 100; key++) await fixture.publish(project, latestItem(`key/${key}`, 1, { pad }))
    const ben = await fixture.signIn('ben')
    const joined = await ben.joined(project, position)
    const keys = joined.latest.map(({ key }) => key)
    while (keys.length < 100) keys.push(...(await ben.next('deliver')).latest.map(({ key }) => key))
    expect(new Set(keys).size).toBe(100)
    await ben.sync()
    expect(ben.received).toEqual([])
  })

  test('[J3] joins of a hello resume many projects in one frame', async () => {
    await open()
    const projects = Array.from({ length: 20 }, () => fixture.project({ ana: 'analyst' }))
    const joins = []
    for (const [index, id] of projects.entries()) {
      project = id
      const since = await publish(2)
      await publish(index)
      joins.push({ ref: index + 1, project: id, since })
    }
    const ana = await fixture.connect()
    ana.send({ type: 'hello', token: await fixture.token('ana'), joins })
    await ana.next('welcome')
    await ana.until(() => ana.received.length === projects.length)
    for (const message of ana.received) {
      expect(message).toMatchObject({ type: 'joined', mode: 'resumed', project: projects[('ref' in message ? message.ref! : 0) - 1] })
      if (message.type === 'joined') expect(seqs(message.events)).toEqual(range(3, message.ref + 1))
    }
    expect(snapshots).toBe(0)
  })

  test('[J8] many sessions that resume at one position cost one reading of the stream', async () => {
    await open()
    const since = await publish(3)
    const head = await publish(50)
    const clients = await Promise.all(Array.from({ length: 100 }, () => fixture.signIn('ana')))
    for (const client of clients) client.join(project, since)
    for (const client of clients) {
      const joined = await client.next('joined')
      expect(seqs(joined.events)).toEqual(range(4, head.seq))
    }
    // Also those who come a little later.
    expect(seqs((await (await fixture.signIn('ben')).joined(project, since)).events)).toEqual(range(4, head.seq))
    expect([bus.reads, snapshots]).toEqual([1, 0])
  })

  test('[J8] a resume does not wait for snapshots', async () => {
    const gate = new Gate<ReturnType<typeof snapshotOf>>()
    await open({ snapshot: () => gate.ask() })
    const since = await publish(3)
    await publish(1)
    const blocked = await fixture.signIn('ana')
    const others = Array.from({ length: 10 }, () => fixture.project({ ana: 'analyst' }))
    for (const id of [project, ...others]) blocked.join(id)
    const answer = await gate.next()
    const ana = await fixture.signIn('ana')
    expect(await ana.joined(project, since)).toMatchObject({ mode: 'resumed' })
    // Few at once, the others wait in their lane.
    await blocked.sync()
    expect(gate.asked.length).toBeLessThan(10)
    answer(snapshotOf(project))
    gate.openFor(snapshotOf(project))
    for (let count = 0; count < 11; count++) await blocked.find('joined')
  })

  test('[J5] a session that has more than this process has flushed waits for it, and nothing is repeated', async () => {
    await open()
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    await ana.joined(project)
    await publish(1)
    await ana.next('deliver')
    // Flushed 16 ms later: the join comes first.
    const head = await publish(2)
    const joined = await ben.joined(project, head)
    expect(joined).toMatchObject({ mode: 'resumed', position: head, events: [] })
    await publish(1)
    expect(seqs((await ben.next('deliver')).events)).toEqual([4])
  })

  test('[J3] a bus that cannot be read refuses the resume for now', async () => {
    await open()
    const since = await publish(3)
    await publish(1)
    const ana = await fixture.signIn('ana')
    await ana.joined(project)
    const { readEvents } = bus
    bus.readEvents = () => Promise.reject(new Error('away'))
    const ref = ana.join(project, since)
    expect(await ana.next('error')).toMatchObject({ ref, code: 'INTERNAL', retryable: true })
    bus.readEvents = readEvents
    expect(await ana.joined(project, since)).toMatchObject({ mode: 'resumed' })
  })
})
