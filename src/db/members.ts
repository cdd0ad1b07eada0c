import { AppError } from '../errors.js'
import type { ProjectId, UserId } from '../ids.js'
import { type MemberView, ROLES, type Role, type UserRef } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'
import { type Actor, appendOutbox } from './outbox.js'
import { recordRevocation } from './revocations.js'
import { ensureUser } from './users.js'

/** The part of a principal that decides about roles: who it is and what the token grants beside stored memberships. */
export interface Grants {
  readonly user: UserRef
  /** May create projects and is `admin` in all of them. */
  readonly admin: boolean
  /** By project id; `*` is every project. */
  readonly projects: Readonly<Record<string, Role>>
}

/** The stored role of one person; null without one or without such a project. */
export async function roleOfUser(db: Db, project: ProjectId, user: string): Promise<Role | null> {
  const [row] = await db.$queryRaw<{ role: Role }[]>`select role from members where project_id = ${project}::uuid and user_id = ${user}`
  return row?.role ?? null
}

/**
 * The stored roles of the project by user id; null when there is no such project, `too-many` when it has more than `limit` members.
 */
export async function readRoster(db: Db, project: ProjectId, limit: number): Promise<ReadonlyMap<string, Role> | 'too-many' | null> {
  // A project without members is a row of its own.
  const rows = await db.$queryRaw<{ id: string | null; role: Role }[]>`
    select m.user_id as id, m.role from projects p left join members m on m.project_id = p.id where p.id = ${project}::uuid limit ${limit + 1}`
  if (rows.length === 0) return null
  if (rows.length > limit) return 'too-many'
  return new Map(rows.flatMap(({ id, role }) => (id === null ? [] : [[id, role]])))
}

/** The role that the token alone gives in the project. */
export function grantedRole(principal: Grants, project: string): Role | null {
  if (principal.admin) return 'admin'
  return higherRole(principal.projects[project] ?? null, principal.projects['*'] ?? null)
}

/** The role that may more. */
export function higherRole(one: Role | null, other: Role | null): Role | null {
  if (one === null || other === null) return one ?? other
  return ROLES.indexOf(one) >= ROLES.indexOf(other) ? one : other
}

/** Whether `role` may do what `needed` may. */
export function hasRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}

/** The project's members by user id. `after`: the last user id of the page before. */
export function listMembers(
  db: Db,
  project: ProjectId,
  page: { readonly limit: number; readonly after?: string | null },
): Promise<MemberView[]> {
  const after = page.after ? Prisma.sql`and m.user_id > ${page.after}` : Prisma.empty
  return queryMembers(db, Prisma.sql`m.project_id = ${project}::uuid ${after} order by m.user_id limit ${page.limit}`)
}

/** Gives the person a role, also one whom the database does not know yet, and tells the project. The same role again tells nobody. */
export async function putMember(
  db: Db,
  project: ProjectId,
  member: { readonly user: UserId; readonly name: string | null; readonly role: Role },
  actor: Actor,
): Promise<MemberView> {
  return db.$transaction(async (tx) => {
    const version = await lockForMembers(tx, project)
    const before = await findMember(tx, project, member.user)
    if (before?.role === member.role) return before
    // Only the person's own credential renames somebody whom the database knows.
    await tx.$executeRaw`insert into users (id, name) values (${member.user}, ${member.name ?? member.user}) on conflict do nothing`
    await tx.$executeRaw`
      insert into members (project_id, user_id, role, version) values (${project}::uuid, ${member.user}, ${member.role}, ${version})
      on conflict (project_id, user_id) do update set role = excluded.role, version = excluded.version`
    const view = await findMember(tx, project, member.user)
    await recordRevocation(tx, { kind: 'member', project, user: member.user })
    await appendOutbox(tx, project, [{ type: 'member.changed', actor: actor.id, trace: actor.requestId, data: { member: view } }])
    return view!
  })
}

/**
 * Takes the person's role away and tells the project.
 * @throws AppError `NOT_FOUND` when there is no such member.
 */
export async function removeMember(db: Db, project: ProjectId, user: UserId, actor: Actor): Promise<MemberView> {
  return db.$transaction(async (tx) => {
    const version = await lockForMembers(tx, project)
    const before = await findMember(tx, project, user)
    if (before === null) throw new AppError('NOT_FOUND', { message: 'no such member' })
    await tx.member.delete({ where: { projectId_userId: { projectId: project, userId: user } } })
    const view: MemberView = { ...before, role: null, version }
    await recordRevocation(tx, { kind: 'member', project, user })
    await appendOutbox(tx, project, [{ type: 'member.changed', actor: actor.id, trace: actor.requestId, data: { member: view } }])
    return view
  })
}

/** Adds a member of a project made in the same transaction: nobody has it open yet, so nobody is told. */
export async function insertMember(
  tx: Tx,
  member: { readonly project: string; readonly user: UserRef; readonly role: Role },
): Promise<void> {
  await ensureUser(tx, member.user)
  await tx.member.create({ data: { projectId: member.project, userId: member.user.id, role: member.role } })
}

/**
 * The version of the member that this transaction writes: one more than the project's outbox number, which every change of a member
 * raises. So it grows even from a removal to a return, though the row between them is gone.
 */
async function lockForMembers(tx: Tx, project: ProjectId): Promise<number> {
  const [row] = await tx.$queryRaw<{ version: number }[]>`
    select (outbox_no + 2)::int as version from projects where id = ${project}::uuid for no key update`
  if (row === undefined) throw new AppError('FORBIDDEN')
  return row.version
}

async function findMember(tx: Tx, project: ProjectId, user: string): Promise<MemberView | null> {
  const [view] = await queryMembers(tx, Prisma.sql`m.project_id = ${project}::uuid and m.user_id = ${user}`)
  return view ?? null
}

async function queryMembers(db: Db | Tx, where: Prisma.Sql): Promise<MemberView[]> {
  const rows = await db.$queryRaw<{ project: string; id: string; name: string; role: Role; version: number }[]>`
    select m.project_id::text as project, u.id, u.name, m.role, m.version from members m join users u on u.id = m.user_id where ${where}`
  return rows.map(({ project, id, name, role, version }) => ({ project, user: { id, name }, role, version }))
}
