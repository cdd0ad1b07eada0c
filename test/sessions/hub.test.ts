import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { BusListener } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { jsonCodec } from '../../src/protocol/json-codec.js'
import type { ServerMessage } from '../../src/protocol/messages.js'
import type { Snapshot } from '../../src/protocol/views.js'
import { systemClock } from '../../src/sessions/clock.js'
import { Hub } from '../../src/sessions/hub.js'
import type { Notice } from '../../src/sessions/notice.js'
import type { Member } from '../../src/sessions/room.js'
import type { Frames, SendResult } from '../../src/transport/transport.js'
import { eventItem, latestItem, snapshotOf } from './live-fixture.js'
import { MemorySocket, MemoryTransport } from './memory-transport.js'

/** A member that the test looks into. */
class Listener implements Member {
  readonly codec = jsonCodec
  readonly socket: MemorySocket
  readonly isBackedUp = false
  readonly joinedProjects = new Set<ProjectId>()
  isJoining = false
  ref = 0

  constructor(transport: MemoryTransport) {
    this.socket = new MemorySocket(transport)
  }

  async drained(): Promise<void> {}

  sendNews(frames: Frames): SendResult {
    return this.socket.send(frames)
  }

  notify(notice: Notice): void {
    this.socket.send(notice.framesFor(jsonCodec))
  }
}

/** A bus that can lose what cannot be read any more. */
class LossyBus extends MemoryBus {
  listener: BusListener | null = null
  subscribed = 0
  closed = 0

  override async subscribe(project: ProjectId, listener: BusListener) {
    this.subscribed++
    this.listener = listener
    const subscription = await super.subscribe(project, listener)
    const close = async () => {
      this.closed++
      await subscription.close()
    }
    return { ...subscription, close }
  }

  async lose(project: ProjectId): Promise<void> {
    this.listener?.onLost('gap', await this.latest(project))
  }
}

/** A hub over a memory bus, snapshots that are answered when the test says so, and fake time. */
class Rig {
  readonly project = newId<ProjectId>()
  readonly bus = new LossyBus()
  readonly transport = new MemoryTransport()
  /** The state is read when its turn comes, not when it was asked for. */
  readonly snapshots: (() => void)[] = []
  published = 0
  readonly hub = new Hub({
    bus: this.bus,
    transport: this.transport,
    snapshot: () =>
      new Promise<Snapshot>((resolve) => {
        this.snapshots.push(() => resolve(this.#snapshot()))
      }),
    clock: systemClock,
    onHeard: () => undefined,
    onUnheard: () => undefined,
    onMemberChanged: () => undefined,
    graceMs: 1_000,
  })

  /** Begins a join; resolves when the promises that need no answer have settled. */
  async join(member: Listener): Promise<void> {
    member.isJoining = true
    const joined = this.hub.join(member, { project: this.project, ref: ++member.ref, since: null, judge: async () => 'analyst' })
    void joined.finally(() => {
      member.isJoining = false
    })
    await settle()
  }

  async publish(count: number): Promise<void> {
    const items = Array.from({ length: count }, () => eventItem('demo.event', { n: ++this.published }))
    await this.bus.publish(this.project, [...items, latestItem('value', this.published + 1, { n: this.published })])
  }

  /** Lets everything that is under way come to its end. */
  async finish(): Promise<void> {
    for (let round = 0; round < 200; round++) {
      await settle()
      this.snapshots.shift()?.()
      this.transport.step()
      await vi.advanceTimersByTimeAsync(5)
    }
  }

  #snapshot(): Snapshot {
    const snapshot = snapshotOf(this.project)
    return { ...snapshot, summary: { ...snapshot.summary, revision: this.published } }
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

/**
 * Reads what a member received as its client would: each join begins a history at its position, which goes on without a hole or a
 * repetition until it ends. Returns the last `seq` of the history that has not ended, null when there is none.
 */
function readHistory(
  received: readonly ServerMessage[],
  ended: ReadonlySet<number>,
): { readonly seq: number; readonly value: number } | null {
  let seq: number | null = null
  let value = 0
  for (const [index, message] of received.entries()) {
    if (ended.has(index)) seq = null
    if (message.type === 'joined') {
      expect(message.snapshot?.summary.revision, 'the snapshot is as of the position or later').toBeGreaterThanOrEqual(message.position.seq)
      seq = message.position.seq
      value = message.latest[0]?.version ?? 0
    } else if (message.type === 'rejoin') seq = null
    else if (message.type === 'deliver') {
      expect(seq, 'nothing is delivered outside of a membership').not.toBeNull()
      for (const event of message.events) {
        expect(event.seq).toBe(seq! + 1)
        expect(event.data.n).toBe(event.seq)
        seq = event.seq
      }
      for (const { version } of message.latest) {
        expect(version, 'a latest value only grows').toBeGreaterThan(value)
        value = version
      }
    }
  }
  return seq === null || ended.has(received.length) ? null : { seq, value }
}

const MEMBERS = 4
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('join' as const), member: fc.nat(MEMBERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), member: fc.nat(MEMBERS - 1) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'slice' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 40 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lose' as const }) },
)

describe('the hub', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance', 'Date'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('[J5] gives each member every event after its joined once and in order, whatever happens meanwhile', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const rig = new Rig()
        const members = Array.from({ length: MEMBERS }, () => new Listener(rig.transport))
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
              await rig.join(member)
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
              await vi.advanceTimersByTimeAsync(action.ms)
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
          expect(history !== null, 'a member is who is told so').toBe(member.joinedProjects.has(rig.project))
          if (history) expect(history).toEqual({ seq: head.seq, value: head.seq === 0 ? 0 : rig.published + 1 })
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
    await vi.advanceTimersByTimeAsync(0)
    rig.transport.step()
    rig.transport.step()
    expect(ana.socket.received.map(({ type }) => type)).toEqual(['joined', 'deliver'])
    await rig.publish(2)
    await rig.publish(3)
    await vi.advanceTimersByTimeAsync(15)
    expect(rig.transport.pushes).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
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
    await vi.advanceTimersByTimeAsync(0)
    rig.transport.step()
    await rig.publish(1)
    await vi.advanceTimersByTimeAsync(100)
    expect(rig.transport.pushes, 'one flush at a time').toBe(1)
    rig.transport.step()
    await vi.advanceTimersByTimeAsync(99)
    expect(rig.transport.pushes).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
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

  test('[J7] is subscribed while somebody is there, and a grace longer', async () => {
    const rig = new Rig()
    const [ana, ben] = [new Listener(rig.transport), new Listener(rig.transport)]
    await rig.join(ana)
    await rig.join(ben)
    await rig.finish()
    expect(rig.bus.subscribed).toBe(1)
    rig.hub.leave(ana, rig.project)
    rig.hub.leave(ana, rig.project)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(rig.bus.closed, 'one is still there').toBe(0)
    rig.hub.leave(ben, rig.project)
    await vi.advanceTimersByTimeAsync(999)
    await rig.join(ana)
    await rig.finish()
    expect([rig.bus.subscribed, rig.bus.closed], 'who returns in time finds it open').toEqual([1, 0])
    rig.hub.leave(ana, rig.project)
    await vi.advanceTimersByTimeAsync(1_000)
    expect([rig.bus.closed, rig.hub.subscriptions]).toEqual([1, 0])
    await rig.join(ben)
    await rig.finish()
    expect(ben.socket.received.filter(({ type }) => type === 'joined')).toHaveLength(2)
    await rig.hub.stop()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('[D7] what cannot be read any more sends its members back to join, and a snapshot of before does not count', async () => {
    const rig = new Rig()
    const [ana, ben] = [new Listener(rig.transport), new Listener(rig.transport)]
    await rig.join(ana)
    await rig.finish()
    await rig.join(ben)
    await rig.publish(3)
    await rig.bus.lose(rig.project)
    expect(ana.socket.received.at(-1)).toEqual({ type: 'rejoin', project: rig.project, reason: 'gap' })
    expect(ana.joinedProjects.size).toBe(0)
    await rig.finish()
    expect(ben.socket.received).toMatchObject([{ type: 'joined', position: { seq: 3 }, snapshot: { summary: { revision: 3 } } }])
    await rig.hub.stop()
  })

  test('a socket that ends while it joins is no member', async () => {
    const rig = new Rig()
    const ana = new Listener(rig.transport)
    await rig.join(ana)
    ana.socket.close()
    await rig.finish()
    expect([ana.joinedProjects.size, ana.socket.received.length]).toEqual([0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(rig.hub.subscriptions).toBe(0)
    await rig.hub.stop()
  })
})
