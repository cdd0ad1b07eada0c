import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CODECS } from '../../src/sessions/codecs.js'
import { settle } from './fake-clock.js'
import { HeldListener, Listener, Rig, readHistory } from './hub-rig.js'
import { Gate, latestItem } from './live-fixture.js'

const MEMBERS = 4
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('join' as const), member: fc.nat(MEMBERS - 1), resumes: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), member: fc.nat(MEMBERS - 1) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'slice' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lose' as const }) },
)

describe('the hub', () => {
  test('[J5] gives each member every event after its joined once and in order, whatever happens meanwhile', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const rig = new Rig()
        const members = Array.from({ length: MEMBERS }, (_, index) => new Listener(rig.transport, CODECS[index % CODECS.length]))
        /** Per member: how much it had received each time when it left. */
        const ended = members.map(() => new Set<number>())
        for (const action of steps) {
          switch (action.kind) {
            case 'publish':
              await rig.publish(action.count)
              break
            case 'join': {
              const member = members[action.member]!
              if (member.isJoining) break
              // As a session does: joining again leaves first (J6).
              if (rig.hub.leave(member, rig.project)) ended[action.member]!.add(member.socket.received.length)
              const since = action.resumes ? readHistory(member.socket.received, ended[action.member]!)?.position : null
              await rig.join(member, since ?? null)
              break
            }
            case 'leave': {
              const member = members[action.member]!
              if (rig.hub.leave(member, rig.project)) ended[action.member]!.add(member.socket.received.length)
              break
            }
            case 'snapshot':
              rig.snapshots.shift()?.()
              await settle()
              break
            case 'slice':
              rig.transport.step()
              await settle()
              break
            case 'time':
              await rig.clock.advance(action.ms)
              break
            case 'lose':
              await rig.bus.lose(rig.project)
              break
          }
        }
        await rig.finish()
        const { head } = await rig.bus.head(rig.project).then((found) => ({ head: found }))
        for (const [index, member] of members.entries()) {
          const history = readHistory(member.socket.received, ended[index]!)
          expect(member.isJoining).toBe(false)
          expect(history?.isLive ?? false, 'a member is who is told so').toBe(member.joinedProjects.has(rig.project))
          if (history?.isLive) expect([history.position.seq, history.value]).toEqual([head.seq, head.seq === 0 ? 0 : rig.published + 1])
        }
        await rig.hub.stop()
      }),
      { numRuns: 150 },
    )
  })

  test('[D5] flushes at once after silence, then at most every 16 ms, with all that came meanwhile', async () => {
    const rig = new Rig()
    const ana = new Listener(rig.transport)
    await rig.join(ana)
    await rig.finish()
    await rig.publish(1)
    await rig.clock.advance(0)
    rig.transport.step()
    rig.transport.step()
    expect(ana.socket.received.map(({ type }) => type)).toEqual(['joined', 'deliver'])
    await rig.publish(2)
    await rig.publish(3)
    await rig.clock.advance(15)
    expect(rig.transport.pushes).toBe(0)
    await rig.clock.advance(1)
    rig.transport.step()
    expect(ana.socket.received.at(-1)).toMatchObject({
      events: [{ seq: 2 }, { seq: 3 }, { seq: 4 }, { seq: 5 }, { seq: 6 }],
      latest: [{ version: 7 }],
    })
    await rig.hub.stop()
  })

  test('[D5] waits twice as long as the last flush took', async () => {
    const rig = new Rig()
    const ana = new Listener(rig.transport)
    await rig.join(ana)
    await rig.finish()
    await rig.publish(1)
    await rig.clock.advance(0)
    rig.transport.step()
    await rig.publish(1)
    await rig.clock.advance(100)
    expect(rig.transport.pushes, 'one flush at a time').toBe(1)
    rig.transport.step()
    await rig.clock.advance(99)
    expect(rig.transport.pushes).toBe(0)
    await rig.clock.advance(1)
    expect(rig.transport.pushes).toBe(1)
    await rig.hub.stop()
  })

  test('[D4] a latest value that was replaced before the flush is never sent, a tombstone is, and is no part of joined', async () => {
    const rig = new Rig()
    const [ana, ben] = [new Listener(rig.transport), new Listener(rig.transport)]
    await rig.join(ana)
    await rig.finish()
    for (const version of [1, 2, 3]) await rig.bus.publish(rig.project, [latestItem('job/1', version, { version })])
    await rig.finish()
    expect(ana.socket.received.at(-1)).toMatchObject({ events: [], latest: [{ key: 'job/1', version: 3 }] })
    await rig.bus.publish(rig.project, [latestItem('job/1', 4, null)])
    await rig.finish()
    expect(ana.socket.received.at(-1)).toMatchObject({ latest: [{ key: 'job/1', version: 4, data: null }] })
    await rig.join(ben)
    await rig.finish()
    expect(ben.socket.received).toMatchObject([{ type: 'joined', latest: [] }])
    await rig.hub.stop()
  })

  test('[J3] [D4] what is gone while somebody catches up is told to it, and is in nobody’s joined', async () => {
    const rig = new Rig()
    const [ana, ben] = [new HeldListener(rig.transport), new Listener(rig.transport)]
    await rig.bus.publish(rig.project, [latestItem('job/1', 1, { version: 1 }), latestItem('job/2', 1, { version: 1 })])
    await rig.join(ana)
    await rig.finish()
    expect(ana.socket.received).toMatchObject([{ type: 'joined', latest: [{ key: 'job/1' }, { key: 'job/2' }] }])
    await rig.bus.publish(rig.project, [latestItem('job/1', 2, null)])
    await rig.finish()
    await rig.join(ben)
    await rig.finish()
    expect(ben.socket.received).toMatchObject([{ type: 'joined', latest: [{ key: 'job/2' }] }])
    expect(ana.socket.received).toHaveLength(1)
    ana.release()
    await rig.finish()
    expect(ana.socket.received.slice(1)).toMatchObject([
      { type: 'deliver', events: [], latest: [{ key: 'job/1', version: 2, data: null }] },
    ])
    await rig.hub.stop()
  })

  test('[J5] what is heard before the subscription has answered follows its state', async () => {
    const rig = new Rig()
    const ana = new Listener(rig.transport)
    await rig.publish(2)
    rig.bus.gate = new Gate()
    await rig.join(ana)
    await rig.publish(3)
    rig.bus.gate.openFor()
    await rig.finish()
    expect(readHistory(ana.socket.received, new Set())).toMatchObject({ position: { seq: 5 }, value: 6, isLive: true })
    await rig.hub.stop()
  })

  test('[J7] is subscribed while somebody is there, and a grace longer', async () => {
    const rig = new Rig()
    const [ana, ben] = [new Listener(rig.transport), new Listener(rig.transport)]
    await rig.join(ana)
    await rig.join(ben)
    await rig.finish()
    expect(rig.bus.subscribed).toBe(1)
    rig.hub.leave(ana, rig.project)
    rig.hub.leave(ana, rig.project)
    await rig.clock.advance(5_000)
    expect(rig.bus.closed, 'one is still there').toBe(0)
    rig.hub.leave(ben, rig.project)
    await rig.clock.advance(999)
    await rig.join(ana)
    await rig.finish()
    expect([rig.bus.subscribed, rig.bus.closed], 'who returns in time finds it open').toEqual([1, 0])
    rig.hub.leave(ana, rig.project)
    await rig.clock.advance(1_000)
    expect([rig.bus.closed, rig.hub.subscriptions]).toEqual([1, 0])
    await rig.join(ben)
    await rig.finish()
    expect(ben.socket.received.filter(({ type }) => type === 'joined')).toHaveLength(2)
    await rig.hub.stop()
    expect(rig.clock.pending).toBe(0)
  })

  test('[D7] what cannot be read any more sends its members back to join, and a snapshot of before does not count', async () => {
    const rig = new Rig()
    const [ana, ben] = [new Listener(rig.transport), new Listener(rig.transport)]
    await rig.join(ana)
    await rig.finish()
    rig.hub.forgetSnapshot(rig.project)
    await rig.join(ben)
    await rig.publish(3)
    await rig.bus.lose(rig.project)
    expect(ana.socket.received.at(-1)).toEqual({ type: 'rejoin', project: rig.project, reason: 'gap' })
    expect(ana.joinedProjects.size).toBe(0)
    await rig.finish()
    expect(ben.socket.received).toMatchObject([{ type: 'joined', position: { seq: 3 }, snapshot: { summary: { revision: 3 } } }])
    await rig.hub.stop()
  })

  test('[J7] a socket that ends while it joins is no member, and holds no subscription', async () => {
    const rig = new Rig()
    const ana = new Listener(rig.transport)
    await rig.join(ana)
    ana.socket.close()
    await rig.finish()
    expect([ana.joinedProjects.size, ana.socket.received.length]).toEqual([0, 0])
    await rig.clock.advance(1_000)
    expect(rig.hub.subscriptions).toBe(0)
    await rig.hub.stop()
  })
})
