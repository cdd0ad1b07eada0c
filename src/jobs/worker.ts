import { setTimeout as delay } from 'node:timers/promises'
import type { Db } from '../db/client.js'
import { type ChunkLease, claimChunk, extendLease, LEASE_MS, releaseChunk } from '../db/job-chunks.js'
import { failJob } from '../db/jobs.js'
import { AppError } from '../errors.js'
import type { JobId, ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import type { JobView } from '../protocol/views.js'
import { MatchRunner } from './match.js'
import { MatchEngine } from './match-engine.js'
import { admitJobs, completeChunk, finishJob } from './queue.js'

export interface WorkerOptions {
  readonly db: Db
  /** Name in leases: which process works. */
  readonly owner: string
  /** Chunks worked on at once, an engine thread each. */
  readonly slots: number
  /** Jobs that run at once in the whole fleet. */
  readonly maxRunningJobs: number
  /** How often an idle slot looks for work that nobody woke it for. */
  readonly pollMs: number
  /** A commit changed this job; its news is in the outbox or, while it runs, this call. Must not throw. */
  readonly onJob: (job: JobView) => void
  /** A transaction left news in the project's outbox. */
  readonly wakeOutbox: (project: ProjectId) => void
  readonly log: Log
}

const HEARTBEAT_MS = LEASE_MS / 3
/** A chunk that fails this often fails its job. */
const MAX_ATTEMPTS = 5
const JOB_TIMEOUT_MS = 2 * 60 * 60 * 1000
/** After this long without work the tables of past jobs leave the memory. */
const FORGET_AFTER_MS = 10_000

/** Takes chunks from the queue as long as it lives. Every claimed chunk is completed, failed or released, whatever throws. */
export class JobWorker {
  readonly #options: WorkerOptions
  readonly #stopping = new AbortController()
  #slots: Promise<void>[] = []
  #wakeUp = new AbortController()

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  start(): void {
    this.#slots = Array.from({ length: this.#options.slots }, () => this.#runSlot())
  }

  /** There may be work: look now. */
  wake(): void {
    this.#wakeUp.abort()
    this.#wakeUp = new AbortController()
  }

  /** Takes no new chunk, gives back what is not finished, ends the threads. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.wake()
    await Promise.all(this.#slots)
  }

  async #runSlot(): Promise<void> {
    const engine = new MatchEngine()
    const runner = new MatchRunner(this.#options.db, engine)
    // What is in the engine when the order to stop comes is given up at once: the chunk is released, not finished.
    this.#stopping.signal.addEventListener('abort', () => void engine.stop(), { once: true })
    let lastJob: JobId | null = null
    let idleSince = performance.now()
    while (!this.#stopping.signal.aborted) {
      const woken = this.#wakeUp.signal
      try {
        await this.#admit()
        const lease: ChunkLease | null = await claimChunk(this.#options.db, this.#options.owner, lastJob)
        if (lease !== null) {
          await this.#work(lease, runner)
          lastJob = lease.job
          idleSince = performance.now()
          continue
        }
        if (performance.now() - idleSince > FORGET_AFTER_MS) await runner.dropAll()
      } catch (error) {
        this.#options.log.error({ err: error }, 'the queue cannot be read')
      }
      await delay(this.#options.pollMs, null, { signal: woken }).catch(() => undefined)
    }
    await engine.stop()
  }

  async #admit(): Promise<void> {
    for (const job of await admitJobs(this.#options.db, this.#options.maxRunningJobs)) this.#tell(job)
  }

  async #work(lease: ChunkLease, runner: MatchRunner): Promise<void> {
    const { db, log } = this.#options
    if (lease.attempt > MAX_ATTEMPTS || lease.runningMs > JOB_TIMEOUT_MS) return this.#giveUp(lease, runner)
    const heartbeat = setInterval(() => void extendLease(db, lease).catch(() => undefined), HEARTBEAT_MS)
    try {
      const plan = await runner.plan(lease)
      if (plan.stages[lease.stage]!.kind === 'finish') {
        this.#tell(await finishJob(db, lease, await runner.resultHash(lease)))
        await runner.drop(lease.job)
        // A place is free: another slot may be waiting for it.
        this.wake()
      } else {
        this.#tell(await completeChunk(db, lease, plan, await runner.run(lease, plan)))
      }
    } catch (error) {
      await runner.drop(lease.job)
      if (error instanceof AppError && error.code === 'LEASE_LOST') return
      const isStopping = this.#stopping.signal.aborted
      if (!isStopping)
        log.warn({ err: error, job: lease.job, stage: lease.stage, chunk: lease.chunk, attempt: lease.attempt }, 'a chunk failed')
      await releaseChunk(db, lease, isStopping ? null : error instanceof Error ? error.message : String(error))
    } finally {
      clearInterval(heartbeat)
    }
  }

  async #giveUp(lease: ChunkLease, runner: MatchRunner): Promise<void> {
    const isLate = lease.runningMs > JOB_TIMEOUT_MS
    const message = isLate
      ? 'the job took longer than two hours'
      : `chunk ${lease.stage}.${lease.chunk} failed ${MAX_ATTEMPTS} times${lease.lastError === null ? '' : `: ${lease.lastError}`}`
    await runner.drop(lease.job)
    await failJob(this.#options.db, lease.job, { code: 'INTERNAL', message })
    this.#options.wakeOutbox(lease.project)
  }

  #tell(job: JobView): void {
    this.#options.onJob(job)
    // Project ids of stored rows are ids.
    if (job.state !== 'running' || job.processed === 0) this.#options.wakeOutbox(job.project as ProjectId)
  }
}
