/**
 * Where a reader of a project's stream stands: the last event it has. A number alone is not enough: a Redis that came
 * back empty starts again at 1, and "I have 7" would then skip the first seven events of another history. The epoch
 * names the history, the id proves that the 7 is the same 7.
 */
export interface Position {
  readonly epoch: string
  readonly seq: number
  /** Id of the event at `seq`; "" when `seq` is 0. */
  readonly id: string
}

/** What a client does with a run of events that begins at `firstSeq` of `epoch` (D2). */
export type Continuity = 'next' | 'repeated' | 'gap'

/**
 * Judges the next event against what a reader has: `repeated` is dropped, `gap` means join again with the position
 * and apply nothing until `joined`.
 */
export function continuity(last: Position, epoch: string, seq: number): Continuity {
  if (epoch !== last.epoch) return 'gap'
  if (seq <= last.seq) return 'repeated'
  return seq === last.seq + 1 ? 'next' : 'gap'
}
