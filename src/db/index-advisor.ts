import type { Connection, Database } from './client.js'
import type { HotQuery } from './hot-queries.js'
import { type Candidate, findCandidates, type PlanNode } from './plan-candidates.js'
import { OWN } from './query-watch.js'

/** What speaks for an advice, and how sure that is. */
export interface Evidence {
  /** `observed`: by this process, in its own statements; `measured`: by Postgres, in an execution; `planner-estimated`: by its planner. */
  readonly kind: 'observed' | 'planner-estimated' | 'measured'
  readonly text: string
}

export interface IndexAdvice {
  readonly table: string
  /** In order; `desc` where the order needs it. */
  readonly columns: readonly string[]
  /** For an operator to run, or not: nothing here runs it. */
  readonly statement: string
  /** The statement that asked for it, by name and fingerprint. */
  readonly query: { readonly name: string; readonly fingerprint: string }
  readonly evidence: readonly Evidence[]
  /** Rows that one execution reads now, and would read. */
  readonly gain: { readonly rowsNow: number; readonly rowsWith: number }
  /** What each further write pays: one more index beside those that the table has. */
  readonly writeCost: { readonly indexesNow: number; readonly writesSoFar: number }
  /** Estimated bytes of the index. */
  readonly sizeBytes: number
  /** An index that begins with the same column: perhaps that one should be wider instead. */
  readonly existingWithSamePrefix: string | null
}

export interface AdviceReport {
  readonly advice: readonly IndexAdvice[]
  /** Statements looked at, of those that were frequent. */
  readonly checked: number
  readonly frequent: number
  readonly pgStatStatements: 'present' | 'absent'
  readonly hypopg: 'present' | 'absent'
}

export interface IndexAdvisorOptions {
  readonly borrow: Database['borrow']
  /** The statements of this process. */
  readonly frequent: (minCount: number) => readonly HotQuery[]
}

/** Fewer executions are nobody's habit. */
const MIN_COUNT = 10
/** What is looked at in one go. */
const MAX_STATEMENTS = 30
/** Longest that one statement is run for the sake of looking at it, and longest that all take. */
const STATEMENT_TIMEOUT_MS = 500
const BUDGET_MS = 1_500
/** Below this a table is read faster than an index is. */
const MIN_ROWS_NOW = 1_000
/** An index that saves less is not worth what writes pay for it. */
const MIN_RATIO = 10

/**
 * Says which index a frequent statement lacks, from an execution of it in a read-only transaction. No advice is an answer too. It creates
 * nothing, with HypoPG not even in appearance for longer than one EXPLAIN.
 */
export class IndexAdvisor {
  readonly #options: IndexAdvisorOptions

  constructor(options: IndexAdvisorOptions) {
    this.#options = options
  }

  async advise(): Promise<AdviceReport> {
    const frequent = this.#options.frequent(MIN_COUNT).slice(0, MAX_STATEMENTS)
    return this.#options.borrow(async (connection) => {
      const own = (sql: string) => `/* ${OWN} */ ${sql}`
      const asked: Connection = { query: (text, values) => connection.query(own(text), values) }
      const extensions = await asked.query<{ name: string }>(
        `select extname as name from pg_extension where extname in ('pg_stat_statements', 'hypopg')`,
      )
      const has = (name: string) => extensions.some((extension) => extension.name === name)
      const advice = new Map<string, IndexAdvice>()
      const endsAt = performance.now() + BUDGET_MS
      let checked = 0
      for (const query of frequent) {
        if (performance.now() > endsAt) break
        checked += 1
        const plan = await measure(asked, query)
        if (plan === null) continue
        for (const candidate of findCandidates(plan)) {
          const found = await judge(asked, query, plan, candidate, { hasHypopg: has('hypopg'), hasStatements: has('pg_stat_statements') })
          // What costs most was looked at first.
          if (found && !advice.has(found.statement)) advice.set(found.statement, found)
        }
      }
      const state = (name: string) => (has(name) ? 'present' : 'absent')
      return {
        advice: withoutBeginnings([...advice.values()]),
        checked,
        frequent: frequent.length,
        pgStatStatements: state('pg_stat_statements'),
        hypopg: state('hypopg'),
      }
    })
  }
}

/** An index serves also who asks for the columns that it begins with. */
function withoutBeginnings(advice: readonly IndexAdvice[]): IndexAdvice[] {
  const isBeginning = (one: IndexAdvice, other: IndexAdvice) =>
    one !== other && one.table === other.table && one.columns.every((column, no) => other.columns[no] === column)
  return advice.filter((one) => !advice.some((other) => isBeginning(one, other)))
}

/** The plan with what really happened; null when the statement takes too long or cannot be run again. */
async function measure(connection: Connection, { sql, values }: HotQuery): Promise<PlanNode | null> {
  await connection.query('begin read only')
  try {
    await connection.query(`set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`)
    const [row] = await connection.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
      `explain (analyze, verbose, timing off, format json) ${sql}`,
      values,
    )
    return row?.['QUERY PLAN'][0]?.Plan ?? null
  } catch {
    return null
  } finally {
    await connection.query('rollback')
  }
}

interface TableFacts {
  readonly rows: number
  readonly writes: number
  readonly rowBytes: number
  readonly indexes: readonly { readonly name: string; readonly columns: readonly string[]; readonly isPartial: boolean }[]
}

async function judge(
  connection: Connection,
  query: HotQuery,
  plan: PlanNode,
  candidate: Candidate,
  tools: { readonly hasHypopg: boolean; readonly hasStatements: boolean },
): Promise<IndexAdvice | null> {
  const { table, columns, rowsNow, rowsWith } = candidate
  if (rowsNow < MIN_ROWS_NOW || rowsNow < MIN_RATIO * Math.max(1, rowsWith)) return null
  const facts = await factsOf(connection, table, columns.map(bare))
  // The planner had it and did not want it.
  if (facts.indexes.some((index) => !index.isPartial && covers(index.columns, candidate))) return null
  const statement = `create index concurrently on ${table} (${columns.join(', ')})`
  const costWith = tools.hasHypopg ? await hypotheticalCost(connection, query, statement.replace(' concurrently', '')) : null
  if (costWith !== null && costWith >= plan['Total Cost']) return null
  const server = tools.hasStatements ? await serverTimes(connection, query.sql) : null
  const evidence: Evidence[] = [
    { kind: 'observed', text: `${query.count} executions here, ${(query.totalMs / query.count).toFixed(1)} ms each` },
    {
      kind: 'measured',
      text: `one execution reads ${rowsNow} rows of ${table} and needs ${rowsWith}${server === null ? '' : `; pg_stat_statements: ${server}`}`,
    },
    {
      kind: 'planner-estimated',
      text: `cost ${Math.round(plan['Total Cost'])} now, ${costWith === null ? 'with the index unknown: HypoPG is absent' : `${Math.round(costWith)} with the index`}`,
    },
  ]
  const sharing = facts.indexes.find((index) => index.columns[0] === bare(columns[0]!))
  return {
    table,
    columns,
    statement,
    query: { name: query.name, fingerprint: query.fingerprint },
    evidence,
    gain: { rowsNow, rowsWith },
    writeCost: { indexesNow: facts.indexes.length, writesSoFar: facts.writes },
    sizeBytes: Math.round(facts.rows * facts.rowBytes),
    existingWithSamePrefix: sharing?.name ?? null,
  }
}

/** Whether the index begins with the columns that are compared, in whatever order, and then goes on as the rows are to be sorted. */
function covers(index: readonly string[], { equal, sorted }: Candidate): boolean {
  const head = new Set(index.slice(0, equal.length))
  return equal.every((column) => head.has(column)) && sorted.every((column, no) => index[equal.length + no] === bare(column))
}

function bare(column: string): string {
  return column.replace(/ desc$/, '')
}

/** Bytes of an index's entry beside its columns: the tuple's header and its line pointer, in pages that are nine tenths full. */
const ENTRY_BYTES = 12
const FILL = 0.9

async function factsOf(connection: Connection, table: string, columns: readonly string[]): Promise<TableFacts> {
  const [row] = await connection.query<{ rows: number; writes: number; width: number }>(
    `select greatest(c.reltuples, 0)::float8 as rows, coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0)::float8 as writes,
       coalesce((select sum(avg_width) from pg_stats where schemaname = 'public' and tablename = $1 and attname = any($2)), 16)::float8 as width
     from pg_class c left join pg_stat_user_tables s on s.relid = c.oid where c.oid = to_regclass($1)`,
    [table, columns],
  )
  const indexes = await connection.query<TableFacts['indexes'][number]>(
    `select c.relname as name, i.indpred is not null as "isPartial",
       array(select pg_get_indexdef(i.indexrelid, no, false) from generate_series(1, i.indnkeyatts) as no) as columns
     from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1) and i.indisvalid order by c.relname`,
    [table],
  )
  return { rows: row?.rows ?? 0, writes: row?.writes ?? 0, rowBytes: (ENTRY_BYTES + (row?.width ?? 16)) / FILL, indexes }
}

/** What the planner thinks of the statement if there were such an index. */
async function hypotheticalCost(connection: Connection, { sql, values }: HotQuery, statement: string): Promise<number | null> {
  try {
    await connection.query('select hypopg_create_index($1)', [statement])
    const [row] = await connection.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(`explain (format json) ${sql}`, values)
    return row?.['QUERY PLAN'][0]?.Plan['Total Cost'] ?? null
  } catch {
    return null
  } finally {
    await connection.query('select hypopg_reset()')
  }
}

/** What all processes together have measured, in words. */
async function serverTimes(connection: Connection, sql: string): Promise<string | null> {
  const [row] = await connection.query<{ calls: number; ms: number }>(
    'select sum(calls)::float8 as calls, avg(mean_exec_time)::float8 as ms from pg_stat_statements where query = $1 having sum(calls) > 0',
    [sql],
  )
  return row === undefined ? null : `${row.calls} calls, ${row.ms.toFixed(1)} ms each`
}
