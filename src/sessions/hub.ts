import type { Bus, BusEvent, BusMessage, BusState, BusSubscription } from '../bus/bus.js'
import type { ProjectId } from '../ids.js'
import { jsonCodec } from '../protocol/json-codec.js'
import type { RejoinReason } from '../protocol/messages.js'
import { changedMember } from '../protocol/schemas.js'
import type { Role, Snapshot } from '../protocol/views.js'
import type { Transport } from '../transport/transport.js'
import { type Member, Room } from './room.js'

export interface HubOptions {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly transport: Pick<Transport, 'prepare' | 'push'>
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
  /** News says that somebody's role in the project has changed. */
  readonly onMemberChanged: (project: ProjectId, user: string) => void
  /** How long a project stays subscribed after its last session left. */
  readonly graceMs: number
}

/** `refused`: no role, or no such project; `closed`: the member's socket ended meanwhile. */
export type JoinOutcome = 'joined' | 'refused' | 'closed'

interface Entry {
  readonly room: Room
  /** Members and joins under way. */
  holds: number
  readonly opened: Promise<BusSubscription>
  /** Whether what the bus says is heard. */
  isOpen: boolean
  grace: NodeJS.Timeout | null
}

/** Project → sessions. A project is subscribed with the bus once, exactly while a session here has it joined, plus a grace (J7). */
export class Hub {
  readonly #options: HubOptions
  readonly #entries = new Map<ProjectId, Entry>()

  constructor(options: HubOptions) {
    this.#options = options
  }

  /** Projects that this process is subscribed to. */
  get subscriptions(): number {
    return this.#entries.size
  }

  /** A message of the bus for whoever is here. */
  deliver(message: BusMessage): void {
    this.#entries.get(message.project)?.room.deliver(message)
    for (const event of message.events) if (event.type === 'member.changed') this.#hearMember(message.project, event)
  }

  /**
   * Makes the member, who must not be one already, a member of the project and sends it `joined`. `judge` says what it may do there
   * now, and is asked again whenever the answer may be older than the news that is heard.
   * @throws AppError `BUS_UNAVAILABLE`, and what the snapshot and `judge` throw; it is no member then.
   */
  async join(member: Member, project: ProjectId, ref: number, judge: () => Promise<Role | null>): Promise<JoinOutcome> {
    const before = this.#entries.get(project)
    const wasOpen = before?.isOpen ?? false
    // Who has no role costs no subscription: anybody may ask for any project.
    let role = await judge()
    if (role === null) return 'refused'
    const entry = this.#hold(project)
    let outcome: JoinOutcome | 'broken' = 'broken'
    try {
      await entry.opened
      let isCurrent = wasOpen && entry === before
      while (outcome === 'broken') {
        if (!isCurrent) role = await judge()
        if (role === null) return 'refused'
        isCurrent = false
        outcome = await entry.room.admit(member, ref, role)
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

  /** Ends all subscriptions. */
  async stop(): Promise<void> {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    await Promise.all(entries.map(closeEntry))
  }

  #hold(project: ProjectId): Entry {
    const known = this.#entries.get(project)
    if (known) {
      known.holds++
      if (known.grace) clearTimeout(known.grace)
      known.grace = null
      return known
    }
    const { bus, transport, snapshot } = this.#options
    const room = new Room({ project, transport, snapshot })
    const opened = bus.subscribe(project, {
      onMessage: (message) => this.deliver(message),
      onLost: (reason, state) => this.#lose(project, reason, state),
    })
    const entry: Entry = { room, holds: 1, opened, isOpen: false, grace: null }
    this.#entries.set(project, entry)
    opened.then(
      (subscription) => {
        entry.isOpen = true
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
    if (--entry.holds > 0 || this.#entries.get(entry.room.project) !== entry) return
    entry.grace = setTimeout(() => {
      this.#entries.delete(entry.room.project)
      void closeEntry(entry)
    }, this.#options.graceMs)
  }

  /** What this process missed cannot be made good: its sessions join again. */
  #lose(project: ProjectId, reason: RejoinReason, state: BusState): void {
    const entry = this.#entries.get(project)
    if (!entry) return
    const frames = this.#options.transport.prepare([jsonCodec.encode({ type: 'rejoin', project, reason })])
    for (const member of entry.room.reset(state)) {
      member.socket.send(frames)
      this.#release(entry)
    }
  }

  #hearMember(project: ProjectId, event: BusEvent): void {
    const user = changedMember(event.body)
    if (user !== null) this.#options.onMemberChanged(project, user)
  }
}

/** Never rejects: a subscription that could not be opened has nothing to close. */
async function closeEntry({ room, opened, grace }: Entry): Promise<void> {
  if (grace) clearTimeout(grace)
  room.close()
  const subscription = await opened.catch(() => null)
  await subscription?.close()
}
