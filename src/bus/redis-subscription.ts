import type { ProjectId } from '../ids.js'
import { TOMBSTONE_BODY } from '../protocol/events.js'
import { type BusEvent, type BusHead, type BusLatest, type BusListener, type BusMessage, type BusState, TOMBSTONE_MS } from './bus.js'

/** One atomic look at a project: the head, the events from a `seq` on, all latest values with their tombstones. */
export interface ProjectSource {
  /** `null` reads no events. */
  readonly read: (fromSeq: number | null) => Promise<ProjectReading>
  /** Begins another epoch, unless somebody has done so. */
  readonly endEpoch: (epoch: string) => Promise<void>
  /** Something had been missed and was read, which took so long. */
  readonly onHealed?: (ms: number) => void
  /** The history is another one: it was behind what it had said, or was gone already. */
  readonly onRotated?: (cause: 'went-back' | 'replaced') => void
}

export interface ProjectReading {
  readonly head: BusHead
  readonly events: readonly BusEvent[]
  readonly latest: readonly BusLatest[]
}

/** Messages kept while a reading is under way; more are dropped, and the hole they leave is found by their `n`. */
const MAX_BUFFERED_MESSAGES = 10_000
/** Events that are known, to tell a repeated one from another one in its place. */
const MAX_KNOWN_EVENTS = 256
const MAX_PAST_EPOCHS = 32
const MAX_KNOWN_GONE = 1_000
/** A value so young was not gone for {@link TOMBSTONE_MS}, however far the clocks are apart: it is there, or its tombstone is. */
const YOUNG_MS = TOMBSTONE_MS / 2

/** What a key was when it was heard of last. */
interface Known {
  readonly version: number
  readonly type: string
  readonly at: string
}

/**
 * What one process knows of one project. Pub/sub may drop a message (connection lost, buffer full); each carries `n`, so
 * a hole is seen, and one reading of stream and latest values fills it (B2).
 *
 * - *reading*: from the beginning, after a hole, and after each reconnect; messages wait. Ends with the reading.
 * - *live*: each message continues the last one. Ends with a message that does not.
 * - *stale*: a reading failed; messages are ignored until {@link heal} succeeds.
 */
export class RedisSubscription {
  readonly project: ProjectId
  readonly #listener: BusListener
  #source: ProjectSource
  #state: 'reading' | 'live' | 'stale' | 'closed' = 'stale'
  #head: BusHead | null = null
  /** Of the live values only: keys come and go for as long as the subscription lasts. */
  #versions = new Map<string, Known>()
  /** The last ones that went: who went back brings them back. */
  readonly #gone = new Map<string, Known>()
  /** Of the last events, by `seq`: the outbox tells a lost one again, under its id and perhaps in its place, but later. */
  readonly #told = new Map<number, { readonly id: string; readonly at: string | null }>()
  /** Epochs before this one: an older copy brings one of them back. */
  readonly #past = new Set<string>()
  #buffered: BusMessage[] = []
  #readAgain = false

  constructor(project: ProjectId, listener: BusListener, source: ProjectSource) {
    this.project = project
    this.#listener = listener
    this.#source = source
  }

  /** What is known to be the newest; null before {@link begin}. */
  get head(): BusHead | null {
    return this.#head
  }

  get isStale(): boolean {
    return this.#state === 'stale'
  }

  /** First reading. Messages that arrive meanwhile follow what it resolves with. */
  async begin(): Promise<BusState> {
    this.#state = 'reading'
    const { head, latest } = await this.#source.read(null)
    this.#adopt(head, latest)
    // The caller gets the state before the first message: those that wait follow in a later turn.
    setImmediate(() => this.#drain())
    return { head, latest: liveOf(latest) }
  }

  receive(message: BusMessage): void {
    if (this.#state === 'reading') {
      if (this.#buffered.length < MAX_BUFFERED_MESSAGES) this.#buffered.push(message)
      return
    }
    if (this.#state !== 'live' || !this.#head) return
    const { epoch, n, seq } = this.#head
    if (message.epoch === epoch && message.n <= n) {
      // What was read already, or what a history that went back has published since.
      if (message.events.some((event) => this.#isOther(event))) void this.heal()
      return
    }
    const first = message.events[0]
    if (message.epoch !== epoch || message.n !== n + 1 || (first && first.seq !== seq + 1)) {
      // The message itself is in what is read, for it was written before it was sent; or it is a straggler of another history.
      void this.heal()
      return
    }
    this.#pass(message)
  }

  /** Reads what may have been missed and goes on from there. Never rejects: a failed reading leaves it stale. */
  async heal(): Promise<void> {
    if (this.#state === 'reading') {
      // The reading under way may have been answered before what this call is about.
      this.#readAgain = true
      return
    }
    if (this.#state === 'closed' || !this.#head) return
    this.#state = 'reading'
    const startedAt = performance.now()
    try {
      const { read, endEpoch, onHealed, onRotated } = this.#source
      const known = this.#head
      let reading = await read(known.seq)
      const { epoch } = reading.head
      const hasGoneBack = epoch === known.epoch ? this.#isAnother(reading, known) : this.#past.has(epoch)
      if (hasGoneBack) {
        // It went back: who has seen what it has lost must not go on in it, and neither must the others (B5).
        await endEpoch(epoch)
        reading = await read(known.seq)
      }
      if (this.#isClosed()) return
      if (reading.head.epoch !== known.epoch) onRotated?.(hasGoneBack ? 'went-back' : 'replaced')
      if (this.#merge(reading, known) === 'changed') onHealed?.(performance.now() - startedAt)
    } catch {
      if (this.#isClosed()) return
      this.#state = 'stale'
      this.#buffered = []
      this.#readAgain = false
      return
    }
    this.#drain()
  }

  /** From now on it is read there. */
  moveTo(source: ProjectSource): void {
    this.#source = source
  }

  close(): void {
    this.#state = 'closed'
    this.#buffered = []
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #merge(reading: ProjectReading, known: BusHead): 'same' | 'changed' {
    const { head, latest } = reading
    const events = reading.events.filter(({ seq }) => seq > known.seq)
    const isOther = head.epoch !== known.epoch || this.#isAnother(reading, known)
    // Without the entry at which we stand nobody knows whether what follows it follows what we have.
    const isProven = head.seq === known.seq || known.seq === 0 || events.length < reading.events.length
    if (isOther || !isProven || events.length !== head.seq - known.seq) {
      this.#adopt(head, latest)
      this.#listener.onLost(isOther ? 'epoch' : 'gap', { head, latest: liveOf(latest) })
      return 'changed'
    }
    // Also a lower version: a key whose tombstone was forgotten begins again.
    // That something is gone is news only where it was live.
    const newer = latest.filter(({ key, version, body }) => {
      const known = this.#versions.get(key)
      return version !== known?.version && (known || body !== TOMBSTONE_BODY)
    })
    // A tombstone that has been forgotten meanwhile: nobody else will say that the value is gone.
    const present = new Set(latest.map((value) => value.key))
    for (const [key, { version, type }] of this.#versions) {
      if (!present.has(key)) newer.push({ key, version: version + 1, type, at: new Date().toISOString(), body: TOMBSTONE_BODY })
    }
    this.#adopt(head, latest)
    this.#know(events)
    if (events.length + newer.length === 0) return 'same'
    this.#listener.onMessage({ project: this.project, epoch: head.epoch, n: head.n, events, latest: newer })
    return 'changed'
  }

  #adopt(head: BusHead, latest: readonly BusLatest[]): void {
    if (head.epoch !== this.#head?.epoch) {
      this.#told.clear()
      if (this.#head) this.#past.add(this.#head.epoch)
      for (const oldest of this.#past) if (this.#past.size > MAX_PAST_EPOCHS) this.#past.delete(oldest)
    }
    if (head.seq > 0 && !this.#told.has(head.seq)) this.#told.set(head.seq, { id: head.id, at: null })
    this.#head = head
    this.#versions = new Map()
    this.#gone.clear()
    for (const value of latest) this.#knowValue(value)
  }

  #pass(message: BusMessage): void {
    const last = message.events.at(-1)
    const { seq, id } = last ?? this.#head ?? { seq: 0, id: '' }
    this.#head = { epoch: message.epoch, seq, id, n: message.n }
    this.#know(message.events)
    for (const value of message.latest) this.#knowValue(value)
    this.#listener.onMessage(message)
  }

  #knowValue({ key, version, type, at, body }: BusLatest): void {
    this.#versions.delete(key)
    this.#gone.delete(key)
    if (body !== TOMBSTONE_BODY) this.#versions.set(key, { version, type, at })
    else if (this.#gone.set(key, { version, type, at }).size > MAX_KNOWN_GONE) {
      const [oldest = ''] = this.#gone.keys()
      this.#gone.delete(oldest)
    }
  }

  /**
   * Whether a history of the same epoch is not the one that was seen: behind it, or with another event in the same place, or with values that
   * are older. It may have gone on since, by as many messages as it has lost.
   */
  #isAnother({ head, events, latest }: ProjectReading, known: BusHead): boolean {
    if (head.n < known.n || head.seq < known.seq) return true
    if (head.seq === known.seq && head.id !== known.id) return true
    if (events.some((event) => this.#isOther(event))) return true
    const found = new Map(latest.map((value) => [value.key, value]))
    const youngest = Date.now() - YOUNG_MS
    return [...this.#versions, ...this.#gone].some(([key, { version, at }]) => {
      const value = found.get(key)
      const isSame = value !== undefined && (value.version > version || (value.version === version && value.at === at))
      return !isSame && Date.parse(at) > youngest
    })
  }

  /** Whether another one was told in its place. */
  #isOther({ seq, id, at }: BusEvent): boolean {
    const told = this.#told.get(seq)
    return told !== undefined && (told.id !== id || (told.at !== null && told.at !== at))
  }

  #know(events: readonly BusEvent[]): void {
    for (const { seq, id, at } of events.slice(-MAX_KNOWN_EVENTS)) {
      this.#told.set(seq, { id, at })
      this.#told.delete(seq - MAX_KNOWN_EVENTS)
    }
  }

  #drain(): void {
    if (this.#isClosed()) return
    const waiting = this.#buffered
    this.#buffered = []
    this.#state = 'live'
    if (this.#readAgain) {
      this.#readAgain = false
      void this.heal()
    }
    for (const message of waiting) this.receive(message)
  }
}

function liveOf(latest: readonly BusLatest[]): BusLatest[] {
  return latest.filter((value) => value.body !== TOMBSTONE_BODY)
}
