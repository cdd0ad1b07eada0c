/** A node of `EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON)`: the parts that are read here. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Total Cost': number
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly 'Relation Name'?: string
  readonly Schema?: string
  readonly Alias?: string
  readonly Filter?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly 'Hash Cond'?: string
  readonly 'Merge Cond'?: string
  readonly 'Join Filter'?: string
  readonly 'Sort Key'?: readonly string[]
  readonly 'Subplan Name'?: string
  readonly Output?: readonly string[]
  readonly Plans?: readonly PlanNode[]
}

/** An index that a scan of the plan could have used. */
export interface Candidate {
  readonly table: string
  /** Compared with `=`. */
  readonly equal: readonly string[]
  /** Then sorted by, `desc` where it says so: only with a limit, which then ends the reading. */
  readonly sorted: readonly string[]
  /** Both. */
  readonly columns: readonly string[]
  /** Rows that the scan read, and that it had to. */
  readonly rowsNow: number
  readonly rowsWith: number
}

/** What stands above a scan. */
interface Above {
  readonly node: PlanNode
  readonly hashed: ReadonlySet<string>
}

const SCANS: ReadonlySet<string> = new Set(['Seq Scan', 'Index Scan', 'Bitmap Heap Scan', 'Index Only Scan'])
const SORTS: ReadonlySet<string> = new Set(['Sort', 'Incremental Sort'])
/** Nodes that hand rows on one by one, in their order. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  'Nested Loop',
  'Subquery Scan',
  'Result',
  'Gather',
  'Gather Merge',
  'Memoize',
  'Materialize',
])

/** Scans that read much more than they give on, with the index that would spare it. Which of them are worth it is another's judgement. */
export function findCandidates(plan: PlanNode): Candidate[] {
  const found: Candidate[] = []
  // A sub-plan that is hashed once instead of asked per row is named so where it is used.
  const hashed = new Set([...JSON.stringify(plan).matchAll(/hashed (SubPlan \d+)/g)].map(([, name]) => name!))
  const visit = (node: PlanNode, above: readonly Above[]): void => {
    if (SCANS.has(node['Node Type']) && node.Schema === 'public') {
      found.push(...candidatesOf(node, above))
    }
    for (const child of node.Plans ?? []) visit(child, [{ node, hashed }, ...above])
  }
  visit(plan, [])
  return found
}

function candidatesOf(scan: PlanNode, above: readonly Above[]): Candidate[] {
  const { 'Relation Name': table, Alias: alias } = scan
  if (table === undefined || alias === undefined) return []
  const loops = scan['Actual Loops'] ?? 0
  const kept = (scan['Actual Rows'] ?? 0) * loops
  const removed = ((scan['Rows Removed by Filter'] ?? 0) + (scan['Rows Removed by Index Recheck'] ?? 0)) * loops
  const of = (equal: readonly string[], sorted: readonly string[], rowsNow: number, rowsWith: number): Candidate => {
    const distinct = [...new Set(equal)]
    const rest = sorted.filter((key) => !distinct.includes(key.replace(/ desc$/, '')))
    return {
      table,
      equal: distinct,
      sorted: rest,
      columns: [...distinct, ...rest],
      rowsNow: Math.round(rowsNow),
      rowsWith: Math.round(rowsWith),
    }
  }
  const found: Candidate[] = []
  const own = equalColumns([scan.Filter, scan['Index Cond'], scan['Recheck Cond']], alias)
  const ordered = limitedOrder(alias, above)
  if (ordered) found.push(of(own, ordered.keys, kept + removed, ordered.rows))
  else if (own.length > 0) found.push(of(own, [], kept + removed, kept))
  const hash = hashedBy(scan, above)
  // What its own conditions remove is not what the key would spare.
  if (hash) found.push(of(hash.columns, [], kept, hash.asked))
  return found
}

/** Columns of the alias that a condition compares with `=`. */
function equalColumns(conditions: readonly (string | undefined)[], alias: string): string[] {
  const column = `\\(?${escaped(alias)}\\.(\\w+)\\)?(?:::\\w+)?`
  const either = new RegExp(`${column} = |[^<>!]= ${column}(?![\\w.])`, 'g')
  return conditions.flatMap((condition) =>
    condition === undefined || condition.includes(' OR ') ? [] : [...condition.matchAll(either)].map(([, left, right]) => (left ?? right)!),
  )
}

/** The scan fills a hash table that is then asked for few rows: by which columns, and how often. */
function hashedBy(scan: PlanNode, above: readonly Above[]): { readonly columns: readonly string[]; readonly asked: number } | null {
  const name = scan['Subplan Name']
  const parent = above[0]
  if (parent === undefined) return null
  if (name !== undefined && parent.hashed.has(name)) {
    const columns = (scan.Output ?? []).flatMap((output) => new RegExp(`^${escaped(scan.Alias!)}\\.(\\w+)$`).exec(output)?.[1] ?? [])
    return columns.length === 1 ? { columns, asked: rowsOf(parent.node) } : null
  }
  const join = parent.node['Node Type'] === 'Hash' ? above[1]?.node : parent.node
  if (join === undefined || join['Node Type'] !== 'Hash Join') return null
  const columns = equalColumns([join['Hash Cond']], scan.Alias!)
  const other = join.Plans?.find((child) => child !== scan && child !== parent.node)
  return columns.length === 0 || other === undefined ? null : { columns, asked: Math.max(rowsOf(other), rowsOf(join)) }
}

/** The scan's rows are sorted by its own columns and only the first ones are wanted. */
function limitedOrder(alias: string, above: readonly Above[]): { readonly keys: readonly string[]; readonly rows: number } | null {
  let keys: readonly string[] | null = null
  for (const { node } of above) {
    if (node['Node Type'] === 'Limit') return keys && { keys, rows: rowsOf(node) }
    if (SORTS.has(node['Node Type'])) {
      const own = (node['Sort Key'] ?? []).map((key) => new RegExp(`^${escaped(alias)}\\.(\\w+)( DESC)?$`).exec(key))
      if (keys !== null || !own.every((key) => key !== null)) return null
      keys = own.map((key) => `${key[1]}${key[2] ? ' desc' : ''}`)
    } else if (!TRANSPARENT.has(node['Node Type'])) return null
  }
  return null
}

function rowsOf(node: PlanNode): number {
  return (node['Actual Rows'] ?? 0) * (node['Actual Loops'] ?? 1)
}

function escaped(text: string): string {
  return text.replaceAll(/[^\w]/g, '\\$&')
}
