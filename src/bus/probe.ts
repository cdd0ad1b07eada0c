export interface ProbeOptions {
  /** Whether there is a way for a probe, there and back. */
  readonly isConnected: () => boolean
  /** Sends a probe on its way; {@link Probe.returned} is called when it comes back. Resolves when the bus has taken it. */
  readonly send: (no: number) => Promise<void>
  /** What was sent did not come back in time: connections are dead, whatever TCP believes. `subscriptions`: the bus had taken it. */
  readonly replace: (connections: 'subscriptions' | 'all') => void
  readonly onChange: (delivery: Delivery) => void
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
}

/** Whether what is published reaches this process. */
export type Delivery = 'proven' | 'unproven'

interface SentProbe {
  readonly no: number
  since: number
  isTaken: boolean
}

const PROBE_MS = 500
/** A probe that is away for this long does not come back. With the time between two of them a dead connection is seen within 3 s (D9). */
const DEAD_MS = 2_000

/**
 * Proves that what is published arrives (D9): an open socket proves nothing. One probe is on its way at a time.
 *
 * - *proven*: from the start, and when a probe comes back that was sent after the last loss.
 * - *unproven*: a connection was lost, or a probe did not come back.
 */
export class Probe {
  readonly #options: ProbeOptions
  readonly #now: () => number
  #delivery: Delivery = 'proven'
  #no = 0
  /** Probes before this one were sent before the last loss. */
  #countsFrom = 0
  #away: SentProbe | null = null
  #provenAt = Number.NEGATIVE_INFINITY
  #tickedAt = 0
  #timer: NodeJS.Timeout | null = null

  constructor(options: ProbeOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Milliseconds since the last proof; Infinity before the first. */
  get ageMs(): number {
    return this.#now() - this.#provenAt
  }

  start(): void {
    this.#tickedAt = this.#now()
    this.#timer = setInterval(() => this.tick(), PROBE_MS)
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
  }

  /** A connection is gone, and what was on its way with it. */
  lost(): void {
    this.#countsFrom = this.#no + 1
    this.#away = null
    this.#change('unproven')
  }

  returned(no: number): void {
    if (no < this.#countsFrom) return
    this.#provenAt = this.#now()
    if (this.#away?.no === no) this.#away = null
    this.#change('proven')
  }

  /** Connections have come back: nobody has to wait for the next round. */
  sendNow(): void {
    if (this.#away || !this.#options.isConnected()) return
    this.#away = { no: ++this.#no, since: this.#now(), isTaken: false }
    this.#send(this.#away)
  }

  /** Once a round. */
  tick(): void {
    const now = this.#now()
    // We stood still ourselves: the answer may lie in a buffer that nobody has read yet.
    if (this.#away && now - this.#tickedAt > 2 * PROBE_MS) this.#away.since = now
    this.#tickedAt = now
    const away = this.#away
    if (away && now - away.since >= DEAD_MS) {
      this.lost()
      this.#options.replace(away.isTaken ? 'subscriptions' : 'all')
    }
    // That the bus took it says nothing of now: it shows again and again whether it still answers.
    else if (away?.isTaken) this.#send(away)
    this.sendNow()
  }

  #send(probe: SentProbe): void {
    probe.isTaken = false
    this.#options.send(probe.no).then(
      () => {
        probe.isTaken = true
      },
      () => {
        if (this.#away !== probe) return
        this.lost()
        this.#options.replace('all')
      },
    )
  }

  #change(delivery: Delivery): void {
    if (delivery === this.#delivery) return
    this.#delivery = delivery
    this.#options.onChange(delivery)
  }
}
