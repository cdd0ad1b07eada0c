import type { Entry } from './log.js'

/** A taken membership takes effect within this (C9); what is over is what a busy machine needs to write down an answer. */
const EFFECT_MS = 1_000
const SLACK_MS = 300

/** While these last a process can reach neither Redis nor Postgres, or nothing at all: the second counts from their end. */
const HINDRANCES = new Set(['serve-stop', 'postgres-fast', 'postgres-crash'])

interface Absence {
  readonly from: number
  /** Infinity: for good. */
  until: number
}

/** Who was no member when. */
export class Memberships {
  readonly #users = new Map<number, string>()
  readonly #absences = new Map<string, Absence[]>()
  readonly #hindrances: { readonly from: number; readonly until: number }[] = []

  learn(entry: Entry): void {
    if (entry.kind === 'user') this.#users.set(entry.client, entry.user)
    else if (entry.kind === 'fault' && HINDRANCES.has(entry.name)) this.#hindrances.push({ from: entry.from, until: entry.at })
    else if (entry.kind === 'revoked') {
      const key = `${entry.project} ${entry.user}`
      const absences = this.#absences.get(key) ?? []
      absences.push({ from: entry.at, until: Number.POSITIVE_INFINITY })
      this.#absences.set(key, absences)
    } else if (entry.kind === 'granted') {
      const last = this.#absences.get(`${entry.project} ${entry.user}`)?.at(-1)
      if (last) last.until = entry.from
    }
  }

  /** Null: was always a member. Otherwise whether what was sent then must not have been heard. */
  isShutOut(client: number, project: string, sentAt: number): boolean | null {
    const absences = this.#absences.get(`${project} ${this.#users.get(client)}`)
    if (!absences) return null
    return absences.some(({ from, until }) => sentAt > this.#effectOf(from) && sentAt < until)
  }

  /** Whether somebody has taken it at some time. */
  wasTaken(client: number, project: string): boolean {
    return this.#absences.has(`${project} ${this.#users.get(client)}`)
  }

  /** Whether it is one at the end. */
  isMember(client: number, project: string): boolean {
    return this.#absences.get(`${project} ${this.#users.get(client)}`)?.at(-1)?.until !== Number.POSITIVE_INFINITY
  }

  #effectOf(revokedAt: number): number {
    let effectAt = revokedAt + EFFECT_MS + SLACK_MS
    for (const { from, until } of this.#hindrances)
      if (from <= effectAt && until >= revokedAt) effectAt = Math.max(effectAt, until + EFFECT_MS + SLACK_MS)
    return effectAt
  }
}
