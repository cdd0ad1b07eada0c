import type { ProjectId } from '../ids.js'
import type { Codec, Encoded } from '../protocol/codec.js'
import type { Position } from '../protocol/position.js'
import type { Snapshot } from '../protocol/views.js'
import type { Clock } from './clock.js'
import type { Feed } from './feed.js'
import type { Lane } from './lane.js'

export interface SnapshotsOptions {
  readonly project: ProjectId
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
  /** Where the snapshots of all projects wait for each other. */
  readonly lane: Lane
  readonly clock: Clock
  readonly feed: Pick<Feed, 'position' | 'flushNo'>
  readonly generation: () => number
}

/** The state of a project as of `position` or later, encoded once per codec. */
export class SharedSnapshot {
  /** Tells it from others of the project. */
  readonly no: number
  readonly position: Position
  /** Number of the last flush when it was begun. */
  readonly flushNo: number
  readonly generation: number
  readonly #value: Snapshot
  readonly #encoded = new Map<Codec, Encoded>()

  constructor({ no, position, flushNo, generation }: Pick<SharedSnapshot, 'no' | 'position' | 'flushNo' | 'generation'>, value: Snapshot) {
    this.no = no
    this.position = position
    this.flushNo = flushNo
    this.generation = generation
    this.#value = value
  }

  encoded(codec: Codec): Encoded {
    let encoded = this.#encoded.get(codec)
    if (encoded === undefined) {
      encoded = codec.value(this.#value)
      this.#encoded.set(codec, encoded)
    }
    return encoded
  }
}

/** How long a snapshot serves those who come later, while nothing at all is heard of the project. */
const KEPT_MS = 5_000

/** The snapshots of one project: whoever comes while one is being read shares it, and so does who comes soon after and finds nothing new (J8). */
export class Snapshots {
  readonly #options: SnapshotsOptions
  #reading: Promise<SharedSnapshot | null> | null = null
  #kept: SharedSnapshot | null = null
  /** The last event that this process or somebody who asked had heard of when what is read or kept was begun. */
  #heardSeq = 0
  #cancelTimer: (() => void) | null = null
  #no = 0

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /**
   * Null when there is no such project. `heardSeq`: the last event of this epoch that whoever asks has heard. Where this process has not, what it
   * had begun to read before is older than what they know, and nobody goes back.
   * @throws what reading it throws.
   */
  share(heardSeq: number): Promise<SharedSnapshot | null> {
    const { feed, generation, lane } = this.#options
    if (heardSeq > this.#heardSeq) this.forget()
    if (this.#kept?.flushNo === feed.flushNo && this.#kept.generation === generation()) return Promise.resolve(this.#kept)
    if (this.#reading) return this.#reading
    this.#heardSeq = Math.max(feed.position.seq, heardSeq)
    const reading = lane.run(() => this.#read())
    this.#reading = reading
    reading.then(
      (snapshot) => this.#end(reading, snapshot),
      () => this.#end(reading, null),
    )
    return reading
  }

  /** What was read or is being read is not for those who come from now on: the state has changed, and the news of it are still to come. */
  forget(): void {
    this.#reading = null
    this.#kept = null
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #end(reading: Promise<unknown>, snapshot: SharedSnapshot | null): void {
    if (this.#reading !== reading) return
    this.forget()
    if (!snapshot) return
    this.#kept = snapshot
    this.#cancelTimer = this.#options.clock.after(KEPT_MS, () => this.forget())
  }

  async #read(): Promise<SharedSnapshot | null> {
    const { project, snapshot, feed, generation } = this.#options
    // The position is read before the data: an event in between is then applied once more, never lost (J5).
    const before = { no: ++this.#no, position: feed.position, flushNo: feed.flushNo, generation: generation() }
    const value = await snapshot(project)
    return value && new SharedSnapshot(before, value)
  }
}
