import type { BusEvent, BusLatest, BusMessage, BusState } from '../bus/bus.js'
import type { ProjectId } from '../ids.js'
import type { LiveMetrics } from '../metrics/live-metrics.js'
import type { Codec, Encoded } from '../protocol/codec.js'
import type { Position } from '../protocol/position.js'
import type { Transport } from '../transport/transport.js'
import type { Clock } from './clock.js'
import { CODECS } from './codecs.js'
import { bytesOf, type Due, deliverMessages } from './frames.js'
import { LatestValues } from './latest-values.js'
import { type FanoutCounters, News } from './news.js'
import { isPresenceKey, PresencePace } from './presence-pace.js'
import { RecentEvents } from './recent-events.js'

export interface FeedOptions {
  readonly project: ProjectId
  readonly transport: Pick<Transport, 'prepare' | 'push'>
  readonly clock: Clock
  readonly counters: FanoutCounters
  /** Null: nothing is counted. */
  readonly metrics: LiveMetrics | null
  /** Latest values as they are heard, before they are flushed; `all`: and no others. */
  readonly onLatest: (latest: readonly BusLatest[], scope: 'all' | 'changed') => void
  /** Whether somebody has yet to be told what is gone. */
  readonly keepsTombstones: () => boolean
}

/** Shortest time between two flushes of a project (D5). */
export const FLUSH_MAX_MS = 16
/** What a project keeps for who resumes here. */
const RECENT = { maxEvents: 2_000, maxBytes: 1024 * 1024 }

/**
 * What a project's sessions hear: news of the bus wait here until they are flushed, as one `deliver` for all sessions of a codec, made
 * once. {@link Feed.position} is the last event that was flushed; what was flushed lately, and every latest value, stays for who comes.
 */
export class Feed {
  readonly latest = new LatestValues()
  readonly #options: FeedOptions
  /** Sessions by codec, and the topic on which they hear. */
  readonly #audience = new Map<Codec, { readonly topic: string; size: number }>()
  #early: BusMessage[] | null = []
  #position: Position = { epoch: '', seq: 0, id: '' }
  #flushNo = 0
  #recent = new RecentEvents(this.#position, RECENT)
  #pendingEvents: News<BusEvent>[] = []
  #pendingLatest = new Map<string, News<BusLatest>>()
  readonly #pace: PresencePace
  #cancelTimer: (() => void) | null = null
  #isFlushing = false
  #flushStartedAt = Number.NEGATIVE_INFINITY
  #flushMs = 0
  #waiting: (() => void)[] = []

  constructor(options: FeedOptions) {
    this.#options = options
    for (const codec of CODECS) this.#audience.set(codec, { topic: `${codec.subprotocol}/${options.project}`, size: 0 })
    this.#pace = new PresencePace({
      ...options,
      sessions: () => [...this.#audience.values()].reduce((sum, { size }) => sum + size, 0),
      release: (values) => {
        for (const news of values) this.#pendingLatest.set(news.source.key, news)
        this.#schedule()
      },
    })
  }

  /** The last event that was flushed, or is being flushed. */
  get position(): Position {
    return this.#position
  }

  /** Number of the last flush. */
  get flushNo(): number {
    return this.#flushNo
  }

  /** Whether a flush is under way, during which nobody may be subscribed to a topic. */
  get isFlushing(): boolean {
    return this.#isFlushing
  }

  /** What was there when the subscription began; messages that came before this call follow. */
  begin(state: BusState): void {
    this.#adopt(state)
    const early = this.#early ?? []
    this.#early = null
    for (const message of early) this.deliver(message)
  }

  /** The next message of the bus. It goes out with the next flush. */
  deliver(message: BusMessage): void {
    if (this.#early) {
      this.#early.push(message)
      return
    }
    const { counters, onLatest } = this.#options
    for (const event of message.events) this.#pendingEvents.push(new News(event, counters))
    for (const value of message.latest) {
      const news = new News(value, counters)
      if (isPresenceKey(value.key)) this.#pace.hold(news)
      else this.#pendingLatest.set(value.key, news)
    }
    this.#schedule()
    if (message.latest.length > 0) onLatest(message.latest, 'changed')
  }

  /** The history broke off: from here on `state` counts. */
  reset(state: BusState): void {
    this.drop()
    this.#adopt(state)
  }

  /** What waits to be flushed is not. */
  drop(): void {
    this.#pendingEvents = []
    this.#pendingLatest.clear()
    this.#pace.drop()
    this.#wake()
  }

  /** Nothing is flushed any more. */
  close(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.drop()
  }

  /** Resolves at the end of the flush that is under way, else of the next one, or when what waits for it was dropped. */
  flushed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The topic on which sessions of the codec hear this project. */
  topicOf(codec: Codec): string {
    return this.#of(codec).topic
  }

  /** One more session of the codec, or one less: nothing is encoded for a codec that nobody speaks. */
  countSession(codec: Codec, change: 1 | -1): void {
    this.#of(codec).size += change
  }

  /** The id of the event at `seq`, when that was flushed lately; null otherwise. */
  recentIdAt(seq: number): string | null {
    return this.#recent.idAt(seq)
  }

  /** The flushed events after `seq`; null when some of them are not here any more. */
  recentAfter(seq: number): readonly News<BusEvent>[] | null {
    return this.#recent.after(seq)
  }

  #of(codec: Codec): { readonly topic: string; size: number } {
    // The map has every codec from the beginning.
    return this.#audience.get(codec)!
  }

  #adopt({ head, latest }: BusState): void {
    const { counters, onLatest } = this.#options
    this.#position = { epoch: head.epoch, seq: head.seq, id: head.id }
    this.#recent = new RecentEvents(this.#position, RECENT)
    this.latest.clear()
    this.latest.apply(
      latest.map((value) => new News(value, counters)),
      ++this.#flushNo,
      'forgotten',
    )
    onLatest(latest, 'all')
  }

  #schedule(): void {
    if (this.#cancelTimer || this.#isFlushing || this.#pendingEvents.length + this.#pendingLatest.size === 0) return
    const { clock } = this.#options
    const dueAt = this.#flushStartedAt + Math.max(FLUSH_MAX_MS, 2 * this.#flushMs)
    this.#cancelTimer = clock.after(dueAt - clock.now(), () => this.#flush())
  }

  #flush(): void {
    const { clock, counters, keepsTombstones } = this.#options
    this.#cancelTimer = null
    const events = this.#pendingEvents
    const latest = [...this.#pendingLatest.values()]
    this.#pendingEvents = []
    this.#pendingLatest.clear()
    this.#flushStartedAt = clock.now()
    this.#flushMs = 0
    if (events.length + latest.length === 0) return
    this.#flushNo++
    const last = events.at(-1)?.source
    if (last) this.#position = { epoch: this.#position.epoch, seq: last.seq, id: last.id }
    this.#recent.push(events)
    this.latest.apply(latest, this.#flushNo, keepsTombstones() ? 'kept' : 'forgotten')
    const codecs = CODECS.filter((codec) => this.#of(codec).size > 0)
    if (codecs.length > 0) counters.flushes++
    this.#isFlushing = true
    this.#push({ epoch: this.#position.epoch, events, latest }, codecs)
  }

  /** To the sessions of one codec after those of the other. */
  #push(due: Due, [codec, ...others]: readonly Codec[]): void {
    const { project, transport, counters } = this.#options
    if (!codec) {
      this.#endFlush(due)
      return
    }
    const messages = deliverMessages(codec, project, due)
    counters.frames += messages.length
    this.#countFlush(due, messages, this.#of(codec).size)
    transport.push(this.topicOf(codec), transport.prepare(messages), () => this.#push(due, others))
  }

  /** Once per flush and codec, however many sockets it goes to. */
  #countFlush({ events, latest }: Due, messages: readonly Encoded[], sessions: number): void {
    const { metrics } = this.#options
    if (!metrics) return
    const frames = messages.length
    metrics.flushed({ news: events.length + latest.length, frames, writes: frames * sessions, bytes: bytesOf(messages) * sessions })
  }

  #endFlush({ events, latest }: Due): void {
    const { clock } = this.#options
    const metrics = CODECS.some((codec) => this.#of(codec).size > 0) ? this.#options.metrics : null
    // Presence is held back on purpose (R4).
    const oldest = metrics && (events[0] ?? latest.find(({ source }) => !isPresenceKey(source.key)))
    if (oldest) metrics.delivered((clock.today() - Date.parse(oldest.source.at)) / 1_000)
    this.#flushMs = this.#options.clock.now() - this.#flushStartedAt
    this.#isFlushing = false
    this.#wake()
    this.#schedule()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
