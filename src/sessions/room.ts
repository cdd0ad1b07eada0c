import type { BusMessage, BusState } from '../bus/bus.js'
import type { ProjectId } from '../ids.js'
import type { Encoded } from '../protocol/codec.js'
import { TOMBSTONE_BODY } from '../protocol/events.js'
import { jsonCodec } from '../protocol/json-codec.js'
import { MAX_SERVER_FRAME_BYTES } from '../protocol/messages.js'
import type { Position } from '../protocol/position.js'
import type { Role, Snapshot } from '../protocol/views.js'
import type { Frames, Transport, TransportSocket } from '../transport/transport.js'
import { deliverMessages, takeThatFit } from './frames.js'

/** A session as a project sees it. */
export interface Member {
  readonly socket: TransportSocket
  /** The one set of what the session has joined (J7). */
  readonly joinedProjects: Set<ProjectId>
}

export interface RoomOptions {
  readonly project: ProjectId
  readonly transport: Pick<Transport, 'prepare' | 'push'>
  /** State of the project as of now or later; null when there is no such project. */
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
}

interface SplicedEvent {
  readonly seq: number
  readonly id: string
  readonly text: Encoded
}

interface SharedSnapshot {
  readonly position: Position
  readonly generation: number
  readonly text: Encoded
  /** What all who waited for it get alike; null until the first of them attaches. */
  welcome: Welcome | null
}

/** The end of `joined` behind what is the session's own, and what follows at once. */
interface Welcome {
  readonly tail: Encoded
  readonly missed: Frames | null
}

/** Shortest time between two flushes of a project (D5). */
export const FLUSH_MAX_MS = 16
/** Of a `joined` without its snapshot and latest values, in bytes. */
const JOINED_BYTES = 1_024

/**
 * One project in this process: what waits to be flushed, what was flushed, and who hears it. A flush encodes once and sends one
 * frame to all. Sessions attach between two flushes only, so each hears every event after its `joined` exactly once (J5).
 */
export class Room {
  readonly project: ProjectId
  readonly members = new Set<Member>()
  readonly #options: RoomOptions
  #early: BusMessage[] | null = []
  #position: Position = { epoch: '', seq: 0, id: '' }
  /** Rises when the history breaks off: a snapshot of before does not continue. */
  #generation = 0
  /** Spliced live latest values as of the last flush. */
  readonly #latest = new Map<string, Encoded>()
  #pendingEvents: SplicedEvent[] = []
  readonly #pendingLatest = new Map<string, { readonly text: Encoded; readonly isGone: boolean }>()
  #timer: NodeJS.Timeout | null = null
  #immediate: NodeJS.Immediate | null = null
  /** The flush that is being sent in slices; null between flushes. */
  #flush: { readonly ended: Promise<void>; readonly end: () => void } | null = null
  #flushStartedAt = Number.NEGATIVE_INFINITY
  #flushMs = 0
  #snapshot: Promise<SharedSnapshot | null> | null = null
  /** Joins under way; while there are any, flushed events are kept for them. */
  #joining = 0
  #kept: SplicedEvent[] = []

  constructor(options: RoomOptions) {
    this.#options = options
    this.project = options.project
  }

  /** What was there when the subscription began; messages that came before this call follow. */
  begin(state: BusState): void {
    this.#adopt(state)
    const early = this.#early ?? []
    this.#early = null
    for (const message of early) this.deliver(message)
  }

  /** The next message of the bus. It goes out with the next flush. */
  deliver(message: BusMessage): void {
    if (this.#early) {
      this.#early.push(message)
      return
    }
    for (const event of message.events) this.#pendingEvents.push({ seq: event.seq, id: event.id, text: jsonCodec.event(event) })
    for (const value of message.latest) {
      this.#pendingLatest.set(value.key, { text: jsonCodec.latest(value), isGone: value.body === TOMBSTONE_BODY })
    }
    this.#schedule()
  }

  /** The history broke off: from here on `state` counts. Returns the members, none of whom is one any more. */
  reset(state: BusState): Member[] {
    const members = this.dismiss()
    this.#adopt(state)
    return members
  }

  /** Returns the members, none of whom is one any more. Joins under way are broken off. */
  dismiss(): Member[] {
    this.#generation++
    const members = [...this.members]
    for (const member of members) this.detach(member)
    this.#pendingEvents = []
    this.#pendingLatest.clear()
    this.#kept = []
    return members
  }

  /**
   * Sends the member `joined`, then what was flushed since its snapshot was begun, and makes it a member.
   * `refused`: there is no such project; `closed`: the member's socket ended meanwhile; `broken`: the history did, ask again.
   */
  async admit(member: Member, ref: number, role: Role): Promise<'joined' | 'refused' | 'closed' | 'broken'> {
    this.#joining++
    try {
      const snapshot = await this.#shareSnapshot()
      while (this.#flush) await this.#flush.ended
      if (!member.socket.isOpen) return 'closed'
      if (!snapshot) return 'refused'
      // From here to the end nothing is awaited, so no flush comes in between.
      if (snapshot.generation !== this.#generation) return 'broken'
      // All who waited for this snapshot go on in one turn of the loop, so no flush lies between them either.
      snapshot.welcome ??= this.#makeWelcome(snapshot)
      const { tail, missed } = snapshot.welcome
      member.socket.subscribe(this.project)
      member.joinedProjects.add(this.project)
      this.members.add(member)
      // Last: a socket that this finds too slow is closed and leaves what it has joined.
      member.socket.send(this.#options.transport.prepare([jsonCodec.joined(ref, this.project, role, tail)]))
      if (missed) member.socket.send(missed)
      return 'joined'
    } finally {
      if (--this.#joining === 0) this.#kept = []
    }
  }

  /** Ends the member's deliveries. Whether it was one. */
  detach(member: Member): boolean {
    member.socket.unsubscribe(this.project)
    member.joinedProjects.delete(this.project)
    return this.members.delete(member)
  }

  /** Nothing is sent any more. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer)
    if (this.#immediate) clearImmediate(this.#immediate)
    this.#pendingEvents = []
    this.#pendingLatest.clear()
  }

  /** A thousand joins at once cost one snapshot (J8). */
  #shareSnapshot(): Promise<SharedSnapshot | null> {
    this.#snapshot ??= this.#takeSnapshot().finally(() => {
      this.#snapshot = null
    })
    return this.#snapshot
  }

  async #takeSnapshot(): Promise<SharedSnapshot | null> {
    // The position is read before the data: an event in between is then applied once more, never lost (J5).
    const position = this.#position
    const generation = this.#generation
    const snapshot = await this.#options.snapshot(this.project)
    return snapshot && { position, generation, text: jsonCodec.value(snapshot), welcome: null }
  }

  #makeWelcome({ position, text }: SharedSnapshot): Welcome {
    const latest = [...this.#latest.values()]
    const inside = takeThatFit(latest, 0, MAX_SERVER_FRAME_BYTES - JOINED_BYTES - Buffer.byteLength(text))
    const events = this.#kept.filter((event) => event.seq > position.seq).map((event) => event.text)
    const messages = deliverMessages(jsonCodec, this.project, position.epoch, events, latest.slice(inside.pieces.length))
    return {
      tail: jsonCodec.joinedTail({ position, mode: 'snapshot', snapshot: text, events: [], latest: inside.pieces }),
      missed: messages.length === 0 ? null : this.#options.transport.prepare(messages),
    }
  }

  #adopt({ head, latest }: BusState): void {
    this.#position = { epoch: head.epoch, seq: head.seq, id: head.id }
    this.#latest.clear()
    for (const value of latest) this.#latest.set(value.key, jsonCodec.latest(value))
  }

  #schedule(): void {
    if (this.#timer || this.#immediate || this.#flush || this.#pendingEvents.length + this.#pendingLatest.size === 0) return
    const dueAt = this.#flushStartedAt + Math.max(FLUSH_MAX_MS, 2 * this.#flushMs)
    const waitMs = dueAt - performance.now()
    // `setImmediate` is still this turn of the loop, but takes along what the same read of a socket brought.
    if (waitMs <= 0) this.#immediate = setImmediate(() => this.#flushNow())
    else this.#timer = setTimeout(() => this.#flushNow(), waitMs)
  }

  #flushNow(): void {
    this.#timer = null
    this.#immediate = null
    const events = this.#pendingEvents
    const latest = [...this.#pendingLatest]
    this.#pendingEvents = []
    this.#pendingLatest.clear()
    const last = events.at(-1)
    if (last) this.#position = { epoch: this.#position.epoch, seq: last.seq, id: last.id }
    if (this.#joining > 0) for (const event of events) this.#kept.push(event)
    for (const [key, { text, isGone }] of latest) {
      if (isGone) this.#latest.delete(key)
      else this.#latest.set(key, text)
    }
    this.#flushStartedAt = performance.now()
    this.#flushMs = 0
    if (this.members.size === 0 || events.length + latest.length === 0) return
    const messages = deliverMessages(
      jsonCodec,
      this.project,
      this.#position.epoch,
      events.map((event) => event.text),
      latest.map(([, value]) => value.text),
    )
    this.#flush = withEnd()
    this.#options.transport.push(this.project, this.#options.transport.prepare(messages), () => {
      this.#flushMs = performance.now() - this.#flushStartedAt
      this.#flush?.end()
      this.#flush = null
      this.#schedule()
    })
  }
}

function withEnd(): { readonly ended: Promise<void>; readonly end: () => void } {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { ended, end }
}
