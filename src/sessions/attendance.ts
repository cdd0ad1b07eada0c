import type { Bus, BusLatest } from '../bus/bus.js'
import { hasRole } from '../db/members.js'
import { AppError } from '../errors.js'
import { type ProjectId, parseId } from '../ids.js'
import type { Log } from '../log.js'
import type { ClaimMessage, PresenceMessage, ReleaseMessage } from '../protocol/messages.js'
import type { Principal } from './auth.js'
import { Claims } from './claims.js'
import type { Clock } from './clock.js'
import type { Memberships } from './memberships.js'
import { type Lease, Presence } from './presence.js'
import type { Session } from './session.js'
import type { UserSessions } from './user-sessions.js'

export interface AttendanceOptions {
  readonly bus: Pick<Bus, 'publish' | 'report' | 'renewLease' | 'storedLatest'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  readonly lease: Lease
  readonly memberships: Pick<Memberships, 'role'>
  readonly users: Pick<UserSessions, 'of'>
}

/** What sessions say of themselves in the projects that they have joined: that they are there, and what they are at work on. */
export class Attendance {
  readonly #memberships: AttendanceOptions['memberships']
  readonly #presence: Presence
  readonly #claims: Claims

  constructor({ memberships, users, ...options }: AttendanceOptions) {
    this.#memberships = memberships
    this.#presence = new Presence({
      ...options,
      hasClaims: (project) => this.#claims.stand(project),
      claimants: (project) => this.#claims.claimants(project),
      onClaimants: (project, others) => this.#claims.judge(project, others),
    })
    this.#claims = new Claims({
      ...options,
      isHere: (user, project) => [...users.of(user)].some((session) => session.joinedProjects.has(project)),
      onChange: (project) => this.#presence.touch(project),
      ask: (project) => this.#presence.ask(project),
    })
  }

  /** Sessions of this process that show themselves. */
  get shown(): number {
    return this.#presence.size
  }

  /** Shows the session in the project, after a join that is under way. Answers only what cannot be. */
  present(session: Session, { project: name, state }: PresenceMessage): void {
    const project = parseId<ProjectId>(name)
    const show = () => {
      if (session.state.kind !== 'open') return
      try {
        // Who was shown and has to join again stays so meanwhile.
        const isThere = project !== null && (session.joinedProjects.has(project) || this.#presence.isShown(session.id, project))
        if (!isThere) throw new AppError('NOT_JOINED')
        this.#presence.show(session.id, project, session.state.principal.user, state)
      } catch (error) {
        session.fail(error, null)
      }
    }
    if (project !== null && session.hasTurn(project)) session.inTurn(project, async () => show())
    else show()
  }

  claim(session: Session, { ref, project, target, ttlMs }: ClaimMessage): void {
    this.#inProject(session, ref, project, async (id, principal) => {
      const role = await this.#memberships.role(principal, id)
      if (role === null || !hasRole(role, 'analyst')) throw new AppError('FORBIDDEN', { message: 'claiming needs the role analyst' })
      const until = await this.#claims.claim(id, principal.user, target, ttlMs)
      session.send({ type: 'claimed', ref, project: id, target, until })
    })
  }

  release(session: Session, { ref, project, target }: ReleaseMessage): void {
    this.#inProject(session, ref, project, async (id, { user }) => {
      await this.#claims.release(id, user, target)
      session.send({ type: 'ack', ref })
    })
  }

  /** The session has joined the project, showing itself or not. A state is not too large: its join was refused. */
  joined(session: Session, project: ProjectId, state: Readonly<Record<string, unknown>> | undefined): void {
    if (session.state.kind !== 'open' || !session.joinedProjects.has(project)) return
    const { user } = session.state.principal
    if (state) this.#presence.show(session.id, project, user, state)
    this.#claims.moved(project, user.id)
  }

  /** The session has left the project for good, not to join it again at once. */
  left(session: Session, project: ProjectId): void {
    this.#presence.hide(session.id, project)
    if (session.state.kind === 'open') this.#claims.moved(project, session.state.principal.user.id)
  }

  /** The session of the user is over; these it had joined. */
  closed(session: Session, user: string, projects: Iterable<ProjectId>): void {
    this.#presence.hideEverywhere(session.id)
    for (const project of projects) this.#claims.moved(project, user)
  }

  /** What the bus says of the project; `all`: and nothing else. */
  hear(project: ProjectId, latest: readonly BusLatest[], scope: 'all' | 'changed'): void {
    this.#presence.hear(project, latest, scope)
    this.#claims.hear(project, latest, scope)
  }

  /** The project is not heard any more, for nobody here has joined it. */
  unheard(project: ProjectId): void {
    this.#claims.unheard(project)
    this.#presence.unheard(project)
  }

  /** The project is no more. */
  forget(project: ProjectId): void {
    this.#presence.forget(project)
    this.#claims.forget(project)
  }

  /** All sessions of the process go. */
  async end(): Promise<void> {
    this.#claims.end()
    await this.#presence.end()
  }

  /** After a join that is under way, and after the session's claims before. `act` answers. */
  #inProject(session: Session, ref: number, name: string, act: (project: ProjectId, principal: Principal) => Promise<void>): void {
    const project = parseId<ProjectId>(name)
    if (project === null || !(session.joinedProjects.has(project) || session.hasTurn(project))) {
      session.fail(new AppError('NOT_JOINED'), ref)
      return
    }
    session.inTurn(project, async () => {
      const { state } = session
      if (state.kind !== 'open') return
      try {
        if (!session.joinedProjects.has(project)) throw new AppError('NOT_JOINED')
        await act(project, state.principal)
      } catch (error) {
        session.fail(error, ref)
      }
    })
  }
}
