import type { ProjectId } from '../../src/ids.js'
import type { History } from './history.js'
import type { Situations } from './situations.js'

export interface WitnessOptions {
  /** Events that a stream keeps at least. */
  readonly streamMaxEvents: number
  /** Whether the event waits, or waited, to be published because nobody knew whether it was; its id is not its publisher's. */
  readonly isDoubtful: (project: ProjectId, id: string) => boolean
  readonly history: History
  readonly situations: Situations
  readonly onFault: (fault: string) => void
}

/** Writes down what Redis tells in the moment in which it does, read as the head of publish.lua has it, and sees what must not be told. */
export class Witness {
  readonly #options: WitnessOptions

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  hear(channel: string, message: string): void {
    const project = /\{(.*)\}:live$/.exec(channel)?.[1] as ProjectId | undefined
    if (project === undefined) return
    const { history, situations, streamMaxEvents, isDoubtful, onFault } = this.#options
    const [head = '', ...lines] = message.split('\n')
    const [epoch = '', , firstSeq, at] = head.split(' ')
    const items = Array.from({ length: (lines.length - 1) >> 1 }, (_, item) => ({ head: lines[2 * item]!, body: lines[2 * item + 1]! }))
    const time = new Date(Number(at)).toISOString()
    const events = items.flatMap(({ head, body }) => {
      const [, type, id] = /^e (\S+) (.*)$/.exec(head) ?? []
      return type === undefined ? [] : [{ id: id!, type, at: time, body }]
    })
    const latest = items.flatMap(({ head, body }) => {
      const [, version, key] = /^l (\d+) \S+ (.*)$/.exec(head) ?? []
      return version === undefined ? [] : [{ key: key!, version: Number(version), body }]
    })
    const before = history.newest(project)
    if (before !== null && before.epoch !== epoch) situations.count('another epoch')
    const known = before?.epoch === epoch ? before.events : []
    if (events.length > 0 && Number(firstSeq) !== known.length + 1) onFault(`[B1] ${firstSeq} follows ${known.length}`)
    let last = known.reduceRight<number | null>((found, { data }) => found ?? factOf(data), null)
    for (const [index, { id, body }] of events.entries()) {
      const earlier = known.findLastIndex((one) => one.id === id)
      // Ids of the server's own are not remembered (B7): in doubt the stream tells, as far back as it must keep events (P4).
      const mayBeForgotten = known.length + index - earlier > streamMaxEvents && isDoubtful(project, id)
      if (earlier >= 0 && !mayBeForgotten) onFault(`[P3] ${id} is published twice in ${epoch}`)
      const fact = factOf(body)
      if (fact === null) continue
      if (last !== null && fact !== last + 1) onFault(`[B4] fact ${fact} is told after ${last}`)
      last = fact
    }
    history.add({ project, epoch, events, latest })
  }
}

function factOf(text: string): number | null {
  const [, no] = /"fact":(\d+)/.exec(text) ?? []
  return no === undefined ? null : Number(no)
}
