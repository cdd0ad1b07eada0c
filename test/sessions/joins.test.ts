import { afterEach, describe, expect, test } from 'vitest'
import type { BusListener, ReadLimits } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Position } from '../../src/protocol/position.js'
import type { Snapshot } from '../../src/protocol/views.js'
import { eventItem, Gate, LiveFixture, type LiveFixtureOptions, latestItem, snapshotOf } from './live-fixture.js'

let fixture: LiveFixture
const open = async (options: LiveFixtureOptions = {}) => {
  fixture = await LiveFixture.open(options)
}
afterEach(() => fixture.close())

describe('joining', () => {
  test('[C5] hello is answered by welcome and by one answer for each of its joins', async () => {
    await open()
    const [first, second] = [fixture.project({ ana: 'analyst' }), fixture.project({ ana: 'viewer' })]
    const ana = await fixture.connect()
    const joins = [first, second, fixture.project()].map((project, index) => ({ ref: index + 1, project }))
    ana.send({ type: 'hello', token: await fixture.token('ana'), joins })
    const welcome = await ana.next('welcome')
    expect(welcome).toMatchObject({ user: { id: 'ana', name: 'ana' }, node: 'node-1' })
    expect(welcome.limits).toEqual({ maxFrameBytes: 65_536, maxProjects: 100, framesPerSecond: 50 })
    await ana.until(() => ana.received.length === 3)
    const byRef = new Map(ana.received.map((message) => ['ref' in message ? message.ref : null, message]))
    expect(byRef.get(1)).toMatchObject({ type: 'joined', project: first, role: 'analyst', mode: 'snapshot', events: [] })
    expect(byRef.get(2)).toMatchObject({ type: 'joined', project: second, role: 'viewer' })
    expect(byRef.get(3)).toMatchObject({ type: 'error', code: 'FORBIDDEN', retryable: false })
  })

  test.each([
    ['an unknown project', () => newId()],
    ['a project of others', () => fixture.project({ ben: 'admin' })],
    ['what is no id at all', () => '../etc/passwd'],
  ])('[J1] of %s is FORBIDDEN in the same words', async (_, project) => {
    await open()
    const ana = await fixture.signIn('ana')
    const ref = ana.join(project())
    const { code, message, retryable, details } = await ana.next('error')
    expect({ code, message, retryable, details }).toEqual({
      code: 'FORBIDDEN',
      message: 'not allowed, or no such project',
      retryable: false,
      details: undefined,
    })
    expect(ref).toBe(1)
  })

  test('[J1] who has no role opens no subscription', async () => {
    let subscribed = 0
    class CountingBus extends MemoryBus {
      override subscribe(project: ProjectId, listener: BusListener) {
        subscribed++
        return super.subscribe(project, listener)
      }
    }
    await open({ bus: new CountingBus() })
    const ana = await fixture.signIn('ana')
    ana.join(newId())
    await ana.next('error')
    expect(subscribed).toBe(0)
    for (let count = 0; count < 3; count++) await ana.joined(fixture.project({ ana: 'viewer' }))
    expect(subscribed).toBe(3)
  })

  test('[J1] at most a hundred projects a session, those being joined included', async () => {
    await open()
    const ana = await fixture.connect()
    const projects = Array.from({ length: 100 }, () => fixture.project({ ana: 'viewer' }))
    ana.send({ type: 'hello', token: await fixture.token('ana'), joins: projects.map((project, index) => ({ ref: index + 1, project })) })
    await ana.next('welcome')
    const more = fixture.project({ ana: 'viewer' })
    ana.send({ type: 'join', ref: 200, project: more })
    expect(await ana.find('error')).toMatchObject({ ref: 200, code: 'TOO_MANY_PROJECTS' })
    for (const ref of [201, 202]) {
      // Joined already: not one more.
      ana.send({ type: 'join', ref, project: projects[0]! })
      await ana.until(() => ana.received.some((message) => message.type === 'joined' && message.ref === ref))
    }
    ana.send({ type: 'leave', ref: 203, project: projects[0]! })
    expect((await ana.find('left')).ref).toBe(203)
    await ana.joined(more)
  })

  test('[J2] no delivery comes before joined, none after left', async () => {
    const snapshots = new Gate<Snapshot>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst', ben: 'analyst' })
    const ana = await fixture.signIn('ana')
    ana.join(project)
    const answer = await snapshots.next()
    await fixture.publish(project, eventItem('demo.event', { n: 1 }))
    await ana.sync()
    await fixture.publish(project, eventItem('demo.event', { n: 2 }))
    ana.send({ type: 'leave', ref: 50, project })
    answer(snapshotOf(project))
    const joined = await ana.next('joined')
    const seqs: number[] = []
    for (;;) {
      await ana.until(() => ana.received.length > 0)
      const message = ana.received.shift()!
      if (message.type === 'left') break
      expect(message.type).toBe('deliver')
      if (message.type === 'deliver') seqs.push(...message.events.map(({ seq }) => seq))
    }
    expect(seqs).toEqual(seqs.map((_, index) => joined.position.seq + index + 1))
    await fixture.publish(project, eventItem())
    await ana.sync()
    expect(ana.received).toEqual([])
  })

  test('[J5] what is published while a snapshot is read is delivered after it', async () => {
    const snapshots = new Gate<Snapshot>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst', ben: 'analyst' })
    const ben = await fixture.signIn('ben')
    ben.join(project)
    ;(await snapshots.next())(snapshotOf(project))
    await ben.next('joined')
    fixture.live.projectChanged(project)
    const ana = await fixture.signIn('ana')
    ana.join(project)
    const answer = await snapshots.next()
    await fixture.publish(project, eventItem(), latestItem('job/1', 1, { n: 1 }))
    await ben.next('deliver')
    await fixture.publish(project, eventItem(), latestItem('job/1', 2, { n: 2 }), latestItem('job/2', 1, { n: 1 }))
    await ben.next('deliver')
    answer(snapshotOf(project))
    const joined = await ana.next('joined')
    expect(joined.position.seq).toBe(0)
    expect(joined.latest).toMatchObject([
      { key: 'job/1', version: 2 },
      { key: 'job/2', version: 1 },
    ])
    expect((await ana.next('deliver')).events.map(({ seq }) => seq)).toEqual([1, 2])
    await fixture.publish(project, eventItem())
    expect((await ana.next('deliver')).events.map(({ seq }) => seq)).toEqual([3])
  })

  test('[J6] joining again stops deliveries until the new joined, which continues', async () => {
    const snapshots = new Gate<Snapshot>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    ana.join(project)
    ;(await snapshots.next())(snapshotOf(project))
    await ana.next('joined')
    fixture.live.projectChanged(project)
    ana.join(project)
    const answer = await snapshots.next()
    await fixture.publish(project, eventItem())
    await ana.sync()
    expect(ana.received).toEqual([])
    answer(snapshotOf(project))
    expect((await ana.next('joined')).position.seq).toBe(0)
    expect((await ana.next('deliver')).events.map(({ seq }) => seq)).toEqual([1])
    expect(ana.received).toEqual([])
  })

  test('[J6] a second join that fails has left the project', async () => {
    let answer: () => Promise<Snapshot | null> = async () => snapshotOf('p')
    await open({ snapshot: () => answer() })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    await ana.joined(project)
    answer = () => Promise.reject(new AppError('DB_BUSY'))
    fixture.live.projectChanged(project)
    const ref = ana.join(project)
    expect(await ana.next('error')).toMatchObject({ ref, code: 'DB_BUSY', retryable: true })
    await fixture.publish(project, eventItem())
    await ana.sync()
    expect(ana.received).toEqual([])
  })

  test('[J7] leaving answers left, also for what is not joined', async () => {
    await open()
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    ana.send({ type: 'leave', ref: 1, project })
    expect(await ana.next('left')).toEqual({ type: 'left', ref: 1, project, reason: 'left' })
    await ana.joined(project)
    ana.send({ type: 'leave', ref: 2, project })
    expect(await ana.next('left')).toEqual({ type: 'left', ref: 2, project, reason: 'left' })
    await fixture.publish(project, eventItem())
    await ana.sync()
    expect(ana.received).toEqual([])
  })

  test('[J7] a socket that ends has left all its projects', async () => {
    let closed = 0
    let onClosed = () => {}
    class ClosingBus extends MemoryBus {
      override async subscribe(project: ProjectId, listener: BusListener) {
        const subscription = await super.subscribe(project, listener)
        const close = async () => {
          await subscription.close()
          if (++closed === 3) onClosed()
        }
        return { ...subscription, close }
      }
    }
    await open({ bus: new ClosingBus(), graceMs: 10 })
    const ana = await fixture.signIn('ana')
    for (let count = 0; count < 3; count++) await ana.joined(fixture.project({ ana: 'analyst' }))
    const allClosed = new Promise<void>((resolve) => {
      onClosed = resolve
    })
    ana.socket.terminate()
    await allClosed
  })

  test('[J3] who is ahead of this process, in a history that goes back before it is heard here, does not continue from there', async () => {
    const lost = newId()
    class BusBefore extends MemoryBus {
      override async readEvents(project: ProjectId, after: Position, limits: ReadLimits) {
        return after.id === lost ? { head: { ...after, n: after.seq }, events: [] } : super.readEvents(project, after, limits)
      }
    }
    await open({ bus: new BusBefore() })
    const project = fixture.project({ ana: 'analyst', ben: 'analyst' })
    const [ana, ben] = await Promise.all([fixture.signIn('ana'), fixture.signIn('ben')])
    const { position } = await ana.joined(project)
    ben.join(project, { epoch: position.epoch, seq: 1, id: lost })
    await ben.sync()
    await fixture.bus.publish(project, [eventItem()])
    await ana.next('deliver')
    expect((await ben.next('joined')).mode).toBe('snapshot')
  })

  test('[D9] a bus that cannot be reached refuses the join for now, and the session stays', async () => {
    let isAway = true
    class FlakyBus extends MemoryBus {
      override async subscribe(project: ProjectId, listener: BusListener) {
        if (isAway) throw new AppError('BUS_UNAVAILABLE')
        return super.subscribe(project, listener)
      }
    }
    await open({ bus: new FlakyBus() })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    const refs = [ana.join(project), ana.join(project)]
    for (const ref of refs) expect(await ana.next('error')).toMatchObject({ ref, code: 'BUS_UNAVAILABLE', retryable: true })
    isAway = false
    await ana.joined(project)
  })

  test('[J5] a client that queues joins and leaves without end is closed with 4006', async () => {
    const snapshots = new Gate<Snapshot>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    ana.join(project)
    const answer = await snapshots.next()
    for (let ref = 10; ref < 1_010; ref++) ana.send({ type: 'leave', ref, project })
    expect(await ana.next('error')).toMatchObject({ code: 'OVERLOADED' })
    await ana.expectClose(4006)
    answer(snapshotOf(project))
  })
})

describe('deliveries', () => {
  test('[D2] everybody who has joined receives the same, in order', async () => {
    await open()
    const project = fixture.project({ ana: 'analyst', ben: 'analyst' })
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    const { position } = await ana.joined(project)
    await ben.joined(project)
    await fixture.publish(project, eventItem('demo.event', { n: 1 }, 'ana'), latestItem('job/1', 1, { n: 2 }))
    const [forAna, forBen] = [await ana.next('deliver'), await ben.next('deliver')]
    expect(forAna).toEqual(forBen)
    expect(forAna).toMatchObject({
      project,
      epoch: position.epoch,
      events: [{ seq: position.seq + 1, actor: 'ana', data: { n: 1 } }],
      latest: [{ key: 'job/1', version: 1, data: { n: 2 } }],
    })
  })

  test('[D5] what comes together goes out together, in frames of at most 256 KiB', async () => {
    await open()
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    await ana.joined(project)
    const sizes: number[] = []
    ana.socket.on('message', (data: Buffer) => sizes.push(data.length))
    const pad = 'x'.repeat(30_000)
    await fixture.publish(project, ...Array.from({ length: 20 }, (_, n) => eventItem('demo.event', { n, pad })))
    const events: number[] = []
    while (events.length < 20) events.push(...(await ana.next('deliver')).events.map(({ data }) => data.n as number))
    expect(events).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect(sizes).toHaveLength(3)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024)
  })

  test('the id of a project is known in capitals too', async () => {
    await open()
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    const ref = ana.join(project.toUpperCase() as ProjectId)
    expect(await ana.next('joined')).toMatchObject({ ref, project })
  })
})
