import { setTimeout as delay } from 'node:timers/promises'
import type { Db } from '../db/client.js'
import { type ChunkLease, claimChunk, extendLease, LEASE_MS, releaseChunk, releaseLeasesOf } from '../db/job-chunks.js'
import { failJob } from '../db/jobs.js'
import { AppError } from '../errors.js'
import type { JobId, ProjectId } from '../ids.js'
import type { Log } from '../log.js'
import type { JobMetrics } from '../metrics/job-metrics.js'
import type { JobView } from '../protocol/views.js'
import { MatchRunner } from './match.js'
import { MatchEngine } from './match-engine.js'
import { admitJobs, CHUNK_ROWS, completeChunk, finishJob } from './queue.js'

export interface WorkerOptions {
  readonly db: Db
  /** Name in leases: which process works. */
  readonly owner: string
  /** Chunks worked on at once, an engine thread each. */
  readonly slots: number
  /** Jobs that run at once in the whole fleet. */
  readonly maxRunningJobs: number
  /** Records per side in a chunk of a job that this worker starts. Default {@link CHUNK_ROWS}. */
  readonly chunkRows?: number
  /** How often an idle slot looks for work that nobody woke it for. */
  readonly pollMs: number
  /** A commit changed this job; its news is in the outbox or, while it runs, this call. Must not throw. */
  readonly onJob: (job: JobView) => void
  /** A transaction left news in the project's outbox. */
  readonly wakeOutbox: (project: ProjectId) => void
  readonly log: Log
  /** Default: nothing is counted. */
  readonly metrics?: JobMetrics
}

const HEARTBEAT_MS = LEASE_MS / 3
/** A chunk that fails this often fails its job. */
const MAX_ATTEMPTS = 5
const JOB_TIMEOUT_MS = 2 * 60 * 60 * 1000
/** After this long without work the tables of past jobs leave the memory. */
const FORGET_AFTER_MS = 10_000
/** While the database cannot be asked, the pause doubles from the poll's up to this. */
const MAX_PAUSE_MS = 5_000

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
    this.#slots = Array.from({ length: this.#options.slots }, (_, slot) => this.#runSlot(`${this.#options.owner}/${slot}`))
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

  async #runSlot(owner: string): Promise<void> {
    const { db, log, pollMs } = this.#options
    const engine = new MatchEngine()
    const runner = new MatchRunner(db, engine)
    // What is in the engine when the order to stop comes is given up at once: the chunk is released, not finished.
    this.#stopping.signal.addEventListener('abort', () => void engine.stop(), { once: true })
    let lastJob: JobId | null = null
    let idleSince = performance.now()
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      const woken = this.#wakeUp.signal
      try {
        // A chunk that could not be given back, or whose claim was never answered, is nobody's work.
        if (failures > 0) await releaseLeasesOf(db, owner)
        await this.#admit()
        const lease: ChunkLease | null = await claimChunk(db, owner, lastJob)
        if (failures > 0) log.info({ failures }, 'the queue can be read again')
        failures = 0
        if (lease !== null) {
          await this.#work(lease, runner)
          lastJob = lease.job
          idleSince = performance.now()
          continue
        }
        if (performance.now() - idleSince > FORGET_AFTER_MS) await runner.reset()
      } catch (error) {
        if (failures++ === 0) log.error({ err: error }, 'the queue cannot be read, trying again')
      }
      const pauseMs = Math.max(pollMs, Math.min(MAX_PAUSE_MS, pollMs * 2 ** failures) * (failures === 0 ? 1 : Math.random()))
      await delay(pauseMs, null, { signal: woken }).catch(() => undefined)
    }
    await engine.stop()
  }

  async #admit(): Promise<void> {
    const { db, maxRunningJobs, chunkRows = CHUNK_ROWS } = this.#options
    for (const job of await admitJobs(db, maxRunningJobs, chunkRows)) this.#tell(job)
  }

  async #work(lease: ChunkLease, runner: MatchRunner): Promise<void> {
    const { db, log, metrics } = this.#options
    const startedAt = performance.now()
    if (lease.attempt > MAX_ATTEMPTS || lease.runningMs > JOB_TIMEOUT_MS) return this.#giveUp(lease, runner)
    const stopHeartbeat = this.#keepLease(lease, runner)
    try {
      const plan = await runner.plan(lease)
      if (plan.stages[lease.stage]!.kind === 'finish') {
        this.#tell(await finishJob(db, lease, await runner.resultHash(lease)))
        await runner.drop(lease.job)
        // A place is free: another slot may be waiting for it.
        this.wake()
      } else {
        const outcome = await runner.run(lease, plan)
        stopHeartbeat()
        const job = await completeChunk(db, lease, plan, outcome)
        metrics?.chunkDone(job.kind, lease.weight, (performance.now() - startedAt) / 1_000)
        this.#tell(job)
      }
    } catch (error) {
      if (error instanceof AppError && error.code === 'LEASE_LOST') {
        metrics?.leaseLost()
        return await runner.drop(lease.job)
      }
      await runner.reset()
      const isStopping = this.#stopping.signal.aborted
      if (!isStopping)
        log.warn({ err: error, job: lease.job, stage: lease.stage, chunk: lease.chunk, attempt: lease.attempt }, 'a chunk failed')
      await releaseChunk(db, lease, isStopping ? null : error instanceof Error ? error.message : String(error))
    } finally {
      stopHeartbeat()
    }
  }

  /**
   * Extends the lease until the answer is called. When it is lost, or the job ended or took too long, the engine gives up what it is
   * doing: nobody waits for it.
   */
  #keepLease(lease: ChunkLease, runner: MatchRunner): () => void {
    const startedAt = performance.now()
    let isOver = false
    const beat = async () => {
      const isLate = lease.runningMs + performance.now() - startedAt > JOB_TIMEOUT_MS
      const isHeld = !isLate && (await extendLease(this.#options.db, lease))
      if (!isHeld && !isOver) await runner.reset()
    }
    // A database that cannot be asked is no lost lease: the next beat tells.
    const timer = setInterval(() => void beat().catch(() => undefined), HEARTBEAT_MS)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }

  async #giveUp(lease: ChunkLease, runner: MatchRunner): Promise<void> {
    const { db, log } = this.#options
    const isLate = lease.runningMs > JOB_TIMEOUT_MS
    const chunk = `chunk ${lease.chunk} of stage ${lease.stage}`
    await runner.drop(lease.job)
    // What it failed of is in the log: it may tell of our insides.
    log.error({ job: lease.job, stage: lease.stage, chunk: lease.chunk, isLate, lastError: lease.lastError }, 'a job is given up')
    const message = isLate ? `the job took longer than two hours, it had come to ${chunk}` : `${chunk} failed ${MAX_ATTEMPTS} times`
    const job = await failJob(db, lease.job, { code: 'INTERNAL', message })
    if (job) this.#tell(job)
    this.wake()
  }

  #tell(job: JobView): void {
    this.#options.onJob(job)
    this.#options.metrics?.ended(job)
    // Project ids of stored rows are ids.
    if (job.state !== 'running' || job.processed === 0) this.#options.wakeOutbox(job.project as ProjectId)
  }
}
