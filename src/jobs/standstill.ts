import type { JobId } from '../ids.js'

/**
 * Since when running jobs have stood still, as far as somebody who looks now and then can tell. No clock of the database is asked, and a job
 * that no worker has taken stands still too.
 */
export class Standstill {
  readonly #now: () => number
  #seen = new Map<JobId, { readonly version: number; readonly since: number }>()

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** The jobs that run now, with their versions, which rise with their progress. Answers the longest standstill in milliseconds. */
  look(running: readonly { readonly id: JobId; readonly version: number }[]): number {
    const now = this.#now()
    this.#seen = new Map(
      running.map(({ id, version }) => {
        const before = this.#seen.get(id)
        return [id, before?.version === version ? before : { version, since: now }]
      }),
    )
    return Math.max(0, ...[...this.#seen.values()].map(({ since }) => now - since))
  }
}
