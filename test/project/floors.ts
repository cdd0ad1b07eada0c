import { importsOf, type Sources } from './sources.js'

/** Who stands where: folders and files of `src`. Imports go down, never up; the design's §3 with docs/decisions/0001-layout.md. */
export const FLOORS: Readonly<Record<string, number>> = {
  'main.ts': 5,
  'app.ts': 5,
  commands: 5,
  http: 4,
  sessions: 3,
  jobs: 3,
  exports: 3,
  publishing: 3,
  reads: 3,
  transport: 2,
  bus: 2,
  cache: 2,
  db: 2,
  imports: 2,
  protocol: 1,
  reconciliation: 1,
  sample: 1,
  metrics: 1,
  'log.ts': 1,
  'ids.ts': 0,
  'errors.ts': 0,
  'config.ts': 0,
  'money.ts': 0,
  'priority.ts': 0,
  'threads.ts': 0,
  'secret.ts': 0,
}

/** Between different folders of one floor only these; files of floor 0 may use each other. */
const SIDEWAYS: readonly string[] = [
  'main.ts → commands',
  'commands → app.ts',
  // Explanations, reasons and rule sets are shown as they are computed: their shapes are the wire's.
  'reconciliation → protocol',
]

/** Aside from the floors: what runs in browsers and in other people's programs sees only this much. */
const ASIDE: Readonly<Record<string, readonly string[]>> = {
  client: ['protocol'],
  // It makes the ids that it repeats under.
  publisher: ['protocol', 'ids.ts'],
  dashboard: ['client', 'protocol'],
}

/** Packages and modules that one place only may know. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  ioredis: ['bus', 'cache', 'publisher'],
  ws: ['transport'],
  fastify: ['http'],
  pg: ['db'],
  '@prisma/client': ['db'],
  '@prisma/adapter-pg': ['db'],
  '@electric-sql/pglite': ['db'],
  'decimal.js': ['money.ts'],
  jose: ['sessions'],
  'csv-parse': ['imports'],
  'lru-cache': ['cache'],
}

/** Pure: records and rules in, matches and breaks out. */
const PURE_FOLDERS: readonly string[] = ['reconciliation', 'protocol']
const PURE_MODULES: readonly string[] = ['zod', 'node:crypto', 'msgpackr']

/** Named by app.ts alone: everybody else gets them handed. */
const IMPLEMENTATIONS = [
  'src/bus/memory-bus.ts',
  'src/bus/redis-bus.ts',
  'src/cache/redis-level.ts',
  'src/cache/tiered-cache.ts',
  'src/transport/ws.ts',
  'src/transport/uws.ts',
]

/** Every import that the layout forbids, as `from → to: why`. */
export function findForbiddenImports(sources: Sources): string[] {
  const found: string[] = []
  for (const path of sources.keys()) {
    for (const { to, isSource } of importsOf(path, sources)) {
      const why = isSource ? whySourceIsForbidden(path, to) : whyPackageIsForbidden(placeOf(path), to)
      if (why !== null) found.push(`${path} → ${to}: ${why}`)
    }
  }
  return found
}

function whySourceIsForbidden(path: string, target: string): string | null {
  const [from, to] = [placeOf(path), placeOf(target)]
  if (from === to) return null
  if (IMPLEMENTATIONS.includes(target) && from !== 'app.ts') return 'only app.ts names implementations'
  const allowed = ASIDE[from]
  if (allowed) return allowed.includes(to) ? null : `${from} may import ${allowed.join(' and ')} only`
  const [high, low] = [FLOORS[from], FLOORS[to]]
  if (high === undefined) return `${from} stands on no floor`
  if (low === undefined) return `${to} stands on no floor`
  if (low > high) return `up from floor ${high} to floor ${low}`
  if (low === high && high > 0 && !SIDEWAYS.includes(`${from} → ${to}`)) return `${from} and ${to} stand on one floor`
  return null
}

function whyPackageIsForbidden(from: string, name: string): string | null {
  const homes = HOMES[name]
  if (homes && !homes.includes(from)) return `${name} belongs to ${homes.join(' and ')}`
  if (PURE_FOLDERS.includes(from) && !PURE_MODULES.includes(name)) return `${from} is pure`
  return null
}

/** Circles of imports, each once, as the list of its files. */
export function findCycles(sources: Sources): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      cycles.push([...trail.slice(start), path])
      return
    }
    if (done.has(path)) return
    for (const { to, isSource } of importsOf(path, sources)) if (isSource) visit(to, [...trail, path])
    done.add(path)
  }
  for (const path of sources.keys()) visit(path, [])
  return cycles
}

/** Every package and module that the files of `folder` pull in, through however many of ours. Types are not told apart. */
export function packagesBehind(folder: string, sources: Sources): Set<string> {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const queue = [...sources.keys()].filter((path) => placeOf(path) === folder)
  for (const path of queue) {
    if (seen.has(path)) continue
    seen.add(path)
    for (const { to, isSource } of importsOf(path, sources)) {
      if (isSource) queue.push(to)
      else packages.add(to)
    }
  }
  return packages
}

/** The folder below `src`, or the file when it lies in `src` itself. */
export function placeOf(path: string): string {
  return path.split('/')[1] ?? path
}
