import type { WriteStream } from 'node:tty'
import type { JobView } from '../protocol/views.js'

const BAR_WIDTH = 30

/** A job's progress on a terminal: one line that moves; where there is no terminal, a line for each tenth. */
export class ProgressBar {
  readonly #stream: WriteStream
  #lastTenth = -1

  constructor(stream: WriteStream) {
    this.#stream = stream
  }

  show(job: JobView): void {
    if (this.#stream.isTTY) {
      // Carriage return and "erase to the end of the line".
      this.#stream.write(`\r${lineOf(job)}\x1b[K`)
      return
    }
    const tenth = Math.floor(job.percent / 10)
    if (tenth <= this.#lastTenth) return
    this.#lastTenth = tenth
    this.#stream.write(`${lineOf(job)}\n`)
  }

  /** Leaves the line: what comes next begins on its own. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\n')
  }
}

function lineOf(job: JobView): string {
  const full = Math.round((BAR_WIDTH * job.percent) / 100)
  const speed = job.rowsPerSecond === null ? '' : ` · ${count(job.rowsPerSecond)} rows/s`
  const left = job.etaMs === null ? '' : ` · ${Math.ceil(job.etaMs / 1000)} s left`
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${String(job.percent).padStart(3)} % · ${job.phase} · ${count(job.matched)} matched · ${count(job.suggested)} suggested · ${count(job.breaks)} breaks${speed}${left}`
}

/** A whole number with thousands separated. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}
