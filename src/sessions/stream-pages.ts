import type { Bus, BusEvent } from '../bus/bus.js'
import type { ProjectId } from '../ids.js'
import { MAX_SERVER_FRAME_BYTES } from '../protocol/messages.js'
import type { Position } from '../protocol/position.js'
import type { Clock } from './clock.js'
import { type FanoutCounters, News } from './news.js'

export interface StreamPagesOptions {
  readonly project: ProjectId
  readonly bus: Pick<Bus, 'readEvents'>
  readonly clock: Clock
  readonly counters: FanoutCounters
}

interface Page {
  readonly readAt: number
  readonly reading: Promise<readonly News<BusEvent>[] | null>
  /** Once the reading has ended. */
  events: readonly News<BusEvent>[] | null
}

/** Events of one page. */
const MAX_EVENTS = 1_000
/** How long a page serves those who come to the same position after it was read. */
const KEPT_MS = 5_000
const MAX_PAGES = 8

/** What the stream says after a position. Whoever comes to the same position within some seconds shares one reading (J8). */
export class StreamPages {
  readonly #options: StreamPagesOptions
  readonly #pages = new Map<string, Page>()
  #cancelTimer: (() => void) | null = null

  constructor(options: StreamPagesOptions) {
    this.#options = options
  }

  /**
   * The events directly after the position, a page of them at most; null when it cannot be resumed.
   * @throws AppError `BUS_UNAVAILABLE`.
   */
  read(after: Position): Promise<readonly News<BusEvent>[] | null> {
    this.#forgetOld()
    const key = keyOf(after)
    const known = this.#pages.get(key)
    if (known) return known.reading
    const reading = this.#read(after)
    const page: Page = { readAt: this.#options.clock.now(), reading, events: null }
    this.#pages.set(key, page)
    this.#forgetLater()
    reading.then(
      (events) => {
        page.events = events
        // At the head: what follows is written any moment.
        if (events?.length === 0) this.#forget(key, page)
      },
      () => this.#forget(key, page),
    )
    return reading
  }

  /** What {@link read} has answered for the position and still remembers; null when there is no such answer. */
  known(after: Position): readonly News<BusEvent>[] | null {
    return this.#pages.get(keyOf(after))?.events ?? null
  }

  /** What was read belongs to another history. */
  clear(): void {
    this.#pages.clear()
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  async #read(after: Position): Promise<readonly News<BusEvent>[] | null> {
    const { bus, project, counters } = this.#options
    const found = await bus.readEvents(project, after, { maxEvents: MAX_EVENTS, maxBytes: MAX_SERVER_FRAME_BYTES })
    return found?.events.map((event) => new News(event, counters)) ?? null
  }

  #forget(key: string, page: Page): void {
    if (this.#pages.get(key) === page) this.#pages.delete(key)
  }

  #forgetLater(): void {
    this.#cancelTimer ??= this.#options.clock.after(KEPT_MS, () => {
      this.#cancelTimer = null
      this.#forgetOld()
      if (this.#pages.size > 0) this.#forgetLater()
    })
  }

  #forgetOld(): void {
    const now = this.#options.clock.now()
    for (const [key, { readAt }] of this.#pages) {
      // Maps keep the order in which their entries came: the oldest is the first.
      if (now - readAt < KEPT_MS && this.#pages.size < MAX_PAGES) return
      this.#pages.delete(key)
    }
  }
}

function keyOf({ epoch, seq, id }: Position): string {
  return `${epoch}/${seq}/${id}`
}
