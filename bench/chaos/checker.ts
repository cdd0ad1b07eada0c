import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Histories } from './histories.js'
import { Listening } from './listening.js'
import type { Entry } from './log.js'
import { Memberships } from './memberships.js'

/** What must not happen. */
export const VIOLATIONS = {
  lost: 'an event that a client was promised did not reach its handler',
  duplicated: 'a handler heard an event twice, within the thousand that a client remembers',
  reordered: 'a handler heard events in another order than that of the history, of the outbox or of their publisher',
  intruded: 'a handler heard an event of a project of which its person was no member',
  expelled: 'a client was put out of a project, and nobody had taken its membership',
  invented: 'a handler heard an event that nobody published',
  forked: 'one place of a history had two events, and Redis had not gone back',
  renewed: 'a history ended and Redis had lost nothing',
  unbooked: 'an acknowledged fact, or an event that was answered queued, is not in the outbox',
  unpublished: 'a row of the outbox was never published',
  stale: 'the state of a client is not that of Postgres at the end',
  outdated: 'a latest value went back, or is not the newest at the end',
  crashed: 'a process ended that nobody had ended',
} as const

export type ViolationKind = keyof typeof VIOLATIONS

export interface Violation {
  readonly kind: ViolationKind
  readonly evidence: string
}

/** What was looked at, each with how often. */
export interface Checks {
  /** Events that handlers heard. */
  events: number
  /** Places of histories that a client had to hear, or to have heard. */
  places: number
  /** Facts times the clients that had to hear them. */
  facts: number
  /** Acknowledged events, and of them those that some client missed because Redis lost its data. */
  acknowledged: number
  goneWithRedis: number
  queued: number
  /** Events heard by people whose membership was taken at some time. */
  memberships: number
  /** Entities and latest values of clients that were compared at the end. */
  entities: number
  values: number
  /** Histories that ended with Redis' data. */
  epochs: number
  /** Repetitions of what lay further back than a client remembers (D3). */
  beyondMemory: number
}

export interface Verdict {
  readonly checks: Checks
  readonly violations: readonly Violation[]
  /** What else was seen, by name. */
  readonly seen: ReadonlyMap<string, number>
}

/** Reports and counts of one judgement. */
export class Findings {
  readonly violations: Violation[] = []
  readonly checks: Checks = {
    events: 0,
    places: 0,
    facts: 0,
    acknowledged: 0,
    goneWithRedis: 0,
    queued: 0,
    memberships: 0,
    entities: 0,
    values: 0,
    epochs: 0,
    beyondMemory: 0,
  }

  report(kind: ViolationKind, evidence: string): void {
    this.violations.push({ kind, evidence })
  }
}

/**
 * Reads what a run has written down, and nothing else: what servers said, what was acknowledged, what the outbox and Postgres hold at the
 * end, and what each handler heard. Twice, for what is right can be said only when all is known.
 */
export class Checker {
  readonly #findings = new Findings()
  readonly #histories = new Histories(this.#findings)
  readonly #memberships = new Memberships()
  readonly #listening = new Listening(this.#histories, this.#memberships, this.#findings)
  readonly #seen = new Map<string, number>()

  /** First of all entries. */
  learn(entry: Entry): void {
    this.#histories.learn(entry)
    this.#memberships.learn(entry)
    if (entry.kind === 'crash') this.#findings.report('crashed', `${entry.name}: ${entry.how}`)
    if (entry.kind === 'seen') this.#seen.set(entry.what, (this.#seen.get(entry.what) ?? 0) + 1)
  }

  /** Then, once all is known, again: of one client in the order in which it was written. */
  judge(entry: Entry): void {
    this.#listening.judge(entry)
  }

  verdict(): Verdict {
    this.#histories.judge()
    this.#listening.finish()
    return { checks: this.#findings.checks, violations: this.#findings.violations, seen: this.#seen }
  }
}

export function check(entries: readonly Entry[]): Verdict {
  const checker = new Checker()
  for (const entry of entries) checker.learn(entry)
  for (const entry of entries) checker.judge(entry)
  return checker.verdict()
}

/** Judges the logs of a folder. */
export async function checkFolder(dir: string): Promise<Verdict> {
  const checker = new Checker()
  const paths = readdirSync(dir).filter((name) => name.endsWith('.log'))
  for (const step of ['learn', 'judge'] as const) {
    for (const name of paths) {
      for await (const line of createInterface({ input: createReadStream(join(dir, name)) })) {
        // Written by processes of this run.
        checker[step](JSON.parse(line) as Entry)
      }
    }
  }
  return checker.verdict()
}
