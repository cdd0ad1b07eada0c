/** Lets a few of many do something at once; the others wait for their turn, first come, first served. */
export class Lane {
  readonly #width: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** `width`: how many may be under way at once. */
  constructor(width: number) {
    this.#width = width
  }

  async run<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#running < this.#width) this.#running++
    // Who ends hands its place over.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await act()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}
