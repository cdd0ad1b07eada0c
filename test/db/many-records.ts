import type { Db } from '../../src/db/client.js'

/**
 * Fills an empty database with so many projects, each with the same number of records on both sides, a match for each pair (every other one
 * confirmed) and breaks; and looks at it as autovacuum would. `db` has one connection: on that foreign keys are not checked meanwhile.
 */
export async function fillWithRecords(
  db: Db,
  { projects, records }: { readonly projects: number; readonly records: number },
): Promise<void> {
  const run = (sql: string) => db.$executeRawUnsafe(sql)
  await run('set session_replication_role = replica')
  await run(`insert into projects (id, name) select gen_random_uuid(), 'P' || no from generate_series(1, ${projects}) no`)
  await run(`insert into users (id, name) select 'u' || no, 'U' from generate_series(1, 2000) no`)
  await run(`insert into sources (id, project_id, side, name, format, mapping, hash, state)
    select gen_random_uuid(), p.id, side, 'a.csv', 'csv', '{}', gen_random_uuid(), 'ready' from projects p cross join (values ('left'), ('right')) s (side)`)
  await run(`insert into records (id, project_id, source_id, side, row_no, external_id, amount, currency)
    select gen_random_uuid(), s.project_id, s.id, s.side, no, 'R' || no, no, 'EUR'
    from sources s cross join generate_series(1, ${Math.ceil(records / projects / 2)}) no`)
  await run(`insert into matches (id, project_id, rule, cardinality, left_id, right_id, confidence, explanation, status, automatic)
    select gen_random_uuid(), l.project_id, 'r', '1:1', l.id, r.id, (50000 + l.row_no % 50000)::numeric / 100000, '{}',
      case when l.row_no % 2 = 0 then 'confirmed' else 'proposed' end, false
    from records l join records r on r.project_id = l.project_id and r.row_no = l.row_no and r.side = 'right' where l.side = 'left'`)
  await run(`insert into breaks (id, project_id, record_id, side, reason, status)
    select gen_random_uuid(), project_id, id, side, 'no-candidate', case when row_no % 2 = 0 then 'open' else 'resolved' end
    from records where row_no % 3 > 0`)
  await run('set session_replication_role = origin')
  await run('analyze')
}
