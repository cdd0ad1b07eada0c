import type { Bus, BusLatest } from '../bus/bus.js'
import { AppError } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import { latestBody } from '../protocol/events.js'
import { MAX_PRESENCE_STATE_BYTES } from '../protocol/messages.js'
import type { UserRef } from '../protocol/views.js'
import type { Clock } from './clock.js'
import { isPresenceKey } from './presence-pace.js'
import { Roll, type RollOptions } from './roll.js'

/** How long a process is believed to live after it has said so, and how often it says so and looks after the others. */
export interface Lease {
  readonly ttlMs: number
  readonly renewalMs: number
}

export interface PresenceOptions extends Pick<RollOptions, 'claimants' | 'onClaimants'> {
  readonly bus: Pick<Bus, 'publish' | 'report' | 'renewLease'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  readonly lease: Lease
  /** Whether claims stand in the project: their users are looked after as long. */
  readonly hasClaims: (project: ProjectId) => boolean
}

/** How long the end of a process may wait for the bus. */
const END_MS = 1_000

/** Who is present, by project. Keeps nothing of sessions that do not show themselves. */
export class Presence {
  readonly #options: PresenceOptions
  readonly #process = newId()
  readonly #rolls = new Map<ProjectId, Roll>()
  /** Where each session shows itself. */
  readonly #places = new Map<string, Set<ProjectId>>()
  /** Processes whose lease has ended, as of the last renewal. */
  #gone: ReadonlySet<string> = new Set()
  #firstLease: Promise<void> | null = null
  #cancelRenewal: (() => void) | null = null
  #isEnded = false

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** Shows the session, until it is hidden; or shows it otherwise. @throws AppError `INVALID` for a state that is too large. */
  show(session: string, project: ProjectId, user: UserRef, state: Readonly<Record<string, unknown>>): void {
    assertState(state)
    if (this.#isEnded) return
    const { id, name } = user
    this.#roll(project).show(session, latestBody('presence', { user: { id, name }, state }))
    const places = this.#places.get(session)
    if (places) places.add(project)
    else this.#places.set(session, new Set([project]))
  }

  /** Sessions that show themselves. */
  get size(): number {
    return this.#places.size
  }

  isShown(session: string, project: ProjectId): boolean {
    return this.#rolls.get(project)?.has(session) ?? false
  }

  hide(session: string, project: ProjectId): void {
    const places = this.#places.get(session)
    if (!places?.delete(project)) return
    if (places.size === 0) this.#places.delete(session)
    this.#rolls.get(project)?.hide(session)
  }

  /** The session is over. */
  hideEverywhere(session: string): void {
    for (const project of this.#places.get(session) ?? []) this.hide(session, project)
  }

  /** What the bus says of the project; `all`: and nothing else. */
  hear(project: ProjectId, values: readonly BusLatest[], scope: 'all' | 'changed'): void {
    if (this.#isEnded) return
    if (!this.#rolls.has(project) && !values.some(({ key }) => isPresenceKey(key))) return
    this.#roll(project).hear(values, scope)
    this.#tidy(project)
  }

  /** The project is not heard any more, for nobody here has joined it. */
  unheard(project: ProjectId): void {
    const roll = this.#rolls.get(project)
    if (!roll) return
    for (const session of roll.sessions) this.hide(session, project)
    roll.unheard()
    this.#tidy(project)
  }

  /** The project is no more: nothing of it is told either. */
  forget(project: ProjectId): void {
    const roll = this.#rolls.get(project)
    for (const session of roll?.sessions ?? []) this.hide(session, project)
    roll?.drop()
    this.#rolls.delete(project)
  }

  /** Who holds claims in the project, or is here, has changed. */
  touch(project: ProjectId): void {
    if (!this.#isEnded) this.#roll(project).touch()
  }

  /** Tells and asks now which claimants are here. @throws AppError `BUS_UNAVAILABLE`; `DRAINING` after the end. */
  async ask(project: ProjectId): Promise<void> {
    if (this.#isEnded) throw new AppError('DRAINING')
    try {
      await this.#roll(project).exchange()
    } finally {
      this.#tidy(project)
    }
  }

  /** Everybody here goes, and the process with them. Waits a second at most. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.#cancelRenewal?.()
    this.#places.clear()
    const rolls = [...this.#rolls.values()]
    this.#rolls.clear()
    if (rolls.length === 0) return
    const told = Promise.all(rolls.map((roll) => roll.end()))
      .then(() => this.#options.bus.renewLease(this.#process, 0, []))
      .catch(() => undefined)
    let cancel = () => {}
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(END_MS, resolve)
    })
    await Promise.race([told, timeout])
    cancel()
  }

  #roll(project: ProjectId): Roll {
    const known = this.#rolls.get(project)
    if (known) return known
    const roll = new Roll({
      ...this.#options,
      project,
      process: this.#process,
      believed: () => this.#believed(),
      isGone: (process) => this.#gone.has(process),
      onTold: () => this.#tidy(project),
    })
    this.#rolls.set(project, roll)
    if (!this.#cancelRenewal) this.#renewLater()
    return roll
  }

  #tidy(project: ProjectId): void {
    if (this.#rolls.get(project)?.isEmpty && !this.#options.hasClaims(project)) this.#rolls.delete(project)
  }

  /** The first lease is taken when something is told for the first time, and renewed while something is looked after. */
  #believed(): Promise<void> {
    this.#firstLease ??= this.#renew().catch((error) => {
      this.#firstLease = null
      throw error
    })
    return this.#firstLease
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#options.clock.after(this.#options.lease.renewalMs, () => {
      this.#cancelRenewal = null
      if (this.#rolls.size === 0) {
        this.#firstLease = null
        return
      }
      this.#renewLater()
      // What could not be renewed is tried again the next time.
      this.#renew().catch(() => undefined)
    })
  }

  /** Renews the lease, and has cleared away what the dead have left. */
  async #renew(): Promise<void> {
    const others = new Set([...this.#rolls.values()].flatMap((roll) => roll.others))
    const { bus, lease } = this.#options
    const { wasAlive, gone } = await bus.renewLease(this.#process, lease.ttlMs, others)
    // Who has lost its own lease, by a Redis that was away or lost its data, judges nobody: the others may not have had the time either.
    this.#gone = wasAlive ? gone : new Set()
    for (const roll of this.#rolls.values()) {
      if (roll.others.some((process) => this.#gone.has(process))) roll.touch()
      else roll.retry()
    }
  }
}

/** @throws AppError `INVALID` for a state that is too large. */
export function assertState(state: Readonly<Record<string, unknown>>): void {
  if (Buffer.byteLength(JSON.stringify(state)) <= MAX_PRESENCE_STATE_BYTES) return
  throw new AppError('INVALID', { message: `state must be at most ${MAX_PRESENCE_STATE_BYTES} bytes of JSON` })
}
