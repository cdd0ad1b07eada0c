import { type Grants, grantedRole, higherRole } from '../db/members.js'
import type { ProjectId } from '../ids.js'
import type { Role } from '../protocol/views.js'
import type { Principal } from './auth.js'

/** Stored roles by user id; null: no such project; `too-many` to be read at once. */
export type Roster = ReadonlyMap<string, Role> | 'too-many' | null

export interface MembershipsOptions {
  /** The stored roles of all its members now. Ten thousand who come back at once all ask: who answers remembers. */
  readonly roster: (project: ProjectId) => Promise<Roster>
  /** The person's role in a project that has too many; null without one or without such a project. */
  readonly membership: (principal: Grants, project: ProjectId) => Promise<Role | null>
}

/** Who may what: the higher of what is stored and what the credential grants. */
export class Memberships {
  readonly #options: MembershipsOptions

  constructor(options: MembershipsOptions) {
    this.#options = options
  }

  /** The person's role in the project; null without one or without such a project. @throws what asking throws. */
  async role(principal: Grants, project: ProjectId): Promise<Role | null> {
    const roster = await this.#options.roster(project)
    return roster && this.#roleOf(principal, project, roster)
  }

  /**
   * Whether the person may publish in the project: by the credential's permission for it, or as its admin. Nobody may in a project that does not
   * exist. @throws what asking throws.
   */
  async mayPublish(publisher: Grants & Pick<Principal, 'publish'>, project: ProjectId): Promise<boolean> {
    const roster = await this.#options.roster(project)
    if (roster === null) return false
    const { publish } = publisher
    return publish === '*' || publish.includes(project) || (await this.#roleOf(publisher, project, roster)) === 'admin'
  }

  async #roleOf(principal: Grants, project: ProjectId, roster: NonNullable<Roster>): Promise<Role | null> {
    if (roster === 'too-many') return this.#options.membership(principal, project)
    return higherRole(roster.get(principal.user.id) ?? null, grantedRole(principal, project))
  }
}
