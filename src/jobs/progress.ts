import type { JobView } from '../protocol/views.js'

/** PROTOCOL §6: at most ten a second per job. */
const MIN_INTERVAL_MS = 100

interface Shown {
  phase: string
  at: number
  timer: NodeJS.Timeout | null
  next: JobView | null
}

/**
 * Thins the progress of running jobs: the first state and each change of phase at once, otherwise the newest one every 100 ms. The
 * last word is not its business: that is an event.
 */
export class ProgressPublisher {
  readonly #publish: (job: JobView) => void
  readonly #jobs = new Map<string, Shown>()

  /** `publish` must not throw. */
  constructor(publish: (job: JobView) => void) {
    this.#publish = publish
  }

  update(job: JobView): void {
    if (job.state !== 'running') {
      this.end(job.id)
      return
    }
    const shown = this.#jobs.get(job.id)
    const now = performance.now()
    if (!shown || shown.phase !== job.phase || now - shown.at >= MIN_INTERVAL_MS) {
      if (shown?.timer) clearTimeout(shown.timer)
      this.#jobs.set(job.id, { phase: job.phase, at: now, timer: null, next: null })
      this.#publish(job)
      return
    }
    shown.next = job
    shown.timer ??= setTimeout(
      () => {
        shown.timer = null
        shown.at = performance.now()
        if (shown.next) this.#publish(shown.next)
      },
      MIN_INTERVAL_MS - (now - shown.at),
    )
  }

  /** Drops what waits: the job has ended, or this process stops. */
  end(job: string): void {
    const shown = this.#jobs.get(job)
    if (shown?.timer) clearTimeout(shown.timer)
    this.#jobs.delete(job)
  }

  stop(): void {
    for (const job of [...this.#jobs.keys()]) this.end(job)
  }
}
