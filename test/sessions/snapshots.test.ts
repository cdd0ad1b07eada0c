import { afterEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import type { Snapshot } from '../../src/protocol/views.js'
import { FakeClock } from './fake-clock.js'
import { Gate, LiveFixture, type LiveFixtureOptions, snapshotOf } from './live-fixture.js'
import { MemoryFixture } from './memory-fixture.js'

let fixture: LiveFixture
const open = async (options: LiveFixtureOptions = {}) => {
  fixture = await LiveFixture.open(options)
}
afterEach(() => fixture.close())

describe('snapshots of joins', () => {
  test('[J8] a hundred sessions that join at once cost one snapshot', async () => {
    const snapshots = new Gate<Snapshot>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst' })
    const sessions = await Promise.all(Array.from({ length: 100 }, () => fixture.signIn('ana')))
    for (const session of sessions) session.join(project)
    const answer = await snapshots.next()
    await Promise.all(sessions.map((session) => session.sync()))
    answer(snapshotOf(project))
    await Promise.all(sessions.map((session) => session.next('joined')))
    expect(snapshots.asked).toEqual([])
  })

  test('[J8] who joins while nothing is heard of a project shares the snapshot of before, for five seconds', async () => {
    let snapshots = 0
    const clock = new FakeClock()
    const fixture = new MemoryFixture({
      clock,
      snapshot: async (id) => {
        snapshots++
        return snapshotOf(id)
      },
    })
    const project = fixture.project()
    for (let count = 0; count < 3; count++) await fixture.joined('ana', project)
    expect(snapshots).toBe(1)
    await fixture.publish(project)
    const late = await fixture.joined('ana', project)
    expect(snapshots, 'something was heard').toBe(2)
    fixture.live.projectChanged(project)
    await fixture.joined('ana', project)
    expect(snapshots, 'something was stored').toBe(3)
    await clock.advance(4_999)
    await fixture.joined('ana', project)
    expect(snapshots).toBe(3)
    await clock.advance(1)
    await fixture.joined('ana', project)
    expect(snapshots, 'it is old').toBe(4)
    await fixture.publish(project)
    expect(late.next('deliver').events.map(({ seq }) => seq)).toEqual([2])
  })

  test('[J8] a snapshot that was begun before a change is not for who comes after it', async () => {
    const snapshots = new Gate<Snapshot>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst' })
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ana')]
    ana.join(project)
    const old = await snapshots.next()
    fixture.live.projectChanged(project)
    ben.join(project)
    const fresh = await snapshots.next()
    const renamed = snapshotOf(project)
    fresh({ ...renamed, project: { ...renamed.project, name: 'Renamed' } })
    old(snapshotOf(project))
    expect((await ben.next('joined')).snapshot?.project.name).toBe('Renamed')
    expect((await ana.next('joined')).snapshot?.project.name).toBe('Demo')
    // And it is the newer one that is kept.
    expect((await (await fixture.signIn('ana')).joined(project)).snapshot?.project.name).toBe('Renamed')
  })

  test('[J4] who has heard more than this process gets no snapshot that was begun before, and those who come with it share theirs', async () => {
    const snapshots = new Gate<Snapshot>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst' })
    const [ana, ben, cem, dan] = await Promise.all(Array.from({ length: 4 }, () => fixture.signIn('ana')))
    ana!.join(project)
    const old = await snapshots.next()
    // Told elsewhere, and lost since by the bus.
    const since = { epoch: (await fixture.bus.head(project)).epoch, seq: 5, id: newId() }
    ben!.join(project, since)
    const fresh = await snapshots.next()
    cem!.join(project, since)
    await cem!.sync()
    const renamed = snapshotOf(project)
    fresh({ ...renamed, project: { ...renamed.project, name: 'Renamed' } })
    old(snapshotOf(project))
    expect((await ana!.next('joined')).snapshot?.project.name).toBe('Demo')
    for (const session of [ben!, cem!]) expect((await session.next('joined')).snapshot?.project.name).toBe('Renamed')
    // And it is kept, for who has heard of no more.
    expect((await dan!.joined(project, since)).snapshot?.project.name).toBe('Renamed')
    dan!.join(project, { ...since, seq: 6 })
    ;(await snapshots.next())(snapshotOf(project))
    expect((await dan!.next('joined')).snapshot?.project.name).toBe('Demo')
  })
})
