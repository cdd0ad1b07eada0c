import type { ServerMessage } from '../protocol/messages.js'
import type { Frames } from '../transport/transport.js'
import { bytesOf } from './frames.js'

/** A message that a slow session gets when it has drained. */
export interface KeptMessage {
  readonly message: ServerMessage
  readonly frames: Frames
}

/** Messages kept for a slow session, and their bytes together (D6). */
const MAX_KEPT = 32
const MAX_KEPT_BYTES = 256 * 1024
/** A slow session that takes no byte for this long is given up (D6). */
const STALL_MS = 30_000

/**
 * A session of whose messages some wait in our memory. It is gone with the last of them, so an idle session has none.
 *
 * - *behind*: the socket still takes what it is sent.
 * - *slow*: it takes nothing more. News are dropped; the newest of each other message is kept until all that waits has gone.
 */
export class Backlog {
  isSlow = false
  readonly #kept = new Map<string, KeptMessage>()
  #keptBytes = 0
  #unsentBytes: number
  #takenAt: number
  readonly #waiting: (() => void)[] = []

  /** `now` on the scale of the session's clock. */
  constructor(unsentBytes: number, now: number) {
    this.#unsentBytes = unsentBytes
    this.#takenAt = now
  }

  /** What was kept, in the order in which it is due. */
  get kept(): readonly KeptMessage[] {
    return [...this.#kept.values()]
  }

  /** `overflow`: more is due than anybody keeps for one session. */
  keep(kept: KeptMessage): 'kept' | 'overflow' {
    const key = keyOf(kept.message)
    this.#keptBytes += bytesOf(kept.frames.messages) - bytesOf(this.#kept.get(key)?.frames.messages ?? [])
    // Behind what has come since the older one.
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return this.#kept.size > MAX_KEPT || this.#keptBytes > MAX_KEPT_BYTES ? 'overflow' : 'kept'
  }

  /** Whether the kernel has taken no byte for too long. Asked once per sweep. */
  isStalled(unsentBytes: number, now: number): boolean {
    if (unsentBytes !== this.#unsentBytes) {
      this.#unsentBytes = unsentBytes
      this.#takenAt = now
    }
    return now - this.#takenAt >= STALL_MS
  }

  /** Resolves when {@link release} is called. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Nothing waits any more, or the socket has ended. */
  release(): void {
    for (const resolve of this.#waiting) resolve()
  }
}

/** Of messages with the same key only the newest counts; the answer to a request counts by itself. */
function keyOf(message: ServerMessage): string {
  const ref = 'ref' in message ? message.ref : ''
  const project = 'project' in message ? message.project : ''
  return `${message.type} ${project} ${ref}`
}
