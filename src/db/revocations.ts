import { newId, type ProjectId } from '../ids.js'
import type { Db, Tx } from './client.js'

/** Something that live sessions of every process must be judged by again. */
export type Revocation =
  /** The person's role in the project has changed. */
  | { readonly kind: 'member'; readonly project: ProjectId; readonly user: string }
  /** A session of the dashboard has ended. */
  | { readonly kind: 'credential'; readonly credential: string }
  /** It was deleted. */
  | { readonly kind: 'project'; readonly project: ProjectId }

/** What was revoked lately. */
export interface RevocationsReading {
  /** When it was read, by the clock of the database: where the next reading begins. */
  readonly until: Date
  /** Some of them may have been in the reading before. */
  readonly revocations: readonly (Revocation & { readonly id: string })[]
}

/** A transaction may commit this long after it has written its row: readings overlap by as much. */
const OVERLAP_SECONDS = 60
/** A process that could not ask for longer has none of its sessions any more: their connections are younger. */
const KEEP_HOURS = 24

/** Books it in the transaction that revokes. */
export async function recordRevocation(tx: Db | Tx, revocation: Revocation): Promise<void> {
  const project = 'project' in revocation ? revocation.project : null
  const subject = revocation.kind === 'member' ? revocation.user : revocation.kind === 'credential' ? revocation.credential : null
  await tx.$executeRaw`
    insert into revocations (id, kind, project_id, subject) values (${newId()}::uuid, ${revocation.kind}, ${project}::uuid, ${subject})`
}

/** What was revoked since a reading; null: lately. */
export async function readRevocations(db: Db, since: Date | null): Promise<RevocationsReading> {
  // One row even when nothing was revoked: it has the time.
  const rows = await db.$queryRaw<{ until: Date; id: string | null; kind: Revocation['kind']; project: ProjectId; subject: string }[]>`
    select now() as until, r.id::text as id, r.kind, r.project_id::text as project, r.subject from (select 1) as one left join revocations r
    on r.created_at > coalesce(${since}::timestamptz, now()) - make_interval(secs => ${OVERLAP_SECONDS}::int)`
  const revocations = rows.flatMap(({ id, kind, project, subject }) => {
    if (id === null) return []
    if (kind === 'member') return { id, kind, project, user: subject }
    return kind === 'credential' ? { id, kind, credential: subject } : { id, kind, project }
  })
  return { until: rows[0]?.until ?? new Date(0), revocations }
}

/** Deletes what everybody knows. */
export async function sweepRevocations(db: Db): Promise<void> {
  await db.$executeRaw`delete from revocations where created_at < now() - make_interval(hours => ${KEEP_HOURS}::int)`
}
