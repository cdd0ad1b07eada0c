import type { Joined } from '../../src/client/index.js'
import type { Event } from '../../src/protocol/events.js'
import type { Position } from '../../src/protocol/position.js'
import type { EpochHistory, History } from './history.js'
import type { Situations } from './situations.js'

/** What is stored of a project: how many facts, each numbered from 1 in the order of commits. */
export type CountFacts = (project: string) => number

const NO_VERSIONS: ReadonlyMap<string, number> = new Map()

interface Place {
  readonly position: Position
  /** What its epoch may have been: one thing, unless the bus went back. */
  readonly histories: readonly EpochHistory[]
}

/**
 * Reads what the handlers of one client heard of a project against what was published, by D3 and P4 alone: from each snapshot on every event of
 * its epoch in order, but none twice, whatever the epoch and however often the room was left; and each stored fact, in a snapshot or as news.
 */
export class HandlerChecker {
  readonly faults: string[] = []
  readonly #project: string
  readonly #history: History
  readonly #situations: Situations
  readonly #countFacts: CountFacts | null
  readonly #handled = new Set<string>()
  #place: Place | null = null
  /** Facts that it knows; null before a snapshot. */
  #facts: number | null = null
  #waiting: Promise<unknown> | null = null

  constructor(project: string, history: History, situations: Situations, countFacts: CountFacts | null) {
    this.#project = project
    this.#history = history
    this.#situations = situations
    this.#countFacts = countFacts
  }

  /** A handler is called, before anything else is said of it. */
  call(): void {
    if (this.#waiting !== null) this.#fault('[D3] a handler is called while another one is not done')
  }

  /** The handler that was called is done when this is. */
  wait(done: Promise<unknown>): void {
    this.#waiting = done
    const end = () => {
      if (this.#waiting === done) this.#waiting = null
    }
    void done.then(end, end)
  }

  joined({ snapshot, position }: Joined): void {
    if (snapshot !== null) {
      const { epoch, seq, id } = position
      const histories = this.#history.told(this.#project, epoch).filter(({ events }) => seq === 0 || events[seq - 1]?.id === id)
      const before = this.#place?.position.epoch
      this.#place = { position, histories }
      if (this.#countFacts === null) return
      const facts = snapshot.project.version - 1
      // A process that has not heard yet of another epoch may answer with what it has read in the last one.
      if (before === epoch && facts < (this.#facts ?? 0)) this.#fault(`[J4] a snapshot of ${facts} facts after ${this.#facts}`)
      this.#facts = Math.max(facts, this.#facts ?? 0)
    } else if (this.#place === null) this.#fault('[J4] a handler is to go on without a snapshot')
    else if (this.#place.position.epoch !== position.epoch) this.#fault('[J3] a handler is to go on in another epoch')
  }

  event({ seq, id, data }: Event): void {
    if (this.#handled.has(id)) this.#fault(`[D3] ${seq} is handled twice`)
    this.#handled.add(id)
    this.#hearFact((data as { readonly fact?: number }).fact ?? 0)
    if (this.#place === null) return void this.#fault(`[D3] ${seq} is handled before a snapshot`)
    const { position, histories } = this.#pass(this.#place, seq)
    const told = histories.filter(({ events }) => events[seq - 1]?.id === id)
    if (told.length === 0 || position.seq !== seq - 1) this.#fault(`[D3] ${seq} is handled after ${position.seq}`)
    this.#place = { position: { epoch: position.epoch, seq, id }, histories: told }
  }

  /** What is under way goes on, unheard. */
  leave(): void {
    this.#place = null
    this.#facts = null
    this.#waiting = null
  }

  /** Everything was handled, up to where the room says that it is. */
  finish(position: Position | null): void {
    const { epoch, history } = this.#history.current(this.#project)
    if (this.#place === null) return void this.#fault('[D3] no handler heard anything')
    this.#place = this.#pass(this.#place, history.events.length + 1)
    const { seq } = this.#place.position
    if (this.#place.position.epoch !== epoch || seq !== history.events.length)
      this.#fault(`[D3] handled ${seq} of ${history.events.length}`)
    if (position?.epoch !== epoch || position.seq !== history.events.length) this.#fault(`the room stands at ${JSON.stringify(position)}`)
    const facts = this.#countFacts?.(this.#project) ?? this.#facts
    if (this.#facts !== facts) this.#fault(`[P4] knows ${this.#facts} of ${facts} facts`)
  }

  /** What it does not know yet comes in the order of commits, each; what a snapshot has shown may be told late. */
  #hearFact(no: number): void {
    if (this.#facts === null || no <= this.#facts) return
    if (no !== this.#facts + 1) this.#fault(`[P4] fact ${no} is handled after ${this.#facts}`)
    this.#facts = no
  }

  /** What stands before `seq` and was handled already comes to no handler. */
  #pass(place: Place, seq: number): Place {
    let passed = { ...place, histories: this.#history.heirs(this.#project, place.histories, place.position.seq, NO_VERSIONS) }
    for (let next = place.position.seq + 1; next < seq; next++) {
      const histories = passed.histories.filter(({ events }) => this.#handled.has(events[next - 1]?.id ?? ''))
      const [first] = histories
      if (!first) return passed
      this.#situations.count('an event comes again in another epoch')
      passed = { position: { epoch: first.epoch, seq: next, id: first.events[next - 1]!.id }, histories }
    }
    return passed
  }

  #fault(fault: string): void {
    this.faults.push(`${fault} (${this.#project})`)
  }
}
