import { AppError } from '../errors.js'
import { newId, type ProjectId } from '../ids.js'
import type { UserRef } from '../protocol/views.js'
import type { Db, Tx } from './client.js'

/** Who does something, and by which request. */
export interface Actor extends UserRef {
  readonly requestId?: string
}

/** News about a stored fact. */
export interface News {
  /** `job.completed`, `match.decided`, … (PROTOCOL §6). */
  readonly type: string
  /** The user who did it; null for the engine's own. */
  readonly actor: string | null
  readonly data: object
  /** Id of the request that caused it (HTTP.md "On every answer"). */
  readonly trace?: string | null | undefined
  /** Latest value that ends in the same bus message, with the version of its last state. */
  readonly clears?: { readonly key: string; readonly version: number }
}

export interface OutboxRow {
  readonly no: bigint
  readonly eventId: string
  readonly type: string
  /** `{"actor":…,"data":…}`, `"trace"` too when there is one, encoded once. */
  readonly body: string
  readonly clearsKey: string | null
  readonly clearsVersion: number | null
}

/** How long published rows stay: after a rewind of Redis they go out again (B4). */
const KEEP_HOURS = 24

/**
 * Books the news in the transaction of their fact. Call it **last**: it takes the project's row lock, and that lock makes the
 * numbers follow the order of commits (B4).
 * @throws AppError `FORBIDDEN` when the project is gone.
 */
export async function appendOutbox(tx: Tx, project: ProjectId, news: readonly News[]): Promise<void> {
  if (news.length === 0) return
  const ids = news.map(() => newId())
  const types = news.map((item) => item.type)
  const bodies = news.map(({ actor, data, trace }) => JSON.stringify(trace == null ? { actor, data } : { actor, data, trace }))
  const keys = news.map((item) => item.clears?.key ?? null)
  const versions = news.map((item) => item.clears?.version ?? null)
  const count = await tx.$executeRaw`
    with moved as (update projects set outbox_no = outbox_no + ${news.length} where id = ${project}::uuid returning outbox_no)
    insert into outbox (project_id, no, event_id, type, body, clears_key, clears_version)
    select ${project}::uuid, moved.outbox_no - ${news.length} + item.position, item.id, item.type, item.body, item.key, item.version
    from moved, unnest(${ids}::uuid[], ${types}::text[], ${bodies}::text[], ${keys}::text[], ${versions}::int[])
      with ordinality as item (id, type, body, key, version, position)`
  if (count === 0) throw new AppError('FORBIDDEN')
}

/** Projects with unpublished news. */
export async function findPendingProjects(db: Db, limit: number): Promise<ProjectId[]> {
  const rows = await db.$queryRaw<{ id: ProjectId }[]>`
    select distinct project_id::text as id from outbox where published_at is null limit ${limit}`
  return rows.map((row) => row.id)
}

/** The project's unpublished news in order of commit. */
export function readPendingOutbox(db: Db, project: ProjectId, limit: number): Promise<OutboxRow[]> {
  return db.$queryRaw<OutboxRow[]>`
    select no, event_id::text as "eventId", type, body, clears_key as "clearsKey", clears_version as "clearsVersion" from outbox
    where project_id = ${project}::uuid and published_at is null order by no limit ${limit}`
}

/** Books everything up to `no` as published. */
export async function markOutboxPublished(db: Db, project: ProjectId, no: bigint): Promise<void> {
  await db.$executeRaw`
    update outbox set published_at = now() where project_id = ${project}::uuid and no <= ${no} and published_at is null`
}

/** Makes everything after `no` unpublished again: the bus has lost it. Answers how many rows that were. */
export async function reopenOutbox(db: Db, project: ProjectId, no: bigint): Promise<number> {
  return db.$executeRaw`
    update outbox set published_at = null where project_id = ${project}::uuid and no > ${no} and published_at is not null`
}

/** Deletes what was published more than {@link KEEP_HOURS} ago. */
export async function sweepOutbox(db: Db): Promise<void> {
  await db.$executeRaw`delete from outbox where published_at < now() - make_interval(hours => ${KEEP_HOURS}::int)`
}
