import { Random } from '../../src/sample/random.js'

/** What is done to a running fleet, by what it is done to. */
export const FAULTS = {
  'serve-kill': { target: 'serve', says: '`kill -9` of a process that serves' },
  'serve-term': { target: 'serve', says: 'SIGTERM of a process that serves: it drains' },
  'serve-stop': { target: 'serve', says: 'SIGSTOP of a process that serves, up to 10 s' },
  'work-kill': { target: 'work', says: '`kill -9` of the process that works' },
  'work-term': { target: 'work', says: 'SIGTERM of the process that works' },
  'work-stop': { target: 'work', says: 'SIGSTOP of the process that works, up to 10 s' },
  'redis-kill': { target: 'redis', says: '`kill -9` of Redis, which comes back with its data' },
  'redis-term': { target: 'redis', says: 'SIGTERM of Redis, which comes back with its data' },
  'redis-empty': { target: 'redis', says: '`kill -9` of Redis, which comes back without data' },
  'redis-stop': { target: 'redis', says: 'SIGSTOP of Redis, up to 10 s' },
  'redis-rewind': { target: 'redis', says: 'Redis comes back with an old copy of its data' },
  'redis-flush': { target: 'redis', says: 'FLUSHALL' },
  'redis-cut': { target: 'redis', says: 'all connections to Redis are cut' },
  'redis-hold': { target: 'redis', says: 'connections to Redis stay open and carry nothing, up to 8 s' },
  'redis-kill-pubsub': { target: 'redis', says: '`CLIENT KILL TYPE pubsub`' },
  'redis-kill-normal': { target: 'redis', says: '`CLIENT KILL TYPE normal`' },
  'redis-output-buffer': { target: 'redis', says: 'Redis ends subscribers that owe it 4 KiB, beside large events' },
  'postgres-fast': { target: 'postgres', says: 'fast shutdown of Postgres and a start' },
  'postgres-crash': { target: 'postgres', says: 'immediate shutdown of Postgres and a start with recovery' },
  'slow-readers': { target: 'clients', says: 'clients stop reading for up to 10 s, beside large events' },
  'client-drops': { target: 'clients', says: 'sockets of clients are cut' },
  'token-expiry': { target: 'clients', says: 'sessions whose token runs out after 3 s' },
  revocation: { target: 'members', says: 'memberships are taken, and given back' },
} as const satisfies Record<string, { readonly target: string; readonly says: string }>

export type FaultName = keyof typeof FAULTS

/** One fault: when it begins, what it is done to, and how long it lasts or, for clients, how many it concerns. */
export interface Fault {
  readonly atMs: number
  readonly name: FaultName
  /** Which of several processes. */
  readonly no: number
  readonly ms: number
  readonly count: number
  /** Of a rewind: how much earlier the copy is made. */
  readonly backMs: number
}

/** Nothing happens to those who are still coming, and at the end who was hit has time to start again. */
const FIRST_MS = 3_000
const LAST_MS = 6_000
const MAX_GAP_MS = 8_000
const MIN_GAP_MS = 1_500
const MAX_STOP_MS = 10_000
/** Large events have to arrive while these last. */
const NEED_TIME: ReadonlySet<FaultName> = new Set(['slow-readers', 'redis-output-buffer'])

/** The faults of a run in order: a function of the seed and the duration. Every kind comes before any comes again. */
export function planOf(seed: number, durationMs: number): readonly Fault[] {
  const random = new Random(seed)
  const plan: Fault[] = []
  let deck: FaultName[] = []
  for (let atMs = FIRST_MS; atMs < durationMs - LAST_MS; atMs += random.between(MIN_GAP_MS, MAX_GAP_MS)) {
    if (deck.length === 0) deck = shuffled(Object.keys(FAULTS) as FaultName[], random)
    const name = deck.pop()!
    const longest = name === 'redis-hold' ? 8_000 : name.endsWith('-stop') || name === 'slow-readers' ? MAX_STOP_MS : 4_000
    plan.push({
      atMs,
      name,
      no: random.int(1_000),
      ms: random.between(NEED_TIME.has(name) ? 3_000 : 200, longest),
      count: random.between(5, 60),
      backMs: random.between(1_000, 30_000),
    })
  }
  return plan
}

function shuffled<T>(list: T[], random: Random): T[] {
  for (let at = list.length - 1; at > 0; at--) {
    const other = random.int(at + 1)
    ;[list[at], list[other]] = [list[other]!, list[at]!]
  }
  return list
}
