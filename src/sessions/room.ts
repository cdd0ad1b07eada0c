import { type Bus, type BusEvent, type BusLatest, type BusMessage, type BusState, MAX_LIVE_KEYS } from '../bus/bus.js'
import type { ProjectId } from '../ids.js'
import type { LiveMetrics, ResumeSource } from '../metrics/live-metrics.js'
import type { Codec, Encoded } from '../protocol/codec.js'
import { MAX_SERVER_FRAME_BYTES } from '../protocol/messages.js'
import type { Position } from '../protocol/position.js'
import type { Role, Snapshot } from '../protocol/views.js'
import type { Frames, SendResult, Transport, TransportSocket } from '../transport/transport.js'
import type { Clock } from './clock.js'
import { Feed } from './feed.js'
import { bytesOf, deliverMessages, SPACE_BYTES, takePage, takeThatFit } from './frames.js'
import type { Lane } from './lane.js'
import type { FanoutCounters, News } from './news.js'
import type { Notice } from './notice.js'
import { ShortMemory } from './short-memory.js'
import { type SharedSnapshot, Snapshots } from './snapshots.js'
import { StreamPages } from './stream-pages.js'

/** A session as a project sees it. */
export interface Member {
  readonly codec: Codec
  readonly socket: Pick<TransportSocket, 'isOpen' | 'subscribe' | 'unsubscribe'>
  /** The one set of what the session has joined (J7). */
  readonly joinedProjects: Set<ProjectId>
  /** Whether something of what it was sent still waits in our memory. */
  readonly isBackedUp: boolean
  /** Resolves when nothing waits any more, or the socket has ended. */
  drained(): Promise<void>
  /** Sends at once or, to a session that is slow or closed, not at all. */
  sendNews(frames: Frames): SendResult
  /** Sends what must not be lost: to a slow session when it has drained. */
  notify(notice: Notice): void
}

export interface RoomOptions {
  readonly project: ProjectId
  readonly bus: Pick<Bus, 'readEvents'>
  readonly transport: Pick<Transport, 'prepare' | 'push'>
  readonly clock: Clock
  readonly counters: FanoutCounters
  /** Null: nothing is counted. */
  readonly metrics: LiveMetrics | null
  /** State of the project as of now or later; null when there is no such project. */
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
  /** Where snapshots wait for each other (J8). */
  readonly lane: Lane
  /** Latest values as they are heard; `all`: and no others. */
  readonly onLatest: (latest: readonly BusLatest[], scope: 'all' | 'changed') => void
  /** The member is too far behind to catch up here: it must join again. */
  readonly onLagging: (member: Member) => void
}

/** What a member asks for. */
export interface Entrance {
  readonly ref: number
  readonly role: Role
  /** The last event it has; null: it knows nothing. */
  readonly since: Position | null
  /** Whether the role is still what it may do here. */
  readonly isJudged: () => boolean
}

/** Where a member begins to hear: after a position that it has, or with a snapshot of that position or later. */
type Start = { readonly position: Position; readonly generation: number; readonly source: ResumeSource } & (
  | { readonly mode: 'resumed' }
  | { readonly mode: 'snapshot'; readonly shared: SharedSnapshot }
)

/** A member that has `joined` and is sent what has happened since, until nothing is missing and it is subscribed. */
interface Cursor {
  /** The last event that it was sent. */
  position: Position
  /** Latest values as of this flush were sent, or stand in `rest`. */
  flushNo: number
  /** Latest values that are due before anything else. */
  rest: readonly News[]
}

/** What many sessions get alike at the beginning: the end of their `joined`, and where that leaves them. */
interface Welcome {
  readonly tail: Encoded
  readonly cursor: Readonly<Cursor>
}

/** Of a `joined` without its snapshot and lists, in bytes. */
const JOINED_BYTES = 1_024
/** Events inside a `joined`, in bytes: each session gets a copy of its own, whereas the pages behind it are shared by all. */
const JOINED_EVENTS_BYTES = 64 * 1024
/** Values that are gone and are remembered for who has yet to be told: as many as may live. */
const MAX_TOMBSTONES = MAX_LIVE_KEYS

/**
 * One project in this process and who hears it. A member begins with a `joined`, then gets what is missing in pages, each after the one
 * before has drained (J3), and is subscribed between two flushes, when nothing is missing: so it hears every event once (J5).
 */
export class Room {
  readonly project: ProjectId
  readonly members = new Set<Member>()
  readonly #options: RoomOptions
  readonly #feed: Feed
  readonly #stream: StreamPages
  readonly #snapshots: Snapshots
  /** Members that are not subscribed yet. */
  readonly #cursors = new Map<Member, Cursor>()
  /** Rises when the history breaks off: what was begun before does not continue. */
  #generation = 0
  readonly #welcomes: ShortMemory<Welcome>
  readonly #pages: ShortMemory<Frames>

  constructor(options: RoomOptions) {
    this.#options = options
    this.project = options.project
    this.#feed = new Feed({ ...options, keepsTombstones: () => this.#keepsTombstones() })
    this.#stream = new StreamPages(options)
    this.#welcomes = new ShortMemory(options.clock)
    this.#pages = new ShortMemory(options.clock)
    this.#snapshots = new Snapshots({ ...options, feed: this.#feed, generation: () => this.#generation })
  }

  /** What was there when the subscription began; messages that came before this call follow. */
  begin(state: BusState): void {
    this.#feed.begin(state)
  }

  /** The next message of the bus. */
  deliver(message: BusMessage): void {
    this.#feed.deliver(message)
  }

  /** The history broke off: from here on `state` counts. Returns the members, none of whom is one any more. */
  reset(state: BusState): Member[] {
    const members = this.dismiss()
    this.#feed.reset(state)
    return members
  }

  /** Returns the members, none of whom is one any more. Joins under way are broken off. */
  dismiss(): Member[] {
    this.#generation++
    const members = [...this.members]
    for (const member of members) this.detach(member)
    this.#forget()
    this.#feed.drop()
    return members
  }

  /**
   * Sends the member `joined` and makes it a member. `refused`: there is no such project; `closed`: its socket ended meanwhile; `broken`:
   * the history did, or went on too fast, or the role is in doubt; ask again.
   * @throws AppError `BUS_UNAVAILABLE`, and what the snapshot throws.
   */
  async admit(member: Member, { ref, role, since, isJudged }: Entrance): Promise<'joined' | 'refused' | 'closed' | 'broken'> {
    const generation = this.#generation
    const startedAt = this.#options.clock.now()
    const start = (since && (await this.#resume(since, generation))) ?? (await this.#begin(since))
    if (!start) return 'refused'
    for (;;) {
      while (member.isBackedUp) await member.drained()
      if (!member.socket.isOpen) return 'closed'
      if (generation !== this.#generation || start.generation !== generation || !isJudged()) return 'broken'
      const welcome = this.#welcome(member.codec, start)
      if (!welcome) {
        if (!(await this.#stream.read(start.position))) return 'broken'
        continue
      }
      const joined = member.codec.joined(ref, this.project, role, welcome.tail)
      if (member.sendNews(this.#options.transport.prepare([joined])) === 'dropped') continue
      this.#countJoin(start, since, joined, startedAt)
      member.joinedProjects.add(this.project)
      this.members.add(member)
      this.#feed.countSession(member.codec, 1)
      const cursor = { ...welcome.cursor }
      this.#cursors.set(member, cursor)
      void this.#catchUp(member, cursor)
      return 'joined'
    }
  }

  #countJoin({ mode, source }: Start, since: Position | null, joined: Encoded, startedAt: number): void {
    const { metrics, clock } = this.#options
    metrics?.joined(mode, (clock.now() - startedAt) / 1_000)
    if (since) metrics?.resumed(source, 'ok')
    metrics?.sent('joined', bytesOf([joined]))
  }

  /** Ends the member's deliveries. Whether it was one. */
  detach(member: Member): boolean {
    this.#cursors.delete(member)
    if (!this.members.delete(member)) return false
    member.socket.unsubscribe(this.#feed.topicOf(member.codec))
    member.joinedProjects.delete(this.project)
    this.#feed.countSession(member.codec, -1)
    return true
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#generation++
    this.#forget()
    this.#feed.close()
  }

  /** The state has changed, and the news of it are still to come. */
  forgetSnapshot(): void {
    this.#snapshots.forget()
  }

  /** What was made of a history that does not go on. */
  #forget(): void {
    this.#snapshots.forget()
    this.#stream.clear()
    this.#welcomes.clear()
    this.#pages.clear()
  }

  /** Whether somebody has yet to be told what is gone. Who does not read is not waited for without end: it joins again. */
  #keepsTombstones(): boolean {
    if (this.#feed.latest.gone > MAX_TOMBSTONES) for (const member of this.#cursors.keys()) this.#options.onLagging(member)
    return this.#cursors.size > 0
  }

  /** Null: not from there (J3, J4). */
  async #resume({ epoch, seq, id }: Position, generation: number): Promise<Start | null> {
    const position = { epoch, seq, id: seq === 0 ? '' : id }
    if (epoch !== this.#feed.position.epoch) return null
    const known = seq > this.#feed.position.seq ? null : this.#feed.recentIdAt(seq)
    if (known === null) {
      if (!(await this.#countingFailure('stream', this.#stream.read(position)))) return null
      // An event that another process has flushed and this one has not: it is on its way.
      while (seq > this.#feed.position.seq && generation === this.#generation) await this.#feed.flushed()
      // Or another one in its place, in a history that has gone back meanwhile.
      if ((this.#feed.recentIdAt(seq) ?? position.id) !== position.id) return null
    } else if (known !== position.id) return null
    return { mode: 'resumed', position, generation, source: known === null ? 'stream' : 'ring' }
  }

  /** What a session waited for that had a position to continue from. */
  async #countingFailure<Value>(source: ResumeSource, reading: Promise<Value>): Promise<Value> {
    try {
      return await reading
    } catch (error) {
      this.#options.metrics?.resumed(source, 'failed')
      throw error
    }
  }

  async #begin(since: Position | null): Promise<Start | null> {
    const sharing = this.#snapshots.share(since?.epoch === this.#feed.position.epoch ? since.seq : 0)
    const shared = await (since ? this.#countingFailure('snapshot', sharing) : sharing)
    if (!shared) return null
    // Who has heard another history gets what this one has told from its beginning, if that is there: a snapshot has the state, not the news,
    // and what waited while the bus was away went out before anybody had joined again.
    const beginning: Position = { epoch: shared.position.epoch, seq: 0, id: '' }
    const isNewHere = since !== null && since.epoch !== beginning.epoch
    const position = isNewHere && (await this.#reaches(beginning)) ? beginning : shared.position
    return { mode: 'snapshot', source: 'snapshot', position, generation: shared.generation, shared }
  }

  /** Whether everything that was told after the position can be had. @throws AppError `BUS_UNAVAILABLE`: nobody knows, and it may be repeated. */
  async #reaches(position: Position): Promise<boolean> {
    return this.#feed.recentAfter(position.seq) !== null || (await this.#stream.read(position)) !== null
  }

  /** Null when the events that belong into it must be read again. */
  #welcome(codec: Codec, start: Start): Welcome | null {
    const { seq, id } = start.position
    const key = `${codec.subprotocol} ${start.mode === 'snapshot' ? start.shared.no : ''} ${seq} ${id}`
    return this.#welcomes.get(this.#feed.flushNo, key, () => this.#makeWelcome(codec, start))
  }

  #makeWelcome(codec: Codec, start: Start): Welcome | null {
    const missed = start.mode === 'resumed' ? this.#eventsAfter(start.position) : []
    if (!missed) return null
    const snapshot = start.mode === 'snapshot' ? start.shared.encoded(codec) : null
    const snapshotBytes = snapshot === null ? 4 : Buffer.byteLength(snapshot)
    const space = MAX_SERVER_FRAME_BYTES - JOINED_BYTES - snapshotBytes
    const latest = this.#feed.latest.live()
    const values = takeThatFit(codec, latest, 0, space)
    const events = takeThatFit(codec, missed, 0, Math.min(JOINED_EVENTS_BYTES, space - values.bytes))
    const position = positionAfter(start.position, missed[events.pieces.length - 1])
    return {
      tail: codec.joinedTail({ position, mode: start.mode, snapshot, events: events.pieces, latest: values.pieces }),
      cursor: { position, flushNo: this.#feed.flushNo, rest: latest.slice(values.pieces.length) },
    }
  }

  /** Sends what is missing until nothing is, then subscribes. Never rejects. */
  async #catchUp(member: Member, cursor: Cursor): Promise<void> {
    for (;;) {
      while (member.isBackedUp) await member.drained()
      // It has left, or the history broke off, or both and it is somebody new here.
      if (this.#cursors.get(member) !== cursor) return
      const next = this.#nextPage(member.codec, cursor)
      if (next === 'flush') await this.#feed.flushed()
      else if (next === 'read') {
        const events = await this.#stream.read(cursor.position).catch(() => null)
        // Ahead of what was flushed here it would read for ever.
        const isStuck = !events || cursor.position.seq > this.#feed.position.seq
        if (isStuck && this.#cursors.get(member) === cursor) this.#options.onLagging(member)
      } else {
        // Dropped: it is slow now, and will be told to join again.
        const isLost = next.frames !== null && member.sendNews(next.frames) === 'dropped'
        if (next.frames && !isLost) this.#options.metrics?.sent('deliver', bytesOf(next.frames.messages), next.frames.messages.length)
        if (next.isLast || isLost) this.#cursors.delete(member)
        if (next.isLast && !isLost) member.socket.subscribe(this.#feed.topicOf(member.codec))
      }
    }
  }

  /** The next thing to send, with which the cursor moves on; `flush`: after the flush that is under way; `read`: it must be read first. */
  #nextPage(codec: Codec, cursor: Cursor): { readonly frames: Frames | null; readonly isLast: boolean } | 'flush' | 'read' {
    const feed = this.#feed
    if (cursor.rest.length > 0) {
      const { pieces } = takePage(codec, cursor.rest, 0)
      cursor.rest = cursor.rest.slice(pieces.length)
      return { frames: this.#prepare([codec.deliver(this.project, cursor.position.epoch, [], pieces)]), isLast: false }
    }
    const events = this.#eventsAfter(cursor.position)
    if (!events) return 'read'
    const from = cursor.position.seq
    const page = takePage(codec, events, 0)
    if (from + page.pieces.length < feed.position.seq) {
      cursor.position = positionAfter(cursor.position, events[page.pieces.length - 1])
      const key = `${codec.subprotocol} ${from}-${cursor.position.seq}`
      const make = () => this.#prepare([codec.deliver(this.project, feed.position.epoch, page.pieces, [])])
      return { frames: this.#pages.get(feed.flushNo, key, make), isLast: false }
    }
    if (feed.isFlushing) return 'flush'
    const latest = feed.latest.changedSince(cursor.flushNo)
    if (takeThatFit(codec, latest, 0, SPACE_BYTES - page.bytes).pieces.length < latest.length) {
      cursor.rest = latest
      cursor.flushNo = feed.flushNo
      return { frames: null, isLast: false }
    }
    const key = `${codec.subprotocol} ${from} ${cursor.flushNo}`
    const due = { epoch: feed.position.epoch, events, latest }
    if (events.length + latest.length === 0) return { frames: null, isLast: true }
    const make = () => this.#prepare(deliverMessages(codec, this.project, due))
    return { frames: this.#pages.get(feed.flushNo, key, make), isLast: true }
  }

  #prepare(messages: readonly Encoded[]): Frames {
    return this.#options.transport.prepare(messages)
  }

  /** The flushed events after the position; null when they must be read. */
  #eventsAfter(position: Position): readonly News<BusEvent>[] | null {
    const recent = this.#feed.recentAfter(position.seq)
    if (recent) return recent
    // The stream may be ahead of what was flushed here, and those events will come with the next flush.
    return this.#stream.known(position)?.filter(({ source }) => source.seq <= this.#feed.position.seq) ?? null
  }
}

function positionAfter(position: Position, event: News<BusEvent> | undefined): Position {
  return event ? { epoch: position.epoch, seq: event.source.seq, id: event.source.id } : position
}
