import type { Bus, BusLatest } from '../bus/bus.js'
import { AppError } from '../errors.js'
import type { ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import { type Claim, claimKey, latestBody, TOMBSTONE_BODY } from '../protocol/events.js'
import { DEFAULT_CLAIM_TTL_MS, MAX_CLAIM_TTL_MS } from '../protocol/messages.js'
import { storedClaim } from '../protocol/schemas.js'
import type { UserRef } from '../protocol/views.js'
import type { Clock } from './clock.js'

export interface ClaimsOptions {
  readonly bus: Pick<Bus, 'publish' | 'storedLatest'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  /** Whether the user has a session in the project here. */
  readonly isHere: (user: string, project: ProjectId) => boolean
  /** The claimants of the project, or who of them is here, have changed. */
  readonly onChange: (project: ProjectId) => void
  /** Asks the other processes anew for their claimants, which come by {@link Claims.judge}. @throws AppError `BUS_UNAVAILABLE`. */
  readonly ask: (project: ProjectId) => Promise<void>
}

/** A claim that stands, as far as this process has heard. */
interface Standing {
  readonly claim: Claim
  readonly version: number
  /** Unix time in milliseconds when this process ends it. */
  readonly endsAt: number
  /** Since when its user has been seen nowhere, on the clock that only grows; null: somewhere. */
  absentSince: number | null
}

/** Claims of a project. */
interface Desk {
  readonly standing: Map<string, Standing>
  /** Claims that this process makes or has made. */
  readonly own: Map<string, { readonly user: string; readonly until: string }>
  /** The users here that the other processes can read of, and those that they are being told of. */
  told: readonly string[]
  telling: readonly string[]
  cancelTimer: (() => void) | null
  /** Whether the timer has gone off and what it found is being ended. */
  isEnding: boolean
}

/** A claim ends so long after its user's last session has left (R10). */
export const ABSENCE_MS = 10_000
/** The process that made a claim ends it; the others, when it has not. */
const OTHERS_WAIT_MS = 2_000
/** After a failure. */
const AGAIN_MS = 5_000
/** A claim that somebody else wrote may end in a thousand years, and no timer waits so long. */
const MAX_WAIT_MS = 60_000
/** Who loses the race for a claim looks again: mostly it is somebody else's then. */
const MAX_ATTEMPTS = 5

const TARGET = /^(match|record)\/[A-Za-z0-9._-]{1,128}$/
const PREFIX = claimKey('')

/**
 * Who is at work on what. The stored latest value is the claim: it is read, and changed only from the version that was read, so of two
 * processes one comes first. What is heard only says when to look.
 */
export class Claims {
  readonly #options: ClaimsOptions
  readonly #desks = new Map<ProjectId, Desk>()
  #isEnded = false

  constructor(options: ClaimsOptions) {
    this.#options = options
  }

  /**
   * Claims the target for the user, or holds its claim for longer. Until when.
   * @throws AppError `CLAIMED` by somebody else; `INVALID`; `BUS_UNAVAILABLE`; `CONFLICT` when very many want it at once.
   */
  async claim(project: ProjectId, user: UserRef, target: string, ttlMs = DEFAULT_CLAIM_TTL_MS): Promise<string> {
    const { clock } = this.#options
    const key = keyOf(target)
    if (ttlMs < 1 || ttlMs > MAX_CLAIM_TTL_MS) {
      throw new AppError('INVALID', { message: `ttlMs (${ttlMs}) must be 1 to ${MAX_CLAIM_TTL_MS}` })
    }
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { version, claim } = await this.#stored(project, key)
      if (claim && claim.user.id !== user.id) {
        throw new AppError('CLAIMED', { message: `${claim.user.name} is on it`, details: { ...claim } })
      }
      // Another tab may have asked for more time.
      const until = new Date(Math.max(clock.today() + ttlMs, claim ? Date.parse(claim.until) : 0)).toISOString()
      if (await this.#make(project, key, version + 1, { user: { id: user.id, name: user.name }, until })) return until
    }
    throw new AppError('CONFLICT')
  }

  /** Ends the user's claim on the target; somebody else's, or none, stays as it is. @throws AppError `INVALID`, `BUS_UNAVAILABLE`. */
  async release(project: ProjectId, user: UserRef, target: string): Promise<void> {
    const key = keyOf(target)
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { version, claim } = await this.#stored(project, key)
      if (claim?.user.id !== user.id) return
      if (await this.#clear(project, key, version)) return
    }
    throw new AppError('CONFLICT')
  }

  /** What the bus says of the project; `all`: and nothing else. */
  hear(project: ProjectId, values: readonly BusLatest[], scope: 'all' | 'changed'): void {
    const known = this.#desks.get(project)
    if (!known && !values.some(({ key }) => key.startsWith(PREFIX))) return
    const { standing, own } = known ?? this.#desk(project)
    const before = new Map(scope === 'all' ? standing : [])
    if (scope === 'all') {
      standing.clear()
      for (const key of own.keys()) if (!values.some((value) => value.key === key)) own.delete(key)
    }
    let isChanged = before.size > 0
    for (const { key, version, body } of values) {
      if (!key.startsWith(PREFIX)) continue
      const last = standing.get(key) ?? before.get(key)
      const claim = body === TOMBSTONE_BODY ? null : storedClaim(body)
      isChanged ||= claim?.user.id !== last?.claim.user.id
      if (claim) {
        const endsAt = Date.parse(claim.until) + (own.get(key)?.until === claim.until ? 0 : OTHERS_WAIT_MS)
        standing.set(key, { claim, version, endsAt, absentSince: last?.version === version ? last.absentSince : null })
      } else {
        standing.delete(key)
        own.delete(key)
      }
    }
    this.#watch(project)
    if (isChanged) this.#options.onChange(project)
  }

  /** Whether there are any in the project. */
  stand(project: ProjectId): boolean {
    return (this.#desks.get(project)?.standing.size ?? 0) > 0
  }

  /** Users with a claim in the project who are here. */
  claimants(project: ProjectId): readonly string[] {
    const desk = this.#desks.get(project)
    if (!desk) return []
    const users = new Set([...desk.own.values()].map(({ user }) => user))
    for (const { claim } of desk.standing.values()) users.add(claim.user.id)
    desk.telling = [...users].filter((user) => this.#options.isHere(user, project))
    return desk.telling
  }

  /** The others have been told, and say themselves: these claimants are there. */
  judge(project: ProjectId, users: ReadonlySet<string>): void {
    const { clock, isHere } = this.#options
    const desk = this.#desks.get(project)
    if (!desk) return
    desk.told = desk.telling
    for (const one of desk.standing.values()) {
      const { id } = one.claim.user
      if (users.has(id) || isHere(id, project)) one.absentSince = null
      else one.absentSince ??= clock.now()
    }
    this.#watch(project)
  }

  /** A session of the user has come to the project, or has left it. */
  moved(project: ProjectId, user: string): void {
    const { clock, isHere, onChange, ask } = this.#options
    const desk = this.#desks.get(project)
    if (!desk) return
    const mine = [...desk.standing.values()].filter(({ claim }) => claim.user.id === user)
    if (mine.length === 0) return
    const absentSince = isHere(user, project) ? null : clock.now()
    for (const one of mine) one.absentSince = absentSince === null ? null : (one.absentSince ?? absentSince)
    this.#watch(project)
    // Where the user was before, somebody may be about to end it.
    if (absentSince === null) ask(project).catch(() => onChange(project))
    else onChange(project)
  }

  /** Nobody here has joined the project any more: what was made here and who left from here is looked after all the same. */
  unheard(project: ProjectId): void {
    const desk = this.#desks.get(project)
    if (!desk) return
    for (const [key, { absentSince }] of desk.standing) if (absentSince === null && !desk.own.has(key)) desk.standing.delete(key)
    this.#watch(project)
  }

  /** The project is no more. */
  forget(project: ProjectId): void {
    this.#desks.get(project)?.cancelTimer?.()
    this.#desks.delete(project)
  }

  /** Nothing is looked after any more: what stands, others end. */
  end(): void {
    this.#isEnded = true
    for (const project of this.#desks.keys()) this.forget(project)
  }

  /** What stands in the store: the claim, when there is one and it has not ended, and the version to go on from. */
  async #stored(project: ProjectId, key: string): Promise<{ readonly version: number; readonly claim: Claim | null }> {
    const { bus, clock } = this.#options
    const stored = await bus.storedLatest(project, key)
    const claim = stored && stored.body !== TOMBSTONE_BODY ? storedClaim(stored.body) : null
    const isOver = claim === null || Date.parse(claim.until) <= clock.today()
    return { version: stored?.version ?? 0, claim: isOver ? null : claim }
  }

  /** Whether it was made; not when there is that version already. */
  async #make(project: ProjectId, key: string, version: number, claim: Claim): Promise<boolean> {
    const { bus, ask } = this.#options
    const desk = this.#desk(project)
    const making = { user: claim.user.id, until: claim.until }
    desk.own.set(key, making)
    let isMade = false
    try {
      // Before anybody hears of the claim: else its user would seem to be nowhere.
      if (!desk.told.includes(claim.user.id)) await ask(project)
      const item = { kind: 'latest', type: 'claim', key, version, body: latestBody('claim', claim) } as const
      const { results } = await bus.publish(project, [item])
      isMade = results[0]?.kind === 'versioned'
    } finally {
      if (!isMade && desk.own.get(key) === making) desk.own.delete(key)
      // Heard or not, whoever made it ends it.
      if (isMade && (desk.standing.get(key)?.version ?? 0) < version) {
        desk.standing.set(key, { claim, version, endsAt: Date.parse(claim.until), absentSince: null })
      }
      this.#watch(project)
    }
    return isMade
  }

  /** Whether it was ended; not when it has changed since that version. */
  async #clear(project: ProjectId, key: string, version: number): Promise<boolean> {
    const item = { kind: 'latest', type: 'claim', key, version: version + 1, body: TOMBSTONE_BODY } as const
    const { results } = await this.#options.bus.publish(project, [item])
    return results[0]?.kind === 'versioned'
  }

  #desk(project: ProjectId): Desk {
    const known = this.#desks.get(project)
    if (known) return known
    const desk: Desk = { standing: new Map(), own: new Map(), told: [], telling: [], cancelTimer: null, isEnding: false }
    if (!this.#isEnded) this.#desks.set(project, desk)
    return desk
  }

  /** Looks again when the next claim ends. Also while nobody here hears the project any more: somebody has to end it. */
  #watch(project: ProjectId, waitMs = 0): void {
    const desk = this.#desks.get(project)
    if (!desk || desk.isEnding) return
    const { clock } = this.#options
    desk.cancelTimer?.()
    desk.cancelTimer = null
    if (desk.standing.size === 0) {
      if (desk.own.size === 0) this.#desks.delete(project)
      return
    }
    let dueMs = MAX_WAIT_MS
    for (const one of desk.standing.values()) dueMs = Math.min(dueMs, this.#leftMs(one))
    desk.cancelTimer = clock.after(Math.max(dueMs, waitMs), () => void this.#endSome(project, desk))
  }

  #leftMs({ endsAt, absentSince }: Standing): number {
    const { clock } = this.#options
    const left = endsAt - clock.today()
    return absentSince === null ? left : Math.min(left, absentSince + ABSENCE_MS - clock.now())
  }

  /** Never rejects: what fails is tried again. */
  async #endSome(project: ProjectId, desk: Desk): Promise<void> {
    desk.cancelTimer = null
    desk.isEnding = true
    const { clock, log, ask, onChange } = this.#options
    const due = () => [...desk.standing].filter(([, one]) => this.#leftMs(one) <= 0)
    let waitMs = 0
    try {
      // Who left here may have come elsewhere.
      if (due().some(([, { endsAt }]) => endsAt > clock.today())) await ask(project)
      for (const [key, one] of due()) {
        // Refused: it has changed, and that is heard, or will be.
        await this.#clear(project, key, one.version)
        if (desk.standing.get(key) !== one) continue
        desk.standing.delete(key)
        desk.own.delete(key)
      }
      onChange(project)
    } catch (error) {
      log.warn({ err: error, project }, 'a claim cannot be ended; it is tried again')
      waitMs = AGAIN_MS
    }
    desk.isEnding = false
    if (this.#desks.get(project) === desk) this.#watch(project, waitMs)
  }
}

/** @throws AppError `INVALID` for what cannot be claimed. */
function keyOf(target: string): string {
  if (!TARGET.test(target)) throw new AppError('INVALID', { message: 'target must be match/<id> or record/<id>' })
  return claimKey(target)
}
