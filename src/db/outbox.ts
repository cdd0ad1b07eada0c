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
  readonly origin: 'given' | 'doubtful' | null
  readonly batchEnd: bigint | null
}

/** An event that somebody published and the bus could not take. */
export interface QueuedEvent {
  readonly id: string
  readonly type: string
  readonly body: string
  /** `given`: its id is the publisher's; `doubtful`: the bus may have it already; null: neither. */
  readonly origin: 'given' | 'doubtful' | null
}

/** Rows of a project that may wait: some minutes of a busy publisher, and less than an outbox can send in as many. */
const MAX_PENDING = 100_000

/** How long published rows stay: after a rewind of Redis they go out again (B4). */
const KEEP_HOURS = 24
/** What every process has heard by now, whatever it missed. */
const RECENT_SECONDS = 60
/** Fewer than the ids that a client remembers (D3): who has heard them does not hear them twice. */
const RECENT_ROWS = 500

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
    from moved, unnest(${ids}::text[], ${types}::text[], ${bodies}::text[], ${keys}::text[], ${versions}::int[])
      with ordinality as item (id, type, body, key, version, position)`
  if (count === 0) throw new AppError('FORBIDDEN')
}

/**
 * Keeps what was published, in order and together, behind all that waits (P4).
 * @throws AppError `BUS_UNAVAILABLE` when too much waits, or the project is gone.
 */
export async function queuePublications(db: Db, project: ProjectId, events: readonly QueuedEvent[]): Promise<void> {
  const ids = events.map((event) => event.id)
  const types = events.map((event) => event.type)
  const bodies = events.map((event) => event.body)
  const origins = events.map((event) => event.origin)
  const count = await db.$executeRaw`
    with moved as (
      update projects p set outbox_no = outbox_no + ${events.length} where id = ${project}::uuid and not exists (
        select 1 from outbox o where o.project_id = p.id and o.published_at is null and o.no <= p.outbox_no + ${events.length} - ${MAX_PENDING}
      ) returning outbox_no
    )
    insert into outbox (project_id, no, event_id, type, body, origin, batch_end)
    select ${project}::uuid, moved.outbox_no - ${events.length} + item.position, item.id, item.type, item.body, item.origin, moved.outbox_no
    from moved, unnest(${ids}::text[], ${types}::text[], ${bodies}::text[], ${origins}::text[])
      with ordinality as item (id, type, body, origin, position)`
  if (count === 0) throw new AppError('BUS_UNAVAILABLE', { message: `${MAX_PENDING} events wait for the bus: no more are kept` })
}

/** Whether news of the project is unpublished. */
export async function hasPendingOutbox(db: Db, project: ProjectId): Promise<boolean> {
  const [row] = await db.$queryRaw<{ has: boolean }[]>`
    select exists (select 1 from outbox where project_id = ${project}::uuid and published_at is null) as has`
  return row?.has ?? false
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
    select no, event_id as "eventId", type, body, clears_key as "clearsKey", clears_version as "clearsVersion", origin, batch_end as "batchEnd"
    from outbox
    where project_id = ${project}::uuid and published_at is null order by no limit ${limit}`
}

/** Books everything up to `no` as published, in that epoch of the bus. */
export async function markOutboxPublished(db: Db, project: ProjectId, no: bigint, epoch: string): Promise<void> {
  await db.$executeRaw`
    with marked as (update outbox set published_at = now() where project_id = ${project}::uuid and no <= ${no} and published_at is null)
    update projects set outbox_epoch = ${epoch} where id = ${project}::uuid and outbox_epoch is distinct from ${epoch}`
}

/** The epoch of the bus in which news of the project was booked last; null for none. */
export async function readOutboxEpoch(db: Db, project: ProjectId): Promise<string | null> {
  const [row] = await db.$queryRaw<{ epoch: string | null }[]>`select outbox_epoch as epoch from projects where id = ${project}::uuid`
  return row?.epoch ?? null
}

/** Makes everything after `no` unpublished again: the bus has lost it. Answers how many rows that were. */
export async function reopenOutbox(db: Db, project: ProjectId, no: bigint): Promise<number> {
  return db.$executeRaw`
    update outbox set published_at = null where project_id = ${project}::uuid and no > ${no} and published_at is not null`
}

/** Makes what was published lately unpublished again: a bus that lost everything may have lost it before all had heard it. */
export async function reopenRecentOutbox(db: Db, project: ProjectId): Promise<void> {
  await db.$executeRaw`
    update outbox set published_at = null where project_id = ${project}::uuid and published_at > now() - make_interval(secs => ${RECENT_SECONDS}::int)
    and no > (select max(no) from outbox where project_id = ${project}::uuid) - ${RECENT_ROWS}`
}

/** What publishes the outbox asks the database. */
export function outboxStore(db: Db) {
  return {
    pendingProjects: (limit: number) => findPendingProjects(db, limit),
    readPending: (project: ProjectId, limit: number) => readPendingOutbox(db, project, limit),
    markPublished: (project: ProjectId, no: bigint, epoch: string) => markOutboxPublished(db, project, no, epoch),
    readEpoch: (project: ProjectId) => readOutboxEpoch(db, project),
    reopen: (project: ProjectId, no: bigint) => reopenOutbox(db, project, no),
    reopenRecent: (project: ProjectId) => reopenRecentOutbox(db, project),
  }
}

/** Deletes what was published more than {@link KEEP_HOURS} ago. */
export async function sweepOutbox(db: Db): Promise<void> {
  await db.$executeRaw`delete from outbox where published_at < now() - make_interval(hours => ${KEEP_HOURS}::int)`
}
