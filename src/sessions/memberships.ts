import type { ProjectId } from '../ids.js'
import type { Role } from '../protocol/views.js'
import type { Principal } from './auth.js'
import type { Clock } from './clock.js'

export interface MembershipsOptions {
  /** The person's role in the project now; null without one or without such a project. */
  readonly ask: (principal: Principal, project: ProjectId) => Promise<Role | null>
  readonly clock: Clock
}

interface Answer {
  readonly principal: Principal
  readonly role: Promise<Role | null>
  readonly askedAt: number
}

/** An answer is asked for anew after this long, whatever was heard. */
const KEPT_MS = 60_000
/** People remembered per project. */
const MAX_PEOPLE = 20_000

/** Who may what, remembered for the projects whose news this process hears, which tell of every change. */
export class Memberships {
  readonly #options: MembershipsOptions
  readonly #projects = new Map<ProjectId, Map<string, Answer>>()

  constructor(options: MembershipsOptions) {
    this.#options = options
  }

  /** News of the project's members are heard from now on, so what is answered after this may be remembered. */
  hear(project: ProjectId): void {
    this.#projects.set(project, new Map())
  }

  /** News of the project may have been missed, or are not heard any more. */
  forgetProject(project: ProjectId): void {
    this.#projects.delete(project)
  }

  /** The person's role has changed. */
  forget(project: ProjectId, user: string): void {
    this.#projects.get(project)?.delete(user)
  }

  /** The person's role in the project; null without one or without such a project. @throws what asking throws. */
  role(principal: Principal, project: ProjectId): Promise<Role | null> {
    const { ask, clock } = this.#options
    const people = this.#projects.get(project)
    if (!people) return ask(principal, project)
    const known = people.get(principal.user.id)
    if (known && known.principal === principal && clock.now() - known.askedAt < KEPT_MS) return known.role
    const role = ask(principal, project)
    if (people.size >= MAX_PEOPLE) people.clear()
    people.set(principal.user.id, { principal, role, askedAt: clock.now() })
    role.catch(() => {
      if (people.get(principal.user.id)?.role === role) people.delete(principal.user.id)
    })
    return role
  }
}
