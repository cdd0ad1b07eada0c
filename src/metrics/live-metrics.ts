import type { Histogram, Registry } from 'prom-client'
import { COUNTS, SECONDS } from './buckets.js'
import { Count, histogram, readGauge, Tally } from './instruments.js'
import { ScrapeReading } from './scrape-reading.js'

/** The sessions of a process at a moment, as gauges show them. */
export interface LiveReading {
  readonly sessions: readonly { readonly codec: string; readonly count: number }[]
  /** Projects joined by all sessions together. */
  readonly joins: number
  readonly slow: number
  readonly unsentBytes: number
  /** Sessions that show themselves. */
  readonly present: number
}

/** Where a session that comes back is brought up to date from: what the process has flushed lately, the stream, or it begins anew. */
export type ResumeSource = 'ring' | 'stream' | 'snapshot'

/** What a fan-out did. */
export interface Flush {
  /** Events and latest values. */
  readonly news: number
  readonly frames: number
  /** Sockets times frames. */
  readonly writes: number
  readonly bytes: number
}

/** Close codes are the client's to choose: those of nobody we know are one. */
const FOREIGN_CODE = 'other'
/** What the close codes of RFC 6455 say that clients end with by themselves. */
const CLIENT_CODES = [1000, 1001, 1005, 1006]

/** Live sessions. A flush costs the same however many sockets it goes to; per socket nothing is counted. */
export class LiveMetrics {
  readonly census = new ScrapeReading<LiveReading>()
  readonly #codes: ReadonlySet<number>
  readonly #connects: Tally<'result'>
  readonly #closes: Tally<'code'>
  readonly #handshake: Histogram
  readonly #joins: Histogram<'mode'>
  readonly #resumes: Tally<'source' | 'result'>
  readonly #frames: Tally<'dir' | 'type'>
  readonly #bytes: Tally<'dir'>
  readonly #flushNews: Histogram
  readonly #fanoutFrames: Count
  readonly #fanoutWrites: Count
  readonly #delivery: Histogram
  readonly #lag: Histogram
  readonly #slow: Tally<'to'>
  readonly #rateLimited: Tally<'scope'>
  readonly #authFailures: Tally<'reason'>

  /** `codes`: the close codes that the server knows; tallies that HTTP counts in too are handed in. */
  constructor(
    registry: Registry,
    options: {
      readonly transport: string
      readonly codes: Iterable<number>
      readonly rateLimited: Tally<'scope'>
      readonly authFailures: Tally<'reason'>
    },
  ) {
    this.#codes = new Set([...options.codes, ...CLIENT_CODES])
    this.#rateLimited = options.rateLimited
    this.#authFailures = options.authFailures
    const { transport } = options
    const { census } = this
    readGauge(registry, census, 'live_sessions', 'Live sessions now.', ['transport', 'codec'], ({ sessions }) =>
      sessions.map(({ codec, count }) => [{ transport, codec }, count]),
    )
    readGauge(registry, census, 'live_joins', 'Projects joined by all sessions together.', [], ({ joins }) => joins)
    readGauge(registry, census, 'buffered_bytes', 'What waits for sessions in our memory.', [], ({ unsentBytes }) => unsentBytes)
    readGauge(registry, census, 'slow_sessions', 'Sessions that get no news until they have read.', [], ({ slow }) => slow)
    readGauge(registry, census, 'presence_members', 'Sessions here that show themselves.', [], ({ present }) => present)
    this.#connects = new Tally(registry, { name: 'connects_total', help: 'Handshakes by what became of them.', labels: ['result'] })
    this.#closes = new Tally(registry, { name: 'closes_total', help: 'Ended sessions by close code.', labels: ['code'] })
    this.#handshake = histogram(registry, 'handshake_seconds', 'From the socket to the welcome.', SECONDS)
    this.#joins = histogram(registry, 'join_seconds', 'From a join to its joined.', SECONDS, ['mode'])
    this.#resumes = new Tally(registry, {
      name: 'resumes_total',
      help: 'Joins that continue from a position, by where the rest came from.',
      labels: ['source', 'result'],
    })
    this.#frames = new Tally(registry, { name: 'frames_total', help: 'Frames of live sessions.', labels: ['dir', 'type'] })
    this.#bytes = new Tally(registry, { name: 'bytes_total', help: 'Payloads of those frames.', labels: ['dir'] })
    this.#flushNews = histogram(registry, 'flush_events', 'Events and latest values of a flush.', COUNTS)
    this.#fanoutFrames = new Count(registry, 'fanout_frames_total', 'Frames made for flushes, each for any number of sessions.')
    this.#fanoutWrites = new Count(registry, 'fanout_writes_total', 'Frames of flushes times the sessions they went to.')
    this.#delivery = histogram(
      registry,
      'delivery_seconds',
      'From the publish of the oldest news of a flush to its last socket write.',
      SECONDS,
    )
    this.#lag = histogram(registry, 'client_lag_seconds', 'From a ping to its pong.', SECONDS)
    this.#slow = new Tally(registry, {
      name: 'slow_transitions_total',
      help: 'Sessions that stopped reading, read again, or were ended.',
      labels: ['to'],
    })
    // A first increase is seen only from a 0.
    for (const mode of ['snapshot', 'resumed'] as const) this.#joins.zero({ mode })
    for (const result of ['welcomed', 'abandoned']) this.#connects.add({ result }, 0)
    for (const source of ['ring', 'stream', 'snapshot'] as const) {
      this.#resumes.add({ source, result: 'ok' }, 0)
      this.#resumes.add({ source, result: 'failed' }, 0)
    }
    for (const type of ['deliver', 'goaway', 'error']) this.#frames.add({ dir: 'out', type }, 0)
    for (const dir of ['in', 'out']) this.#bytes.add({ dir }, 0)
    for (const to of ['slow', 'recovered', 'ended']) this.#slow.add({ to }, 0)
    this.#rateLimited.add({ scope: 'frames' }, 0)
  }

  /** No handshake, or no welcome: `result` is an error's code, or `abandoned`. */
  refused(result: string): void {
    this.#connects.add({ result })
  }

  welcomed(seconds: number): void {
    this.#connects.add({ result: 'welcomed' })
    this.#handshake.observe(seconds)
  }

  closed(code: number): void {
    this.#closes.add({ code: this.#codes.has(code) ? String(code) : FOREIGN_CODE })
  }

  joined(mode: 'resumed' | 'snapshot', seconds: number): void {
    this.#joins.observe({ mode }, seconds)
  }

  resumed(source: ResumeSource, result: 'ok' | 'failed'): void {
    this.#resumes.add({ source, result })
  }

  /** `type`: of a message of the protocol; `refused` for what is none. */
  received(type: string, bytes: number): void {
    this.#frames.add({ dir: 'in', type })
    this.#bytes.add({ dir: 'in' }, bytes)
  }

  sent(type: string, bytes: number, count = 1): void {
    this.#frames.add({ dir: 'out', type }, count)
    this.#bytes.add({ dir: 'out' }, bytes)
  }

  flushed({ news, frames, writes, bytes }: Flush): void {
    this.#flushNews.observe(news)
    this.#fanoutFrames.value += frames
    this.#fanoutWrites.value += writes
    this.sent('deliver', bytes, writes)
  }

  delivered(seconds: number): void {
    this.#delivery.observe(Math.max(0, seconds))
  }

  answeredPing(seconds: number): void {
    this.#lag.observe(seconds)
  }

  slowSession(to: 'slow' | 'recovered' | 'ended'): void {
    this.#slow.add({ to })
  }

  rateLimited(scope: 'frames' | 'sessions'): void {
    this.#rateLimited.add({ scope })
  }

  authFailed(reason: string): void {
    this.#authFailures.add({ reason })
  }
}
