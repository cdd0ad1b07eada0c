import type { JobView } from '../protocol/views.js'

/** PROTOCOL §6: at most ten a second per job. */
const MIN_INTERVAL_MS = 100

interface Shown {
  readonly phase: string
  readonly timer: NodeJS.Timeout
  next: JobView | null
}

/**
 * Thins the progress of running jobs: the first state and each change of phase at once, otherwise the newest one every 100 ms. The
 * last word is not its business: that is an event.
 */
export class ProgressPublisher {
  readonly #publish: (job: JobView) => void
  /** Jobs whose last publication is less than 100 ms ago. */
  readonly #shown = new Map<string, Shown>()

  /** `publish` must not throw. */
  constructor(publish: (job: JobView) => void) {
    this.#publish = publish
  }

  update(job: JobView): void {
    const shown = this.#shown.get(job.id)
    if (job.state !== 'running') this.end(job.id)
    else if (shown?.phase === job.phase) {
      // Two slots may tell of their commits in the other order.
      if (shown.next === null || job.version > shown.next.version) shown.next = job
    } else this.#show(job)
  }

  /** Drops what waits: the job has ended, or this process stops. */
  end(job: string): void {
    clearTimeout(this.#shown.get(job)?.timer)
    this.#shown.delete(job)
  }

  stop(): void {
    for (const job of [...this.#shown.keys()]) this.end(job)
  }

  #show(job: JobView): void {
    this.end(job.id)
    const timer = setTimeout(() => {
      const { next } = shown
      this.#shown.delete(job.id)
      if (next) this.#show(next)
    }, MIN_INTERVAL_MS)
    const shown: Shown = { phase: job.phase, timer, next: null }
    this.#shown.set(job.id, shown)
    this.#publish(job)
  }
}
