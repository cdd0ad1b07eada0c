import { AppError } from '../errors.js'
import { newId, type ProjectId, parseId } from '../ids.js'
import type { ProjectView, Role, UserRef } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'
import { type Grants, grantedRole, higherRole, insertMember } from './members.js'
import { type Actor, appendOutbox } from './outbox.js'
import { recordRevocation } from './revocations.js'

/** What {@link listProjects} shows: the project and what the asking person may do in it. */
export interface ListedProject {
  readonly project: ProjectView
  readonly role: Role
}

/** The projects in which the person has a role, stored or granted by the token, oldest first. `after`: the last id of the page before. */
export async function listProjects(
  db: Db,
  principal: Grants,
  page: { readonly limit: number; readonly after?: string | null },
): Promise<ListedProject[]> {
  const seesAll = principal.admin || principal.projects['*'] !== undefined
  const granted = Object.keys(principal.projects).flatMap((id) => parseId<ProjectId>(id) ?? [])
  // From what is somebody's own, never by looking at every project there is.
  const mine = Prisma.sql`p.id in (
    select project_id from members where user_id = ${principal.user.id} union all select unnest(${granted}::uuid[])
  )`
  const rows = await db.$queryRaw<(ProjectRow & { readonly role: Role | null })[]>`
    select p.id::text, p.name, p.currency, p.settings, p.created_at as "createdAt", p.version, m.role
    from projects p left join members m on m.project_id = p.id and m.user_id = ${principal.user.id}
    where ${seesAll ? Prisma.sql`true` : mine}
      ${page.after ? Prisma.sql`and p.id > ${page.after}::uuid` : Prisma.empty}
    order by p.id limit ${page.limit}`
  return rows.flatMap(({ role: stored, ...row }) => {
    const role = higherRole(stored, grantedRole(principal, row.id))
    return role === null ? [] : [{ project: projectView(row), role }]
  })
}

/** The project, or null. */
export async function getProject(db: Db | Tx, project: ProjectId): Promise<ProjectView | null> {
  const row = await db.project.findUnique({ where: { id: project } })
  return row && projectView(row)
}

/** The newest projects, newest first. */
export async function findNewestProjects(db: Db, limit: number): Promise<ProjectId[]> {
  const rows = await db.project.findMany({ select: { id: true }, orderBy: { id: 'desc' }, take: limit })
  // Ids of rows that are stored.
  return rows.map(({ id }) => id as ProjectId)
}

export async function hasProjects(db: Db): Promise<boolean> {
  return (await db.project.findFirst({ select: { id: true } })) !== null
}

/** The newest project whose settings hold this text under this name. */
export async function findProjectBySetting(db: Db, name: string, value: string): Promise<ProjectView | null> {
  const row = await db.project.findFirst({ where: { settings: { path: [name], equals: value } }, orderBy: { id: 'desc' } })
  return row && projectView(row)
}

/** Makes a project whose admin is its maker. */
export async function createProject(
  db: Db,
  input: { readonly name: string; readonly currency: string | null; readonly settings: Readonly<Record<string, unknown>> },
  maker: UserRef,
): Promise<ProjectView> {
  return db.$transaction(async (tx) => {
    const row = await tx.project.create({ data: { id: newId(), name: input.name, currency: input.currency } })
    await writeSettings(tx, row.id, input.settings)
    await insertMember(tx, { project: row.id, user: maker, role: 'admin' })
    return projectView({ ...row, settings: input.settings })
  })
}

/**
 * Changes name or settings and tells the project.
 * @throws AppError `CONFLICT` with `current: ProjectView` when `version` is not the stored one.
 */
export async function updateProject(
  db: Db,
  project: ProjectId,
  change: {
    readonly version: number
    readonly name?: string | undefined
    readonly settings?: Readonly<Record<string, unknown>> | undefined
  },
  actor: Actor,
): Promise<ProjectView> {
  return db.$transaction(async (tx) => {
    const changed = await tx.project.updateMany({
      where: { id: project, version: change.version },
      data: {
        version: { increment: 1 },
        ...(change.name === undefined ? {} : { name: change.name }),
      },
    })
    if (changed.count > 0 && change.settings !== undefined) await writeSettings(tx, project, change.settings)
    const view = await getProject(tx, project)
    if (view === null) throw new AppError('FORBIDDEN')
    if (changed.count === 0) throw new AppError('CONFLICT', { details: { current: view } })
    await appendOutbox(tx, project, [{ type: 'project.changed', actor: actor.id, trace: actor.requestId, data: { project: view } }])
    return view
  })
}

/**
 * Deletes the project with everything in it.
 * @throws AppError `INVALID` when `name` is not its name: who deletes has to say what.
 */
export async function deleteProject(db: Db, project: ProjectId, name: string): Promise<void> {
  await db.$transaction(async (tx) => {
    const deleted = await tx.project.deleteMany({ where: { id: project, name } })
    if (deleted.count === 0) throw new AppError('INVALID', { problems: [{ path: 'name', message: 'is not the name of this project' }] })
    await recordRevocation(tx, { kind: 'project', project })
  })
}

/** As text: Prisma 7.10 writes numbers in Json with 16 digits at most, and 0.1 + 0.2 would come back as 0.3. */
async function writeSettings(tx: Tx, project: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  await tx.$executeRaw`update projects set settings = ${JSON.stringify(settings)}::jsonb where id = ${project}::uuid`
}

interface ProjectRow {
  readonly id: string
  readonly name: string
  readonly currency: string | null
  readonly settings: unknown
  readonly createdAt: Date
  readonly version: number
}

function projectView({ id, name, currency, settings, createdAt, version }: ProjectRow): ProjectView {
  // The column is written only from objects.
  return { id, name, currency, settings: settings as Record<string, unknown>, createdAt: createdAt.toISOString(), version }
}
