import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Checks, VIOLATIONS, type ViolationKind } from './checker.js'
import { FAULTS, type FaultName } from './plan.js'
import { CREW, isGreen, type RunResult } from './run.js'

export interface PageOptions {
  readonly minutes: number
  readonly clients: number
  /** Of the last minute before the first run. */
  readonly loadAtStart: number
}

const PAGE = fileURLToPath(new URL('../../docs/results/chaos.md', import.meta.url))
/** Lines of evidence per run; the logs have all of it. */
const MAX_EVIDENCE = 20

const CHECKS = {
  events: 'events that handlers heard',
  places: 'places of a history that a client may not have jumped over',
  facts: 'facts, each times the clients that had to hear it',
  acknowledged: 'events acknowledged with their place',
  queued: 'events answered `queued`, all found in the outbox',
  goneWithRedis: 'acknowledged events that some client missed, of histories that lost their data with Redis',
  epochs: 'histories that ended, each after a loss of data',
  memberships: 'events heard by people whose membership was taken at some time',
  entities: 'projects, jobs, matches, breaks and members of clients compared with Postgres at the end',
  values: 'latest values of clients compared with the last acknowledged',
  beyondMemory: 'repetitions of what lay more than 1,000 events back (D3 allows them)',
} as const satisfies Record<keyof Checks, string>

/** What is told of all that was seen: that there was something to be judged. */
const SITUATIONS: readonly (readonly [prefix: string, says: string])[] = [
  ['joined resumed', 'joins that resumed'],
  ['joined snapshot', 'joins with a snapshot'],
  ['rejoin epoch', '`rejoin` because of another history'],
  ['rejoin lagged', '`rejoin` of slow readers'],
  ['rejoin gap', '`rejoin` because of a gap'],
  ['left revoked', '`left`, membership taken'],
  ['goaway', '`goaway` of a process that drains'],
  ['status degraded', '`status` degraded'],
  ['close 1006', 'connections that broke'],
  ['close 4000', 'closed by a process that drains (4000)'],
  ['close 4001', 'closed as slow (4001)'],
  ['close 4005', 'closed with an expired token (4005)'],
  ['output-buffer kill', 'subscribers that Redis ended because of their buffer'],
]

const whole = (value: number) => value.toLocaleString('en')

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** A row per name, a column per seed and their sum; rows without anything are left out. */
function counts<Name>(
  results: readonly RunResult[],
  names: readonly (readonly [Name, string])[],
  countOf: (result: RunResult, name: Name) => number,
): string {
  const rows = names.map(([name, says]) => {
    const own = results.map((result) => countOf(result, name))
    return [says, ...[...own, own.reduce((sum, count) => sum + count, 0)].map(whole)]
  })
  return table(['', ...results.map(({ seed }) => `seed ${seed}`), 'all'], rows)
}

/** Writes docs/results/chaos.md. */
export function writePage(results: readonly RunResult[], options: PageOptions): void {
  writeFileSync(PAGE, pageOf(results, options))
}

function pageOf(results: readonly RunResult[], { minutes, clients, loadAtStart }: PageOptions): string {
  const [first, last] = [results[0]!, results.at(-1)!]
  const green = results.filter(isGreen).length
  const command = `npm run chaos -- --seed ${first.seed} --seeds ${results.length} --minutes ${minutes} --clients ${clients}`
  return `# Chaos

Made by \`${command}\` from ${first.startedAt.toISOString()} to ${last.endedAt.toISOString()}: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}; load of the machine at the start (1 min) ${loadAtStart.toFixed(1)}.

**${green} of ${results.length} seeds without a violation.** Each run has ${CREW.serve} processes that serve and ${CREW.work} that works, a Redis (\`appendfsync always\`) behind a proxy, a Postgres, ${clients} clients of the SDK in ${CREW.loads} processes, and one process that publishes in ${CREW.projects} projects
over HTTP and straight to Redis, decides, renames and runs jobs. Faults are a function of the seed (\`--plan\` prints them) and may overlap, but for those of one thing. When ${minutes} minutes are over everything is left in peace, and every client must
have heard the last event of each of its projects. Then a checker that shares nothing with server or client reads what was said on the wire, what was acknowledged, what handlers heard, the outbox and the tables of Postgres. [Its own tests](../../test/chaos/checker.test.ts) plant each violation.

## Result

${table(
  ['', ...results.map(({ seed }) => `seed ${seed}`)],
  [
    ['from', ...results.map(({ startedAt }) => startedAt.toISOString().slice(11, 19))],
    ['to', ...results.map(({ endedAt }) => endedAt.toISOString().slice(11, 19))],
    [
      'all joined again after the last fault within, ms',
      ...results.map(({ joinedMs }) => (joinedMs === null ? '**never**' : whole(joinedMs))),
    ],
    ['the last events heard by all within, ms', ...results.map(({ heardMs }) => (heardMs === null ? '**never**' : whole(heardMs)))],
    ...(Object.entries(VIOLATIONS) as [ViolationKind, string][]).map(([kind, says]) => [
      `${kind}: ${says}`,
      ...results.map(({ verdict }) => whole(verdict.violations.filter((one) => one.kind === kind).length)),
    ]),
  ],
)}
${evidenceOf(results)}
## Faults

${counts(
  results,
  (Object.entries(FAULTS) as [FaultName, { says: string }][]).map(([name, { says }]) => [name, says] as const),
  ({ faults }, name) => faults.get(name) ?? 0,
)}

## Checks

${counts(results, Object.entries(CHECKS) as [keyof Checks, string][], ({ verdict }, name) => verdict.checks[name])}

What may be missing: an event that was acknowledged with its place may go with Redis' data (FLUSHALL, a start without data or with an old copy); then its history must have ended. Facts, and events answered \`queued\`, may never be missing for who was a member. A membership that was taken counts
1 s (and 0.3 s for this machine) after the answer, or after the end of a fault in which a process stood still or had no Postgres.

## What happened

${counts(results, SITUATIONS, ({ verdict }, name) => verdict.seen.get(name) ?? 0)}
`
}

function evidenceOf(results: readonly RunResult[]): string {
  const lines = results.flatMap(({ seed, verdict }) =>
    verdict.violations.slice(0, MAX_EVIDENCE).map(({ kind, evidence }) => `- seed ${seed}, ${kind}: ${evidence}`),
  )
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`
}
