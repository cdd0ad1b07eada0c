import type { BusMessage } from '../../src/bus/bus.js'

export interface PublishedEvent {
  readonly id: string
  readonly type: string
  readonly data: string
}

/** What one epoch of a project has seen. */
export interface EpochHistory {
  /** The event of `seq` stands at `seq - 1`. */
  readonly events: PublishedEvent[]
  /** Every version that a key ever had; the data as JSON, `null` for gone. */
  readonly values: Map<string, Map<number, string>>
  /** The newest version of each key. */
  readonly newest: Map<string, number>
}

/** What was published, in the words of the bus: the truth that clients are compared with. */
export class History {
  readonly #projects = new Map<string, { current: string; readonly epochs: Map<string, EpochHistory> }>()

  /** From here on this is the epoch of the project. */
  begin(project: string, epoch: string): void {
    const known = this.#projects.get(project)
    if (known) known.current = epoch
    const { epochs } = known ?? { epochs: new Map<string, EpochHistory>() }
    epochs.set(epoch, { events: [], values: new Map(), newest: new Map() })
    if (!known) this.#projects.set(project, { current: epoch, epochs })
  }

  add({ project, epoch, events, latest }: BusMessage): void {
    const history = this.epoch(project, epoch)!
    for (const { id, type, body } of events) history.events.push({ id, type, data: dataOf(body) })
    for (const { key, version, body } of latest) {
      const versions = history.values.get(key) ?? new Map<number, string>()
      versions.set(version, dataOf(body))
      history.values.set(key, versions)
      history.newest.set(key, version)
    }
  }

  epoch(project: string, epoch: string): EpochHistory | null {
    return this.#projects.get(project)?.epochs.get(epoch) ?? null
  }

  current(project: string): { readonly epoch: string; readonly history: EpochHistory } {
    const { current, epochs } = this.#projects.get(project)!
    return { epoch: current, history: epochs.get(current)! }
  }
}

function dataOf(body: string): string {
  return JSON.stringify((JSON.parse(body) as { data: unknown }).data)
}
