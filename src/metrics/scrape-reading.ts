/** A scrape waits no longer for what is read from elsewhere. */
const TIMEOUT_MS = 1_500

/** What several gauges show of one look, taken once per scrape. Until somebody says where to look, and when looking fails, it is null. */
export class ScrapeReading<Value> {
  #source: (() => Value | Promise<Value>) | null = null
  #reading: Promise<Value | null> | null = null

  from(source: () => Value | Promise<Value>): void {
    this.#source = source
  }

  /** Never rejects. Whoever asks while somebody looks gets the same. */
  read(): Promise<Value | null> {
    this.#reading ??= this.#look().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #look(): Promise<Value | null> {
    if (this.#source === null) return null
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, TIMEOUT_MS, null)
    })
    try {
      // All gauges of this scrape ask before the look begins, or a look without a wait would be over before the second.
      await new Promise(setImmediate)
      return await Promise.race([this.#source(), timeout])
    } catch {
      return null
    } finally {
      clearTimeout(timer)
    }
  }
}
