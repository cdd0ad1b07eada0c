import { AppError } from '../errors.js'
import { newId, type ProjectId, type SourceId } from '../ids.js'
import type { Side, SourceState, SourceView } from '../protocol/views.js'
import { type Db, Prisma, type Tx } from './client.js'
import { type Actor, appendOutbox } from './outbox.js'

/** A row as a parser hands it over; exactly one of the outcomes, `record` null only when rejected. */
export interface ImportedRow {
  readonly rowNo: number
  readonly outcome: 'accepted' | 'warning' | 'rejected'
  readonly record: {
    readonly externalId: string | null
    readonly reference: string | null
    readonly counterparty: string | null
    readonly memo: string | null
    /** Exact decimal text. */
    readonly amount: string | null
    readonly amountMinor: bigint | null
    readonly currency: string | null
    /** `YYYY-MM-DD`. */
    readonly valueDate: string | null
  } | null
  readonly payload: Readonly<Record<string, string>>
  readonly problems: readonly RowProblem[]
}

/** Why a row was rejected or accepted with a warning. */
export interface RowProblem {
  readonly row: number
  readonly column: string | null
  readonly message: string
}

/** Column and text of each cell, as `cells` of a rejected row stores them. */
type RejectedCells = readonly (readonly [column: string, text: string])[]
const REJECTED_PAGE_ROWS = 1_000

/**
 * Opens a source in state `importing`: no query shows it before {@link finishSource}.
 * @throws AppError `FORBIDDEN` when the project is gone.
 */
export async function createSource(
  db: Db,
  source: {
    readonly project: ProjectId
    readonly side: Side
    readonly name: string
    readonly format: string
    readonly mapping: object
    readonly createdBy: string | null
  },
): Promise<SourceId> {
  const id = newId<SourceId>()
  const opened = await db.$executeRaw`
    insert into sources (id, project_id, side, name, format, mapping, hash, state, created_by)
    select ${id}::uuid, id, ${source.side}, ${source.name}, ${source.format}, ${JSON.stringify(source.mapping)}::jsonb, '', 'importing',
      ${source.createdBy}
    from projects where id = ${source.project}::uuid`
  if (opened === 0) throw new AppError('FORBIDDEN')
  return id
}

/**
 * Stores one batch of rows (at most 2 000) in one short transaction: records, payloads, problems, counts.
 * @throws AppError `CONFLICT` when the source is gone: with its project, or swept as abandoned.
 */
export async function insertRows(
  db: Db,
  target: { readonly source: SourceId; readonly project: ProjectId; readonly side: Side },
  rows: readonly ImportedRow[],
): Promise<void> {
  const stored = rows.flatMap((row) =>
    row.record === null ? [] : [{ id: newId(), rowNo: row.rowNo, payload: row.payload, ...row.record }],
  )
  const problems = rows.flatMap((row) =>
    row.problems.map((problem, no) => ({
      ...problem,
      no,
      level: row.outcome === 'rejected' ? 'rejected' : 'warning',
      // Pairs, because an object of jsonb forgets the order of its fields.
      cells: row.outcome === 'rejected' ? JSON.stringify(Object.entries(row.payload)) : null,
    })),
  )
  const count = (outcome: ImportedRow['outcome']) => rows.filter((row) => row.outcome === outcome).length
  await db.$transaction(async (tx) => {
    // First, so that it finds out whether the source still stands, and keeps it standing.
    const updated = await tx.$executeRaw`
      update sources set touched_at = now(), accepted_rows = accepted_rows + ${count('accepted')},
        warning_rows = warning_rows + ${count('warning')}, rejected_rows = rejected_rows + ${count('rejected')}
      where id = ${target.source}::uuid`
    if (updated === 0) throw givenUp()
    await tx.$executeRaw`
      insert into records (id, project_id, source_id, side, row_no, external_id, reference, counterparty, memo, amount, amount_minor, currency, value_date)
      select row.id, ${target.project}::uuid, ${target.source}::uuid, ${target.side}, row.row_no, row.external_id, row.reference,
        row.counterparty, row.memo, row.amount::numeric, row.amount_minor, row.currency, row.value_date::date
      from unnest(
        ${stored.map((row) => row.id)}::uuid[], ${stored.map((row) => row.rowNo)}::int[], ${stored.map((row) => row.externalId)}::text[],
        ${stored.map((row) => row.reference)}::text[], ${stored.map((row) => row.counterparty)}::text[], ${stored.map((row) => row.memo)}::text[],
        ${stored.map((row) => row.amount)}::text[], ${stored.map((row) => row.amountMinor)}::bigint[], ${stored.map((row) => row.currency)}::text[],
        ${stored.map((row) => row.valueDate)}::text[]
      ) as row (id, row_no, external_id, reference, counterparty, memo, amount, amount_minor, currency, value_date)`
    await tx.$executeRaw`
      insert into record_payloads (record_id, payload)
      select * from unnest(${stored.map((row) => row.id)}::uuid[], ${stored.map((row) => JSON.stringify(row.payload))}::jsonb[])`
    if (problems.length > 0) {
      await tx.$executeRaw`
        insert into source_problems (source_id, row_no, no, level, "column", message, cells)
        select ${target.source}::uuid, * from unnest(
          ${problems.map((problem) => problem.row)}::int[], ${problems.map((problem) => problem.no)}::int[],
          ${problems.map((problem) => problem.level)}::text[], ${problems.map((problem) => problem.column)}::text[],
          ${problems.map((problem) => problem.message)}::text[], ${problems.map((problem) => problem.cells)}::jsonb[])`
    }
  })
}

/**
 * Makes the source visible in one transaction: recognises the same bytes, checks that every counted row is stored, numbers equal
 * rows, tells the project.
 * @throws AppError `DUPLICATE_SOURCE` with the source that has these bytes (unless `again`), `INVALID` when no row was accepted.
 */
export async function finishSource(
  db: Db,
  input: {
    readonly source: SourceId
    readonly project: ProjectId
    readonly side: Side
    /** SHA-256 of the file, hex. */
    readonly hash: string
    readonly again: boolean
    readonly actor: Actor | null
  },
): Promise<SourceView> {
  return db.$transaction(async (tx) => {
    // The lock of two imports of the same file at once: the second one sees the first.
    await tx.$queryRaw`select 1 from projects where id = ${input.project}::uuid for update`
    const twin = input.again
      ? undefined
      : (
          await querySources(
            tx,
            Prisma.sql`s.project_id = ${input.project}::uuid and s.side = ${input.side} and s.hash = ${input.hash} and s.state = 'ready'`,
          )
        )[0]
    if (twin)
      throw new AppError('DUPLICATE_SOURCE', { message: `these bytes were imported already as ${twin.name}`, details: { source: twin } })

    const [counted] = await tx.$queryRaw<{ counted: number; stored: number }[]>`
      select accepted_rows + warning_rows as counted, (select count(*)::int from records where source_id = s.id) as stored
      from sources s where id = ${input.source}::uuid`
    if (counted === undefined || counted.counted !== counted.stored) throw givenUp()
    if (counted.stored === 0) throw new AppError('INVALID', { message: 'every row of the file was rejected' })

    await tx.$executeRaw`
      update records r set occurrence_no = twin.no
      from (
        select r.id, row_number() over (partition by r.external_id, case when r.external_id is null then md5(p.payload::text) end order by r.row_no) - 1 as no
        from records r join record_payloads p on p.record_id = r.id where r.source_id = ${input.source}::uuid
      ) twin
      where twin.id = r.id and twin.no > 0`
    await tx.$executeRaw`update sources set state = 'ready', hash = ${input.hash}, version = version + 1 where id = ${input.source}::uuid`
    const [view] = await querySources(tx, Prisma.sql`s.id = ${input.source}::uuid`)
    const { actor } = input
    await appendOutbox(tx, input.project, [
      { type: 'source.imported', actor: actor?.id ?? null, trace: actor?.requestId, data: { source: view } },
    ])
    return view!
  })
}

/** Removes an import that did not finish, with everything it stored. */
export async function abandonSource(db: Db, source: SourceId): Promise<void> {
  await db.$executeRaw`delete from sources where id = ${source}::uuid and state = 'importing'`
}

/** Removes imports whose process died: nothing moved for ten minutes. `all`: the caller knows that nobody else is importing. */
export async function sweepAbandonedSources(db: Db, which: 'stale' | 'all'): Promise<void> {
  const ageMinutes = which === 'all' ? 0 : 10
  await db.$executeRaw`delete from sources where state = 'importing' and touched_at <= now() - make_interval(mins => ${ageMinutes}::int)`
}

/** The project's ready sources, oldest first. `after`: the last id of the page before. */
export function listSources(
  db: Db,
  project: ProjectId,
  page: { readonly limit: number; readonly after?: string | null },
): Promise<SourceView[]> {
  const after = page.after ? Prisma.sql`and s.id > ${page.after}::uuid` : Prisma.empty
  return querySources(db, Prisma.sql`s.project_id = ${project}::uuid and s.state = 'ready' ${after} order by s.id limit ${page.limit}`)
}

export async function getSource(db: Db, project: ProjectId, source: SourceId): Promise<SourceView | null> {
  const [view] = await querySources(db, Prisma.sql`s.id = ${source}::uuid and s.project_id = ${project}::uuid and s.state = 'ready'`)
  return view ?? null
}

/** Problems of rows, in file order, at most `limit`. */
export function readProblems(db: Db, source: SourceId, limit: number): Promise<RowProblem[]> {
  return db.$queryRaw<RowProblem[]>`
    select row_no as row, "column", message from source_problems where source_id = ${source}::uuid order by row_no, no limit ${limit}`
}

/** Names of the columns that rejected rows have, in file order: those of the widest one. None without rejected rows. */
export async function readRejectedColumns(db: Db, source: SourceId): Promise<string[]> {
  const [widest] = await db.$queryRaw<{ cells: RejectedCells }[]>`
    select cells from source_problems where source_id = ${source}::uuid and level = 'rejected'
    order by jsonb_array_length(cells) desc, row_no limit 1`
  return widest?.cells.map(([column]) => column) ?? []
}

/** The rejected rows in file order with all their reasons, read in pages. `cells`: from the first column on, as many as the row has. */
export async function* readRejectedRows(
  db: Db,
  source: SourceId,
): AsyncGenerator<{ readonly rowNo: number; readonly message: string; readonly cells: readonly string[] }> {
  let last = 0
  for (;;) {
    const page = await db.$queryRaw<{ rowNo: number; message: string; cells: RejectedCells }[]>`
      select row_no as "rowNo", string_agg(coalesce("column" || ': ', '') || message, '; ' order by no) as message, (array_agg(cells order by no))[1] as cells
      from source_problems where source_id = ${source}::uuid and level = 'rejected' and row_no > ${last}
      group by row_no order by row_no limit ${REJECTED_PAGE_ROWS}`
    for (const { cells, ...row } of page) yield { ...row, cells: cells.map(([, cell]) => cell) }
    if (page.length < REJECTED_PAGE_ROWS) return
    last = page.at(-1)!.rowNo
  }
}

/**
 * Removes a source with its records and what the engine made of them.
 * @throws AppError `NOT_FOUND`; `CONFLICT` when a person decided on one of its records, or a job is running.
 */
export async function deleteSource(db: Db, project: ProjectId, source: SourceId, actor: Actor): Promise<void> {
  await db.$transaction(async (tx) => {
    await tx.$queryRaw`select 1 from projects where id = ${project}::uuid for update`
    const [view] = await querySources(tx, Prisma.sql`s.id = ${source}::uuid and s.project_id = ${project}::uuid and s.state = 'ready'`)
    if (!view) throw new AppError('NOT_FOUND', { message: 'no such source' })
    const [busy] = await tx.$queryRaw<{ running: boolean; decided: boolean }[]>`
      select exists (select 1 from jobs where project_id = ${project}::uuid and state = 'running') as running,
        exists (
          select 1 from records r join matches m on (m.left_id = r.id or m.right_id = r.id)
          where r.source_id = ${source}::uuid and m.decided_by is not null
        ) as decided`
    if (busy?.running) throw new AppError('CONFLICT', { message: 'a job is running: cancel it first' })
    if (busy?.decided) throw new AppError('CONFLICT', { message: 'people have decided on records of this file: it stays' })
    await tx.$executeRaw`delete from sources where id = ${source}::uuid`
    await appendOutbox(tx, project, [
      {
        type: 'source.removed',
        actor: actor.id,
        trace: actor.requestId,
        data: { source: { ...view, version: view.version + 1 } satisfies SourceView },
      },
    ])
  })
}

function givenUp(): AppError {
  return new AppError('CONFLICT', { message: 'the import was given up meanwhile: upload the file again' })
}

interface SourceRow {
  readonly id: string
  readonly project: string
  readonly side: Side
  readonly name: string
  readonly format: string
  readonly hash: string
  readonly state: SourceState
  readonly accepted: number
  readonly warning: number
  readonly rejected: number
  readonly createdBy: string | null
  readonly creator: string | null
  readonly createdAt: Date
  readonly version: number
}

async function querySources(db: Db | Tx, where: Prisma.Sql): Promise<SourceView[]> {
  const rows = await db.$queryRaw<SourceRow[]>`
    select s.id::text, s.project_id::text as project, s.side, s.name, s.format, s.hash, s.state, s.accepted_rows as accepted, s.warning_rows as warning,
      s.rejected_rows as rejected, s.created_by as "createdBy", u.name as creator, s.created_at as "createdAt", s.version
    from sources s left join users u on u.id = s.created_by where ${where}`
  return rows.map(({ accepted, warning, rejected, createdBy, creator, createdAt, ...row }) => ({
    ...row,
    rows: { accepted, warning, rejected },
    createdBy: createdBy === null ? null : { id: createdBy, name: creator ?? createdBy },
    createdAt: createdAt.toISOString(),
  }))
}
