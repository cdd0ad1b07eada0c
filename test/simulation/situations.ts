/** What a run must have seen, or it has proved nothing about it: whatever happens to clients of a bus that is told what to do. */
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

/** Of several processes over one Redis and one database. */
export const PROCESS_SITUATIONS = [
  'joined with a snapshot',
  'resumed with nothing missed',
  'resumed with events',
  'resumed from a hello',
  'a join is refused',
  'left',
  'dropped',
  'gone without a close',
  'stopped reading',
  'told to move',
  'moved before the old connection ended',
  'sent back: lagged',
  'sent back: epoch',
  'sent back: gap',
  'a value gone',
  'an event comes again in another epoch',
  'revoked',
  'published straight to the bus',
  'published over HTTP',
  'published over a session',
  'published again under its id',
  'kept for later',
  'kept for later, though it may be published',
  'a fact is stored',
  'facts go out again',
  'a transaction fails',
  'a commit has no answer',
  'a query fails',
  'the database is away',
  'the database is slow',
  'the database fails',
  'a process starts',
  'a process cannot start',
  'a process drains',
  'a process is killed',
  'a machine is gone',
  'delivery is not proven',
  'delivery is proven again',
  'a connection is cut',
  'a connection carries nothing',
  'new connections carry nothing',
  'an answer is lost',
  'a command has no answer in time',
  'a message is lost',
  'a message comes twice',
  'a message is overtaken',
  'Redis stands still',
  'Redis restarts with its data',
  'Redis restarts with an older copy',
  'Redis restarts empty',
  'Redis is emptied',
  'a key is lost',
  'another epoch',
  'the script is not known',
] as const

export type Situation = (typeof SITUATIONS)[number] | (typeof PROCESS_SITUATIONS)[number]

/** How often each situation came up. */
export class Situations {
  readonly #expected: readonly Situation[]
  readonly #counts = new Map<Situation, number>()

  constructor(expected: readonly Situation[]) {
    this.#expected = expected
  }

  count(situation: Situation): void {
    this.#counts.set(situation, (this.#counts.get(situation) ?? 0) + 1)
  }

  get missing(): Situation[] {
    return this.#expected.filter((situation) => !this.#counts.has(situation))
  }

  toString(): string {
    return this.#expected.map((situation) => `${String(this.#counts.get(situation) ?? 0).padStart(9)}  ${situation}`).join('\n')
  }
}
