import type { Db } from '../../src/db/client.js'

/**
 * What stands in a database, a line a thing: columns, keys and indexes of our tables. Left out is what a Prisma schema cannot say and
 * the migrations add: checks and partial indexes.
 */
export async function describeDatabase(db: Db): Promise<string[]> {
  const rows = await db.$queryRaw<{ line: string }[]>`
    with tables as (
      select c.oid, c.relname as name from pg_class c
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relname <> '_prisma_migrations'
    ), acts (code, word) as (
      values ('a', 'NoAction'), ('r', 'Restrict'), ('c', 'Cascade'), ('n', 'SetNull'), ('d', 'SetDefault')
    )
    select format('column %s.%s %s%s%s', t.name, a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' end,
      ' default ' || pg_get_expr(d.adbin, d.adrelid)) as line
    from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
    union all
    select format('%s %s of %s (%s)', case when i.indisprimary then 'primary key' when i.indisunique then 'unique index' else 'index' end,
      i.indexrelid::regclass::text, t.name,
      (select string_agg(pg_get_indexdef(i.indexrelid, n, true) || case when i.indoption[n - 1] & 1 = 1 then ' desc' else '' end, ', ' order by n)
        from generate_series(1, i.indnkeyatts) n))
    from tables t join pg_index i on i.indrelid = t.oid where i.indpred is null
    union all
    select format('foreign key %s (%s) to %s (%s) on delete %s on update %s', t.name,
      (select string_agg(a.attname, ', ' order by n) from unnest(k.conkey) with ordinality u (no, n) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = no),
      k.confrelid::regclass::text,
      (select string_agg(a.attname, ', ' order by n) from unnest(k.confkey) with ordinality u (no, n) join pg_attribute a on a.attrelid = k.confrelid and a.attnum = no),
      (select word from acts where code = k.confdeltype::text), (select word from acts where code = k.confupdtype::text))
    from tables t join pg_constraint k on k.conrelid = t.oid and k.contype = 'f'`
  return rows.map((row) => row.line).sort()
}
