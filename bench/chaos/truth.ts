import { entityIn } from './load.js'
import { LogWriter } from './log.js'
import type { ChaosPostgres } from './postgres.js'

interface OutboxRow {
  readonly project: string
  readonly no: string
  readonly id: string
  readonly type: string
  readonly body: string
  readonly born: Date
  readonly published: boolean
}

interface EntityRow {
  readonly project: string
  readonly entity: string
  readonly version: number
  readonly state: string
}

const ENTITIES = `
  select id::text as project, 'project/' || id as entity, version, name as state from projects
  union all select project_id::text, 'job/' || id, version, state from jobs
  union all select project_id::text, 'match/' || id, version, status from matches where part_of is null
  union all select project_id::text, 'break/' || id, version, status from breaks
  union all select project_id::text, 'member/' || user_id, version, role from members`

/** Writes down what Postgres holds when all is over: the outbox and what events tell of. */
export async function writeTruth(postgres: ChaosPostgres, path: string): Promise<void> {
  const log = new LogWriter(path)
  const outbox = await postgres.query<OutboxRow>(
    `select project_id::text as project, no::text, event_id as id, type, body, created_at as born, published_at is not null as published
     from outbox order by project_id, outbox.no`,
  )
  for (const { project, no, id, type, body, born, published } of outbox) {
    // The body is the server's own.
    const entity = entityIn((JSON.parse(body) as { readonly data: object }).data)
    log.write({
      kind: 'outbox',
      project,
      no: Number(no),
      id,
      type,
      bornAt: born.getTime(),
      isPublished: published,
      entity: entity?.entity ?? null,
      version: entity?.version ?? null,
    })
  }
  for (const row of await postgres.query<EntityRow>(ENTITIES)) log.write({ kind: 'row', ...row })
  await log.close()
}
