/** What a run must have seen, or it has proved nothing about it. */
export const SITUATIONS = [
  'joined with a snapshot',
  'resumed with nothing missed',
  'resumed with events',
  'resumed in pages',
  'resumed from a hello',
  'joined again while joined',
  'a join is refused',
  'left',
  'left while joining',
  'dropped',
  'dropped twice in a row',
  'gone without a close',
  'heartbeat missed',
  'told to move',
  'moved before the old connection ended',
  'refused a connection',
  'told to stop',
  'a handler throws',
  'a handler waits',
  'stopped reading',
  'read a part',
  'sent back: lagged',
  'sent back: epoch',
  'sent back: gap',
  'published straight to the bus',
  'published over HTTP',
  'published over a session',
  'published in a burst beyond the recent events',
  'a value gone',
  'revoked',
  'expired',
  'refreshed',
  'the stream is read',
  'a position that is not retained',
  'trimmed',
  'another epoch',
  'an event comes again in another epoch',
  'messages lost',
] as const

export type Situation = (typeof SITUATIONS)[number]

/** How often each situation came up. */
export class Situations {
  readonly #counts = new Map<Situation, number>(SITUATIONS.map((situation) => [situation, 0]))

  count(situation: Situation): void {
    this.#counts.set(situation, this.#counts.get(situation)! + 1)
  }

  get counts(): ReadonlyMap<Situation, number> {
    return this.#counts
  }

  get missing(): Situation[] {
    return SITUATIONS.filter((situation) => this.#counts.get(situation) === 0)
  }

  toString(): string {
    return SITUATIONS.map((situation) => `${String(this.#counts.get(situation)).padStart(9)}  ${situation}`).join('\n')
  }
}
