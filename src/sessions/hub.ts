import type { Bus, BusEvent, BusLatest, BusMessage, BusState, BusSubscription } from '../bus/bus.js'
import { AppError } from '../errors.js'
import type { ProjectId } from '../ids.js'
import type { LiveMetrics } from '../metrics/live-metrics.js'
import type { Position } from '../protocol/position.js'
import { changedMember } from '../protocol/schemas.js'
import type { Role, Snapshot } from '../protocol/views.js'
import type { Transport } from '../transport/transport.js'
import type { Clock } from './clock.js'
import { Lane } from './lane.js'
import type { FanoutCounters } from './news.js'
import { Notice } from './notice.js'
import { type Member, Room } from './room.js'

export interface HubOptions {
  readonly bus: Pick<Bus, 'subscribe' | 'readEvents'>
  readonly transport: Pick<Transport, 'prepare' | 'push'>
  readonly clock: Clock
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
  /** The project is subscribed from now on, and somebody joins it. */
  readonly onOpened: (project: ProjectId) => void
  /** News of the project may have been missed. */
  readonly onMissed: (project: ProjectId) => void
  /** News says that somebody's role in the project has changed. */
  readonly onMemberChanged: (project: ProjectId, user: string) => void
  /** Latest values of the project as they are heard; `all`: and no others. */
  readonly onLatest: (project: ProjectId, latest: readonly BusLatest[], scope: 'all' | 'changed') => void
  /** The project has ended here: nobody has it joined, and the grace is over. */
  readonly onClosed: (project: ProjectId) => void
  /** How long a project stays subscribed after its last session left. */
  readonly graceMs: number
  /** Null: nothing is counted. */
  readonly metrics: LiveMetrics | null
}

/** `refused`: no role, or no such project; `closed`: the member's socket ended meanwhile. */
export type JoinOutcome = 'joined' | 'refused' | 'closed'

export interface JoinRequest {
  readonly project: ProjectId
  readonly ref: number
  /** The last event that the member has; null when it knows nothing. */
  readonly since: Position | null
  /** What the member may do there now. Asked again whenever the answer may be older than the news that is heard. */
  readonly judge: () => Promise<Role | null>
  /** Whether nothing has changed since it was asked last. */
  readonly isJudged: () => boolean
}

interface Entry {
  readonly room: Room
  /** Members and joins under way. */
  holds: number
  /** From then on what the bus says is heard. */
  readonly opened: Promise<BusSubscription>
  cancelGrace: (() => void) | null
}

/** Snapshots under way at once: few, for each is several queries. */
const SNAPSHOT_LANE_WIDTH = 4

/** Project → sessions. A project is subscribed with the bus once, exactly while a session here has it joined, plus a grace (J7). */
export class Hub {
  readonly counters: FanoutCounters = { encodings: 0, flushes: 0, frames: 0 }
  readonly #options: HubOptions
  readonly #entries = new Map<ProjectId, Entry>()
  readonly #lane = new Lane(SNAPSHOT_LANE_WIDTH)
  #isStopped = false

  constructor(options: HubOptions) {
    this.#options = options
  }

  /** Projects that this process is subscribed to. */
  get subscriptions(): number {
    return this.#entries.size
  }

  /** What it is subscribed to, the fullest first. */
  get rooms(): readonly { readonly project: ProjectId; readonly sessions: number }[] {
    const rooms = [...this.#entries].map(([project, { room }]) => ({ project, sessions: room.members.size }))
    return rooms.sort((one, other) => other.sessions - one.sessions)
  }

  /** A message of the bus for whoever is here. */
  deliver(message: BusMessage): void {
    this.#entries.get(message.project)?.room.deliver(message)
    for (const event of message.events) if (event.type === 'member.changed') this.#hearMember(message.project, event)
  }

  /**
   * Makes the member, who must not be one already, a member of the project and sends it `joined`.
   * @throws AppError `BUS_UNAVAILABLE`, and what the snapshot and `judge` throw; it is no member then.
   */
  async join(member: Member, { project, ref, since, judge, isJudged }: JoinRequest): Promise<JoinOutcome> {
    const before = this.#entries.get(project)
    // Whether it could be opened, the hold below tells.
    await before?.opened.catch(() => undefined)
    // Who has no role costs no subscription: anybody may ask for any project.
    let role = await judge()
    if (role === null) return 'refused'
    const entry = this.#hold(project)
    let outcome: JoinOutcome | 'broken' = 'broken'
    try {
      await entry.opened
      let isCurrent = entry === before
      while (outcome === 'broken') {
        if (!isCurrent) role = await judge()
        if (role === null) return 'refused'
        isCurrent = false
        outcome = await entry.room.admit(member, { ref, role, since, isJudged })
      }
      return outcome
    } finally {
      if (outcome !== 'joined') this.#release(entry)
    }
  }

  /** Ends the member's deliveries of the project. Whether there were any. */
  leave(member: Member, project: ProjectId): boolean {
    const entry = this.#entries.get(project)
    if (!entry?.room.detach(member)) return false
    this.#release(entry)
    return true
  }

  /** Ends all deliveries of the project, which is gone, and answers who had them. Joins under way find it gone. */
  dismiss(project: ProjectId): readonly Member[] {
    const entry = this.#entries.get(project)
    const members = entry?.room.dismiss() ?? []
    for (const _ of members) if (entry) this.#release(entry)
    return members
  }

  /** The project's state has changed, and the news of it are still to come. */
  forgetSnapshot(project: ProjectId): void {
    this.#entries.get(project)?.room.forgetSnapshot()
  }

  /** Ends all subscriptions. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    await Promise.all(entries.map((entry) => this.#close(entry)))
  }

  #hold(project: ProjectId): Entry {
    if (this.#isStopped) throw new AppError('DRAINING')
    const known = this.#entries.get(project)
    if (known) {
      known.holds++
      known.cancelGrace?.()
      known.cancelGrace = null
      return known
    }
    const { bus, onOpened, onLatest } = this.#options
    const room = new Room({
      ...this.#options,
      project,
      counters: this.counters,
      lane: this.#lane,
      onLagging: (member) => this.#sendBack(member, entry),
      onLatest: (latest, scope) => onLatest(project, latest, scope),
    })
    const opened = bus.subscribe(project, {
      onMessage: (message) => this.deliver(message),
      onLost: (reason, state) => this.#lose(entry, reason, state),
    })
    const entry: Entry = { room, holds: 1, opened, cancelGrace: null }
    this.#entries.set(project, entry)
    opened.then(
      (subscription) => {
        if (this.#entries.get(project) === entry) onOpened(project)
        room.begin(subscription)
      },
      () => {
        // The next join tries again; those that wait for this one fail with the same reason.
        if (this.#entries.get(project) === entry) this.#entries.delete(project)
      },
    )
    return entry
  }

  #release(entry: Entry): void {
    const { project } = entry.room
    if (--entry.holds > 0 || this.#entries.get(project) !== entry) return
    entry.cancelGrace = this.#options.clock.after(this.#options.graceMs, () => {
      this.#entries.delete(project)
      void this.#close(entry)
    })
  }

  /** What this process missed cannot be made good: its sessions join again. */
  #lose(entry: Entry, reason: 'gap' | 'epoch', state: BusState): void {
    const { project } = entry.room
    if (this.#entries.get(project) !== entry) return
    const { transport, onMissed } = this.#options
    onMissed(project)
    const notice = new Notice(transport, { type: 'rejoin', project, reason })
    for (const member of entry.room.reset(state)) {
      member.notify(notice)
      this.#release(entry)
    }
  }

  /** The member cannot be brought up to what the others have: it joins again. */
  #sendBack(member: Member, entry: Entry): void {
    const { project } = entry.room
    if (!entry.room.detach(member)) return
    this.#release(entry)
    member.notify(new Notice(this.#options.transport, { type: 'rejoin', project, reason: 'lagged' }))
  }

  #hearMember(project: ProjectId, event: BusEvent): void {
    const user = changedMember(event.body)
    if (user !== null) this.#options.onMemberChanged(project, user)
  }

  /** Never rejects: a subscription that could not be opened has nothing to close. */
  async #close({ room, opened, cancelGrace }: Entry): Promise<void> {
    cancelGrace?.()
    this.#options.onClosed(room.project)
    room.close()
    const subscription = await opened.catch(() => null)
    await subscription?.close()
  }
}
