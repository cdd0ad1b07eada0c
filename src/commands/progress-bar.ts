import type { JobView } from '../protocol/views.js'

const BAR_WIDTH = 20
const DEFAULT_COLUMNS = 80
/** Where there is no terminal, how long something may go on before a line says how far it is. */
const QUIET_MS = 2_000

/** A stream that may be a terminal. */
export interface ProgressStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Progress on a terminal: one line that moves; where there is no terminal, a line for each tenth of a job. */
export class ProgressBar {
  readonly #stream: ProgressStream
  #isLineOpen = false
  #lastTenth = -1
  #lastLineAt = performance.now()

  constructor(stream: ProgressStream) {
    this.#stream = stream
  }

  /** How far the job is. */
  show(job: JobView): void {
    const tenth = Math.floor(job.percent / 10)
    if (this.#stream.isTTY) this.#move(job.percent, wordsOf(job))
    else if (tenth > this.#lastTenth) this.#line([percentText(job.percent), ...wordsOf(job)])
    this.#lastTenth = Math.max(tenth, this.#lastTenth)
  }

  /** How far something else is; `share` from 0 to 1. */
  showShare(what: string, share: number): void {
    const percent = Math.floor(share * 100)
    if (this.#stream.isTTY) this.#move(percent, [what])
    else if (share < 1 && performance.now() - this.#lastLineAt > QUIET_MS) this.#line([percentText(percent), what])
  }

  /** A line that stays. */
  say(line: string): void {
    this.#stream.write(this.#isLineOpen ? `\r\x1b[K${line}\n` : `${line}\n`)
    this.#isLineOpen = false
    this.#lastLineAt = performance.now()
  }

  /** Leaves the line: what comes next begins on its own. */
  end(): void {
    if (this.#isLineOpen) this.#stream.write('\n')
    this.#isLineOpen = false
  }

  #move(percent: number, words: readonly string[]): void {
    const full = Math.round((BAR_WIDTH * percent) / 100)
    const bar = `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${percentText(percent)}  `
    // A line that wraps cannot be written over: words go from the end until it fits.
    const room = (this.#stream.columns || DEFAULT_COLUMNS) - bar.length - 1
    let text = words.join(' · ')
    for (let kept = words.length - 1; text.length > room && kept > 0; kept--) text = words.slice(0, kept).join(' · ')
    // Carriage return and "erase to the end of the line".
    this.#stream.write(`\r${bar}${text.slice(0, Math.max(room, 0))}\x1b[K`)
    this.#isLineOpen = true
  }

  #line(words: readonly string[]): void {
    this.#stream.write(`${words.join(' · ')}\n`)
    this.#lastLineAt = performance.now()
  }
}

/** What the job is at, the most telling first. */
function wordsOf(job: JobView): string[] {
  return [
    job.phase,
    `${count(job.matched)} matched`,
    ...(job.etaMs === null ? [] : [`${Math.ceil(job.etaMs / 1000)} s left`]),
    `${count(job.suggested)} suggested`,
    `${count(job.breaks)} breaks`,
    ...(job.rowsPerSecond === null ? [] : [`${count(job.rowsPerSecond)} rows/s`]),
  ]
}

function percentText(percent: number): string {
  return `${String(percent).padStart(3)} %`
}

/** A whole number with thousands separated. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}
