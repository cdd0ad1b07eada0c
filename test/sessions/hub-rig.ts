import { expect } from 'vitest'
import type { BusListener } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Codec } from '../../src/protocol/codec.js'
import type { Event } from '../../src/protocol/events.js'
import { jsonCodec } from '../../src/protocol/json-codec.js'
import type { ServerMessage } from '../../src/protocol/messages.js'
import type { Position } from '../../src/protocol/position.js'
import type { Snapshot } from '../../src/protocol/views.js'
import { Hub } from '../../src/sessions/hub.js'
import type { Notice } from '../../src/sessions/notice.js'
import type { Member } from '../../src/sessions/room.js'
import type { Frames, SendResult } from '../../src/transport/transport.js'
import { FakeClock, settle } from './fake-clock.js'
import { eventItem, Gate, latestItem, snapshotOf } from './live-fixture.js'
import { MemorySocket, MemoryTransport } from './memory-transport.js'

/** A member that the test looks into. */
export class Listener implements Member {
  readonly codec: Codec
  readonly socket: MemorySocket
  isBackedUp = false
  readonly joinedProjects = new Set<ProjectId>()
  isJoining = false
  ref = 0

  constructor(transport: MemoryTransport, codec: Codec = jsonCodec) {
    this.codec = codec
    this.socket = new MemorySocket(transport, codec.subprotocol)
  }

  async drained(): Promise<void> {}

  sendNews(frames: Frames): SendResult {
    return this.socket.send(frames)
  }

  notify(notice: Notice): void {
    this.socket.send(notice.framesFor(this.codec))
  }
}

/** A member whose kernel takes nothing from its first frame on, until it is released. */
export class HeldListener extends Listener {
  readonly #gate = new Gate<void>()
  #isReleased = false

  override drained(): Promise<void> {
    return this.#gate.ask()
  }

  override sendNews(frames: Frames): SendResult {
    this.isBackedUp = !this.#isReleased
    return super.sendNews(frames)
  }

  release(): void {
    this.#isReleased = true
    this.isBackedUp = false
    this.#gate.openFor()
  }
}

/** A bus that can lose what cannot be read any more. */
class LossyBus extends MemoryBus {
  listener: BusListener | null = null
  subscribed = 0
  closed = 0
  /** Its answers come late. */
  gate: Gate<void> | null = null

  override async subscribe(project: ProjectId, listener: BusListener) {
    this.subscribed++
    this.listener = listener
    const subscription = await super.subscribe(project, listener)
    await this.gate?.ask()
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
export class Rig {
  readonly project = newId<ProjectId>()
  readonly bus = new LossyBus()
  readonly clock = new FakeClock()
  readonly transport = new MemoryTransport({ pushes: 'stepwise' })
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
    clock: this.clock,
    onOpened: () => undefined,
    onMissed: () => undefined,
    onMemberChanged: () => undefined,
    onLatest: () => undefined,
    onClosed: () => undefined,
    metrics: null,
    graceMs: 1_000,
  })

  /** Begins a join; resolves when the promises that need no answer have settled. */
  async join(member: Listener, since: Position | null = null): Promise<void> {
    member.isJoining = true
    const joined = this.hub.join(member, {
      project: this.project,
      ref: ++member.ref,
      since,
      judge: async () => 'analyst',
      isJudged: () => true,
    })
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
      await this.clock.advance(5)
    }
  }

  #snapshot(): Snapshot {
    const snapshot = snapshotOf(this.project)
    return { ...snapshot, summary: { ...snapshot.summary, revision: this.published } }
  }
}

/** What a client knows of a project. */
export interface History {
  readonly position: Position
  readonly value: number
  /** Whether deliveries go on from there. */
  readonly isLive: boolean
}

/**
 * Reads what a member received as its client would: a snapshot begins a history at its position, `resumed` continues the one that the
 * client had, and each goes on without a hole or a repetition until it ends. `ended`: how much it had received each time when it left.
 */
export function readHistory(received: readonly ServerMessage[], ended: ReadonlySet<number>): History | null {
  let position: Position | null = null
  let value = 0
  let isLive = false
  const apply = (epoch: string, events: readonly Event[]) => {
    for (const { seq, id, data } of events) {
      expect(epoch).toBe(position?.epoch)
      expect(seq).toBe(position!.seq + 1)
      expect(data.n).toBe(seq)
      position = { epoch, seq, id }
    }
  }
  for (const [index, message] of received.entries()) {
    if (ended.has(index)) isLive = false
    if (message.type === 'joined') {
      if (message.snapshot) {
        expect(message.events).toEqual([])
        expect(message.snapshot.summary.revision, 'as of the position or later').toBeGreaterThanOrEqual(message.position.seq)
        position = message.position
      } else apply(message.position.epoch, message.events)
      expect(message.position).toEqual(position)
      value = message.latest[0]?.version ?? 0
      isLive = true
    } else if (message.type === 'rejoin') isLive = false
    else if (message.type === 'deliver') {
      expect(isLive, 'nothing is delivered outside of a membership').toBe(true)
      apply(message.epoch, message.events)
      for (const { version } of message.latest) {
        expect(version, 'a latest value only grows').toBeGreaterThan(value)
        value = version
      }
    }
  }
  return position && { position, value, isLive: isLive && !ended.has(received.length) }
}
