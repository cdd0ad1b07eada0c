// What the processes of a chaos run write down and the checker reads. Times are Unix milliseconds; all processes share the machine's clock.
import { createWriteStream } from 'node:fs'

/** Where a client stands in a project. */
interface Place {
  readonly at: number
  readonly client: number
  readonly project: string
}

/** One line of a log. */
export type Entry =
  /** First sight of an event in a frame, whoever received it: what the server says its history is. */
  | {
      readonly kind: 'wire'
      readonly at: number
      readonly project: string
      readonly epoch: string
      readonly seq: number
      readonly id: string
    }
  /** A handler heard `joined`; `room` counts the client's joins of the project, each a stay of its own. */
  | (Place & {
      readonly kind: 'joined'
      readonly room: number
      readonly epoch: string
      readonly seq: number
      readonly mode: 'resumed' | 'snapshot'
    })
  /** A handler heard an event; `sentAt` is the time that it carries. */
  | (Place & { readonly kind: 'event'; readonly seq: number; readonly id: string; readonly sentAt: number })
  /** A handler heard a latest value. */
  | (Place & { readonly kind: 'value'; readonly key: string; readonly version: number })
  | (Place & { readonly kind: 'left'; readonly reason: string })
  /** At the end: entities by name with their version and state, and latest values by key with their version. */
  | (Place & { readonly kind: 'mirror'; readonly entities: Mirror; readonly values: Readonly<Record<string, number>> })
  /** A person, by client. */
  | { readonly kind: 'user'; readonly client: number; readonly user: string }
  /** Something that shows what a run was made of: a close code, a reason to join again. */
  | { readonly kind: 'seen'; readonly at: number; readonly what: string }
  /** A publisher is about to send an event, for the first time. */
  | { readonly kind: 'sent'; readonly at: number; readonly project: string; readonly id: string }
  /** It was acknowledged: with its place, or to be published later. */
  | {
      readonly kind: 'acknowledged'
      readonly at: number
      readonly project: string
      readonly id: string
      readonly place: SeqPlace | 'queued'
    }
  | { readonly kind: 'refused'; readonly at: number; readonly project: string; readonly id: string; readonly code: string }
  /** A latest value was acknowledged. */
  | { readonly kind: 'valued'; readonly at: number; readonly project: string; readonly key: string; readonly version: number }
  /** A write of a fact was answered: this entity has at least this version. */
  | { readonly kind: 'written'; readonly at: number; readonly project: string; readonly entity: string; readonly version: number }
  /** A membership was taken (`from` asked, `at` answered) or given. */
  | { readonly kind: 'revoked' | 'granted'; readonly from: number; readonly at: number; readonly project: string; readonly user: string }
  /** A process of the fleet ended that nobody had ended. */
  | { readonly kind: 'crash'; readonly at: number; readonly name: string; readonly how: string }
  | { readonly kind: 'fault'; readonly from: number; readonly at: number; readonly name: string; readonly target: string }
  /** A row of the outbox when all is over. */
  | {
      readonly kind: 'outbox'
      readonly project: string
      readonly no: number
      readonly id: string
      readonly type: string
      readonly bornAt: number
      readonly isPublished: boolean
      readonly entity: string | null
      readonly version: number | null
    }
  /** A row of Postgres when all is over. */
  | { readonly kind: 'row'; readonly project: string; readonly entity: string; readonly version: number; readonly state: string }

export type SeqPlace = { readonly epoch: string; readonly seq: number }
export type Mirror = Readonly<Record<string, readonly [version: number, state: string]>>

/** Appends lines to a file. */
export class LogWriter {
  readonly #stream: ReturnType<typeof createWriteStream>

  constructor(path: string) {
    this.#stream = createWriteStream(path, { flags: 'a', highWaterMark: 1024 * 1024 })
  }

  /** Nothing once it is closed: sockets go on closing. */
  write(entry: Entry): void {
    if (!this.#stream.writableEnded) this.#stream.write(`${JSON.stringify(entry)}\n`)
  }

  /** Resolves when everything is in the file. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(resolve))
  }
}
