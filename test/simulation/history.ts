import type { BusMessage } from '../../src/bus/bus.js'

export interface PublishedEvent {
  readonly id: string
  readonly type: string
  readonly data: string
  /** Unix milliseconds. */
  readonly at: number
}

/** What one epoch of a project has seen. A bus that went back may have told several histories under one epoch. */
export interface EpochHistory {
  readonly epoch: string
  /** The event of `seq` stands at `seq - 1`. */
  readonly events: PublishedEvent[]
  /** Every version that a key ever had; the data as JSON, `null` for gone. */
  readonly values: Map<string, Map<number, string>>
  /** The newest version of each key. */
  readonly newest: Map<string, number>
}

/** Of a message of the bus what clients come to hear. */
export type Published = Pick<BusMessage, 'project' | 'epoch'> & {
  readonly events: readonly { readonly id: string; readonly type: string; readonly at: string; readonly body: string }[]
  readonly latest: readonly { readonly key: string; readonly version: number; readonly body: string }[]
}

/** What each project's history is at a moment. */
export type HistoryDump = ReadonlyMap<string, EpochHistory>

/** What was published, in the words of the bus: the truth that clients are compared with. */
export class History {
  readonly #current = new Map<string, EpochHistory>()
  /** All that there were, by project and epoch. */
  readonly #told = new Map<string, EpochHistory[]>()

  /** From here on this is the epoch of the project. */
  begin(project: string, epoch: string): void {
    this.#continue(project, { epoch, events: [], values: new Map(), newest: new Map() })
  }

  /** Answers what was told, as it stands in the history. */
  add({ project, epoch, events, latest }: Published): readonly PublishedEvent[] {
    if (this.#current.get(project)?.epoch !== epoch) this.begin(project, epoch)
    const history = this.#current.get(project)!
    const added = events.map(({ id, type, at, body }) => ({ id, type, data: dataOf(body), at: Date.parse(at) }))
    history.events.push(...added)
    for (const { key, version, body } of latest) {
      const versions = history.values.get(key) ?? new Map<number, string>()
      versions.set(version, dataOf(body))
      history.values.set(key, versions)
      history.newest.set(key, version)
    }
    return added
  }

  dump(): HistoryDump {
    return new Map([...this.#current].map(([project, history]) => [project, copyOf(history)]))
  }

  /** The bus has gone back to what it was then. A dump is good for once. */
  restore(dump: HistoryDump): void {
    for (const [project, history] of dump) this.#continue(project, history)
  }

  /** All that the epoch was. */
  told(project: string, epoch: string): readonly EpochHistory[] {
    return this.#told.get(`${project} ${epoch}`) ?? []
  }

  /** All that may follow what somebody has heard of one of these, up to this event and these versions: whatever tells the same so far. */
  heirs(project: string, heard: readonly EpochHistory[], seq: number, versions: ReadonlyMap<string, number>): readonly EpochHistory[] {
    const [first] = heard
    const told = first ? this.told(project, first.epoch) : []
    if (!first || told.length === heard.length) return heard
    return told.filter(({ events, values }) => {
      for (let at = seq - 1; at >= 0; at--) if (events[at]?.id !== first.events[at]?.id) return false
      return [...versions].every(([key, version]) => values.get(key)?.get(version) === first.values.get(key)?.get(version))
    })
  }

  /** What the epoch was, where it was one thing. */
  epoch(project: string, epoch: string): EpochHistory | null {
    return this.told(project, epoch)[0] ?? null
  }

  /** What it is now; null before anything was told. */
  newest(project: string): EpochHistory | null {
    return this.#current.get(project) ?? null
  }

  /** Whether some epoch of the project has told an event of this id. */
  wasTold(project: string, id: string): boolean {
    return [...this.#told].some(
      ([key, histories]) => key.startsWith(project) && histories.some(({ events }) => events.some((one) => one.id === id)),
    )
  }

  current(project: string): { readonly epoch: string; readonly history: EpochHistory } {
    const history = this.#current.get(project)!
    return { epoch: history.epoch, history }
  }

  #continue(project: string, history: EpochHistory): void {
    const key = `${project} ${history.epoch}`
    const told = this.#told.get(key)
    if (told) told.push(history)
    else this.#told.set(key, [history])
    this.#current.set(project, history)
  }
}

function copyOf({ epoch, events, values, newest }: EpochHistory): EpochHistory {
  const versions = [...values].map(([key, known]): [string, Map<number, string>] => [key, new Map(known)])
  return { epoch, events: [...events], values: new Map(versions), newest: new Map(newest) }
}

function dataOf(body: string): string {
  return JSON.stringify((JSON.parse(body) as { data: unknown }).data)
}
