import { grantedRole, higherRole } from '../db/members.js'
import type { ProjectId } from '../ids.js'
import type { Role } from '../protocol/views.js'
import type { Principal } from './auth.js'
import type { Clock } from './clock.js'

/** Stored roles by user id; null: no such project; `too-many` to be read at once. */
export type Roster = ReadonlyMap<string, Role> | 'too-many' | null

export interface MembershipsOptions {
  /** The person's role in the project now; null without one or without such a project. */
  readonly membership: (principal: Principal, project: ProjectId) => Promise<Role | null>
  /** The stored roles of all its members now. */
  readonly roster: (project: ProjectId) => Promise<Roster>
  readonly clock: Clock
}

/** What is known of a project whose news are heard. */
interface Heard {
  roster: Promise<Roster> | null
  readAt: number
  /** Answers about people of whom the roster does not tell: whose role has changed since it was read, or all when it is too long. */
  readonly people: Map<string, { readonly principal: Principal; readonly role: Promise<Role | null> }>
  readonly changed: Set<string>
}

/** A roster is read anew after this long, whatever was heard. */
const KEPT_MS = 60_000
/** Answers about single people that are remembered per project. */
const MAX_PEOPLE = 20_000

/**
 * Who may what. While the news of a project are heard, which tell of every change, one reading of its roster answers for everybody: ten
 * thousand who come back at once cost one query.
 */
export class Memberships {
  readonly #options: MembershipsOptions
  readonly #projects = new Map<ProjectId, Heard>()

  constructor(options: MembershipsOptions) {
    this.#options = options
  }

  /** News of the project's members are heard from now on, so what is answered after this may be remembered. */
  hear(project: ProjectId): void {
    this.#projects.set(project, { roster: null, readAt: 0, people: new Map(), changed: new Set() })
  }

  /** News of the project may have been missed, or are not heard any more. */
  forgetProject(project: ProjectId): void {
    this.#projects.delete(project)
  }

  /** The person's role has changed. */
  forget(project: ProjectId, user: string): void {
    const heard = this.#projects.get(project)
    heard?.people.delete(user)
    heard?.changed.add(user)
  }

  /** The person's role in the project; null without one or without such a project. @throws what asking throws. */
  async role(principal: Principal, project: ProjectId): Promise<Role | null> {
    const heard = this.#projects.get(project)
    if (!heard) return this.#options.membership(principal, project)
    const roster = await this.#rosterOf(project, heard)
    if (roster === null) return null
    const { id } = principal.user
    // Looked at after the roster has come: the change may be newer.
    if (roster === 'too-many' || heard.changed.has(id)) return this.#ask(principal, project, heard)
    return higherRole(roster.get(id) ?? null, grantedRole(principal, project))
  }

  #rosterOf(project: ProjectId, heard: Heard): Promise<Roster> {
    const now = this.#options.clock.now()
    if (heard.roster && now - heard.readAt < KEPT_MS) return heard.roster
    heard.changed.clear()
    heard.people.clear()
    const roster = this.#options.roster(project)
    heard.roster = roster
    heard.readAt = now
    roster.catch(() => {
      if (heard.roster === roster) heard.roster = null
    })
    return roster
  }

  #ask(principal: Principal, project: ProjectId, { people }: Heard): Promise<Role | null> {
    const { id } = principal.user
    const known = people.get(id)
    if (known?.principal === principal) return known.role
    const role = this.#options.membership(principal, project)
    if (people.size >= MAX_PEOPLE) people.clear()
    people.set(id, { principal, role })
    role.catch(() => {
      if (people.get(id)?.role === role) people.delete(id)
    })
    return role
  }
}
