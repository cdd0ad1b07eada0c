import type { Claim } from '../protocol/events.js'

/** What a claim needs of the room. */
export interface ClaimRoom {
  readonly claims: ReadonlyMap<string, Claim>
  claim(target: string): Promise<string>
  release(target: string): Promise<void>
}

/** Somebody who passes a row is not at work on it. */
const SETTLED_MS = 300
/** Well before the 30 s of the server are over. */
const RENEW_MS = 20_000

/**
 * The one thing that this page is at work on: claimed a moment after it was opened, extended as long as it is open, released when it is
 * left. Whatever goes wrong is nobody's business: a claim is a courtesy, and decisions are guarded by versions.
 */
export class ClaimHolder {
  readonly #room: ClaimRoom
  readonly #userId: string
  #target: string | null = null
  #isHeld = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(room: ClaimRoom, userId: string) {
    this.#room = room
    this.#userId = userId
  }

  /** Is at work on this from now on; null: on nothing. */
  hold(target: string | null): void {
    if (target === this.#target) return
    clearTimeout(this.#timer)
    if (this.#target !== null && this.#isHeld) this.#room.release(this.#target).catch(() => undefined)
    this.#target = target
    this.#isHeld = false
    if (target !== null) this.#timer = setTimeout(() => void this.#claim(target), SETTLED_MS)
  }

  /** The room's claims have changed: what somebody else let go may be ours now. */
  review(): void {
    const target = this.#target
    if (target === null || this.#isHeld || this.#room.claims.has(target)) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#claim(target), SETTLED_MS)
  }

  async #claim(target: string): Promise<void> {
    const holder = this.#room.claims.get(target)
    // The room tells when it is let go.
    if (holder !== undefined && holder.user.id !== this.#userId) return
    try {
      await this.#room.claim(target)
      if (this.#target === target) this.#isHeld = true
      else await this.#room.release(target)
    } catch {
      if (this.#target === target) this.#isHeld = false
    }
    if (this.#target !== target) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#claim(target), RENEW_MS)
  }
}
