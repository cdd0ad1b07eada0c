import { AppError } from '../errors.js'
import { type ProjectId, parseId } from '../ids.js'
import type { Join } from '../protocol/messages.js'
import type { Attendance } from './attendance.js'
import type { Hub } from './hub.js'
import type { Memberships } from './memberships.js'
import { assertState } from './presence.js'
import type { Session } from './session.js'

export interface JoinsOptions {
  readonly hub: Pick<Hub, 'join' | 'leave'>
  readonly memberships: Pick<Memberships, 'role'>
  readonly attendance: Pick<Attendance, 'joined' | 'left'>
}

/** Brings sessions into projects and out of them, each project's joins and leaves of a session one after another. */
export class Joins {
  readonly #hub: JoinsOptions['hub']
  readonly #memberships: JoinsOptions['memberships']
  readonly #attendance: JoinsOptions['attendance']
  /** Joins under way that have asked what the person may do before something changed it. */
  readonly #doubted = new WeakMap<Session, Set<ProjectId>>()

  constructor({ hub, memberships, attendance }: JoinsOptions) {
    this.#hub = hub
    this.#memberships = memberships
    this.#attendance = attendance
  }

  /** Answers with `joined` or an error. */
  join(session: Session, join: Join): void {
    const project = parseId<ProjectId>(join.project)
    if (project === null) session.fail(new AppError('FORBIDDEN'), join.ref)
    else if (session.isFull(project)) session.fail(new AppError('TOO_MANY_PROJECTS'), join.ref)
    else session.inTurn(project, () => this.#join(session, project, join))
  }

  /** Answers with `left`, also when the project was not joined (J7). */
  leave(session: Session, ref: number, name: string): void {
    const project = parseId<ProjectId>(name)
    const leave = () => {
      if (project !== null) this.#leave(session, project)
      session.send({ type: 'left', ref, project: project ?? name, reason: 'left' })
    }
    if (project === null || !session.hasTurn(project)) leave()
    else session.inTurn(project, async () => leave())
  }

  /** Something may have changed what the person may do in the project: who may nothing any more is told and hears no more of it (C9). */
  judgeAgain(session: Session, project: ProjectId): void {
    if (!session.joinedProjects.has(project) && !session.hasTurn(project)) return
    // A join that is under way may have asked before the change, and what it waits for may take long: it asks once more before it lets in.
    const doubted = this.#doubted.get(session) ?? new Set()
    this.#doubted.set(session, doubted.add(project))
    session.inTurn(project, () => this.#judgeAgain(session, project))
  }

  async #join(session: Session, project: ProjectId, { ref, since, presence }: Join): Promise<void> {
    const { state } = session
    if (state.kind !== 'open') return
    // Whoever joins again hears nothing until the new `joined`, and has left when there is none (J6).
    this.#hub.leave(session, project)
    // The principal of then: it may have been refreshed meanwhile.
    const judge = async () => {
      this.#doubted.get(session)?.delete(project)
      return session.state.kind === 'open' ? this.#memberships.role(session.state.principal, project) : null
    }
    const isJudged = () => !this.#doubted.get(session)?.has(project)
    try {
      if (presence) assertState(presence)
      const outcome = await this.#hub.join(session, { project, ref, since: since ?? null, judge, isJudged })
      if (outcome === 'refused') throw new AppError('FORBIDDEN')
      if (outcome === 'joined') this.#attendance.joined(session, project, presence)
    } catch (error) {
      this.#attendance.left(session, project)
      session.fail(error, ref)
    }
  }

  async #judgeAgain(session: Session, project: ProjectId): Promise<void> {
    const { state } = session
    if (state.kind !== 'open' || !session.joinedProjects.has(project)) return
    const role = await this.#memberships.role(state.principal, project).catch(() => 'unknown' as const)
    // The socket may have ended, or the project, while we asked.
    if (!session.joinedProjects.has(project)) return
    if (role !== null && role !== 'unknown') return
    if (role === null) {
      this.#leave(session, project)
      session.send({ type: 'left', ref: null, project, reason: 'revoked' })
      return
    }
    // Nobody hears a project on the strength of what cannot be asked: the client joins again, and is judged then.
    this.#hub.leave(session, project)
    session.send({ type: 'rejoin', project, reason: 'gap' })
  }

  #leave(session: Session, project: ProjectId): void {
    this.#hub.leave(session, project)
    this.#attendance.left(session, project)
  }
}
