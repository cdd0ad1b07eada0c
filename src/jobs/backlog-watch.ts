import { type Backlog, readBacklog } from '../db/backlog.js'
import type { Db } from '../db/client.js'
import { Standstill } from './standstill.js'

/** What the whole fleet has still to do, looked at now and then. */
export class BacklogWatch {
  readonly #db: Db
  readonly #standstill = new Standstill()

  constructor(db: Db) {
    this.#db = db
  }

  /** `stalledMs`: the longest standstill of a running job. */
  async read(): Promise<Backlog & { readonly stalledMs: number }> {
    const backlog = await readBacklog(this.#db)
    return { ...backlog, stalledMs: this.#standstill.look(backlog.running) }
  }
}
