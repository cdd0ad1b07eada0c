import { afterEach, describe, expect, test } from 'vitest'
import { AppError } from '../../src/errors.js'
import type { Role, Snapshot } from '../../src/protocol/views.js'
import { eventItem, Gate, LiveFixture, type LiveFixtureOptions, snapshotOf } from './live-fixture.js'

let fixture: LiveFixture
const open = async (options: LiveFixtureOptions = {}) => {
  fixture = await LiveFixture.open(options)
}
afterEach(() => fixture.close())

describe('losing a project', () => {
  test('[C9] a removed membership ends the deliveries of all sessions of that user, and of nobody else', async () => {
    await open()
    const project = fixture.project({ ana: 'analyst', ben: 'analyst' })
    const [ana, ana2, ben] = [await fixture.signIn('ana'), await fixture.signIn('ana'), await fixture.signIn('ben')]
    for (const session of [ana, ana2, ben]) await session.joined(project)
    await fixture.setRole(project, 'ana', null)
    for (const session of [ana, ana2]) expect(await session.find('left')).toEqual({ type: 'left', ref: null, project, reason: 'revoked' })
    await fixture.publish(project, eventItem())
    await Promise.all([ben.find('deliver'), ana.sync(), ana2.sync()])
    expect([...ana.received, ...ana2.received]).toEqual([])
    ana.join(project)
    expect(await ana.next('error')).toMatchObject({ code: 'FORBIDDEN' })
  })

  test('[C9] a role that changes, or that the token grants anyway, takes nobody out', async () => {
    await open()
    const project = fixture.project({ ana: 'admin' })
    const ana = await fixture.signIn('ana')
    await ana.joined(project)
    await fixture.setRole(project, 'ana', 'viewer')
    expect((await ana.next('deliver')).events).toMatchObject([{ type: 'member.changed' }])
    await fixture.publish(project, eventItem())
    expect((await ana.next('deliver')).events).toMatchObject([{ type: 'demo.event' }])
  })

  test('[C9] a membership that is removed while its holder joins does not let it in', async () => {
    const roles = new Gate<Role | null>()
    const snapshots = new Gate<Snapshot>()
    await open({ membership: () => roles.ask(), roster: async () => 'too-many', snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    const ref = ana.join(project)
    ;(await roles.next())('analyst')
    // Asked again: the first answer may be older than the subscription that brings news of members.
    ;(await roles.next())('analyst')
    const answer = await snapshots.next()
    await fixture.setRole(project, 'ana', null)
    answer(snapshotOf(project))
    ;(await roles.next())(null)
    expect(await ana.next('error')).toMatchObject({ ref, code: 'FORBIDDEN' })
    await ana.sync()
    expect(ana.received).toEqual([])
  })

  test('[C9] a role that changes while its holder joins is asked again, and lets it in with what it is then', async () => {
    const roles = new Gate<Role | null>()
    const snapshots = new Gate<Snapshot>()
    await open({ membership: () => roles.ask(), roster: async () => 'too-many', snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    ana.join(project)
    ;(await roles.next())('analyst')
    ;(await roles.next())('analyst')
    const answer = await snapshots.next()
    await fixture.setRole(project, 'ana', 'viewer')
    snapshots.openFor(snapshotOf(project))
    answer(snapshotOf(project))
    roles.openFor('viewer')
    expect(await ana.next('joined')).toMatchObject({ role: 'viewer' })
  })

  test('[C9] nobody hears a project on the strength of a role that cannot be asked: the client joins again', async () => {
    let isAway = false
    await open({
      roster: async () => 'too-many',
      membership: async ({ user }, project) => {
        if (isAway) throw new AppError('DB_BUSY')
        return fixture.role(project, user.id)
      },
    })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    await ana.joined(project)
    isAway = true
    await fixture.setRole(project, 'ana', null)
    expect(await ana.find('rejoin')).toEqual({ type: 'rejoin', project, reason: 'gap' })
    ana.join(project)
    expect(await ana.next('error')).toMatchObject({ code: 'DB_BUSY', retryable: true })
    isAway = false
    ana.join(project)
    expect(await ana.next('error')).toMatchObject({ code: 'FORBIDDEN' })
  })

  test('a deleted project is left by all, and by those who are joining it', async () => {
    const snapshots = new Gate<Snapshot | null>()
    await open({ snapshot: () => snapshots.ask() })
    const project = fixture.project({ ana: 'admin', ben: 'analyst' })
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    ana.join(project)
    ;(await snapshots.next())(snapshotOf(project))
    await ana.next('joined')
    fixture.live.projectChanged(project)
    ben.join(project)
    const answer = await snapshots.next()
    fixture.deleteProject(project)
    answer(snapshotOf(project))
    expect(await ana.next('left')).toEqual({ type: 'left', ref: null, project, reason: 'deleted' })
    expect(await ben.next('error')).toMatchObject({ code: 'FORBIDDEN' })
    await fixture.publish(project, eventItem())
    await Promise.all([ana.sync(), ben.sync()])
    expect([...ana.received, ...ben.received]).toEqual([])
  })
})
