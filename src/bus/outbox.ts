import type { Logger } from 'pino'
import type { ProjectId } from '../ids.js'
import { TOMBSTONE_BODY } from '../protocol/events.js'
import { type Bus, type BusItem, type BusReply, MAX_ITEMS, type QueuedOrigin } from './bus.js'

/** News about a stored fact that was written in the fact's transaction; `no` follows the order of commits (B4). */
export interface OutboxRow {
  readonly no: bigint
  readonly eventId: string
  readonly type: string
  readonly body: string
  /** Latest value that ends in the same bus message, null for none. */
  readonly clearsKey: string | null
  /** Version of that value's last state. */
  readonly clearsVersion: number | null
  /** Of what somebody published and the bus could not take then; null for a fact (P4). */
  readonly origin: QueuedOrigin | null
  /** Number of the last row of the same publish, which goes out as one message (P5); null for a fact. */
  readonly batchEnd: bigint | null
}

export interface OutboxOptions {
  readonly bus: Pick<Bus, 'publish' | 'outboxState' | 'endEpoch'>
  readonly log: Pick<Logger, 'warn'>
  /** Projects with unpublished rows, at most `limit`. */
  readonly pendingProjects: (limit: number) => Promise<readonly ProjectId[]>
  /** The project's unpublished rows in order of `no`. */
  readonly readPending: (project: ProjectId, limit: number) => Promise<readonly OutboxRow[]>
  /** Marks everything up to `no` as published, in that epoch. */
  readonly markPublished: (project: ProjectId, no: bigint, epoch: string) => Promise<void>
  /** The epoch in which something was marked last; null for none. */
  readonly readEpoch: (project: ProjectId) => Promise<string | null>
  /** Makes everything after `no` unpublished again; answers how many rows that were. */
  readonly reopen: (project: ProjectId, no: bigint) => Promise<number>
  /** Makes unpublished again what was published so lately that not every process may have heard it. */
  readonly reopenRecent: (project: ProjectId) => Promise<void>
  /** News of these types are in the stream. Must not throw. */
  readonly onPublished?: (project: ProjectId, types: readonly string[]) => void
  /** How often every project is looked at, for rows whose writer died before it published. Default 1 000. */
  readonly sweepMs?: number
}

/** Rows that are read at once; with a tombstone each they are 500 items of the 1 000 that a publish may have. */
const MAX_ROWS = 250
/** Projects of one sweep; the next one takes the rest. */
const MAX_PROJECTS = 100
const SWEEP_MS = 1_000
/** Bodies of one publish, in bytes; one row always goes, and so does what was published together: a publish had room for it. */
const MAX_BODY_BYTES = 1024 * 1024

/**
 * Publishes news about stored facts in the order in which they were committed. Any number of processes may do so at once without
 * a lease: the bus takes each number once and in turn (B4). One publish per project is under way in this process.
 */
export class OutboxPublisher {
  readonly #options: OutboxOptions
  readonly #running = new Map<ProjectId, Promise<void>>()
  readonly #again = new Set<ProjectId>()
  /** Whose history began anew, to be looked at one after another. */
  readonly #begun = new Set<ProjectId>()
  #recovering: Promise<void> | null = null
  /** Whose news did not go out at the last attempt: said once, not each second. */
  readonly #failing = new Set<ProjectId | 'sweep'>()
  #timer: NodeJS.Timeout | null = null
  #sweeping: Promise<void> | null = null
  #isStopped = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#begun.size > 0) void this.#recoverBegun()
      this.sweepNow()
    }, this.#options.sweepMs ?? SWEEP_MS)
  }

  /** Looks at every project: call it when the bus is back, what waits has waited long enough. */
  sweepNow(): void {
    if (this.#isStopped) return
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = null
    })
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearInterval(this.#timer)
    await this.#sweeping
    await this.#recovering
    await Promise.all(this.#running.values())
  }

  /** Call it after a commit that wrote rows of the project. */
  wake(project: ProjectId): void {
    void this.flush(project)
  }

  /** Publishes what the project's outbox holds now. Never rejects: what could not go stays for the sweep. */
  flush(project: ProjectId): Promise<void> {
    const running = this.#running.get(project)
    if (running) {
      // Its last read may have been before the commit that this call is about.
      this.#again.add(project)
      return running
    }
    if (this.#isStopped) return Promise.resolve()
    const started = this.#publishAll(project)
      .then(() => void this.#failing.delete(project))
      .catch((error: unknown) => {
        this.#again.delete(project)
        this.#fail(project, error)
      })
      .finally(() => this.#running.delete(project))
    this.#running.set(project, started)
    return started
  }

  /**
   * The project has begun another history: what the last one took, and may have lost, goes out again (B4). Resolves when it has, or could not: the
   * sweep tries again then.
   */
  recover(project: ProjectId): Promise<void> {
    this.#begun.add(project)
    return this.#recoverBegun()
  }

  #recoverBegun(): Promise<void> {
    this.#recovering ??= this.#recover().finally(() => {
      this.#recovering = null
    })
    return this.#recovering
  }

  async #recover(): Promise<void> {
    const failed: ProjectId[] = []
    for (const project of this.#begun) {
      if (this.#isStopped) return
      this.#begun.delete(project)
      try {
        const { taken, before } = await this.#options.bus.outboxState(project)
        if (taken === null) await this.#reopenLost(project, before)
      } catch (error) {
        failed.push(project)
        this.#fail(project, error)
        continue
      }
      await this.flush(project)
    }
    // The sweep tries again: no news may come that would show what is missing.
    for (const project of failed) this.#begun.add(project)
  }

  async #sweep(): Promise<void> {
    try {
      const projects = await this.#options.pendingProjects(MAX_PROJECTS)
      this.#failing.delete('sweep')
      await Promise.all(projects.map((project) => this.flush(project)))
    } catch (error) {
      this.#fail('sweep', error)
    }
  }

  #fail(what: ProjectId | 'sweep', error: unknown): void {
    if (this.#failing.has(what)) return
    this.#failing.add(what)
    this.#options.log.warn({ project: what === 'sweep' ? null : what, err: error }, 'news cannot be published, each sweep tries again')
  }

  async #publishAll(project: ProjectId): Promise<void> {
    let isBeginning = false
    // The epoch that has been behind what was booked in it, when that was asked before what it is told now.
    let suspect: string | null = null
    while (!this.#isStopped) {
      this.#again.delete(project)
      const rows = await this.#nextRows(project)
      const first = rows[0]
      if (first) {
        const items = rows.flatMap((row) => itemsOf(row, isBeginning && row === first))
        const reply = await this.#options.bus.publish(project, items)
        const [result] = reply.results
        const taken = lastTaken(reply, rows)
        if (taken < first.no && (await this.#options.readEpoch(project)) === reply.epoch) {
          if (suspect === reply.epoch) await this.#endEpoch(project, reply.epoch)
          // Another process may have booked it since we were answered: once more, now that we know.
          suspect = reply.epoch
          continue
        }
        if (result?.kind === 'not-begun') {
          await this.#reopenLost(project, result.before)
          isBeginning = true
          continue
        }
        isBeginning = false
        if (taken < first.no) await this.#goBack(project, taken, first.no)
        else await this.#book(project, rows, taken, reply.epoch)
      } else if (!this.#again.has(project)) return
    }
  }

  async #book(project: ProjectId, rows: readonly OutboxRow[], taken: bigint, epoch: string): Promise<void> {
    const types = rows.filter((row) => row.no <= taken).map((row) => row.type)
    this.#options.onPublished?.(project, types)
    await this.#options.markPublished(project, taken, epoch)
  }

  /** What goes out as one message: as much as it takes, and of what was published together all or nothing. */
  async #nextRows(project: ProjectId): Promise<readonly OutboxRow[]> {
    const { readPending } = this.#options
    const rows = withinBytes(await readPending(project, MAX_ROWS))
    const last = rows.at(-1)
    const batchEnd = last?.batchEnd ?? null
    if (last === undefined || batchEnd === null || last.no === batchEnd) return rows
    const before = rows.filter((row) => row.batchEnd !== batchEnd)
    return before.length > 0 ? before : (await readPending(project, MAX_ITEMS)).filter(({ no }) => no <= batchEnd)
  }

  /** A history that has taken nothing yet: the one before may have been lost before all processes had heard its last. */
  async #reopenLost(project: ProjectId, before: bigint | null): Promise<void> {
    await this.#options.reopenRecent(project)
    if (before !== null) await this.#options.reopen(project, before)
  }

  /**
   * The epoch has lost what it had taken, as a Redis does that starts with an older copy of its data: it ends (B5). If that went out again in it, it
   * might stand where it stood, behind other events, and who has heard those that are lost could not tell.
   */
  async #endEpoch(project: ProjectId, epoch: string): Promise<void> {
    this.#options.log.warn({ project }, 'the bus went back, another epoch begins')
    await this.#options.bus.endEpoch(project, epoch)
  }

  /** The bus has taken fewer than were taken before, in an epoch that nothing was booked for yet: what follows goes out again (B4). */
  async #goBack(project: ProjectId, taken: bigint, first: bigint): Promise<void> {
    const count = await this.#options.reopen(project, taken)
    if (count === 0) throw new Error(`the bus has taken outbox item ${taken} and waits for the next, the oldest there is is ${first}`)
    this.#options.log.warn({ project, count }, 'the bus went back, news goes out again')
  }
}

function withinBytes(rows: readonly OutboxRow[]): readonly OutboxRow[] {
  let bytes = 0
  const end = rows.findIndex((row) => {
    bytes += Buffer.byteLength(row.body)
    return bytes > MAX_BODY_BYTES
  })
  return end <= 0 ? rows.slice(0, end === 0 ? 1 : rows.length) : rows.slice(0, end)
}

function itemsOf(row: OutboxRow, isFirst: boolean): BusItem[] {
  const { no, type, eventId: id, body, origin } = row
  const event: BusItem = { kind: 'outbox', no, isFirst, type, id, body, ...(origin !== null && { origin }) }
  if (row.clearsKey === null) return [event]
  // Above the last state's version: a progress that arrives late, even of that very version, must not bring the key back.
  const version = row.clearsVersion === null ? {} : { version: row.clearsVersion + 1 }
  return [event, { kind: 'latest', type: 'job.progress', key: row.clearsKey, ...version, body: TOMBSTONE_BODY }]
}

/** The highest number that the bus has, by this publish or by another process's; 0 for none. */
function lastTaken(reply: BusReply, rows: readonly OutboxRow[]): bigint {
  const results = reply.results.filter((result) => !('key' in result))
  let taken = 0n
  for (const [index, row] of rows.entries()) {
    const result = results[index]
    if (result?.kind === 'out-of-turn') taken = result.no
    else if (result && result.kind !== 'not-begun') taken = row.no
  }
  return taken
}
