import type { ProjectId } from '../ids.js'
import type { Codec, Encoded } from '../protocol/codec.js'
import type { Position } from '../protocol/position.js'
import type { Snapshot } from '../protocol/views.js'
import type { Lane } from './lane.js'

export interface SnapshotsOptions {
  readonly project: ProjectId
  readonly snapshot: (project: ProjectId) => Promise<Snapshot | null>
  /** Where the snapshots of all projects wait for each other. */
  readonly lane: Lane
  /** The last event that was flushed. */
  readonly position: () => Position
  readonly generation: () => number
}

/** The state of a project as of `position` or later, encoded once per codec. */
export class SharedSnapshot {
  /** Tells it from others of the project. */
  readonly no: number
  readonly position: Position
  readonly generation: number
  readonly #value: Snapshot
  readonly #encoded = new Map<Codec, Encoded>()

  constructor(no: number, position: Position, generation: number, value: Snapshot) {
    this.no = no
    this.position = position
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

/** The snapshots of one project: whoever comes while one is being read shares it (J8). */
export class Snapshots {
  readonly #options: SnapshotsOptions
  #reading: Promise<SharedSnapshot | null> | null = null
  #no = 0

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /** Null when there is no such project. @throws what reading it throws. */
  share(): Promise<SharedSnapshot | null> {
    this.#reading ??= this.#options.lane
      .run(() => this.#read())
      .finally(() => {
        this.#reading = null
      })
    return this.#reading
  }

  async #read(): Promise<SharedSnapshot | null> {
    const { project, snapshot, position, generation } = this.#options
    // The position is read before the data: an event in between is then applied once more, never lost (J5).
    const before = position()
    const begunIn = generation()
    const value = await snapshot(project)
    return value && new SharedSnapshot(++this.#no, before, begunIn, value)
  }
}
